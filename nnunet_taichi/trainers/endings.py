"""The endings of a trainer's name, and the mixin that each puts in front of the trainer."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi.trainers.adamw import AdamWTraining
from nnunet_taichi.trainers.paper_protocol import SUFFIX, make_paper_trainer
from nnunet_taichi.trainers.recipe import make_trainer, split_name
from nnunet_taichi.trainers.ultrasound import UltrasoundTraining

MIXINS: dict[str, type[nnUNetTrainer]] = {"_Ultrasound": UltrasoundTraining, "_AdamW": AdamWTraining}
LARGEST_SEED = 2**32 - 1  # numpy's
_ENDINGS = re.compile(rf"(?:({SUFFIX})|(_Ultrasound)?(_AdamW)?)\Z")


def find_recipe(name: str, find_base: Callable[[str], Any]) -> Any:
    """Make the trainer that a name describes: a base trainer with endings.

    Args:
        name: Name of the trainer.
        find_base: Function that returns the trainer of a name without endings, or None.

    Returns:
        The trainer, or None if there is none of this name.
    """
    recipe, numbers = split_name(name)
    if numbers.get("seed", 0) > LARGEST_SEED:
        return None
    found = _ENDINGS.search(recipe)
    assert found is not None  # all its parts are optional
    trainer = find_base(recipe[: found.start()])
    for ending in filter(None, found.groups() if trainer else ()):
        trainer = make_paper_trainer(trainer) if ending == SUFFIX else _put_in_front(ending, trainer)
    return make_trainer(trainer, **numbers) if trainer and numbers else trainer


@cache
def _put_in_front(ending: str, base: type[nnUNetTrainer]) -> type[Any]:
    """Make (once) the subclass of `base` with an ending's mixin."""
    members = {"__module__": __package__, "__doc__": f"{base.__name__} with what its name says."}
    return type(base.__name__ + ending, (MIXINS[ending], base), members)
