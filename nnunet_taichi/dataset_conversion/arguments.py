"""What the converters take on the command line, in the host's spelling."""

import argparse
import re
from pathlib import Path

from nnunet_taichi.dataset_conversion.exclusion import shipped_lists

LONGEST_EDGE = 16384


def add_all(parser: argparse.ArgumentParser, default_name: str) -> None:
    """Add what a data set without a test set of its own takes."""
    add_source(parser)
    add_target(parser, default_name)
    add_test_fraction(parser)
    add_common(parser)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the folder to convert."""
    parser.add_argument("source", type=Path, metavar="SRC", help="the data set's folder, or its parent")


def add_target(parser: argparse.ArgumentParser, default_name: str | None) -> None:
    """Add where the data set goes."""
    parser.add_argument("-d", dest="dataset_id", type=dataset_id, required=True, metavar="ID", help="1 to 999")
    parser.add_argument(
        "-n",
        dest="name",
        type=_name,
        default=default_name,
        required=default_name is None,
        help="the data set becomes DatasetID_NAME" + (" (%(default)s)" if default_name else ""),
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the data set if it exists")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add how cases are written and split."""
    parser.add_argument(
        "--resize", type=_edge, metavar="PX", help="stretch to PX x PX pixels (default: each keeps its size)"
    )
    parser.add_argument("--fit-masks", action="store_true", help="resize masks that have another size than their image")
    parser.add_argument(
        "--exclude",
        metavar="FILE",
        help=f"leave out the images listed in FILE, a name a line; or a list of ours: {', '.join(shipped_lists())}",
    )
    parser.add_argument(
        "--random-splits", action="store_true", help="leave the folds to nnU-Net: random, twins on both sides"
    )
    add_processes(parser)


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add the number of processes."""
    parser.add_argument("-np", dest="num_processes", type=positive, metavar="N", help="processes (default: one a core)")


def add_test_fraction(parser: argparse.ArgumentParser) -> None:
    """Add the share of a test set, for data sets without one of their own."""
    parser.add_argument(
        "--test-fraction",
        type=_fraction,
        default=0.0,
        metavar="F",
        help="set this share aside for testing (default: none)",
    )


def dataset_id(text: str) -> int:
    """Read a data set's number."""
    if not text.isdecimal() or not 1 <= int(text) <= 999:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 999, got {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Read a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return int(text)


def _edge(text: str) -> int:
    edge = positive(text)
    if edge > LONGEST_EDGE:
        raise argparse.ArgumentTypeError(f"expected at most {LONGEST_EDGE} pixels, got {text!r}")
    return edge


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text):
        raise argparse.ArgumentTypeError(f"it names a folder: expected letters, digits and any of _ . -, got {text!r}")
    return text


def _fraction(text: str) -> float:
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction < 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to below 1, got {text!r}")
    return fraction
