"""nnU-Net's commands in folders of their own, and trainings to interrupt."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nnunet_taichi.difficulty.storage import MapFolder
from nnunet_taichi.nnunet.runner import CommandRunner, find_command, isolated_environment

SETTINGS = {  # two cores; few processes, for each takes longer to start than to do its work
    "nnUNet_n_proc_DA": "1",
    "nnUNet_def_n_proc": "1",
    "nnUNet_compile": "f",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
PATIENCE_SECONDS = 300


class HostTree:
    """nnU-Net's three folders for one data set.

    Args:
        root: where the folders are made.
        dataset: name of the data set.
    """

    def __init__(self, root: Path, dataset: str) -> None:
        self.root, self.dataset = root, dataset
        self.environment = isolated_environment(root) | SETTINGS
        self.run = CommandRunner(self.environment, root / "logs")
        self.raw, self.preprocessed, self.results = (
            root / f"nnUNet_{name}" / dataset for name in ("raw", "preprocessed", "results")
        )

    def model(self, trainer: str) -> Path:
        return self.results / f"{trainer}__nnUNetPlans__2d"

    def for_prediction(self, results: Path | None = None) -> CommandRunner:
        """Run commands where only results exist, as on the machine of somebody who was given a model."""
        environment = {key: value for key, value in self.environment.items() if key != "nnUNet_n_proc_DA"}
        del environment["nnUNet_raw"], environment["nnUNet_preprocessed"]
        environment["nnUNet_results"] = str(results or self.results.parent)
        return CommandRunner(environment, self.root / "prediction_logs")

    @contextmanager
    def training(self, *arguments: object) -> Iterator[subprocess.Popen]:
        """Start a training, and at the end kill it with all of its data workers."""
        words = [*find_command("nnUNetv2_train"), *(str(argument) for argument in arguments), "-device", "cpu"]
        log = self.root / "killed_trainings.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                words, env=self.environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(condition: Callable[[], object], process: subprocess.Popen) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it takes too long, or the process ends before.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise TimeoutError(f"{process.args} ended (exit code {process.returncode}) or takes too long")
        time.sleep(0.002)


def newest_log(fold_folder: Path) -> str:
    return max(fold_folder.glob("training_log_*.txt"), key=lambda file: file.stat().st_mtime_ns).read_text()


def epochs_and_stages(log: str) -> list[tuple[int, str]]:
    return [(int(epoch), stage) for epoch, stage in re.findall(r"Epoch (\d+)\s.*?Stage: (\w+)", log, re.DOTALL)]


def epochs(log: str) -> list[int]:
    return [int(epoch) for epoch in re.findall(r"Epoch (\d+)\s*$", log, re.MULTILINE)]


def read_segmentations(folder: Path) -> dict[str, np.ndarray]:
    return {file.name: np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))}


def read_probabilities(folder: Path) -> dict[str, np.ndarray]:
    return {file.name: np.load(file)["probabilities"] for file in sorted(folder.glob("*.npz"))}


def check_whole(fold_folder: Path, maps: MapFolder | None = None, preprocessed: Path | None = None) -> None:
    """Read each checkpoint and each map: what was written in part raises."""
    for file in fold_folder.glob("*.pth"):
        assert torch.load(file, weights_only=False)["network_weights"], file
    if maps is not None:
        for file in maps.folder.glob("*.b2nd"):
            codes, segmentation = maps.load(file.stem, str(preprocessed))
            assert codes.shape == segmentation.shape, file


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())
