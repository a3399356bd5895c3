"""What several commands take on the command line, in nnU-Net's spelling."""

import argparse
from collections.abc import Callable
from contextlib import suppress


def add_fold_of_a_model(parser: argparse.ArgumentParser, trainer_help: str) -> None:
    """Add the data set, configuration, fold, trainer, plans and device of one training."""
    parser.add_argument("-d", required=True, metavar="DATASET", help="dataset name or id")
    parser.add_argument("-c", required=True, metavar="CONFIGURATION", help="configuration, as 2d")
    parser.add_argument("-f", required=True, type=fold, metavar="FOLD", help="fold, a number or all")
    trainer_help += " (default: %(default)s)"
    parser.add_argument("-tr", default="nnUNetTrainerTaichi", metavar="TRAINER", help=trainer_help)
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans identifier (default: %(default)s)")
    add_device(parser, "mps")


def add_device(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add the device to compute on; which is the default is found when it is wanted: torch is slow to import."""
    choices = ("cuda", "cpu", *more)
    parser.add_argument("-device", choices=choices, help="default: cuda if there is one, else cpu")


def choose_device(device: str | None) -> str:
    """Return the device that was named, or the default."""
    import torch

    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add the number of processes."""
    parser.add_argument("-np", dest="num_processes", type=positive, metavar="N", help="processes (default: one a core)")


def fold(text: str) -> str:
    """Read a fold."""
    if text != "all" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number from 0 on or all, got {text!r}")
    return text


def positive(text: str) -> int:
    """Read a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return int(text)


def number(text: str, is_valid: Callable[[float], bool], expected: str) -> float:
    """Read a number, or say what was expected."""
    with suppress(ValueError):
        if is_valid(float(text)):
            return float(text)
    raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")


def dataset_id(text: str) -> int:
    """Read a data set's number."""
    if not text.isdecimal() or not 1 <= int(text) <= 999:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 999, got {text!r}")
    return int(text)
