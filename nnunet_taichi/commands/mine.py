"""`nnunet_taichi mine`: only the mining of easy and hard regions, as a training would do it first."""

import argparse
import contextlib
import os
import sys
from pathlib import Path

import torch
from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.run.run_training import get_trainer_from_args
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from torch.backends import cudnn

from nnunet_taichi.matrix.trainer_lookup import find_trainer, miner_name
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_VARIABLE, require_variables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `nnunet_taichi mine`, named as nnU-Net's."""
    parser.add_argument("-d", required=True, metavar="DATASET", help="dataset name or id")
    parser.add_argument("-c", required=True, metavar="CONFIGURATION", help="configuration, as 2d")
    parser.add_argument("-f", required=True, type=_fold, metavar="FOLD", help="fold, a number or all")
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans identifier (default: %(default)s)")
    parser.add_argument(
        "-tr",
        default="nnUNetTrainerTaichi",
        metavar="TRAINER",
        help="trainer that needs the maps (default: %(default)s)",
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("-device", default=device, choices=("cuda", "cpu", "mps"), help="here: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Mine for one fold and say where the maps are."""
    try:
        require_variables(*DATA_VARIABLES, EXT_VARIABLE)
        _check(args.d, args.p, args.tr)
        trainer = get_trainer_from_args(args.d, args.c, args.f, args.tr, args.p, True, torch.device(args.device))
        _set_up_torch(args.device)
        print(trainer.mine())
    except (ValueError, RuntimeError, OSError) as error:  # no such data set, or configuration; another split
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _check(dataset: str, plans: str, trainer: str) -> None:
    """Refuse what nnU-Net would answer with the name of a missing file, or with folders for nothing.

    Raises:
        ValueError: The data set has no such plans, there is no such trainer, or the trainer needs no maps.
    """
    folder = Path(str(nnUNet_preprocessed)) / maybe_convert_to_dataset_name(dataset)
    if not (folder / f"{plans}.json").is_file():
        raise ValueError(f"{folder.name} has no plans {plans} in {folder}")
    if miner_name(find_trainer(trainer)) is None:
        raise ValueError(f"{trainer} is not trained from easy to hard and needs no maps")


def _set_up_torch(device: str) -> None:
    """Set what `nnUNetv2_train` sets: without it, mining by itself is slower than as the first part of a training."""
    if device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    if device == "cuda":
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):  # torch allows it once a process
            torch.set_num_interop_threads(1)
    if torch.cuda.is_available():
        cudnn.deterministic = False
        cudnn.benchmark = True


def _fold(text: str) -> int | str:
    if text != "all" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number from 0 on or all, got {text!r}")
    return text if text == "all" else int(text)
