"""What nnU-Net wrote about a fold, read without torch. Files that are missing or torn give None."""

import re
from enum import Enum
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from nnunet_taichi.nnunet.json_files import read_json

Values = tuple[int, ...]  # of a label or region


def list_cases(folder: Path, ending: str) -> dict[str, Path]:
    """List the files with an ending by the cases that they are named after, or nothing where there is no folder."""
    return {
        path.name.removesuffix(ending): path
        for path in sorted(folder.glob(f"*{ending}"))
        if not path.name.startswith(".")  # copies of a Mac's leave such files
    }


class Counts(NamedTuple):
    """Pixels by what they are and what they were predicted to be."""

    tp: int
    fp: int
    fn: int
    tn: int


class FoldState(Enum):
    """What became of a fold's training.

    Attributes:
        text: What messages say of the fold.
        flag: Flag with which nnUNetv2_train goes on.
    """

    NEW = "has not been trained", ""
    BEGUN = "has not finished its training (no checkpoint_final.pth)", "--c"
    BEGUN_ANEW = (
        "is being trained anew, or that was broken off (checkpoint_latest.pth beside checkpoint_final.pth; delete the "
        "one that is not wanted, or train again)",
        "",  # nnU-Net's --c would load the final checkpoint, and train nothing
    )
    TRAINED = (
        "has not finished its validation (no validation/summary.json, a torn or empty one, or one that is older than "
        "checkpoint_final.pth)",
        "--val",
    )
    FINISHED = "is finished", ""

    def __init__(self, text: str, flag: str) -> None:
        self.text, self.flag = text, flag

    @property
    def is_trained(self) -> bool:
        """Whether no training is left to do."""
        return self in (FoldState.TRAINED, FoldState.FINISHED)


def read_state(fold_folder: str | Path) -> FoldState:
    """Tell from a fold's files what became of it; the only place that does.

    A validated fold may lack the final checkpoint, or all: users delete them to save space. The latest checkpoint is
    deleted by nnU-Net as a training ends, so there it means that a training has not ended.
    """
    fold_folder = Path(fold_folder)
    final, latest, best = (checkpoint(fold_folder, name) for name in ("final", "latest", "best"))
    summary = fold_folder / "validation" / "summary.json"
    if latest.is_file():
        return FoldState.BEGUN_ANEW if final.is_file() else FoldState.BEGUN
    validated = bool(read_summary(fold_folder))
    if final.is_file():
        is_current = validated and summary.stat().st_mtime >= final.stat().st_mtime
        return FoldState.FINISHED if is_current else FoldState.TRAINED
    if validated:
        return FoldState.FINISHED
    return FoldState.BEGUN if best.is_file() else FoldState.NEW


def checkpoint(fold_folder: str | Path, name: str) -> Path:
    """Name nnU-Net's "final", "latest" or "best" checkpoint of a fold."""
    return Path(fold_folder, f"checkpoint_{name}.pth")


def has_checkpoint(fold_folder: str | Path) -> bool:
    """Tell whether a fold has a checkpoint, from any of which nnU-Net's `--c` continues."""
    return any(checkpoint(fold_folder, name).is_file() for name in ("final", "latest", "best"))


def read_summary(fold_folder: Path, ending: str = "") -> dict[str, dict[Values, Counts]] | None:
    """Read the pixels that nnU-Net counted, by case (less the file ending) and label (or region)."""
    try:
        entries = read_json(fold_folder / "validation" / "summary.json")["metric_per_case"]
        return {_case(entry["prediction_file"], ending): _counts(entry["metrics"]) for entry in entries}
    except (AttributeError, KeyError, TypeError):
        return None


def _case(file: str, ending: str) -> str:
    return PureWindowsPath(file).name.removesuffix(ending)  # it splits at slashes of both kinds


def _counts(metrics: dict[str, dict[str, int]]) -> dict[Values, Counts]:
    """Read the counts of a case, whose keys are labels "1" or regions "(1, 2)"."""
    return {
        tuple(map(int, re.findall(r"\d+", key))): Counts(*(values[name] for name in ("TP", "FP", "FN", "TN")))
        for key, values in metrics.items()
    }
