"""How a fold's training went, epoch by epoch: from our trainers' own table, or else from nnU-Net's logs."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from nnunet_taichi.nnunet.curve_table import CURVE_COLUMNS, CURVES

_MESSAGE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?: (.*?)\s*")
_EPOCH = re.compile(r"Epoch (\d+)")
_VALUES = {
    "learning_rate": re.compile(r"Current learning rate: (\S+)"),
    "train_loss": re.compile(r"train_loss (\S+)"),
    "val_loss": re.compile(r"val_loss (\S+)"),
    "pseudo_dice": re.compile(r"Pseudo dice \[(.*)\]"),
    "seconds": re.compile(r"Epoch time: (\S+) s"),
    "stage": re.compile(r"Stage: (\w+)"),
}
_NUMPY_SCALAR = re.compile(r"\w+\.float\d+\((.*?)\)")  # how NumPy 2 writes the numbers of a list


def read_curves(fold_folder: Path) -> pd.DataFrame:
    """Read the curves of a training, one row per epoch. Of an epoch that was trained again, only the last time counts.

    Args:
        fold_folder: A trainer's folder `fold_x`.

    Returns:
        A table of the `CURVE_COLUMNS`, then the terms of the loss. A value that was not logged, or is not a number, is
        NaN (in `stage`: ""). The table is empty if there is no log, or if it cannot be read.
    """
    file = Path(fold_folder) / CURVES
    try:
        rows = pd.read_csv(file) if file.is_file() else _read_logs(Path(fold_folder))
    except (OSError, ValueError):  # ValueError: the file is empty, not a table, or not text
        rows = pd.DataFrame()
    terms = [name for name in rows.columns if name not in CURVE_COLUMNS]
    curves = rows.reindex(columns=[*CURVE_COLUMNS, *terms])
    for name in curves.columns.drop("stage"):
        curves[name] = pd.to_numeric(curves[name], errors="coerce").astype(float)
    curves["stage"] = curves["stage"].astype(object).fillna("").astype(str)
    return _keep_last_branch(curves[np.isfinite(curves["epoch"])].astype({"epoch": int}))


def _keep_last_branch(rows: pd.DataFrame) -> pd.DataFrame:
    """Drop each row that the same or an earlier epoch follows: there, a training was resumed or repeated."""
    epochs = rows["epoch"].to_numpy(float)
    earliest_after = np.minimum.accumulate([np.inf, *epochs[::-1]])[::-1][1:]
    return rows[epochs < earliest_after].reset_index(drop=True)


def _read_logs(folder: Path) -> pd.DataFrame:
    """Read all of nnU-Net's logs of a fold: each start of a training writes a new one."""
    logs = sorted(folder.glob("training_log_*.txt"), key=_started)
    return pd.DataFrame([row for log in logs for row in _read_log(log)], columns=[*CURVE_COLUMNS])


def _started(log: Path) -> list[int]:
    """Return when a log was begun, as numbers: as texts, nnU-Net's 2026_10_1 would come before 2026_9_30."""
    return [int(number) for number in re.findall(r"\d+", log.stem)]


def _read_log(log: Path) -> Iterator[dict[str, object]]:
    """Yield one row for each finished epoch."""
    row: dict[str, object] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if not (logged := _MESSAGE.fullmatch(line)):
            continue
        if epoch := _EPOCH.fullmatch(logged[1]):
            row = {"epoch": int(epoch[1])}
        for name, pattern in _VALUES.items():
            if row and (found := pattern.fullmatch(logged[1])):
                row[name] = _convert(name, found[1])
        if "seconds" in row:  # nnU-Net's last line about an epoch
            yield row
            row = {}


def _convert(name: str, text: str) -> object:
    """Return one value of a logged text. Dice is the mean over classes, as nnU-Net's own average is."""
    if name != "pseudo_dice":
        return text
    return pd.to_numeric(pd.Series(_NUMPY_SCALAR.sub(r"\1", text).split(",")), errors="coerce").mean()
