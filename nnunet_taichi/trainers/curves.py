"""The training curves: one row per epoch, in `taichi_curves.csv` beside the fold's checkpoints."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

import torch
import torch.distributed as dist
from nnunetv2.training.logging.nnunet_logger import MetaLogger

from nnunet_taichi.runtime.files import write_whole

LOGGED = {"learning_rate": "lrs", "train_loss": "train_losses", "val_loss": "val_losses", "pseudo_dice": "mean_fg_dice"}

Epoch = Mapping[str, Any]  # values by column; a column that is missing or None stays blank


def write_curves(path: str | Path, columns: Sequence[str], past: Iterable[Epoch], new: Iterable[Epoch] = ()) -> None:
    """Write the whole file to a temporary name and rename it, so that it is complete whenever a run is killed.

    nnU-Net's own log, which its checkpoints restore, says which epochs there are. A row of the file is kept if it is of
    the same epoch of the same training, since it may hold more than the log. So a resumed run drops the rows of epochs
    that it repeats, and adds rows that the file lacks.

    Args:
        path: Path of the file, which need not exist.
        columns: Columns, in order.
        past: Finished epochs, with what nnU-Net logged of them.
        new: Epochs to add, with all their values.
    """
    kept = {_identity(row): row for row in _read_rows(Path(path))}
    logged = [_to_text(epoch) for epoch in past]
    rows = [kept.get(_identity(row), row) for row in logged] + [_to_text(epoch) for epoch in new]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, stream.getvalue())


def read_log(logger: MetaLogger, epoch: int) -> dict[str, Any]:
    """Return what nnU-Net logged of an epoch, which may be the one that is about to end."""
    start, ends = logger.get_value("epoch_start_timestamps", epoch), logger.get_value("epoch_end_timestamps", None)
    end = ends[epoch] if epoch < len(ends) else time()
    logged = {column: float(logger.get_value(key, epoch)) for column, key in LOGGED.items()}
    return {"epoch": epoch, "seconds": end - start, **logged}


def sum_over_ranks(sums: Mapping[str, float]) -> dict[str, float]:
    """Add up the sums of all ranks, since nnU-Net's losses are means over ranks. All ranks must call this."""
    if not (dist.is_available() and dist.is_initialized()):
        return dict(sums)
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, dict(sums))
    return {name: sum(one[name] for one in everyone) for name in sums}


def take_gpu_peak(device: torch.device) -> float | None:
    """Return the largest GPU memory (GiB) that tensors took since the last call, or None without CUDA."""
    if device.type != "cuda":
        return None
    peak = torch.cuda.max_memory_allocated(device) / 2**30
    torch.cuda.reset_peak_memory_stats(device)
    return peak


def _identity(row: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return what identifies an epoch. The loss tells it from the same epoch of another training of the fold."""
    return row.get("epoch"), row.get("train_loss")


def _to_text(epoch: Epoch) -> dict[str, str]:
    values = {name: value for name, value in epoch.items() if value is not None}
    return {name: f"{value:.7g}" if isinstance(value, float) else str(value) for name, value in values.items()}


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file, without an unfinished last line. No value holds a comma."""
    lines = path.read_text(errors="replace").splitlines(keepends=True) if path.is_file() else []
    header, *rows = [line.rstrip().split(",") for line in lines if line.endswith("\n")] or [[]]
    return [dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)]
