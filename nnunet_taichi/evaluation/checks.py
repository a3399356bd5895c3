"""What speaks against comparing runs, and what is merely worth knowing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from nnunetv2.paths import nnUNet_preprocessed

from nnunet_taichi.evaluation.predictions import Run, some
from nnunet_taichi.evaluation.settings import mixed_plans, other_data, other_labels, other_plans
from nnunet_taichi.nnunet.folds import FoldState, checkpoint, list_cases, read_state, read_summary
from nnunet_taichi.nnunet.json_files import read_splits


def find_problems(runs: Sequence[Run]) -> list[str]:
    """Say what keeps runs from being compared, each with its cure; cases that they lack are a matter of their own."""
    checks = (_unfinished_folds, _summaries_of_other_cases, _repeated_cases, mixed_plans, other_labels)
    return list(chain(*(check(runs) for check in checks)))


def find_missing(runs: Sequence[Run]) -> list[str]:
    """Say which cases of a fold, or of a test set, a run lacks that others have."""
    missing = []
    for run in runs:
        for fold in filter(run.cases, run.folds):  # a fold without any case is unfinished, which is said elsewhere
            others = (other.cases(each) for other in runs for each in ([fold] if run.fold_folders else other.folds))
            if lacking := sorted(set().union(*others) - run.cases(fold)):
                missing.append(f"{run.place(fold)} lacks cases that others have ({some(lacking)})")
    return missing


def find_warnings(runs: Sequence[Run]) -> list[str]:
    """Say what need not keep runs from being compared, but should be known."""
    checks = (
        *(_older_summaries, _younger_models, _other_splits, _training_cases, other_plans, other_data),
        *(_other_numbers, _unpredicted_cases),
    )
    return list(chain(*(check(runs) for check in checks)))


def fold_folders(runs: Sequence[Run]) -> Iterator[tuple[Run, str, Path]]:
    """List the folds of all runs."""
    return ((run, fold, folder) for run in runs for fold, folder in run.fold_folders.items())


def _unfinished_folds(runs: Sequence[Run]) -> Iterator[str]:
    for run, fold, folder in fold_folders(runs):
        if (state := read_state(folder)) is not FoldState.FINISHED:
            yield f"{run.place(fold)} {state.text}: {run.command(fold, state.flag)}"


def _summaries_of_other_cases(runs: Sequence[Run]) -> Iterator[str]:
    for run, fold, folder in fold_folders(runs):
        summary = read_summary(folder, run.ending)
        if summary and (other := sorted(summary.keys() ^ run.cases(fold))):
            what = f"validation/summary.json is not of the predictions beside it ({some(other)})"
            yield f"{run.place(fold)}: {what}; renew both: {run.command(fold, '--val')}"


def _repeated_cases(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        times = Counter(prediction.case for prediction in run.predictions)
        if run.fold_folders and (repeated := [case for case, number in times.items() if number > 1]):
            what = f"{run.name} predicts cases in more than one fold ({some(repeated)})"
            yield f"{what}; delete what an older split left in validation/, or choose folds of one split"


def _older_summaries(runs: Sequence[Run]) -> Iterator[str]:
    for run, fold, folder in fold_folders(runs):
        if (folder / "validation" / "summary.json").stat().st_mtime < _newest_prediction(run, fold):
            what = "validation/summary.json is older than predictions beside it"
            yield f"{run.place(fold)}: {what}; it is compared with them, pixel by pixel"


def _younger_models(runs: Sequence[Run]) -> Iterator[str]:
    """Find best checkpoints of trainings that may have been begun anew; a younger final one is unfinished already."""
    for run, fold, folder in fold_folders(runs):
        best = checkpoint(folder, "best")
        if best.is_file() and best.stat().st_mtime > _newest_prediction(run, fold):
            what = (
                f"{best.name} is younger than the predictions: if copying did not do that, a training was begun anew;"
            )
            yield f"{run.place(fold)}: {what} finish it: {run.command(fold, '--c')}"


def _newest_prediction(run: Run, fold: str) -> float:
    return max((each.prediction.stat().st_mtime for each in run.predictions if each.fold == fold), default=0.0)


def _other_splits(runs: Sequence[Run]) -> Iterator[str]:
    """Find folds whose cases are not those that nnU-Net would now validate; past the splits it draws at random."""
    found: dict[tuple[str, str], list[str]] = {}
    for run, fold, _ in fold_folders(runs):
        splits = read_splits(Path(nnUNet_preprocessed.get() or "") / run.folder.parent.name)
        if fold.isdecimal() and int(fold) < len(splits):
            other = sorted(run.cases(fold) ^ set(splits[int(fold)]["val"]))
            if other:
                found.setdefault((fold, some(other)), []).append(run.name)
    for (fold, cases), names in found.items():
        yield f"fold {fold} of splits_final.json has other cases ({cases}) than those validated by {some(names)}"


def _training_cases(runs: Sequence[Run]) -> Iterator[str]:
    if any("all" in run.fold_folders for run in runs):
        yield "fold_all is validated on its own training cases: it says nothing of new images"


def _other_numbers(runs: Sequence[Run]) -> Iterator[str]:
    numbers = {run.name: len(run.folds) for run in runs}
    if len(set(numbers.values())) > 1:
        given = ", ".join(f"{name} {number}" for name, number in numbers.items())
        yield f"the runs were given different numbers of folders ({given}): their means are over as many"


def _unpredicted_cases(runs: Sequence[Run]) -> Iterator[str]:
    """Find ground truth that nobody predicted, of a test set given by hand."""
    predicted = [each for run in runs if not run.fold_folders for each in run.predictions]
    for folder in dict.fromkeys(each.reference.parent for each in predicted):
        if left := sorted(list_cases(folder, runs[0].ending).keys() - {each.case for each in predicted}):
            yield f"cases of {folder} that nobody predicted are left out ({some(left)})"
