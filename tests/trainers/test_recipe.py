import importlib
import pickle
import random

import numpy as np
import pytest
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi import trainers
from nnunet_taichi.trainers.recipe import Recipe, make_trainer, split_name, suffix

BASES = ["nnUNetTrainer", "nnUNetTrainerTaichi", "nnUNetTrainerUNetPlusPlus", "nnUNetTrainerTaichi_Model3_Paper"]
ENDINGS = {
    "_3epochs": {"epochs": 3},
    "_250iterations": {"iterations": 250},
    "_seed0": {"seed": 0},
    "_100epochs_seed2": {"epochs": 100, "seed": 2},
    "_1epochs_5iterations": {"epochs": 1, "iterations": 5},
    "_7iterations_seed10": {"iterations": 7, "seed": 10},
    "_40epochs_20iterations_seed3": {"epochs": 40, "iterations": 20, "seed": 3},
}


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_name_is_the_recipe(base, ending):
    found = getattr(trainers, base + ending)
    assert found.__name__ == found.__qualname__ == base + ending
    assert issubclass(found, nnUNetTrainer)
    assert issubclass(found, getattr(trainers, base))
    numbers = {name: getattr(found, name) for name in ("epochs", "iterations", "seed")}
    assert {name: value for name, value in numbers.items() if value is not None} == ENDINGS[ending]


def test_same_name_same_class_that_pickles():
    first, second = (trainers.nnUNetTrainerTaichi_2epochs_seed1 for _ in range(2))
    assert first is second
    assert pickle.loads(pickle.dumps(first)) is first
    assert importlib.import_module(first.__module__) is trainers
    assert make_trainer(trainers.nnUNetTrainerTaichi, epochs=2, seed=1) is first


@pytest.mark.parametrize(
    "name",
    [
        "nnUNetTrainerTaichi_seed2_100epochs",  # any other order
        "nnUNetTrainerTaichi_5iterations_3epochs",
        "nnUNetTrainerTaichi_3epochs_4epochs",  # twice
        "nnUNetTrainerTaichi_03epochs",  # leading zeros
        "nnUNetTrainerTaichi_3epochs_seed00",
        "nnUNetTrainerTaichi_3epochs_seed01",
        "nnUNetTrainerTaichi_0epochs",  # nothing to train
        "nnUNetTrainerTaichi_0iterations",
        "nnUNetTrainerTaichi_-1epochs",
        "nnUNetTrainerTaichi_1.5epochs",
        "nnUNetTrainerTaichi_epochs",
        "nnUNetTrainerTaichi_3Epochs",
        "nnUNetTrainerTaichi3epochs",
        "nnUNetTrainerTaichi_",
        "nnUNetTrainerTaichi_3epochs_",
        "nnUNetTrainerTaichi__3epochs",
        "nnUNetTrainerTaichi_3epochs ",
        "nnUNetTrainerTaichi_3epochs\n",
        "nnUNetTrainerTaichi_1\u0663epochs",  # an Arabic-Indic digit
        "_3epochs",
        "nnUNetTrainerNoMirroring_3epochs",  # foreign
        "nnUNetTrainerTaichiX",
        "Recipe_3epochs",
        "__path_of_nothing__",
        "__wrapped__",
        "__wrapped___3epochs",
    ],
)
def test_any_other_spelling_is_not_found(name):
    with pytest.raises(AttributeError, match="has no attribute"):
        getattr(trainers, name)
    assert not hasattr(trainers, name)


def test_stock_trainer_gets_lengths_and_nothing_else():
    short = trainers.nnUNetTrainer_3epochs
    assert short.__mro__[:3] == (short, Recipe, nnUNetTrainer)
    own = set(vars(Recipe)) - set(vars(object)) - {"__module__", "__annotations__", "__dict__", "__weakref__"}
    expected = {"epochs", "iterations", "seed", "initialize", "get_dataloaders"}
    assert {name for name in own if not name.startswith("_")} == expected


@pytest.mark.parametrize("ending", ENDINGS)
def test_suffix_writes_what_split_reads(ending):
    assert suffix(**ENDINGS[ending]) == ending
    assert split_name("Some_Base" + ending) == ("Some_Base", ENDINGS[ending])
    assert split_name("Some_Base") == ("Some_Base", {})


class Host(nnUNetTrainer):
    """Stands for a trainer: its lengths, and what its initialisation draws."""

    def __init__(self, plans, configuration, fold, dataset_json, device=torch.device("cuda")):  # noqa: B008
        self.device = device
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1000, 250, 50

    def initialize(self):
        self.drawn = torch.rand(1).item(), np.random.rand(), random.random()


def lengths(**numbers):
    trainer = make_trainer(Host, **numbers)({}, "2d", 0, {}, torch.device("cpu"))
    return trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch


@pytest.mark.parametrize(("iterations", "validation"), [(250, 50), (100, 20), (12, 2), (9, 1), (5, 1), (4, 1), (1, 1)])
def test_validation_is_a_fifth(iterations, validation):
    assert lengths(iterations=iterations) == (1000, iterations, validation)


def test_each_number_alone():
    assert lengths(epochs=7) == (7, 250, 50)
    assert lengths(seed=7) == (1000, 250, 50)
    assert lengths(epochs=2, iterations=10, seed=0) == (2, 10, 2)


def test_seed_makes_the_start_repeatable():
    def drawn(**numbers):
        trainer = make_trainer(Host, **numbers)({}, "2d", 0, {}, torch.device("cpu"))
        trainer.initialize()
        return trainer.drawn

    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    first, other, again = drawn(seed=0), drawn(seed=1), drawn(seed=0)
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))
    assert drawn(epochs=3) != drawn(epochs=3)  # without a seed, nothing is fixed
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])
