"""`nnunet_taichi plan_and_preprocess`: write plans with our planners, and preprocess the data as they say."""

import argparse

from nnunetv2.experiment_planning import plan_and_preprocess_api as host

from nnunet_taichi.commands import plan
from nnunet_taichi.nnunet.preprocessed import find_shared
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, require_variables

FULLRES_PROCESSES = 4  # at most, as in nnU-Net: 3D resampling takes memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi plan`, and the number of processes."""
    plan.add_arguments(parser)
    parser.add_argument("-np", type=int, metavar="N", help="processes (default: as -npfp, at most 4 for 3d_fullres)")


def run(args: argparse.Namespace) -> int:
    """Write plans, preprocess the data, and print the commands that train."""
    require_variables(*DATA_VARIABLES)
    for dataset_id in args.d:
        name, found = plan.plan(dataset_id, args)
        shared = {} if args.clean else find_shared(dataset_id, name, found)
        for configuration, folder in shared.items():
            print(f"{configuration}: {folder} is complete, and stays as it is (--clean makes it anew)")
        if missing := [configuration for configuration in found if configuration not in shared]:
            limits = [FULLRES_PROCESSES if configuration == "3d_fullres" else args.npfp for configuration in missing]
            host.preprocess_dataset(dataset_id, name, missing, [args.np or min(args.npfp, limit) for limit in limits])
        plan.say_how_to_train(dataset_id, name, found, args.pl)
    return 0
