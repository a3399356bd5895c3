"""The table behind all other results: one row per run, case and label, computed from the files of the masks."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd

from nnunet_taichi.evaluation.mask_files import MaskReader, read_masks, units
from nnunet_taichi.evaluation.metrics import Counts, Overlap, score_mask
from nnunet_taichi.evaluation.predictions import ComparisonError, Prediction, Run, some
from nnunet_taichi.runtime.parallel import WorkerDiedError, map_in_processes

__all__ = ["CASE_COLUMNS", "read_masks", "score", "units"]

RUN = ("trainer", "plans", "configuration")
KEY = (*RUN, "fold", "case", "label")
CASE_COLUMNS = (*KEY, *Counts._fields, *Overlap._fields, "hd95", "assd", "n_ref", "n_pred")
LISTED = 5  # this many cases that cannot be scored are listed; the rest are only counted

Row = tuple[Any, ...]


class Task(NamedTuple):
    """A case of a run, and the reader of its masks."""

    run: tuple[str, str, str]
    reader: MaskReader
    prediction: Prediction


def score(runs: Sequence[Run], processes: int | None = None) -> pd.DataFrame:
    """Score every case of every run.

    Pixels of the ignore label count neither as right nor as wrong. For distances, they are background.

    Args:
        runs: Runs that `check_runs` accepted.
        processes: Number of worker processes, None for one per core.

    Returns:
        One row per run, case and label: `CASE_COLUMNS` and `run`, the run's name. Scores of 0/0 and distances to an
        empty mask are NaN. Distances are in `units(run)`.

    Raises:
        ComparisonError: Masks cannot be read or differ in size from their ground truth, nnU-Net's summaries counted
            other pixels, or a worker process died.
    """
    tasks = [
        Task((run.trainer, run.plans, run.configuration), reader, prediction)
        for run in runs
        for reader in [MaskReader.of(run)]
        for prediction in run.predictions
    ]
    try:
        results = list(map_in_processes(_score_case, tasks, processes, "Scoring"))
    except WorkerDiedError as error:
        raise ComparisonError([str(error)]) from None
    if problems := list(dict.fromkeys(result for result in results if isinstance(result, str))):
        rest = [f"{len(problems) - LISTED} more like these"] if len(problems) > LISTED else []
        raise ComparisonError(problems[:LISTED] + rest)
    per_case = name_runs(pd.DataFrame(chain(*results), columns=CASE_COLUMNS))
    if stale := _stale_summaries(runs, per_case):
        raise ComparisonError(stale)
    return per_case


def name_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column `run`: the trainer, with plans and configuration in brackets if runs of it differ in these.

    Args:
        table: Table with the columns of `RUN`.
    """
    runs = list(table[list(RUN)].drop_duplicates().itertuples(index=False, name=None))
    names = {}
    for run in runs:
        namesakes = zip(*(other for other in runs if other[0] == run[0]), strict=True)
        parts = [part for part, others in zip(run, namesakes, strict=True) if len(set(others)) > 1]
        names[run] = "".join([run[0], *(f" ({part})" for part in parts)])
    return table.assign(run=[names[run] for run in table[list(RUN)].itertuples(index=False, name=None)])


def _score_case(task: Task) -> list[Row] | str:
    """Compute the rows of a case, or say why that is not possible."""
    reader, prediction = task.reader, task.prediction
    try:
        truth, predicted = (reader.read(path) for path in (prediction.reference, prediction.prediction))
    except ComparisonError as error:
        return str(error)
    if truth.values.shape != predicted.values.shape:
        sizes = f"{predicted.values.shape} pixels, its ground truth {prediction.reference} {truth.values.shape}"
        return f"{prediction.prediction} has {sizes}: predict the images that the ground truth was drawn on"
    valid = None if reader.ignore_label is None else truth.values != reader.ignore_label
    masks = zip(reader.masks(truth.values).items(), reader.masks(predicted.values).values(), strict=True)
    return [
        (*task.run, prediction.fold, prediction.case, label, *score_mask(mask, other, valid, truth.spacing))
        for (label, mask), other in masks
    ]


def _stale_summaries(runs: Sequence[Run], per_case: pd.DataFrame) -> list[str]:
    """Say which of nnU-Net's summaries have other counts of pixels than the masks have now."""
    scored = {
        row[: len(KEY)]: Counts(*row[len(KEY) :]) for row in per_case[[*KEY, *Counts._fields]].itertuples(False, None)
    }
    stale = []
    for run, (fold, training) in ((each, fold) for each in runs for fold in each.trainings.items()):
        wrong = [
            case
            for case, counts in training.summary.items()
            for label, values in run.labels.items()
            if counts.get(values) != scored.get((run.trainer, run.plans, run.configuration, fold, case, label))
        ]
        if wrong := list(dict.fromkeys(wrong)):
            total = len(training.summary)
            what = f"validation/summary.json counted other pixels in {len(wrong)} of {total} cases ({some(wrong)})"
            cure = f"predictions or ground truth changed since; renew it: {run.command(fold, '--val')}"
            stale.append(f"{run.place(fold)}: {what}; {cure}")
    return stale
