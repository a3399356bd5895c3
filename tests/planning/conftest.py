"""Data sets of which nothing but their fingerprint exists: all that planning reads."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from PIL import Image

from nnunet_taichi.nnunet.runner import isolated_environment
from nnunet_taichi.trainers import nnUNetTrainerTaichi

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from saved_bytes import saved_bytes

MakeDataset = Callable[..., str]
ON_CPU = "" if torch.cuda.is_available() else " -device cpu"  # in the command that trains
LESION = {"background": 0, "lesion": 1}
DISC_AND_CUP = {"background": 0, "disc": [1, 2], "cup": 2}
SHAPES: dict[str, dict[str, Any]] = {
    "BUSI": {"shape": (1, 472, 564), "cases": 582},
    "small": {"shape": (1, 128, 128)},
    "REFUGE at 512": {"shape": (1, 512, 512), "cases": 400, "channels": 3, "labels": DISC_AND_CUP},
    "REFUGE": {"shape": (1, 2056, 2124), "cases": 400, "channels": 3, "labels": DISC_AND_CUP},
    "3D cube": {"shape": (128, 128, 128), "cases": 100},
    "3D breast": {"shape": (150, 300, 400), "cases": 100, "spacing": (1.0, 0.5, 0.5)},
}


class FullPrecision(nnUNetTrainerTaichi):
    config = replace(nnUNetTrainerTaichi.config, cpu_bf16=False)


def kept(plans: dict, configuration: str, trainer: type[nnUNetTrainer], channels: int) -> int:
    """The bytes that one training step keeps for its backward pass, by torch's own accounting."""
    manager = PlansManager(plans)
    configured = manager.get_configuration(configuration)
    network = trainer.build_network_architecture(manager, configured, channels, 2, True).train()
    return saved_bytes(network, (configured.batch_size, channels, *configured.patch_size))


@pytest.fixture
def nnunet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fresh nnUNet_* folders."""
    for name in [name for name in os.environ if name.startswith("nnUNet_")]:
        monkeypatch.delenv(name)
    for name, value in isolated_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("nnUNet_n_proc_DA", "2")
    return tmp_path


@pytest.fixture
def make_dataset(nnunet: Path) -> MakeDataset:
    """Make `Dataset001_Made` of so many cases of one shape (Z, Y, X), Z being 1 in 2D, with a black margin."""

    def make(
        shape: tuple[int, int, int],
        cases: int = 500,
        channels: int = 1,
        labels: dict[str, Any] = LESION,
        spacing: tuple[float, float, float] | None = None,
        margin: int = 0,
    ) -> str:
        name, flat = "Dataset001_Made", shape[0] == 1
        raw, preprocessed = nnunet / "nnUNet_raw" / name, nnunet / "nnUNet_preprocessed" / name
        ending, reader = (".png", "NaturalImage2DIO") if flat else (".nii.gz", "SimpleITKIO")
        for folder in (raw / "imagesTr", raw / "labelsTr", preprocessed):
            folder.mkdir(parents=True)
        for file in (f"imagesTr/case_0000{ending}", f"labelsTr/case{ending}"):
            (raw / file).touch()
            if flat:
                Image.new("L", shape[:0:-1]).save(raw / file)
        dataset_json = {
            "channel_names": {str(channel): "light" for channel in range(channels)},
            "labels": labels,
            "numTraining": cases,
            "file_ending": ending,
            "overwrite_image_reader_writer": reader,
        }
        if any(isinstance(label, list) for label in labels.values()):
            dataset_json["regions_class_order"] = list(range(1, len(labels)))
        fingerprint = {
            "spacings": [spacing or ((999, 1, 1) if flat else (1, 1, 1))] * cases,
            "shapes_after_crop": [(shape[0], shape[1], shape[2] - margin)] * cases,
            "foreground_intensity_properties_per_channel": {},
            "median_relative_size_after_cropping": 1.0,
        }
        (raw / "dataset.json").write_text(json.dumps(dataset_json))
        (preprocessed / "dataset_fingerprint.json").write_text(json.dumps(fingerprint))
        return name

    return make
