"""The trainer classes; nnU-Net finds them here by name, through `nnunet_taichi.ext`."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi.trainers.recipe import make_trainer, split_name
from nnunet_taichi.trainers.taichi import nnUNetTrainerTaichi
from nnunet_taichi.trainers.unet_plus_plus import nnUNetTrainerUNetPlusPlus

__all__ = ["nnUNetTrainerTaichi", "nnUNetTrainerUNetPlusPlus"]

_BASES = {base.__name__: base for base in (nnUNetTrainer, nnUNetTrainerTaichi, nnUNetTrainerUNetPlusPlus)}


def __getattr__(name: str) -> type[nnUNetTrainer]:
    """Make trainers with lengths or a seed in their name on demand (PEP 562)."""
    base, numbers = split_name(name)
    if not numbers or base not in _BASES or numbers.get("seed", 0) >= 2**32:  # numpy's largest seed
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return make_trainer(_BASES[base], **numbers)
