"""`nnunet_taichi convert`: turn data sets into nnU-Net raw data sets, and new images into the same format."""

import argparse
import sys
from inspect import signature

from nnunet_taichi.commands import convert_arguments as arguments
from nnunet_taichi.dataset_conversion import busi, dataset_b, folder, new_images, refuge, tn_scui
from nnunet_taichi.dataset_conversion.errors import BadFilesError
from nnunet_taichi.dataset_conversion.exclusion import exclude
from nnunet_taichi.dataset_conversion.raw_dataset import Options, write_raw_dataset
from nnunet_taichi.dataset_conversion.reporting import report, report_new_images
from nnunet_taichi.dataset_conversion.target import check_apart, find_target

CONVERTERS = {  # name: (module, function that adds its arguments)
    "busi": (busi, arguments.add_busi),
    "dataset-b": (dataset_b, arguments.add_source),
    "tn-scui": (tn_scui, arguments.add_source),
    "refuge": (refuge, arguments.add_refuge),
    "folder": (folder, arguments.add_folder),
}
IMAGES = "images"
# arguments that name places, or that do not change what is written: they are left out of conversion.json
PLACES = frozenset(
    {"command", "dataset", "debug", "source", "images", "masks", "table", "exclude", "overwrite", "num_processes"}
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand for each data set, and one for new images."""
    subparsers = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        return subparsers.add_parser(name, help=summary, description=f"{summary}.")

    for name, (converter, add_own) in CONVERTERS.items():
        add_own(add(name, converter.SUMMARY), converter.DEFAULT_NAME)
    arguments.add_new_images(add(IMAGES, new_images.SUMMARY))


def run(args: argparse.Namespace) -> int:
    """Convert one data set and return the exit code. If something is wrong, leave nothing behind."""
    try:
        (_convert_images if args.dataset == IMAGES else _convert)(args)
    except BadFilesError as error:
        print(f"{error}\nNothing was written. Problems to mend: {len(error.errors)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was written.", file=sys.stderr)
        return 130
    return 0


def _convert(args: argparse.Namespace) -> None:
    target = find_target(args.dataset_id, args.name, overwrite=args.overwrite)
    find_cases = CONVERTERS[args.dataset][0].find_cases
    findings = find_cases(**{name: getattr(args, name) for name in signature(find_cases).parameters})
    check_apart(target, findings.roots.values())
    if args.exclude is not None:
        findings = exclude(findings, args.exclude)
    options = Options(
        size=args.resize,
        fit_masks=args.fit_masks,
        test_fraction=getattr(args, "test_fraction", 0.0),
        random_splits=args.random_splits,
        num_processes=args.num_processes,
    )
    recorded = {name: value for name, value in vars(args).items() if name not in PLACES}
    dataset = write_raw_dataset(findings, target, options, converter=args.dataset, arguments=recorded)
    report(dataset, findings, target, args.dataset_id, random_splits=args.random_splits)


def _convert_images(args: argparse.Namespace) -> None:
    count, tolerated = new_images.convert(
        args.source, args.target, args.dataset_id, overwrite=args.overwrite, num_processes=args.num_processes
    )
    report_new_images(count, tolerated, args.target, args.dataset_id)
