"""What nnU-Net wrote about a fold, read without torch. Files that are missing or torn give None."""

import json
import re
from pathlib import Path, PureWindowsPath
from typing import Any

from nnunet_taichi.evaluation.metrics import Counts

Values = tuple[int, ...]  # of a label or region


def read_json(path: Path) -> Any:
    """Read a JSON file, or give None."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def list_cases(folder: Path, ending: str) -> dict[str, Path]:
    """List the files with an ending by the cases that they are named after, or nothing where there is no folder."""
    return {
        path.name.removesuffix(ending): path
        for path in sorted(folder.glob(f"*{ending}"))
        if not path.name.startswith(".")  # copies of a Mac's leave such files
    }


def find_unfinished(fold_folder: Path, ending: str) -> tuple[str, str] | None:
    """Say what a fold lacks, and the flag of nnUNetv2_train that mends it.

    Checkpoints may all be missing: one can train without them, or delete them to save space. So may all but the best:
    nnU-Net deletes checkpoint_latest.pth as a training ends, and validates after that.
    """
    validated = bool(read_summary(fold_folder, ending))
    final, latest, best = ((fold_folder / f"checkpoint_{name}.pth").is_file() for name in ("final", "latest", "best"))
    if final and latest:
        return "is being trained anew, or that was broken off (delete checkpoint_latest.pth)", "--val"
    if latest or (best and not final and not validated):
        return "has not finished its training (no checkpoint_final.pth)", "--c"
    if not validated:
        what = "has not finished its validation (no validation/summary.json, or a torn or empty one)"
        return what, "--val" if final else ""
    return None


def read_summary(fold_folder: Path, ending: str) -> dict[str, dict[Values, Counts]] | None:
    """Read the pixels that nnU-Net counted, by case and label (or region)."""
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
