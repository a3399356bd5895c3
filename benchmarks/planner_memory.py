"""What TaiChi needs on its own plans, against what stock nnU-Net needs on stock plans, for several shapes of data.

    python benchmarks/planner_memory.py

Only fingerprints are made. Writes planner_memory.csv, a row a shape, configuration and kind of U-Net: patch and batch
of both, GiB that a training step keeps for its backward pass (float32, by torch's own accounting), and the ratio. With
a GPU, the measured peaks of a step with the optimiser's state, under autocast, and their ratio as well.
"""

import contextlib
import csv
import io
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncM,
)
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from saved_bytes import saved_bytes
from torch import Tensor, nn

from nnunet_taichi.planning.planners import nnUNetPlannerTaichi, nnUNetPlannerTaichiResEncM
from nnunet_taichi.trainers import nnUNetTrainerTaichi

FLAT = (999.0, 1.0, 1.0)
SHAPES = {  # median shape, training cases, channels, spacing in mm
    "BUSI": ((1, 472, 564), 582, 1, FLAT),
    "REFUGE at 512 px": ((1, 512, 512), 400, 3, FLAT),
    "REFUGE": ((1, 2056, 2124), 400, 3, FLAT),
    "3D cube": ((128, 128, 128), 100, 1, (1.0, 1.0, 1.0)),
    "3D breast ultrasound": ((318, 682, 865), 100, 1, (0.5, 0.2, 0.2)),
}
KINDS = {
    "plain": (ExperimentPlanner, nnUNetPlannerTaichi),
    "ResEncM": (nnUNetPlannerResEncM, nnUNetPlannerTaichiResEncM),
}


class Taichi(nnUNetTrainerTaichi):
    """In float32 on every processor."""

    config = replace(nnUNetTrainerTaichi.config, cpu_bf16=False)


def make_dataset(number: int, shape: tuple, cases: int, channels: int, spacing: tuple) -> str:
    """Write the files that planning reads, in the folders of nnU-Net's variables, and return the data set's name."""
    name, ending = f"Dataset{number:03d}_Made", ".png" if shape[0] == 1 else ".nii.gz"
    raw, preprocessed = (Path(os.environ[f"nnUNet_{kind}"], name) for kind in ("raw", "preprocessed"))
    for folder in (raw / "imagesTr", raw / "labelsTr", preprocessed):
        folder.mkdir(parents=True)
    for file in (f"imagesTr/case_0000{ending}", f"labelsTr/case{ending}"):
        (raw / file).touch()
    dataset = {
        "channel_names": {str(channel): "light" for channel in range(channels)},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": cases,
        "file_ending": ending,
        "overwrite_image_reader_writer": "NaturalImage2DIO" if ending == ".png" else "SimpleITKIO",
    }
    fingerprint = {
        "spacings": [spacing] * cases,
        "shapes_after_crop": [shape] * cases,
        "foreground_intensity_properties_per_channel": {},
        "median_relative_size_after_cropping": 1.0,
    }
    (raw / "dataset.json").write_text(json.dumps(dataset))
    (preprocessed / "dataset_fingerprint.json").write_text(json.dumps(fingerprint))
    return name


def total(outputs: Any) -> Tensor:
    """Return a scalar that depends on all outputs."""
    if isinstance(outputs, Tensor):
        return outputs.float().square().mean()
    return sum(total(part) for part in outputs)


def measured_peak(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the peak bytes of two training steps on the GPU."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    network = network.cuda()
    optimizer = torch.optim.SGD(network.parameters(), 1e-6, momentum=0.99, nesterov=True)
    for _ in range(2):
        with torch.autocast("cuda"):
            loss = total(network(torch.rand(shape, device="cuda")))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return torch.cuda.max_memory_allocated()


def measure(plans: dict, configuration: str, trainer: type[nnUNetTrainer], channels: int) -> dict[str, Any]:
    """Return patch, batch, and GiB."""
    manager = PlansManager(plans)
    configured = manager.get_configuration(configuration)
    network = trainer.build_network_architecture(manager, configured, channels, 2, True).train()
    shape = (configured.batch_size, channels, *configured.patch_size)
    result = {
        "patch": "x".join(map(str, configured.patch_size)),
        "batch": configured.batch_size,
        "kept_gib": round(saved_bytes(network, shape) / 2**30, 2),
    }
    if torch.cuda.is_available():
        result["peak_gib"] = round(measured_peak(network, shape) / 2**30, 2)
    return result


def compare(name: str, number: int) -> list[dict[str, Any]]:
    """Return the rows of one shape of data."""
    dataset, rows = make_dataset(number, *SHAPES[name]), []
    for kind, planners in KINDS.items():
        with contextlib.redirect_stdout(io.StringIO()):
            stock, ours = (planner(dataset).plan_experiment() for planner in planners)
        for configuration in (c for c in ("2d", "3d_lowres", "3d_fullres") if c in stock["configurations"]):
            a = measure(stock, configuration, nnUNetTrainer, SHAPES[name][2])
            b = measure(ours, configuration, Taichi, SHAPES[name][2])
            row = {"data": name, "kind": kind, "configuration": configuration}
            row |= {f"stock_{key}": value for key, value in a.items()} | {f"taichi_{k}": v for k, v in b.items()}
            row |= {f"{key}_ratio": round(b[key] / a[key], 3) for key in a if key.endswith("gib")}
            print(*row.values(), sep="  ", flush=True)
            rows.append(row)
    return rows


def main() -> None:
    """Measure all shapes and write the CSV beside this script."""
    with tempfile.TemporaryDirectory() as root:
        for kind in ("raw", "preprocessed", "results"):
            os.environ[f"nnUNet_{kind}"] = os.path.join(root, kind)
        rows = [row for number, name in enumerate(SHAPES, 1) for row in compare(name, number)]
    with open(Path(__file__).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
