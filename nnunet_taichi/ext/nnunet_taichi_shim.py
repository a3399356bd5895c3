"""The way from nnU-Net's look-up to the installed trainers.

The host imports each module of the folder under a flat name and purges it again, so nothing is defined here. A named
import is needed for `__getattr__`: `import *` drops it.
"""

from nnunet_taichi.trainers import *  # noqa: F403
from nnunet_taichi.trainers import __getattr__  # noqa: F401
