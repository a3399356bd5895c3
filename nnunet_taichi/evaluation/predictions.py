"""A run: what one trainer predicted, fold by fold, beside the ground truth."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class ComparisonError(ValueError):
    """What keeps runs from being compared, all of it, each with its cure.

    Attributes:
        problems: a text each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)  # in `args`: the exception comes back from a worker by pickle
        self.problems = list(problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return self.problems[0]
        return "\n- ".join([f"{len(self.problems)} things to mend first:", *self.problems])


@dataclass(frozen=True)
class Prediction:
    """A predicted case: where its mask, its ground truth and (if it is to be had) its image are.

    Attributes:
        fold: "0", "all", or "" where the only folder of a name was given by hand.
        image: of the first channel.
    """

    fold: str
    case: str
    prediction: Path
    reference: Path
    image: Path | None = None


@dataclass(frozen=True)
class Run:
    """All predictions of one trainer, with one configuration of one plans file.

    Attributes:
        plans: "" for folders given by hand, as `configuration` is.
        folder: nnU-Net's model folder, or the (first) folder given by hand.
        fold_folders: by fold; empty for folders given by hand.
    """

    trainer: str
    plans: str
    configuration: str
    folder: Path
    dataset_json: dict[str, Any]
    predictions: tuple[Prediction, ...]
    fold_folders: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What messages call the run: as its model folder, or as it was called by hand."""
        return self.folder.name if self.fold_folders else self.trainer

    @property
    def ending(self) -> str:
        """File ending of masks and images."""
        return self.dataset_json["file_ending"]

    @property
    def labels(self) -> dict[str, tuple[int, ...]]:
        """Pixel values of each foreground label or region, by name."""
        named = {name: value for name, value in self.dataset_json["labels"].items() if name != "ignore"}
        regions = {name: tuple(value) if isinstance(value, list) else (value,) for name, value in named.items()}
        return {name: values for name, values in regions.items() if any(values)}  # nnU-Net, too, goes by 0, not by name

    @property
    def ignore_label(self) -> int | None:
        """Pixel value of what counts neither as right nor as wrong."""
        return self.dataset_json["labels"].get("ignore")

    @property
    def folds(self) -> list[str]:
        """The folds that were asked for, or the folders of one name in their order."""
        return list(self.fold_folders or dict.fromkeys(prediction.fold for prediction in self.predictions))

    def cases(self, fold: str) -> set[str]:
        """Name the cases predicted in a fold."""
        return {prediction.case for prediction in self.predictions if prediction.fold == fold}

    def place(self, fold: str) -> str:
        """What messages call a fold."""
        if self.fold_folders:
            return f"{self.name}/fold_{fold}"
        return f"{self.name}, folder {int(fold) + 1}" if fold else self.name

    def command(self, fold: str, flag: str = "") -> str:
        """Write the command that trains a fold."""
        words = (
            "nnUNetv2_train",
            self.folder.parent.name,
            self.configuration,
            fold,
            "-tr",
            self.trainer,
            "-p",
            self.plans,
        )
        return " ".join([*words, flag]).strip()


def collect(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call a function for each item.

    Raises:
        ComparisonError: all problems that the calls met.
    """
    results, problems = [], []
    for item in items:
        try:
            results.append(function(item))
        except ComparisonError as error:
            problems += error.problems
    if problems:
        raise ComparisonError(problems)
    return results


def some(names: Iterable[str], shown: int = 3) -> str:
    """List the first few names.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = list(names)
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
