"""Checks of runs: what forbids comparing them, and what a reader of the comparison should know."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from nnunet_taichi.evaluation.predictions import ComparisonError, Run, some
from nnunet_taichi.evaluation.settings import mixed_plans, other_data, other_labels, other_plans
from nnunet_taichi.nnunet.folds import SUMMARY, FoldState, Training, list_cases


def check_runs(runs: Sequence[Run], allow_missing: bool = False) -> list[str]:
    """Check that runs may be compared, and return warnings about them.

    Args:
        runs: Runs, as `find_runs` or `folder_runs` returns them.
        allow_missing: Whether a run may lack cases that others have.

    Raises:
        ComparisonError: Some runs may not be compared. The error lists all reasons, each with its cure.
    """
    obstacles = (_unfinished_folds, _summaries_of_other_cases, _repeated_cases, mixed_plans, other_labels)
    missing, problems = list(_missing_cases(runs)), list(chain(*(check(runs) for check in obstacles)))
    if problems or (missing and not allow_missing):
        cure = "predict them, or add --allow-missing to compare only the cases that all runs have"
        raise ComparisonError(problems + [f"{what}; {cure}" for what in missing])
    remarks = (
        *(other_plans, other_data),
        *(_older_summaries, _younger_models, _other_splits, _training_cases, _other_numbers, _unpredicted_cases),
    )
    return missing + list(chain(*(check(runs) for check in remarks)))


def _missing_cases(runs: Sequence[Run]) -> Iterator[str]:
    """Find cases of a fold, or of a test set, that other runs have and a run lacks."""
    for run in runs:
        for fold, cases in run.cases.items():
            others = (other.cases[each] for other in runs for each in ([fold] if run.trainings else other.cases))
            lacking = sorted(set().union(*others) - cases)
            if cases and lacking:  # `_unfinished_folds` reports a fold without any case
                yield f"{run.place(fold)} lacks cases that others have ({some(lacking)})"


def _folds(runs: Sequence[Run]) -> Iterator[tuple[Run, str, Training]]:
    """List the folds of all runs."""
    return ((run, fold, training) for run in runs for fold, training in run.trainings.items())


def _unfinished_folds(runs: Sequence[Run]) -> Iterator[str]:
    for run, fold, training in _folds(runs):
        if (state := training.state) is not FoldState.FINISHED:
            yield f"{run.place(fold)} {state.text}: {run.command(fold, state.flag)}"


def _summaries_of_other_cases(runs: Sequence[Run]) -> Iterator[str]:
    for run, fold, training in _folds(runs):
        if training.summary and (other := sorted(training.summary.keys() ^ run.cases[fold])):
            what = f"validation/summary.json is not of the predictions beside it ({some(other)})"
            yield f"{run.place(fold)}: {what}; renew both: {run.command(fold, '--val')}"


def _repeated_cases(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        times = Counter(prediction.case for prediction in run.predictions)
        if run.trainings and (repeated := [case for case, number in times.items() if number > 1]):
            what = f"{run.name} predicts cases in more than one fold ({some(repeated)})"
            yield f"{what}; delete what an older split left in validation/, or choose folds of one split"


def _older_summaries(runs: Sequence[Run]) -> Iterator[str]:
    for run, fold, training in _folds(runs):
        if (training.folder / SUMMARY).stat().st_mtime < _newest_prediction(training):
            what = "validation/summary.json is older than predictions beside it"
            yield f"{run.place(fold)}: {what}; its counts are checked against them, case by case"


def _younger_models(runs: Sequence[Run]) -> Iterator[str]:
    """Find best checkpoints that are younger than the predictions: the training may have been begun anew.

    If the final checkpoint is younger, the fold counts as unfinished already.
    """
    for run, fold, training in _folds(runs):
        best = training.best
        if best.is_file() and best.stat().st_mtime > _newest_prediction(training):
            what = (
                f"{best.name} is younger than the predictions. Unless copying changed its date, a training was begun "
                "anew;"
            )
            yield f"{run.place(fold)}: {what} finish it: {run.command(fold, '--c')}"


def _newest_prediction(training: Training) -> float:
    return max((file.stat().st_mtime for file in training.predictions.values()), default=0.0)


def _other_splits(runs: Sequence[Run]) -> Iterator[str]:
    """Find folds whose cases are not those that nnU-Net would now validate.

    Folds beyond those of splits_final.json are not checked: nnU-Net draws them at random.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for run, fold, _ in _folds(runs):
        if fold.isdecimal() and int(fold) < len(run.splits):
            other = sorted(run.cases[fold] ^ set(run.splits[int(fold)]["val"]))
            if other:
                found.setdefault((fold, some(other)), []).append(run.name)
    for (fold, cases), names in found.items():
        yield f"fold {fold} of splits_final.json has other cases ({cases}) than those validated by {some(names)}"


def _training_cases(runs: Sequence[Run]) -> Iterator[str]:
    if any("all" in run.trainings for run in runs):
        yield "fold_all is validated on its own training cases: its scores say nothing about new images"


def _other_numbers(runs: Sequence[Run]) -> Iterator[str]:
    numbers = {run.name: len(run.cases) for run in runs}
    if len(set(numbers.values())) > 1:
        given = ", ".join(f"{name} {number}" for name, number in numbers.items())
        what = f"the runs have different numbers of folders ({given})"
        yield f"{what}, so their means are over different numbers of folds"


def _unpredicted_cases(runs: Sequence[Run]) -> Iterator[str]:
    """Find ground truth that no run predicted, in test sets given by hand."""
    predicted = [each for run in runs if not run.trainings for each in run.predictions]
    for folder in dict.fromkeys(each.reference.parent for each in predicted):
        ending = runs[0].dataset_json["file_ending"]
        if left := sorted(list_cases(folder, ending).keys() - {each.case for each in predicted}):
            yield f"cases of {folder} that no run predicted are left out ({some(left)})"
