"""The converters' command-line arguments, spelled as in nnU-Net."""

import argparse
import re
from pathlib import Path

from nnunet_taichi.commands.arguments import add_processes, dataset_id, number, positive
from nnunet_taichi.dataset_conversion.exclusion import shipped_lists

LONGEST_EDGE = 16384


def add_source(parser: argparse.ArgumentParser, default_name: str, *, has_test_set: bool = False) -> None:
    """Add the arguments that every published data set takes."""
    parser.add_argument("source", type=Path, metavar="SRC", help="the data set's folder, or its parent")
    add_target(parser, default_name)
    add_writing(parser, has_test_set=has_test_set)


def add_busi(parser: argparse.ArgumentParser, default_name: str) -> None:
    """Add the arguments of BUSI: those of every published data set, and `--with-normal`."""
    add_source(parser, default_name)
    parser.add_argument("--with-normal", action="store_true", help="also convert the normal images, with empty labels")


def add_refuge(parser: argparse.ArgumentParser, default_name: str) -> None:
    """Add the arguments of REFUGE. It has its own test set, so there is no `--test-fraction`."""
    add_source(parser, default_name, has_test_set=True)


def add_folder(parser: argparse.ArgumentParser, default_name: str | None) -> None:
    """Add the folders of images and masks, and how to read what is in them."""
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the images")
    parser.add_argument(
        "--masks",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the masks; it may be the folder of the images. A mask has the path of its image; _mask, _seg, "
        "_segmentation, _label or _gt may follow the name, then a number if there are several masks (the label is "
        "their union)",
    )
    add_target(parser, default_name)
    parser.add_argument(
        "--labels",
        nargs="+",
        default=(),
        metavar="NAME=VALUE",
        help="labels of grey values and colours, such as rim=128 cup=255,#ff0000 (default: all that is not black is "
        "lesion)",
    )
    parser.add_argument(
        "--regions",
        nargs="+",
        default=(),
        metavar="NAME=LABEL",
        help="learn regions that overlap, from the outer to the inner: disc=rim+cup cup=cup",
    )
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="CSV (UTF-8; commas, semicolons or tabs) or xlsx with columns such as image, class and patient",
    )
    parser.add_argument(
        "--subfolders",
        choices=("class", "patient"),
        help="what the first level of subfolders of --images stands for (default: class)",
    )
    parser.add_argument("--rgb", action="store_true", help="keep the colours, in three channels")
    parser.add_argument("--allow-empty", action="store_true", help="take images without a mask, and empty masks")
    add_writing(parser)


def add_new_images(parser: argparse.ArgumentParser) -> None:
    """Add the new images, the folder to write them to, and the data set that they must fit."""
    parser.add_argument(
        "source", type=Path, metavar="SRC", help="a folder of images (without subfolders), or one image"
    )
    target_help = "the folder to make, which is then the -i of nnUNetv2_predict"
    parser.add_argument("target", type=Path, metavar="DST", help=target_help)
    parser.add_argument(
        "-d", dest="dataset_id", type=dataset_id, required=True, metavar="ID", help="number of the data set, 1 to 999"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace DST if it exists")
    add_processes(parser)


def add_target(parser: argparse.ArgumentParser, default_name: str | None) -> None:
    """Add the number and the name of the data set to write, and whether to replace an existing one."""
    id_help = "number of the new data set, 1 to 999"
    parser.add_argument("-d", dest="dataset_id", type=dataset_id, required=True, metavar="ID", help=id_help)
    parser.add_argument(
        "-n",
        dest="name",
        type=_name,
        default=default_name,
        required=default_name is None,
        help="name; the data set becomes DatasetID_NAME" + (" (default: %(default)s)" if default_name else ""),
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the data set if it exists")


def add_writing(parser: argparse.ArgumentParser, *, has_test_set: bool = False) -> None:
    """Add the options for writing and splitting the cases."""
    if not has_test_set:
        test_help = "set this share aside for testing (default: none)"
        parser.add_argument("--test-fraction", type=_fraction, default=0.0, metavar="F", help=test_help)
    parser.add_argument(
        "--resize",
        type=_edge,
        metavar="PX",
        help="stretch images to PX x PX pixels (default: each image keeps its size)",
    )
    parser.add_argument("--fit-masks", action="store_true", help="resize masks that have another size than their image")
    parser.add_argument(
        "--exclude",
        metavar="FILE",
        help="leave out the images listed in FILE, one name per line, or in a list of ours: "
        + ", ".join(shipped_lists()),
    )
    parser.add_argument(
        "--random-splits", action="store_true", help="leave the folds to nnU-Net: they are random, and may divide twins"
    )
    add_processes(parser)


def _edge(text: str) -> int:
    edge = positive(text)
    if edge > LONGEST_EDGE:
        raise argparse.ArgumentTypeError(f"expected at most {LONGEST_EDGE} pixels, got {text!r}")
    return edge


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text):
        expected = "expected letters, digits and any of _ . - (the name becomes a folder)"
        raise argparse.ArgumentTypeError(f"{expected}, got {text!r}")
    return text


def _fraction(text: str) -> float:
    return number(text, lambda share: 0 <= share < 1, "a share from 0 to below 1")
