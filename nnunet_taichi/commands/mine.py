"""`nnunet_taichi mine`: only mine the easy and hard regions of a fold, as a training would do first."""

import argparse
import contextlib
import os

import torch
from nnunetv2.run.run_training import get_trainer_from_args
from torch.backends import cudnn

from nnunet_taichi.commands.arguments import add_fold_of_a_model, choose_device
from nnunet_taichi.matrix.trainer_lookup import find_trainer, miner_name
from nnunet_taichi.nnunet.datasets import find_dataset
from nnunet_taichi.nnunet.json_files import SPLITS, blamed_on, read_splits, require_json
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_VARIABLE, require_variables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi mine`, named as in nnU-Net."""
    add_fold_of_a_model(parser, "trainer that needs the maps")


def run(args: argparse.Namespace) -> int:
    """Mine for one fold, and print the folder of the maps."""
    require_variables(*DATA_VARIABLES, EXT_VARIABLE)
    _check(args.d, args.p, args.c, args.tr)
    fold, device = args.f if args.f == "all" else int(args.f), choose_device(args.device)
    with blamed_on(f"plans or dataset.json of {args.d} in nnUNet_preprocessed", "plan again, or restore them"):
        trainer = get_trainer_from_args(args.d, args.c, fold, args.tr, args.p, True, torch.device(device))
    _set_up_torch(device)
    print(trainer.mine())
    return 0


def _check(dataset: str, plans: str, configuration: str, trainer: str) -> None:
    """Refuse arguments for which nnU-Net would only name a missing file, or would make folders in vain.

    Raises:
        ValueError: The data set, plans, configuration or trainer does not exist, a file of the data set is missing or
            torn, or the trainer needs no maps.
    """
    found = find_dataset(dataset)
    if found.configurations(plans) is None:
        planning = "nnUNetv2_plan_and_preprocess or nnunet_taichi plan_and_preprocess"
        cure = f"make them first ({planning}), or name others by -p"
        raise ValueError(f"{found.name} has no plans {plans} in {found.preprocessed}; {cure}")
    found.configuration(plans, configuration)
    require_json(found.preprocessed / "dataset.json", "labels", "channel_names", "file_ending")
    if (found.preprocessed / SPLITS).is_file() and not read_splits(found.preprocessed):
        raise ValueError(f"{found.preprocessed / SPLITS} is torn, or not a file of nnU-Net's: restore or delete it")
    if miner_name(find_trainer(trainer)) is None:
        cure = "name another by -tr, such as nnUNetTrainerTaichi"
        raise ValueError(f"{trainer} is not trained from easy to hard and needs no maps; {cure}")


def _set_up_torch(device: str) -> None:
    """Set torch as `nnUNetv2_train` does: otherwise `mine` would be slower than mining at the start of a training."""
    if device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    if device == "cuda":
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):  # torch allows this only once per process
            torch.set_num_interop_threads(1)
    if torch.cuda.is_available():
        cudnn.deterministic = False
        cudnn.benchmark = True
