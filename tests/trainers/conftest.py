"""Trainers in temporary nnU-Net folders, on data sets that train in milliseconds."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tiny_dataset import KINDS, draw_lesions, write_preprocessed
from tiny_plans import DATASET, configuration_name

from nnunet_taichi.nnunet.runner import isolated_environment

MakeTrainer = Callable[..., nnUNetTrainer]


@pytest.fixture
def host_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fresh nnUNet_* folders, as `nnunet_taichi env --root` names them, and data loading without processes."""
    for name in [name for name in os.environ if name.startswith("nnUNet_")]:
        monkeypatch.delenv(name)
    for name, value in isolated_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    images = tmp_path / "nnUNet_preprocessed" / DATASET / "tiny"
    images.mkdir(parents=True)
    (images / "case.b2nd").touch()  # its ending tells the host the file format
    return tmp_path


@pytest.fixture
def make_trainer(host_folders: Path) -> MakeTrainer:
    """Construct trainers on the CPU as the host does."""

    def make(trainer: type[nnUNetTrainer], plans: dict[str, Any], dataset_json: dict[str, Any]) -> nnUNetTrainer:
        dim = len(next(iter(plans["configurations"].values()))["patch_size"])
        return trainer(plans, configuration_name(dim), 0, dataset_json, torch.device("cpu"))

    return make


@pytest.fixture(scope="session")
def preprocessed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The preprocessed data set as labels and as regions; not to be changed."""
    lesions = draw_lesions()
    return {kind: write_preprocessed(tmp_path_factory.mktemp(kind), labels, lesions) for kind, labels in KINDS.items()}


@pytest.fixture(params=["labels"])
def dataset(request: pytest.FixtureRequest, host_folders: Path, preprocessed: dict[str, Path]) -> Path:
    """A copy of the preprocessed data set, in place: `labels`, or what an indirect parameter says."""
    folder = host_folders / "nnUNet_preprocessed" / DATASET
    shutil.rmtree(folder)
    return Path(shutil.copytree(preprocessed[request.param], folder))


@pytest.fixture
def start_trainer(dataset: Path) -> MakeTrainer:
    """Construct trainers for the data set, as often as a test needs new processes' worth of them."""

    def start(trainer: type[nnUNetTrainer], fold: int | str = 0, goes_on: bool = False) -> nnUNetTrainer:
        plans = json.loads((dataset / "nnUNetPlans.json").read_text()) | {"continue_training": goes_on}
        dataset_json = json.loads((dataset / "dataset.json").read_text())
        return trainer(plans, "2d", fold, dataset_json, torch.device("cpu"))

    return start
