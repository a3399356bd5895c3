"""`nnunet_taichi compare`: is one trainer better than another? Tables, statistical tests and a page."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pandas as pd

from nnunet_taichi.commands.arguments import add_processes, positive
from nnunet_taichi.evaluation.checks import check_runs
from nnunet_taichi.evaluation.predictions import Run
from nnunet_taichi.evaluation.quoted import quoted_rows
from nnunet_taichi.evaluation.runs import find_runs, folder_runs
from nnunet_taichi.evaluation.scoring import CASE_COLUMNS, score, units
from nnunet_taichi.evaluation.statistics import compare_pairs
from nnunet_taichi.evaluation.summary import Policy, common_cases, normal_images, summarise
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, require_variables
from nnunet_taichi.report.explained import read_explanation
from nnunet_taichi.report.report_page import make_page
from nnunet_taichi.report.summary_files import to_markdown, write_files
from nnunet_taichi.report.summary_tables import Comparison
from nnunet_taichi.runtime.files import write_whole

PLANS = "plans; each trainer is compared with every one of these that it was trained with (default: nnUNetPlans)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi compare`, named as in nnU-Net."""
    parser.add_argument(
        "-o",
        type=Path,
        required=True,
        metavar="OUT",
        help="folder for per_case.csv, summary.*, comparison.json and report.html",
    )
    trained = parser.add_argument_group("what nnU-Net trained and validated")
    trained.add_argument("-d", metavar="DATASET", help="dataset name or id")
    trained.add_argument("-c", metavar="CONFIGURATION", help="configuration, such as 2d")
    trained.add_argument("-f", nargs="+", default=["0", "1", "2", "3", "4"], metavar="FOLD", help="default: 0 1 2 3 4")
    trained.add_argument("-tr", nargs="+", metavar="TRAINER", help="trainers; the others are compared with the first")
    trained.add_argument("-p", nargs="+", default=["nnUNetPlans"], metavar="PLANS", help=PLANS)
    given = parser.add_argument_group("predictions in folders, such as those for another data set")
    given.add_argument(
        "--folder",
        nargs="+",
        type=_named_folder,
        default=[],
        metavar="NAME=PRED",
        help="name and folder of predictions; several folders of one name are the folds of one trainer",
    )
    given.add_argument("--labels", type=Path, metavar="GT", help="folder of their ground truth")
    given.add_argument("--images", type=Path, metavar="DIR", help="folder of their images, named as in nnU-Net")
    parser.add_argument(
        "--empty-masks",
        choices=get_args(Policy),
        default="one",
        help="value of Dice and similar scores where truth and prediction are both empty: 1, 0, or left out as in "
        "nnU-Net's own means (default: %(default)s); results for lesion cases alone are always given",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="if some runs lack cases, compare on the cases that all runs have",
    )
    parser.add_argument("--gallery", type=positive, default=48, metavar="N", help="cases with pictures (default: 48)")
    parser.add_argument(
        "--explanation",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="folders that `nnunet_taichi explain` wrote, to show in the page",
    )
    add_processes(parser)


def run(args: argparse.Namespace) -> int:
    """Compare the runs, write everything to OUT, and print the tables."""
    runs = _find_runs(args)
    warnings = check_runs(runs, args.allow_missing)
    explanations = [read_explanation(folder) for folder in args.explanation]
    args.o.mkdir(parents=True, exist_ok=True)
    per_case = score(runs, args.num_processes)
    comparison = compare(runs, per_case, args.empty_masks, warnings)
    page = make_page(comparison, runs, args.gallery, explanations)
    (args.o / "report.html").unlink(missing_ok=True)  # an old page beside new tables would mislead
    write_whole(args.o / "per_case.csv", per_case.to_csv(columns=CASE_COLUMNS, index=False, lineterminator="\n"))
    write_files(comparison, args.o)
    write_whole(args.o / "report.html", page)  # last: `benchmark` takes it as the sign that all is written
    print(f"{to_markdown(replace(comparison, quoted=comparison.quoted[:0]))}\n{args.o / 'report.html'}")
    return 0


def compare(runs: Sequence[Run], per_case: pd.DataFrame, policy: Policy, warnings: Sequence[str] = ()) -> Comparison:
    """Summarise the scores, and test the differences between the runs.

    Args:
        runs: Runs that `per_case` was computed from; the others are compared with the first.
        per_case: Scores, one row per run, case and label.
        policy: What scores of 0/0 count where truth and prediction are both empty.
        warnings: Warnings to repeat wherever the numbers are shown.
    """
    truth, unit = runs[0], units(runs[0])
    name = truth.folder.parent.name if truth.trainings else truth.dataset_json["name"]
    common = common_cases(per_case)
    summary, normal, pairs = summarise(common, policy), normal_images(common), compare_pairs(common, policy)
    quoted = quoted_rows(name, with_normal=len(normal) > 0)
    return Comparison(name, policy, unit, common, summary, normal, pairs, quoted, warnings)


def _find_runs(args: argparse.Namespace) -> list[Run]:
    """Find the runs that the arguments name.

    Raises:
        ValueError: The arguments name neither trainings nor folders in full, or both, or what they name does not exist.
    """
    trained = args.d or args.c or args.tr
    if bool(trained) == bool(args.folder):
        raise ValueError("name either -d, -c and -tr, or --folder and --labels")
    if args.folder:
        if args.labels is None:
            raise ValueError("--folder needs --labels, the folder of the ground truth")
        return folder_runs(args.folder, args.labels, args.images)
    if not (args.d and args.c and args.tr):
        raise ValueError("give all of -d, -c and -tr")
    require_variables(*DATA_VARIABLES)
    return find_runs(args.d, args.c, args.f, args.tr, args.p)


def _named_folder(text: str) -> tuple[str, Path]:
    name, sign, folder = text.partition("=")
    if not (name and sign and folder):
        raise argparse.ArgumentTypeError(f"expected NAME=FOLDER, got {text!r}")
    return name, Path(folder)
