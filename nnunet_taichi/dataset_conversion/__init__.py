"""`nnunet_taichi convert`: data sets as nnU-Net raw data sets.

A converter is a module with SUMMARY, DEFAULT_NAME, `add_arguments(parser)` and `find_cases(args) -> Findings`. What it
finds is written by the one writer, `raw_dataset`. A module that has `run(args)` instead does its own work.
"""

import argparse
import importlib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
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
    from nnunet_taichi.dataset_conversion.errors import BadFilesError, ConversionError, WorkerDiedError

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
    _report(dataset, findings, target, args.dataset_id, random_splits=args.random_splits)


def _report(dataset: Any, findings: Any, target: Path, dataset_id: int, *, random_splits: bool) -> None:
    """Print what was made, what was tolerated, and what comes next."""
    from nnunetv2.paths import nnUNet_preprocessed

    from nnunet_taichi.dataset_conversion.splits import FOLDS

    count = f"{len(dataset.training)} cases" + (f" and {len(dataset.test)} for testing" if dataset.test else "")
    print(f"{count} in {target}")
    kept = "; no fold divides one" if dataset.folds and not findings.folds else ""
    _print_composition([*dataset.training, *dataset.test], kept)
    print_tolerated(dataset.tolerated)
    if findings.left_out:
        shown = ", ".join(findings.left_out[:3]) + (", ..." if findings.left_out[3:] else "")
        print(f"Left out ({len(findings.left_out)}): {shown}")
    if dataset.twins:
        print(f"Twins: {sum(map(len, dataset.twins))} images in {len(dataset.twins)} groups{kept}")
    if nnUNet_preprocessed.is_set() and (outdated := Path(nnUNet_preprocessed) / target.name).exists():
        print(f"First delete {outdated}: it was preprocessed from an earlier copy.")
    if findings.folds and dataset.folds:
        print("Folds: 1, the data set's own partition; train -f 0, no other")
    elif 0 < len(dataset.folds) < FOLDS:
        print(f"Folds: {len(dataset.folds)}, for there are no more groups; train no other (nnU-Net would make it up)")
    elif not dataset.folds and not random_splits:
        print("Folds: none, for twins or patients join all images; nnU-Net would divide them at random")
    print(f"Next: nnUNetv2_plan_and_preprocess -d {dataset_id} -c 2d --verify_dataset_integrity")


def _print_composition(cases: Sequence[Any], kept: str) -> None:
    """Print what the folds balance and keep together."""
    classes = Counter(case.stratum for case in cases if case.stratum)
    patients = {case.group for case in cases if case.group}
    if classes:
        print(f"Classes: {', '.join(f'{count} {name}' for name, count in sorted(classes.items()))}")
    if patients:
        print(f"Patients: {len(patients)}{kept}")


def print_tolerated(tolerated: Mapping[str, Sequence[str]]) -> None:
    """Print what was tolerated, and the first of the files to which it happened."""
    for note, names in tolerated.items():
        files = f" ({len(names)}: {', '.join(names[:3])}{', ...' if names[3:] else ''})" if names else ""
        print(f"Tolerated: {note}{files}")


def _fail(message: str, exit_code: int = 1) -> int:
    print(message, file=sys.stderr)
    return exit_code
