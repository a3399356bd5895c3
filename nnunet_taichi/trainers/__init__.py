"""The trainer classes; nnU-Net finds them here by name, through `nnunet_taichi.ext`."""

from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi.trainers.recipe import make_trainer, split_name
from nnunet_taichi.trainers.taichi import nnUNetTrainerTaichi
from nnunet_taichi.trainers.unet_plus_plus import nnUNetTrainerUNetPlusPlus
from nnunet_taichi.trainers.variants import (
    nnUNetTrainerTaichi_ConsML,
    nnUNetTrainerTaichi_ConvHead,
    nnUNetTrainerTaichi_Model1,
    nnUNetTrainerTaichi_Model2,
    nnUNetTrainerTaichi_Model3,
    nnUNetTrainerTaichi_Model4,
    nnUNetTrainerTaichi_Model5,
    nnUNetTrainerTaichi_Model6,
    nnUNetTrainerTaichi_Model7,
    nnUNetTrainerTaichi_SwappedHead,
)

__all__ = [
    "nnUNetTrainerTaichi",
    "nnUNetTrainerTaichi_ConsML",
    "nnUNetTrainerTaichi_ConvHead",
    "nnUNetTrainerTaichi_Model1",
    "nnUNetTrainerTaichi_Model2",
    "nnUNetTrainerTaichi_Model3",
    "nnUNetTrainerTaichi_Model4",
    "nnUNetTrainerTaichi_Model5",
    "nnUNetTrainerTaichi_Model6",
    "nnUNetTrainerTaichi_Model7",
    "nnUNetTrainerTaichi_SwappedHead",
    "nnUNetTrainerUNetPlusPlus",
]

_BASES: dict[str, Any] = {name: globals()[name] for name in ("nnUNetTrainer", *__all__)}


def __getattr__(name: str) -> type[nnUNetTrainer]:
    """Make trainers with lengths or a seed in their name on demand (PEP 562)."""
    base, numbers = split_name(name)
    if not numbers or base not in _BASES or numbers.get("seed", 0) >= 2**32:  # numpy's largest seed
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return make_trainer(_BASES[base], **numbers)
