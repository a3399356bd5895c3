"""`nnunet_taichi convert`: data sets as nnU-Net raw data sets."""

import argparse
import importlib
import sys
from typing import Any

CONVERTERS = {
    "busi": "nnunet_taichi.dataset_conversion.busi",
    "dataset-b": "nnunet_taichi.dataset_conversion.dataset_b",
    "tn-scui": "nnunet_taichi.dataset_conversion.tn_scui",
    "refuge": "nnunet_taichi.dataset_conversion.refuge",
    "folder": "nnunet_taichi.dataset_conversion.folder",
    "images": "nnunet_taichi.dataset_conversion.new_images",
}
# arguments that name places, or that do not change what is written: conversion.json does not depend on them
PLACES = frozenset(
    {"command", "dataset", "source", "images", "masks", "table", "exclude", "overwrite", "num_processes"}
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand for each data set."""
    subparsers = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for dataset, module in CONVERTERS.items():
        converter = importlib.import_module(module)
        subparser = subparsers.add_parser(dataset, help=converter.SUMMARY, description=converter.SUMMARY + ".")
        converter.add_arguments(subparser)


def run(args: argparse.Namespace) -> int:
    """Convert one data set and return the exit code; what is wrong is printed, and nothing is left behind."""
    from nnunet_taichi.dataset_conversion.errors import BadFilesError, ConversionError
    from nnunet_taichi.runtime.parallel import WorkerDiedError

    converter = importlib.import_module(CONVERTERS[args.dataset])
    try:
        converter.run(args) if hasattr(converter, "run") else _convert(converter, args)
    except BadFilesError as error:
        return _fail(f"{error}\nNothing was written; to mend: {len(error.errors)}")
    except (ConversionError, WorkerDiedError, ValueError, OSError) as error:
        return _fail(f"error: {error}")
    except MemoryError:
        return _fail("error: too little memory; try fewer processes with -np, or fewer pixels with --resize")
    except KeyboardInterrupt:
        return _fail("Interrupted; nothing was written.", exit_code=130)
    return 0


def _convert(converter: Any, args: argparse.Namespace) -> None:
    from nnunet_taichi.dataset_conversion.exclusion import exclude
    from nnunet_taichi.dataset_conversion.raw_dataset import Options, write_raw_dataset
    from nnunet_taichi.dataset_conversion.reporting import report
    from nnunet_taichi.dataset_conversion.target import check_apart, find_target

    target = find_target(args.dataset_id, args.name, overwrite=args.overwrite)
    findings = converter.find_cases(args)
    check_apart(target, findings.roots.values())
    if args.exclude:
        findings = exclude(findings, args.exclude)
    options = Options(
        size=args.resize,
        fit_masks=args.fit_masks,
        test_fraction=getattr(args, "test_fraction", 0.0),
        random_splits=args.random_splits,
        num_processes=args.num_processes,
    )
    arguments = {name: value for name, value in vars(args).items() if name not in PLACES}
    dataset = write_raw_dataset(findings, target, options, converter=args.dataset, arguments=arguments)
    report(dataset, findings, target, args.dataset_id, random_splits=args.random_splits)


def _fail(message: str, exit_code: int = 1) -> int:
    print(message, file=sys.stderr)
    return exit_code
