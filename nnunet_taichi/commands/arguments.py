"""Command-line arguments that several commands share, spelled as in nnU-Net."""

import argparse
from collections.abc import Callable
from contextlib import suppress

from nnunet_taichi.nnunet.folds import FOLD


def add_fold_of_a_model(parser: argparse.ArgumentParser, trainer_help: str) -> None:
    """Add the arguments that name one training: data set, configuration, fold, trainer, plans and device."""
    parser.add_argument("-d", required=True, metavar="DATASET", help="dataset name or id")
    parser.add_argument("-c", required=True, metavar="CONFIGURATION", help="configuration, such as 2d")
    parser.add_argument("-f", required=True, type=fold, metavar="FOLD", help="fold, a number or all")
    trainer_help += " (default: %(default)s)"
    parser.add_argument("-tr", default="nnUNetTrainerTaichi", metavar="TRAINER", help=trainer_help)
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans identifier (default: %(default)s)")
    add_device(parser, "mps")


def add_device(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add the device to compute on. `choose_device` finds the default later, because torch is slow to import."""
    choices = ("cuda", "cpu", *more)
    parser.add_argument("-device", choices=choices, help="device (default: cuda if there is one, else cpu)")


def choose_device(device: str | None) -> str:
    """Return the device that the user named, or the default: cuda if there is one, else cpu.

    Raises:
        ValueError: The device that was named is not there.
    """
    import torch

    if (device == "cuda" and not torch.cuda.is_available()) or (
        device == "mps" and not torch.backends.mps.is_available()
    ):
        raise ValueError(f"-device {device}: torch finds no such device; use -device cpu, or run nnunet_taichi doctor")
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add the number of worker processes."""
    parser.add_argument(
        "-np", dest="num_processes", type=positive, metavar="N", help="processes (default: one per core)"
    )


def fold(text: str) -> str:
    """Check a fold, a number from 0 on or `all`, and return it."""
    if not FOLD.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a number from 0 on or all, got {text!r}")
    return text


def positive(text: str) -> int:
    """Read a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {text!r}")
    return int(text)


def number(text: str, is_valid: Callable[[float], bool], expected: str) -> float:
    """Read a number. If it is not valid, raise an error that says what was `expected`."""
    with suppress(ValueError):
        if is_valid(float(text)):
            return float(text)
    raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")


def dataset_id(text: str) -> int:
    """Read a data set's number, 1 to 999."""
    if not text.isdecimal() or not 1 <= int(text) <= 999:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 999, got {text!r}")
    return int(text)
