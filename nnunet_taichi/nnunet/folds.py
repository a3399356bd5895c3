"""What nnU-Net wrote about a fold, read without torch. A summary that is missing or torn is read as None."""

import ast
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from nnunet_taichi.nnunet.json_files import read_json

SUMMARY = Path("validation", "summary.json")  # in a fold's folder
FOLD = re.compile("all|0|[1-9][0-9]{0,3}")  # as nnU-Net names folds
LENGTHS = ("num_epochs", "num_iterations_per_epoch")  # as debug.json calls them
Values = tuple[int, ...]  # pixel values of a label or region


def list_cases(folder: Path, ending: str) -> dict[str, Path]:
    """Return the files with this ending by the name of their case; none if there is no such folder."""
    return {
        path.name.removesuffix(ending): path
        for path in sorted(folder.glob(f"*{ending}"))
        if not path.name.startswith(".")  # copying from a Mac leaves such files
    }


class Counts(NamedTuple):
    """Numbers of true positive, false positive, false negative and true negative pixels."""

    tp: int
    fp: int
    fn: int
    tn: int


class FoldState(Enum):
    """State of a fold's training.

    Attributes:
        text: Words that messages use for the state.
        flag: Flag with which nnUNetv2_train goes on; "" for none.
    """

    NEW = "has not been trained", ""
    BEGUN = "has not finished its training (no checkpoint_final.pth)", "--c"
    BEGUN_ANEW = (
        "is being trained anew, or the new training was broken off (checkpoint_latest.pth is beside "
        "checkpoint_final.pth; delete the one that you do not want, or train again)",
        "",  # no flag: nnU-Net's --c would load the final checkpoint and train nothing
    )
    TRAINED = (
        "has not finished its validation (validation/summary.json is missing, torn, empty, or older than "
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
    """Tell the state of a fold from its files. No other function decides this.

    A validated fold may lack the final checkpoint, or all checkpoints: users delete them to save space. nnU-Net deletes
    the latest checkpoint when a training ends. So if there is one, a training has not ended.
    """
    return _judge(Path(fold_folder), bool(read_summary(Path(fold_folder))))


def _judge(fold_folder: Path, validated: bool) -> FoldState:
    """Tell the state of a fold; `validated` says whether its summary has scores."""
    final, latest, best = (checkpoint(fold_folder, name) for name in ("final", "latest", "best"))
    if latest.is_file():
        return FoldState.BEGUN_ANEW if final.is_file() else FoldState.BEGUN
    if final.is_file():
        is_current = validated and (fold_folder / SUMMARY).stat().st_mtime >= final.stat().st_mtime
        return FoldState.FINISHED if is_current else FoldState.TRAINED
    if validated:
        return FoldState.FINISHED
    return FoldState.BEGUN if best.is_file() else FoldState.NEW


class Training(NamedTuple):
    """What the files in a fold's folder say.

    Attributes:
        folder: Folder of the fold.
        state: State of the training.
        summary: Pixels that nnU-Net counted in the validation, as `read_summary` returns them.
        configuration: Configuration and length of the training; {} if not recorded.
        best: Path of nnU-Net's best checkpoint, which users may have deleted.
        predictions: Predicted masks of the validation cases, by case.
    """

    folder: Path
    state: FoldState
    summary: Mapping[str, Mapping[Values, Counts]]
    configuration: Mapping[str, Any]
    best: Path
    predictions: Mapping[str, Path]


def read_training(fold_folder: Path, ending: str) -> Training:
    """Read all that a fold's files say; `ending` is the file ending of the predictions."""
    record, written = (read_json(fold_folder / file) for file in ("debug.json", SUMMARY))
    configuration: dict[str, Any] = {}
    with suppress(KeyError, SyntaxError, TypeError, ValueError):  # the model's own plans.json is of the last fold
        configuration = dict(ast.literal_eval(record["configuration_manager"]))  # nnU-Net keeps it as text
        configuration |= {key: record[key] for key in LENGTHS if key in record}
    summary = read_counts(written, ending) or {}
    state, best = _judge(fold_folder, bool(summary)), checkpoint(fold_folder, "best")
    return Training(fold_folder, state, summary, configuration, best, list_cases(fold_folder / "validation", ending))


def train_command(dataset: str, trainer: str, plans: str, configuration: str, fold: str, flag: str = "") -> str:
    """Return nnU-Net's command that trains a fold."""
    return f"nnUNetv2_train {dataset} {configuration} {fold} -tr {trainer} -p {plans} {flag}".strip()


def checkpoint(fold_folder: str | Path, name: str) -> Path:
    """Return the path of nnU-Net's checkpoint of a fold; `name` is `final`, `latest` or `best`."""
    return Path(fold_folder, f"checkpoint_{name}.pth")


def has_checkpoint(fold_folder: str | Path) -> bool:
    """Tell whether a fold has a checkpoint: nnU-Net's `--c` continues from any of the three."""
    return any(checkpoint(fold_folder, name).is_file() for name in ("final", "latest", "best"))


def read_summary(fold_folder: Path, ending: str = "") -> dict[str, dict[Values, Counts]] | None:
    """Read the pixels that nnU-Net counted, by case (without the file ending) and by label or region."""
    return read_counts(read_json(fold_folder / SUMMARY), ending)


def read_counts(summary: Any, ending: str) -> dict[str, dict[Values, Counts]] | None:
    """Read the counts from the content of a summary.json, as `read_summary` returns them."""
    try:
        entries = summary["metric_per_case"]
        return {_case(entry["prediction_file"], ending): _counts(entry["metrics"]) for entry in entries}
    except (AttributeError, KeyError, TypeError):
        return None


def _case(file: str, ending: str) -> str:
    return PureWindowsPath(file).name.removesuffix(ending)  # splits at slashes and backslashes


def _counts(metrics: dict[str, dict[str, int]]) -> dict[Values, Counts]:
    """Read the counts of a case, whose keys are labels "1" or regions "(1, 2)"."""
    return {
        tuple(map(int, re.findall(r"\d+", key))): Counts(*(values[name] for name in ("TP", "FP", "FN", "TN")))
        for key, values in metrics.items()
    }
