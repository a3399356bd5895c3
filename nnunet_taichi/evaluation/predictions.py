"""A run: the predictions of one trainer, fold by fold, with their ground truth and what is known of the trainings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnunet_taichi.nnunet.folds import Training, train_command


class ComparisonError(ValueError):
    """All problems that keep runs from being compared, each with its cure.

    Attributes:
        problems: One text per problem.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems)  # into `args`, which pickle needs to bring the exception back from a worker
        self.problems = list(problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return self.problems[0]
        return "\n- ".join([f"{len(self.problems)} problems to mend first:", *self.problems])


@dataclass(frozen=True)
class Prediction:
    """A predicted case: the files of its mask, its ground truth and, if it is there, its image.

    Attributes:
        fold: Fold, as "0" or "all". For folders given by hand: the folder's place among those of its name, counted from
            0; "" if it is the only one.
        case: Name of the case.
        prediction: File of the predicted mask.
        reference: File of the ground truth.
        image: File of the first channel.
    """

    fold: str
    case: str
    prediction: Path
    reference: Path
    image: Path | None = None


@dataclass
class Run:
    """All predictions of one trainer, with one configuration of one plans file.

    Attributes:
        trainer: Name of the trainer, or of the folders given by hand.
        plans: Name of the plans; "" for folders given by hand.
        configuration: Name of the configuration; "" for folders given by hand.
        folder: Model folder of nnU-Net, or the (first) folder given by hand.
        dataset_json: Content of dataset.json.
        predictions: Predicted cases, fold by fold.
        trainings: What nnU-Net wrote of each fold, by fold; empty for folders given by hand.
        plans_json: Content of plans.json, {} without one.
        fingerprint: Content of dataset_fingerprint.json, None without one.
        splits: Folds that nnU-Net would now train and validate on.
        name: Name of the run in messages: that of its model folder, or the one given by hand.
        labels: Pixel values of each foreground label or region, by name.
        cases: Names of the cases by `Prediction.fold`, with all folds that were asked for.
    """

    trainer: str
    plans: str
    configuration: str
    folder: Path
    dataset_json: Mapping[str, Any]
    predictions: Sequence[Prediction]
    trainings: Mapping[str, Training] = field(default_factory=dict)
    plans_json: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: Any = None
    splits: Sequence[Mapping[str, Sequence[str]]] = ()

    name: str = field(init=False)
    labels: dict[str, tuple[int, ...]] = field(init=False)
    cases: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.folder.name if self.trainings else self.trainer
        named = {name: value for name, value in self.dataset_json["labels"].items() if name != "ignore"}
        regions = {name: tuple(value) if isinstance(value, list) else (value,) for name, value in named.items()}
        self.labels = {name: values for name, values in regions.items() if any(values)}  # 0: background, as in nnU-Net
        self.cases = {fold: set() for fold in self.trainings}
        for each in self.predictions:
            self.cases.setdefault(each.fold, set()).add(each.case)

    def place(self, fold: str) -> str:
        """Return the name of a fold in messages."""
        if self.trainings:
            return f"{self.name}/fold_{fold}"
        return f"{self.name}, folder {int(fold) + 1}" if fold else self.name

    def command(self, fold: str, flag: str = "") -> str:
        """Return the command that trains a fold."""
        return train_command(self.folder.parent.name, self.trainer, self.plans, self.configuration, fold, flag)


def some(names: Iterable[str], shown: int = 3) -> str:
    """List the first few names, and say how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = list(names)
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
