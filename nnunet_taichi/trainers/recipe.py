"""Trainer names are recipes: the name that nnU-Net looks up sets lengths and a seed.

<Base>[_Paper | [_Ultrasound][_AdamW]][_<N>epochs][_<M>iterations][_seed<S>]
"""

import random
import re
from functools import cache
from typing import Any

import numpy as np
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

_END = re.compile(
    r"(?:_(?P<epochs>[1-9]\d*)epochs)?(?:_(?P<iterations>[1-9]\d*)iterations)?(?:_seed(?P<seed>0|[1-9]\d*))?\Z",
    re.ASCII,
)


class Recipe(nnUNetTrainer):
    """Mixin in front of a trainer: it applies the lengths and the seed of its name."""

    epochs: int | None = None
    iterations: int | None = None
    seed: int | None = None

    def __init__(  # nnU-Net reads the arguments by name, so there can be no others, and no *args
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        if self.epochs:
            self.num_epochs = self.epochs
        if self.iterations:
            self.num_iterations_per_epoch = self.iterations
            self.num_val_iterations_per_epoch = max(1, self.iterations // 5)

    def initialize(self) -> None:
        """Seed the random numbers, then initialise the weights."""
        self._draw_from_the_seed()
        super().initialize()

    def get_dataloaders(self) -> tuple:
        """Seed what the main process draws from here on, whether or not mining drew before. Workers stay unseeded."""
        self._draw_from_the_seed()
        return super().get_dataloaders()

    def _draw_from_the_seed(self) -> None:
        if self.seed is not None:
            random.seed(self.seed)
            np.random.seed(self.seed)  # the generator that nnU-Net draws from
            torch.manual_seed(self.seed)


def suffix(epochs: int | None = None, iterations: int | None = None, seed: int | None = None) -> str:
    """Return the end of a recipe's name, whose parts have a fixed order.

    >>> suffix(100, seed=2)
    '_100epochs_seed2'
    """
    parts = (f"_{epochs}epochs" if epochs else "", f"_{iterations}iterations" if iterations else "")
    return "".join(parts) + (f"_seed{seed}" if seed is not None else "")


def split_name(name: str) -> tuple[str, dict[str, int]]:
    """Split a trainer's name into the name of its base, and the lengths and seed after it.

    >>> split_name("nnUNetTrainerTaichi_100epochs_seed2")
    ('nnUNetTrainerTaichi', {'epochs': 100, 'seed': 2})
    """
    end = _END.search(name)
    assert end is not None  # all its parts are optional
    return name[: end.start()], {key: int(value) for key, value in end.groupdict().items() if value}


@cache
def make_trainer(base: type[nnUNetTrainer], **numbers: int) -> type[Any]:
    """Make (once) the subclass of `base` with these lengths and seed; it pickles as an attribute of this package."""
    name = base.__name__ + suffix(**numbers)
    members = {**numbers, "__module__": __package__, "__doc__": f"{base.__name__} with what its name says."}
    return type(name, (Recipe, base), members)
