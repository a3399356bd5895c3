"""The module through which nnU-Net finds the installed trainers.

nnU-Net imports each module of this folder under a flat name and then removes it again, so nothing is defined here.
`__getattr__` needs an import by name, because `import *` leaves it out.
"""

from nnunet_taichi.trainers import *  # noqa: F403
from nnunet_taichi.trainers import __getattr__  # noqa: F401
