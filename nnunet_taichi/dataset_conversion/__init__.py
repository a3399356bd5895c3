"""`nnunet_taichi convert`: public data sets as nnU-Net raw data sets.

A converter is a module with SUMMARY, DEFAULT_NAME, DESCRIPTION, `add_arguments(parser)` and `find_cases(args)`. What it
finds is written by the one writer, `raw_dataset`.
"""

import argparse
import importlib
import re
import sys
from pathlib import Path

CONVERTERS = {"busi": "nnunet_taichi.dataset_conversion.busi"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand for each data set."""
    subparsers = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for dataset, module in CONVERTERS.items():
        converter = importlib.import_module(module)
        subparser = subparsers.add_parser(dataset, help=converter.SUMMARY, description=converter.SUMMARY + ".")
        _add_common_arguments(subparser, converter.DEFAULT_NAME)
        converter.add_arguments(subparser)


def run(args: argparse.Namespace) -> int:
    """Convert one data set and return the exit code; what is wrong is printed, and nothing is left behind."""
    from nnunet_taichi.dataset_conversion.errors import BadFilesError, ConversionError

    try:
        _convert(args)
    except BadFilesError as error:
        return _fail(f"{error}\nNothing was written, for these {len(error.errors)} files are bad.")
    except (ConversionError, ValueError, OSError) as error:
        return _fail(f"error: {error}")
    except KeyboardInterrupt:
        return _fail("Interrupted; nothing was written.", exit_code=130)
    return 0


def _convert(args: argparse.Namespace) -> None:
    from nnunetv2.paths import nnUNet_preprocessed

    from nnunet_taichi.dataset_conversion.raw_dataset import write_raw_dataset
    from nnunet_taichi.dataset_conversion.target import find_target

    converter = importlib.import_module(CONVERTERS[args.dataset])
    target = find_target(args.dataset_id, args.name, overwrite=args.overwrite)
    cases = converter.find_cases(args)
    write_raw_dataset(cases, target, converter.DESCRIPTION, size=args.resize, num_processes=args.num_processes)
    print(f"{len(cases)} cases in {target}")
    if nnUNet_preprocessed.is_set() and (outdated := Path(nnUNet_preprocessed) / target.name).exists():
        print(f"Delete {outdated}: it was preprocessed from an earlier copy.")
    print(f"Next: nnUNetv2_plan_and_preprocess -d {args.dataset_id} -c 2d --verify_dataset_integrity")


def _fail(message: str, exit_code: int = 1) -> int:
    print(message, file=sys.stderr)
    return exit_code


def _add_common_arguments(parser: argparse.ArgumentParser, default_name: str) -> None:
    """Add what every converter takes, in the host's spelling."""
    parser.add_argument("source", type=Path, metavar="SRC", help="the data set's folder, or its parent")
    parser.add_argument("-d", dest="dataset_id", type=_dataset_id, required=True, metavar="ID", help="1 to 999")
    parser.add_argument(
        "-n", dest="name", type=_name, default=default_name, help="the data set becomes DatasetID_NAME (%(default)s)"
    )
    parser.add_argument("--resize", type=_positive, metavar="PX", help="resize to PX x PX pixels (each keeps its size)")
    parser.add_argument("--overwrite", action="store_true", help="replace the data set if it exists")
    parser.add_argument("-np", dest="num_processes", type=_positive, metavar="N", help="processes (one a core)")


def _dataset_id(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 999:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 999, got {text!r}")
    return int(text)


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text):
        raise argparse.ArgumentTypeError(f"it names a folder: expected letters, digits and any of _ . -, got {text!r}")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return int(text)
