"""What step_time.py and scaling.py share: plans, trainers and batches to measure with, without any data.

nnU-Net's own planner makes the plans, from the fingerprint of an imaginary data set of square grey images;
`nnUNetPlannerTaichiSlim` makes those of slim widths.
"""

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from batchgenerators.utilities.file_and_folder_operations import load_json
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from planner_memory import FLAT, make_dataset
from saved_bytes import saved_bytes

from nnunet_taichi import trainers
from nnunet_taichi.architectures.precision import cpu_has_bf16
from nnunet_taichi.curriculum import Stage
from nnunet_taichi.nnunet.runner import isolated_environment
from nnunet_taichi.planning.arithmetic import forward_flops
from nnunet_taichi.planning.slim import nnUNetPlannerTaichiSlim

PLANNERS = {"stock": ExperimentPlanner, "slim": nnUNetPlannerTaichiSlim}
CASES = 500
WARM_UP = 2  # rounds: memory is taken, kernels are chosen, networks are compiled


@dataclass(frozen=True)
class Task:
    """Plans for square images, and the data set that they are for.

    Attributes:
        plans: Plans by name: stock or slim.
        dataset_json: Channels and labels.
    """

    plans: dict[str, dict]
    dataset_json: dict


@contextlib.contextmanager
def temporary_folders() -> Iterator[None]:
    """Let nnU-Net read and write in folders that vanish."""
    with tempfile.TemporaryDirectory() as root:
        os.environ.update(isolated_environment(Path(root)))
        yield


def set_up(device: torch.device) -> str:
    """Set torch up as nnUNetv2_train does, and return the machine in words."""
    torch.set_num_threads(1 if device.type == "cuda" else os.cpu_count() or 1)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads, {'bf16' if cpu_has_bf16() else 'no bf16'}"


def make_task(side: int) -> Task:
    """Make stock and slim plans for square images of `side` pixels."""
    name = make_dataset(side, (1, side, side), CASES, 1, FLAT)
    raw, preprocessed = (Path(os.environ[f"nnUNet_{kind}"], name) for kind in ("raw", "preprocessed"))
    plans = {}
    for kind, planner in PLANNERS.items():
        with contextlib.redirect_stdout(io.StringIO()):
            identifier = planner(name).plan_experiment()["plans_name"]
        plans[kind] = load_json(str(preprocessed / f"{identifier}.json"))
        data = preprocessed / plans[kind]["configurations"]["2d"]["data_identifier"]
        data.mkdir(exist_ok=True)
        (data / "case.b2nd").touch()  # trainers look at the names of the files
    return Task(plans, load_json(str(raw / "dataset.json")))


def find_trainer(name: str, bf16: bool = False) -> type[nnUNetTrainer]:
    """Return a trainer's class; on CPUs, ours computes in bf16 or in float32."""
    base = getattr(trainers, name)
    if not hasattr(base, "config"):
        return base
    return type(name, (base,), {"config": replace(base.config, cpu_bf16=bf16)})


def make_trainer(
    task: Task, name: str, plans: str, device: torch.device, bf16: bool = False, compiled: bool = False
) -> nnUNetTrainer:
    """Make a trainer that could train now, if it had data."""
    os.environ["nnUNet_compile"] = "t" if compiled else "f"
    arguments = {**deepcopy(task.plans[plans]), "continue_training": False}
    with contextlib.redirect_stdout(io.StringIO()):
        trainer = find_trainer(name, bf16)(arguments, "2d", 0, task.dataset_json, device)
        trainer.initialize()
    trainer.network.train()
    return trainer


def make_batch(trainer: nnUNetTrainer, batch_size: int) -> dict[str, Any]:
    """Make a batch as nnU-Net's loaders hand it over: an image of noise; as target a disc whose left half is easy.

    The targets are a list of int16 tensors (B, 1, H, W), the finest first. Where the trainer learns from easy to hard,
    the difficulty codes are a second channel.
    """
    height, width = trainer.configuration_manager.patch_size
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    lesion = (x**2 + y**2 < 0.16).to(torch.int16)
    is_mined = isinstance(trainer, trainers.nnUNetTrainerTaichi) and trainer.config.easy_to_hard
    channels = [lesion, lesion * (1 + (x > 0))] if is_mined else [lesion]
    full = torch.stack(channels).to(torch.int16).expand(batch_size, -1, -1, -1)
    steps = [round(1 / scale[0]) for scale in trainer._get_deep_supervision_scales()]
    image = torch.randn(batch_size, 1, height, width, generator=torch.Generator().manual_seed(0))
    targets = [full[..., ::step, ::step].contiguous() for step in steps]
    if trainer.device.type == "cuda":
        image, targets = image.pin_memory(), [target.pin_memory() for target in targets]
    return {"data": image, "target": targets}


def make_step(trainer: nnUNetTrainer, batch_size: int, stage: str = "") -> Callable[[], Any]:
    """Return nnU-Net's training step; it ends by reading the loss, so that a GPU has done its work."""
    batch = make_batch(trainer, batch_size)

    def step() -> Any:
        if stage:
            trainer.loss.stage = Stage[stage.upper()]
        return trainer.train_step(batch)

    return step


def describe(task: Task, name: str, plans: str, batch_size: int) -> dict[str, float]:
    """Return millions of parameters, GFLOPs of an image, and the GiB that a batch keeps (see step_time.py)."""
    manager = PlansManager(task.plans[plans])
    configuration = manager.get_configuration("2d")
    image = (1, *configuration.patch_size)
    build = partial(find_trainer(name).build_network_architecture, manager, configuration, 1, 2, True)
    network = build().train()
    return {
        "parameters": round(sum(p.numel() for p in network.parameters()) / 1e6, 2),
        "gflops": round(forward_flops(build, image) / 1e9, 2),
        "kept_gib": round(saved_bytes(network, (batch_size, *image)) / 2**30, 5),
    }


def measure(steps: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Return the median seconds of each step; a round runs each once, so that a busy moment hits all alike."""
    rounds = [[_time(step) for step in steps] for _ in range(WARM_UP + repeats)]
    return [median(column) for column in zip(*rounds[WARM_UP:], strict=True)]


def _time(step: Callable[[], Any]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start
