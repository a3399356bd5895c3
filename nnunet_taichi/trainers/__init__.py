"""The trainer classes; nnU-Net finds them here by name, through `nnunet_taichi.ext`."""

from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi.trainers.endings import find_recipe
from nnunet_taichi.trainers.miner import WIDTH, make_miner, nnUNetTrainerUNetPlusPlus, nnUNetTrainerUNetPlusPlusMiner
from nnunet_taichi.trainers.networks import (
    nnUNetTrainerAAUNet,
    nnUNetTrainerAttentionUNet,
    nnUNetTrainerCENet,
    nnUNetTrainerDeepLabV3,
    nnUNetTrainerFATNet,
    nnUNetTrainerUNet,
)
from nnunet_taichi.trainers.rf_net_trainer import nnUNetTrainerRFNet
from nnunet_taichi.trainers.taichi import nnUNetTrainerTaichi
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
    nnUNetTrainerTaichi_Published,
    nnUNetTrainerTaichi_SwappedHead,
)

__all__ = [
    "nnUNetTrainerAAUNet",
    "nnUNetTrainerAttentionUNet",
    "nnUNetTrainerCENet",
    "nnUNetTrainerDeepLabV3",
    "nnUNetTrainerFATNet",
    "nnUNetTrainerRFNet",
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
    "nnUNetTrainerTaichi_Published",
    "nnUNetTrainerTaichi_SwappedHead",
    "nnUNetTrainerUNet",
    "nnUNetTrainerUNetPlusPlus",
]

_BASES: dict[str, Any] = {name: globals()[name] for name in ("nnUNetTrainer", *__all__)}  # the paper's, and stock
_BASES[nnUNetTrainerUNetPlusPlusMiner.__name__] = nnUNetTrainerUNetPlusPlusMiner  # in none of the paper's tables


def __getattr__(name: str) -> type[nnUNetTrainer]:
    """Make a trainer on demand whose name has a protocol, an optimizer, lengths or a seed (PEP 562)."""
    trainer = find_recipe(name, _find_base)
    if trainer is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return trainer


def _find_base(name: str) -> Any:
    """Return the trainer of a name without endings, if there is one. Miners of any width are made on demand."""
    base, _, percent = name.partition(WIDTH)
    if base == nnUNetTrainerUNetPlusPlusMiner.__name__ and percent in map(str, range(1, 101)):
        miner = make_miner(int(percent))
        return miner if miner.__name__ == name else None
    return _BASES.get(name)
