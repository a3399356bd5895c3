"""Dataset B (UDIAT), breast ultrasound images (Yap et al. 2018): `original/000001.png`, `GT/000001.png`, and so on."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from nnunet_taichi.dataset_conversion import arguments
from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.errors import (
    BadFilesError,
    ConversionError,
    DuplicateCaseError,
    SourceNotFoundError,
    UnexpectedFileError,
)
from nnunet_taichi.dataset_conversion.findings import Description, Findings
from nnunet_taichi.dataset_conversion.layout import files, find_root, subfolders
from nnunet_taichi.dataset_conversion.tables import Row, find_table, image_key, note_missing_classes, read_table

SUMMARY = "Dataset B (UDIAT), breast ultrasound: benign and malignant lesions"
DEFAULT_NAME = "DatasetB"
DESCRIPTION = Description(
    channels=("ultrasound",),
    labels={"background": 0, "lesion": 1},
    reference="Yap et al., Automated breast ultrasound lesions detection using convolutional neural networks, "
    "IEEE Journal of Biomedical and Health Informatics 22(4) (2018) 1218-1226",
    licence="on request from its owners, under an agreement",
)

IMAGES, MASKS, TABLE = "original", "GT", "DatasetB.xlsx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the source and where the data set goes."""
    arguments.add_source(parser)
    arguments.add_target(parser, DEFAULT_NAME)
    arguments.add_test_fraction(parser)
    arguments.add_common(parser)


def find_cases(args: argparse.Namespace) -> Findings:
    """Find the cases in `args.source`, the folder that holds original/ and GT/, or its parent.

    DatasetB.xlsx, where it is there, says which lesion is benign and which malignant.

    Returns:
        The cases by number, named like 000001. No picture is read yet.

    Raises:
        SourceNotFoundError: The folders are not there, or there is no image.
        TableError: The table cannot be read.
        BadFilesError: There are PNG files whose names are no numbers, or two of the same number.
    """
    root = find_root(args.source, (IMAGES, MASKS), "Dataset B")
    table = find_table(TABLE, (root, args.source))
    rows = read_table(table) if table else {}
    cases = []
    for number, image, masks in pair_by_number(root, IMAGES, MASKS):
        row = rows.get(image_key(image.name), Row())
        cases.append(Case(f"{number:06d}", image, masks, stratum=row.stratum.lower(), group=row.group))
    return Findings(
        cases,
        DESCRIPTION,
        roots={"": root},
        tables=[table] if table else [],
        tolerated=note_missing_classes(TABLE, table, cases),
    )


def pair_by_number(root: Path, images: str, masks: str) -> Iterator[tuple[int, Path, tuple[Path, ...]]]:
    """Pair images with masks of the same number: 7.PNG with 0007.png.

    Args:
        root: The folder of both folders.
        images: The name of the images' folder, in any case.
        masks: The name of the masks' folder, in any case.

    Yields:
        A number, its image, and its masks: one or none.

    Raises:
        SourceNotFoundError: There is no image.
        BadFilesError: There are PNG files whose names are no numbers, or two of the same number.
    """
    errors: list[ConversionError] = []
    folders = [subfolders(root)[name.lower()] for name in (images, masks)]
    images_by_number, masks_by_number = (_sort_by_number(folder, errors) for folder in folders)
    if errors:
        raise BadFilesError(errors)
    if not images_by_number:
        raise SourceNotFoundError(folders[0], "holds no image: looked for 1.png, or 000001.png, and so on")
    for number in sorted(images_by_number.keys() | masks_by_number.keys()):
        mask = masks_by_number.get(number)
        # a mask without its image becomes a case without it, so that it is listed together with all other bad files
        image = images_by_number.get(number) or folders[0] / masks_by_number[number].name
        yield number, image, (mask,) if mask else ()


def _sort_by_number(folder: Path, errors: list[ConversionError]) -> dict[int, Path]:
    """Map numbers to files, or note what is wrong; what is no PNG file (notes, thumbnails) is passed over."""
    found: dict[int, Path] = {}
    for path in files(folder, [".png"]):
        if not re.fullmatch("[0-9]+", path.stem):
            errors.append(UnexpectedFileError(path, "expected a number, as 7.png or 000007.png; rename it or move it"))
        elif (first := found.setdefault(int(path.stem), path)) != path:
            errors.append(DuplicateCaseError(path, f"has the number {int(path.stem)}, and so has {first}; remove one"))
    return found
