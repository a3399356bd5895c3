"""The part of scaling.py about epochs: real trainings on phantoms, and what their processes hold meanwhile."""

import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import theilslopes

from nnunet_taichi.commands.demo import PLANNING_WORKERS, SETTINGS
from nnunet_taichi.nnunet.runner import CommandRunner, isolated_environment
from nnunet_taichi.phantoms import write_phantoms

TRAINERS = {"nnU-Net": "nnUNetTrainer", "TaiChiNet": "nnUNetTrainerTaichi"}
SIDE, BENIGN, MALIGNANT = 64, 12, 8
INTERVAL = 1.0  # seconds between two looks at the memory
SETTLING = 0.25  # share of the epochs before the slope: memory is taken, and TaiChiNet's first stage has other terms


class MemoryWatch(threading.Thread):
    """Looks once a second at the memory of all descendants of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.times: list[float] = []
        self.gib: list[float] = []
        self.done = threading.Event()

    def run(self) -> None:
        """Look until the training is over."""
        while not self.done.wait(INTERVAL):
            self.times.append(time.time())
            self.gib.append(sum(map(resident_kib, descendants(os.getpid()))) / 2**20)

    def __enter__(self) -> "MemoryWatch":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.done.set()
        self.join()


def resident_kib(pid: int) -> int:
    """Return the memory of a process on Linux in KiB, without mapped files such as torch's libraries.

    Memory that several processes share is divided among them.
    """
    with suppress(OSError):  # it has ended
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return sum(int(kib) for kib in re.findall(r"^Pss_(?:Anon|Shmem): +(\d+)", rollup, re.MULTILINE))
    return 0


def descendants(root: int) -> list[int]:
    """Return the processes below one."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found = list(children.get(root, []))
    for pid in found:  # grows meanwhile
        found += children.get(pid, [])
    return found


def train_epochs(epochs: int, iterations: int, device: str) -> Iterator[dict[str, Any]]:
    """Train both by nnU-Net's commands, and yield a row per epoch and three rows of slopes per network."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        command = CommandRunner(isolated_environment(root) | SETTINGS, root / "logs")
        phantoms = write_phantoms(root / "phantoms", BENIGN, MALIGNANT, normal=0, size=SIDE)
        command("nnunet_taichi", "convert", "busi", phantoms, "-d", 1, "-n", "Phantoms", "-np", 1)
        command("nnUNetv2_plan_and_preprocess", "-d", 1, "-c", "2d", *PLANNING_WORKERS)
        for network, base in TRAINERS.items():
            trainer = f"{base}_{epochs}epochs_{iterations}iterations"
            with MemoryWatch() as watch:
                command("nnUNetv2_train", 1, "2d", 0, "-tr", trainer, "-device", device)
            models = root / "nnUNet_results" / "Dataset001_Phantoms"
            rows = read_epochs(models / f"{trainer}__nnUNetPlans__2d" / "fold_0", watch)
            same = {"network": network, "plans": "stock"}
            yield from ({"what": what, **same, **row} for what, row in [*rows, *fit_slopes([r for _, r in rows])])


def read_epochs(fold_folder: Path, watch: MemoryWatch) -> list[tuple[str, dict[str, float]]]:
    """Return a row an epoch: its seconds by nnU-Net's own log, and the memory at its end."""
    log = torch.load(fold_folder / "checkpoint_final.pth", map_location="cpu", weights_only=False)["logging"]
    starts, ends = (np.array(log[f"epoch_{name}_timestamps"]) for name in ("start", "end"))
    gib = np.interp(ends, watch.times, watch.gib)
    columns = zip(ends - starts, gib, strict=True)
    return [("epochs", {"x": x, "seconds": float(s), "resident_gib": float(g)}) for x, (s, g) in enumerate(columns)]


def fit_slopes(rows: Sequence[dict[str, float]]) -> list[tuple[str, dict[str, float]]]:
    """Return the change an epoch by Theil and Sen, and the limits of its 95% interval."""
    settled = rows[int(SETTLING * len(rows)) :]
    x = [row["x"] for row in settled]
    fits = {name: theilslopes([row[name] for row in settled], x) for name in ("seconds", "resident_gib")}
    names = {"epochs slope": "slope", "epochs slope low": "low_slope", "epochs slope high": "high_slope"}
    return [(what, {name: float(getattr(fit, part)) for name, fit in fits.items()}) for what, part in names.items()]
