"""What a trainer's name stands for: its class, and the U-Net++ that must be trained first."""

import contextlib
import io
from functools import cache
from pathlib import Path
from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

from nnunet_taichi.config import PAPER
from nnunet_taichi.nnunet.progress import STOCK_EPOCHS
from nnunet_taichi.nnunet.variables import EXT_VARIABLE
from nnunet_taichi.trainers.mining import begun_with, find_miner
from nnunet_taichi.trainers.model_record import configuration_of_model
from nnunet_taichi.trainers.paper_protocol import PaperTraining


@cache
def find_trainer(name: str) -> type[nnUNetTrainer]:
    """Find a trainer as nnU-Net does, but without what nnU-Net prints.

    Raises:
        ValueError: nnU-Net finds no such trainer, or a module that it cannot import.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            trainer = recursive_find_trainer_class_by_name(name)
        if not (isinstance(trainer, type) and issubclass(trainer, nnUNetTrainer)):
            raise RuntimeError(f"{name} is no trainer")
        return trainer
    except RuntimeError as error:
        where = f"neither its own nor in the folders of {EXT_VARIABLE}"
        endings = "_Paper, or _Ultrasound and _AdamW; then _<N>epochs, _<M>iterations, _seed<S>"
        cure = f"check the name; its endings come in this order: {endings}"
        raise ValueError(f"nnU-Net finds no trainer {name}, {where}; {cure}") from error
    except ImportError as error:
        raise ValueError(f"nnU-Net cannot look for {name}: {error}; run nnunet_taichi doctor") from error


def miner_name(trainer: type[nnUNetTrainer], fold_folder: Path | None = None) -> str | None:
    """Return the name of the U-Net++ trainer (miner) whose maps a trainer needs, or None if it needs no maps.

    A trainer that sets its epochs in its own constructor may have another miner than the one named here. Then the
    mining job is of no use to it, and it trains its own miner.

    Args:
        trainer: Class of the trainer.
        fold_folder: Folder of the trainer's fold, if known. A training that can be continued there keeps its miner.
    """
    config: Any = getattr(trainer, "config", None)
    if not (hasattr(trainer, "mine") and getattr(config, "easy_to_hard", False)):
        return None
    default = PAPER.epochs if issubclass(trainer, PaperTraining) else STOCK_EPOCHS
    num_epochs = getattr(trainer, "epochs", None) or default
    if fold_folder:
        config = configuration_of_model(fold_folder, True, config, getattr(trainer, "is_frozen", False))
        config = begun_with(config, fold_folder)
    return find_miner(trainer, config, num_epochs).__name__
