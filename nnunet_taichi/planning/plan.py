"""`nnunet_taichi plan`: plans by our planners, for which the host's own commands have no way in."""

import argparse
import sys
from collections.abc import Callable

from nnunetv2.configuration import default_num_processes
from nnunetv2.experiment_planning import plan_and_preprocess_api as host
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

from nnunet_taichi.discovery import DATA_VARIABLES, require_variables
from nnunet_taichi.planning import planners
from nnunet_taichi.planning.paper import nnUNetPlannerTaichiPaper

CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres")
PAPER = nnUNetPlannerTaichiPaper.__name__
PLANNERS: dict[str, type[ExperimentPlanner]] = {
    "nnUNetPlannerTaichi": planners.nnUNetPlannerTaichi,
    "nnUNetPlannerTaichiResEncM": planners.nnUNetPlannerTaichiResEncM,
    "nnUNetPlannerTaichiResEncL": planners.nnUNetPlannerTaichiResEncL,
    "nnUNetPlannerTaichiResEncXL": planners.nnUNetPlannerTaichiResEncXL,
    PAPER: nnUNetPlannerTaichiPaper,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `nnunet_taichi plan`, named as nnU-Net's."""
    add = parser.add_argument
    add("-d", nargs="+", type=int, required=True, metavar="ID", help="dataset ids")
    add(
        "-c", nargs="+", choices=CONFIGURATIONS, metavar="CONFIGURATION", help="those you want (default: all there are)"
    )
    which = parser.add_mutually_exclusive_group()
    names = " | ".join(PLANNERS)
    which.add_argument("-pl", default="nnUNetPlannerTaichi", choices=PLANNERS, metavar="PLANNER", help=names)
    which.add_argument("--paper", action="store_const", dest="pl", const=PAPER, help=f"as -pl {PAPER}")
    add("-gpu_memory_target", type=_positive, metavar="GB", help="GPU memory to size for (default: the planner's)")
    add("-overwrite_target_spacing", nargs=3, type=_positive, metavar="MM", help="spacing of 3d_fullres")
    add("-overwrite_plans_name", metavar="PLANS", help="another name for the plans")
    add("-npfp", type=int, default=default_num_processes, metavar="N", help="processes (default: %(default)s)")
    add("--verify_dataset_integrity", action="store_true", help="check the data set first")
    add("--clean", action="store_true", help="extract the fingerprint anew: needed where the data changed")


def run(args: argparse.Namespace) -> int:
    """Plan, and say what to type next."""
    return report_errors(_plan_all, args)


def plan(dataset_id: int, args: argparse.Namespace) -> tuple[str, list[str]]:
    """Plan for a data set, whose fingerprint is extracted if it is missing.

    Returns:
        The name of the plans, and their configurations, or those that are wanted.

    Raises:
        ValueError: they lack one of these, or the paper's plans were to be other than they are.
    """
    if args.pl == PAPER and (args.gpu_memory_target or args.overwrite_target_spacing):
        raise ValueError("the paper's plans are fixed: leave out -gpu_memory_target and -overwrite_target_spacing.")
    host.extract_fingerprint_dataset(
        dataset_id, num_processes=args.npfp, check_dataset_integrity=args.verify_dataset_integrity, clean=args.clean
    )
    plans, name = host.plan_experiment_dataset(
        dataset_id,
        PLANNERS[args.pl],
        args.gpu_memory_target,
        overwrite_target_spacing=args.overwrite_target_spacing,
        overwrite_plans_name=args.overwrite_plans_name,
    )
    configurations = plans["configurations"]
    found = [configuration for configuration in CONFIGURATIONS if configuration in (args.c or configurations)]
    if missing := [configuration for configuration in found if configuration not in configurations]:
        raise ValueError(f"{name} were written, and have no {' or '.join(missing)}: only {', '.join(configurations)}.")
    for configuration in found:
        patch, batch_size = (configurations[configuration][key] for key in ("patch_size", "batch_size"))
        print(f"{name} {configuration}: patches of {' x '.join(map(str, patch))}, batches of {batch_size}")
    return name, found


def report_errors(work: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Do the work; where the user must change something, say what and return 1."""
    try:
        require_variables(*DATA_VARIABLES)
        work(args)
    except (ValueError, RuntimeError, OSError) as error:  # no such data set, no fingerprint, other sizes
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _plan_all(args: argparse.Namespace) -> None:
    for dataset_id in args.d:
        name, found = plan(dataset_id, args)
        print(f"Next: nnUNetv2_preprocess -d {dataset_id} -plans_name {name} -c {' '.join(found)}")


def _positive(text: str) -> float:
    if not float(text) > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return float(text)
