"""A user's own images and masks, of any format that Pillow or SimpleITK reads, paired by their names."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from unicodedata import normalize

from nnunet_taichi.dataset_conversion.case import Case, Reader
from nnunet_taichi.dataset_conversion.errors import (
    ConversionError,
    MaskValueError,
    MissingFileError,
    SourceNotFoundError,
    TableError,
    UnexpectedFileError,
)
from nnunet_taichi.dataset_conversion.findings import Description, Findings
from nnunet_taichi.dataset_conversion.images import Picture, read_any
from nnunet_taichi.dataset_conversion.labels import parse_labels, parse_regions
from nnunet_taichi.dataset_conversion.masks import read_binary_mask, read_coded_mask
from nnunet_taichi.dataset_conversion.pairing import CHANNEL, File, are_parts, find_pictures, pair
from nnunet_taichi.dataset_conversion.tables import image_key, read_table

SUMMARY = "your own images and masks, of any format that Pillow or SimpleITK reads"
DEFAULT_NAME = None
MANY_CLASSES = 10


def find_cases(
    images: Path,
    masks: Path,
    *,
    labels: Sequence[str] = (),
    regions: Sequence[str] = (),
    table: Path | None = None,
    subfolders: str | None = None,
    rgb: bool = False,
    allow_empty: bool = False,
) -> Findings:
    """Find the cases. No picture is read yet.

    Args:
        images: Folder of the images.
        masks: Folder of the masks, with the same relative paths as their images; it may be the folder of the images.
        labels: Labels of the grey values and colours in masks, each as "NAME=VALUE,..."; without any, all that is not
            black is "lesion".
        regions: Overlapping regions, from the outer to the inner, each as "NAME=LABEL+...".
        table: CSV or xlsx file with columns such as image, class and patient.
        subfolders: Meaning of the first subfolders of `images`, "class" or "patient" (default: class).
        rgb: Whether to keep the colours, in three channels.
        allow_empty: Whether images without a mask, or with an empty one, are cases too.

    Returns:
        The cases by name. A file whose counterpart is missing becomes a case that raises an error when it is read, so
        that it is listed together with all other bad files.

    Raises:
        SourceNotFoundError: A folder does not exist or holds no picture, or no mask has the name of an image.
        TableError: The table cannot be read, or does not fit the images.
        ValueError: The labels, the regions or the number of subfolders make no sense.
    """
    named_labels, codes = parse_labels(labels or ["lesion=1"])
    description, order = parse_regions(regions, named_labels) if regions else (named_labels, None)
    roots = Path(os.path.realpath(images)), Path(os.path.realpath(masks))
    pictures, mask_files = find_pictures(*roots)
    pairs, orphans = pair(pictures, mask_files)
    if not pairs:
        cause = f"no mask has the name of an image: expected such as {pictures[0].name}, found {mask_files[0].name}"
        raise SourceNotFoundError(masks, cause)
    read_mask: Reader = partial(read_coded_mask, codes=codes) if labels else _read_lesion
    template = Case(
        identifier="",
        image=Path(),
        masks=(),
        has_lesion=None if allow_empty or labels else True,  # labels may cover the whole image
        read_image=partial(read_any, channels=3 if rgb else 1),
        read_mask=read_mask if allow_empty else partial(_read_filled, read=read_mask),
    )
    cases = [_fill(template, image, pairs.get(image.key, ()), allow_empty=allow_empty) for image in pictures]
    if all(image.name.endswith(CHANNEL) for image in pictures):  # else it is a counter
        cases = [replace(case, identifier=case.identifier.removesuffix(CHANNEL)) for case in cases]
    cases = _read_subfolders(cases, subfolders)
    cases, notes = _look_up(cases, pictures, table) if table else (cases, [])
    cases += [
        _faulty(MissingFileError(path, "there is no image for this mask; add it to --images, or remove the mask"))
        for path, _ in orphans
    ]
    return Findings(
        cases,
        Description(("R", "G", "B") if rgb else ("ultrasound",), description, "own images", "the owner's", order),
        roots=_roots(*roots),
        tables=[table.resolve()] if table else [],
        tolerated=notes,
    )


def _fill(template: Case, image: File, masks: Sequence[File], *, allow_empty: bool) -> Case:
    """Make the case of an image and its masks, or a case that raises what is wrong with them."""
    if not masks and not allow_empty:
        cause = "there is no mask for this image; add it to --masks, or take the image as empty with --allow-empty"
        return _faulty(MissingFileError(image.path, cause))
    if masks and not are_parts(masks):
        listed = " and ".join(mask.path.name for mask in masks)
        cause = f"has several masks ({listed}); keep one, or number their parts as NAME_mask_1, NAME_mask_2"
        return _faulty(UnexpectedFileError(image.path, cause))
    folder, slash, _ = image.name.partition("/")
    return replace(
        template,
        identifier=re.sub(r"[^\w.-]", "_", image.name),
        image=image.path,
        masks=tuple(mask.path for mask in masks),
        has_lesion=template.has_lesion if masks else False,
        stratum=folder if slash else "",
    )


def _read_subfolders(cases: Sequence[Case], meaning: str | None) -> list[Case]:
    """Take the first subfolders as patients, which no fold divides, if they are. Many subfolders are hardly classes."""
    names = {case.stratum for case in cases if case.stratum}
    if meaning is None and len(names) > MANY_CLASSES:
        raise ValueError(
            f"--images: expected a few classes, found {len(names)} subfolders; say --subfolders patient or class"
        )
    if meaning != "patient":
        return list(cases)
    return [replace(case, stratum="", group=case.stratum) for case in cases]


def _faulty(error: ConversionError) -> Case:
    """Make a case that raises `error` when it is read."""
    return Case(str(error.path), error.path, (), has_lesion=None, read_image=partial(_refuse, error=error))


def _refuse(path: Path, *, error: ConversionError) -> Picture:
    raise error


def _read_lesion(path: Path) -> Picture:
    """Read a binary mask. If that is not possible, say how to read masks of several labels."""
    try:
        return read_binary_mask(path)
    except MaskValueError as error:
        raise MaskValueError(path, f"{error.cause}; or name several labels with --labels NAME=VALUE") from None


def _read_filled(path: Path, *, read: Reader) -> Picture:
    """Read a mask that must show something: an empty mask is most often one that somebody forgot to draw."""
    picture = read(path)
    if not picture.pixels.any():
        raise MaskValueError(path, "shows nothing; draw it, or take empty masks with --allow-empty")
    return picture


def _look_up(cases: Sequence[Case], images: Sequence[File], table: Path) -> tuple[list[Case], list[str]]:
    """Take classes and patients from a table, which may name images by their file or by their identifier.

    Returns:
        The cases, and at most one note, on the images that the table lacks.
    """
    rows = {normalize("NFC", key): row for key, row in read_table(table).items()}
    keys = []
    for case, image in zip(cases, images, strict=True):
        spellings = [image_key(name) for name in (case.identifier, image.name)]
        keys.append(next((spelling for spelling in spellings if spelling in rows), ""))
    named = Counter(filter(None, keys)).most_common(1)
    if not named:
        raise TableError(table, f"names none of the images; give file names such as {images[0].path.name}")
    if named[0][1] > 1:
        doubled = [case.identifier for case, key in zip(cases, keys, strict=True) if key == named[0][0]]
        raise TableError(table, f"{named[0][0]} may be several images; write {' or '.join(doubled)} instead")
    lacking = [image.name for image, key in zip(images, keys, strict=True) if not key]
    found = [
        replace(case, stratum=rows[key].stratum or case.stratum, group=rows[key].group or case.group) if key else case
        for case, key in zip(cases, keys, strict=True)
    ]
    return found, [f"the table lacks {len(lacking)} images: {', '.join(lacking)}"] if lacking else []


def _roots(images: Path, masks: Path) -> dict[str, Path]:
    """Return the folders by prefix, in the order of look-up: if one lies in the other, the inner one comes first."""
    if images == masks:
        return {"": images}
    roots = {"images/": images, "masks/": masks}
    return dict(sorted(roots.items(), key=lambda root: len(root[1].parts), reverse=True))
