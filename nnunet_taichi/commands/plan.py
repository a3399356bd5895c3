"""`nnunet_taichi plan`: write plans with our planners, which nnU-Net's own commands cannot find."""

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from nnunetv2.configuration import default_num_processes
from nnunetv2.experiment_planning import plan_and_preprocess_api as host
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_taichi.nnunet.datasets import Dataset
from nnunet_taichi.nnunet.json_files import SPLITS, require_json
from nnunet_taichi.nnunet.preprocessed import find_shared
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, require_variables
from nnunet_taichi.planning import slim
from nnunet_taichi.planning.catalogue import DEFAULT, PAPER, PLANNERS
from nnunet_taichi.planning.like import check_arguments, plan_like

CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi plan`, named as in nnU-Net."""
    add = parser.add_argument
    add("-d", nargs="+", type=int, required=True, metavar="ID", help="dataset ids")
    add(
        "-c",
        nargs="+",
        choices=CONFIGURATIONS,
        metavar="CONFIGURATION",
        help="configurations to plan for (default: all that the plans have)",
    )
    which = parser.add_mutually_exclusive_group()
    names = " | ".join(PLANNERS)
    which.add_argument("-pl", default=DEFAULT, choices=PLANNERS, metavar="PLANNER", help=names)
    which.add_argument("--paper", action="store_const", dest="pl", const=PAPER, help=f"same as -pl {PAPER}")
    add("--like", metavar="PLANS", help="existing plans to slim; needs a Slim planner (default: plan from the data)")
    add("-gpu_memory_target", type=_positive, metavar="GB", help="GPU memory to size for (default: the planner's)")
    add("-overwrite_target_spacing", nargs=3, type=_positive, metavar="MM", help="spacing of 3d_fullres")
    add("-overwrite_plans_name", type=_plans_name, metavar="PLANS", help="another name for the plans")
    add("-npfp", type=int, default=default_num_processes, metavar="N", help="processes (default: %(default)s)")
    add("--verify_dataset_integrity", action="store_true", help="check the data set first")
    add("--clean", action="store_true", help="make fingerprint and preprocessed data anew: needed if the data changed")


def run(args: argparse.Namespace) -> int:
    """Write plans, and print the commands to run next."""
    require_variables(*DATA_VARIABLES)
    for dataset_id in args.d:
        name, found = plan(dataset_id, args)
        shared = {} if args.clean else find_shared(dataset_id, name, found)
        if missing := [configuration for configuration in found if configuration not in shared]:
            print(f"Next: nnUNetv2_preprocess -d {dataset_id} -plans_name {name} -c {' '.join(missing)}")
        say_how_to_train(dataset_id, name, shared, args.pl)
    return 0


def plan(dataset_id: int, args: argparse.Namespace) -> tuple[str, list[str]]:
    """Write plans for a data set; extract its fingerprint first if that is missing.

    Returns:
        The name of the plans, and their configurations (with `-c`, only those asked for).

    Raises:
        ValueError: The plans lack a configuration that was asked for, the arguments contradict each other, or a file of
            the data set is missing or torn.
    """
    if args.pl == PAPER and (args.gpu_memory_target or args.overwrite_target_spacing):
        raise ValueError("the paper's plans are fixed: leave out -gpu_memory_target and -overwrite_target_spacing.")
    if args.like:
        check_arguments(args, PLANNERS[args.pl])
    dataset = Dataset(dataset_id, maybe_convert_to_dataset_name(dataset_id))
    require_json(dataset.raw / "dataset.json", "labels", "channel_names", "file_ending", "numTraining")
    fingerprint = dataset.preprocessed / "dataset_fingerprint.json"
    if fingerprint.is_file() and not args.clean:
        require_json(fingerprint, "spacings", "shapes_after_crop", cure="--clean makes it anew")
    host.extract_fingerprint_dataset(
        dataset_id, num_processes=args.npfp, check_dataset_integrity=args.verify_dataset_integrity, clean=args.clean
    )
    if not args.like:
        dataset.check_splits()
    plans, name = _write_plans(dataset_id, args)
    configurations = plans["configurations"]
    found = [configuration for configuration in CONFIGURATIONS if configuration in (args.c or configurations)]
    if missing := [configuration for configuration in found if configuration not in configurations]:
        problem = f"{name} were written, but they have no {' or '.join(missing)}"
        raise ValueError(f"{problem}. Choose with -c from: {', '.join(configurations)}.")
    for configuration in found:
        print(f"{name} {configuration}: {_describe(plans, configuration, args.pl)}")
    return name, found


def _write_plans(dataset_id: int, args: argparse.Namespace) -> tuple[dict, str]:
    """Write plans, new ones or like existing ones (`--like`), and return them and their name."""
    planner = PLANNERS[args.pl]
    if args.like:
        return plan_like(planner, dataset_id, args.like, args.overwrite_plans_name)
    return host.plan_experiment_dataset(
        dataset_id,
        planner,
        args.gpu_memory_target,
        overwrite_target_spacing=args.overwrite_target_spacing,
        overwrite_plans_name=args.overwrite_plans_name,
    )


def _describe(plans: dict, configuration: str, planner: str) -> str:
    """Describe the patch and the batch that a planner chose and, for Slim plans, the widths."""
    planned = PlansManager(plans).get_configuration(configuration)
    text = f"patches of {' x '.join(map(str, planned.patch_size))}, batches of {planned.batch_size}"
    if issubclass(PLANNERS[planner], slim.SlimPlanner):
        text += f", widths {', '.join(map(str, planned.network_arch_init_kwargs['features_per_stage']))}"
    return text


def say_how_to_train(dataset_id: int, plans: str, configurations: Iterable[str], planner: str) -> None:
    """Print the command that trains on preprocessed data, for each configuration."""
    trainer = "nnUNetTrainerTaichi" + ("_Paper" if planner == PAPER else "")
    device = "" if torch.cuda.is_available() else " -device cpu"
    for configuration in configurations:
        print(f"Next: nnUNetv2_train {dataset_id} {configuration} 0 -tr {trainer} -p {plans}{device}")


def _positive(text: str) -> float:
    if not float(text) > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return float(text)


def _plans_name(text: str) -> str:
    """Check the name of new plans: they must not take the place of nnU-Net's other files beside them."""
    if not re.fullmatch(r"\w[\w.-]*", text) or text in (Path(SPLITS).stem, "dataset", "dataset_fingerprint"):
        raise argparse.ArgumentTypeError(
            f"expected letters, digits and any of _ . -, and no file of nnU-Net, got {text!r}"
        )
    return text
