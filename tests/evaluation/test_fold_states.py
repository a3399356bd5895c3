"""Every combination of the files of a fold, and what each command does with it."""

import os
from pathlib import Path

import pytest
from results_tree import ResultsTree

from nnunet_taichi.evaluation.checks import check_runs
from nnunet_taichi.evaluation.predictions import ComparisonError
from nnunet_taichi.evaluation.runs import find_runs
from nnunet_taichi.explanation.cases import validation_cases
from nnunet_taichi.matrix.jobs import Mine, Preprocess, Train
from nnunet_taichi.matrix.plan_file import Benchmark
from nnunet_taichi.nnunet.datasets import Fold, find_dataset
from nnunet_taichi.nnunet.folds import FoldState, read_state

TRAINER = "nnUNetTrainerTaichi"
SUMMARIES = ("none", "torn", "older", "whole")  # than the final checkpoint, or than any where there is no final one
TABLE = """
                     none        torn        older       whole
-                    NEW         NEW         FINISHED    FINISHED
best                 BEGUN       BEGUN       FINISHED    FINISHED
latest               BEGUN       BEGUN       BEGUN       BEGUN
best,latest          BEGUN       BEGUN       BEGUN       BEGUN
final                TRAINED     TRAINED     TRAINED     FINISHED
best,final           TRAINED     TRAINED     TRAINED     FINISHED
latest,final         BEGUN_ANEW  BEGUN_ANEW  BEGUN_ANEW  BEGUN_ANEW
best,latest,final    BEGUN_ANEW  BEGUN_ANEW  BEGUN_ANEW  BEGUN_ANEW
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]
CELLS = [(row[0], summary, state) for row in ROWS for summary, state in zip(SUMMARIES, row[1:], strict=True)]

ENDS = {"NEW": "", "BEGUN": "--c", "BEGUN_ANEW": "", "TRAINED": "--val", "FINISHED": None}  # of nnU-Net's command


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultsTree:
    tree = ResultsTree(tmp_path)
    tree.use(monkeypatch)
    tree.add_run(TRAINER, folds=["0"])
    return tree


def leave(fold: Path, checkpoints: str, summary: str) -> None:
    """Leave these files of a finished fold."""
    for file in fold.glob("checkpoint_*.pth"):
        file.unlink()
    for name in checkpoints.strip("-").split(",") if checkpoints != "-" else []:
        (fold / f"checkpoint_{name}.pth").write_bytes(b"weights")
    written = fold / "validation" / "summary.json"
    if summary == "none":
        written.unlink()
    if summary == "torn":
        written.write_text(written.read_text()[:-9])
    for name, seconds in (("best", 2), ("latest", 2), ("final", 4 if summary != "older" else 8)):
        if (file := fold / f"checkpoint_{name}.pth").is_file():
            os.utime(file, (seconds, seconds))
    if written.is_file():
        os.utime(written, (6, 6))


@pytest.mark.parametrize(("checkpoints", "summary", "state"), CELLS)
def test_all_commands_agree_about_a_fold(tree: ResultsTree, checkpoints: str, summary: str, state: str) -> None:
    folder = tree.model(TRAINER) / "fold_0"
    leave(folder, checkpoints, summary)
    assert read_state(folder) is FoldState[state]
    end = ENDS[state]

    # compare
    runs = find_runs(901, "2d", ["0"], [TRAINER], ["nnUNetPlans"])
    if end is None:
        check_runs(runs)
    else:
        with pytest.raises(ComparisonError) as caught:
            check_runs(runs)
        assert str(caught.value).endswith(f"-tr {TRAINER} -p nnUNetPlans {end}".strip())

    # benchmark
    benchmark = Benchmark(datasets=["901"], trainers=["nnUNetTrainer"], output=str(tree.root / "out"), device="cpu")
    dataset = find_dataset("901")
    fold = Fold(dataset, "2d", "nnUNetPlans", "0")
    prepare = Preprocess(benchmark, dataset, "nnUNetPlans")
    train = Train(benchmark, fold, TRAINER, (prepare,))
    assert train.is_done() == (end is None)
    if end is not None:
        assert " ".join(train.command()).endswith(f"-device cpu {end}".strip())
    mine = Mine(benchmark, fold, "nnUNetTrainerUNetPlusPlusMiner", TRAINER, (prepare,), [train])
    assert mine.is_done() == (state in ("TRAINED", "FINISHED"))  # nobody needs maps any more

    # explain
    assert validation_cases(folder, ".png") == (sorted(tree.folds["0"]) if end is None else [])


def test_a_fold_without_a_folder_is_new(tmp_path: Path) -> None:
    assert read_state(tmp_path / "fold_0") is FoldState.NEW
