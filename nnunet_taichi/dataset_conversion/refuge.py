"""REFUGE, photographs of the eye's fundus with optic disc and cup (Orlando et al. 2020), as published or re-packed.

Folders are recognised by the end of their path, at any depth. Files are recognised by their name, whose letter says the
part: g0001 (glaucoma) and n0001 (no glaucoma) are for training, V0001 for validation, T0001 for testing.
"""

import json
import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.errors import (
    BadFilesError,
    ConversionError,
    DuplicateCaseError,
    MaskValueError,
    MissingFileError,
    SourceNotFoundError,
    TableError,
    UnexpectedFileError,
)
from nnunet_taichi.dataset_conversion.findings import Description, Findings, Fold
from nnunet_taichi.dataset_conversion.images import Picture, read_rgb, read_values
from nnunet_taichi.dataset_conversion.layout import files, walk
from nnunet_taichi.dataset_conversion.masks import read_coded_mask
from nnunet_taichi.dataset_conversion.tables import find_table

SUMMARY = "REFUGE, fundus: optic disc and cup, 400 images each for training, validation and testing"
DEFAULT_NAME = "REFUGE"
DESCRIPTION = Description(
    channels=("R", "G", "B"),
    labels={"background": 0, "disc": (1, 2), "cup": 2},
    reference="Orlando et al., REFUGE Challenge, Medical Image Analysis 59 (2020) 101570",
    licence="for research, after registration at the challenge",
    regions_class_order=(1, 2),
)
CODES = {255: 0, 128: 1, 0: 2}  # background, rim, cup
INDEX_CODES = {0: 0, 1: 1, 2: 2}
INDEX_CODED = "a mask is coded 0 background, 1 rim, 2 cup"

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
NAME = re.compile(r"([gnvt])(\d+)", re.IGNORECASE)
LETTERS = "gnVT"
CLASSES = {"g": "glaucoma", "n": "non-glaucoma"}  # by a training file's letter, or a test mask's folder
INDEX_CLASSES = {0: "non-glaucoma", 1: "glaucoma"}  # by the label in a re-pack's index.json
# ends of paths, in lower case and with doubled folders once, in the official tree or in a re-pack
FOLDERS = {
    "images": r"(refuge-)?(training400(/(non-)?glaucoma)?|(validation|test)400)|(train|val|test)/images",
    "masks": r"(annotation-training400|refuge-validation400-gt|refuge-test-gt)/disc_cup_masks(/(g|n|(non-)?glaucoma))?"
    r"|(train|val|test)/(gts|masks)",
}
RE_PACKED = ("images", "gts", "masks")

Folders = dict[str, list[Path]]


def find_cases(source: Path) -> Findings:
    """Find the cases.

    Args:
        source: Folder below which the parts lie, at any depth.

    Returns:
        The cases, named like g0001, in the official partition. No picture is read yet.

    Raises:
        SourceNotFoundError: There are no training images.
        BadFilesError: Pictures have names that do not occur in REFUGE, occur twice, or are masks without an image.
        TableError: An index.json cannot be read.
    """
    folders = _find_folders(source)
    images, masks = _find_pictures(source, folders)
    parents = sorted({folder.parent for folder in folders["images"] if folder.name.lower() in RE_PACKED})
    indices = [path for parent in parents if (path := find_table("index.json", [parent]))]
    classes = {identifier: stratum for path in indices for identifier, stratum in _read_index(path).items()}
    cases = [
        _make_case(identifier, images[identifier], masks.get(identifier), classes.get(identifier, ""))
        for identifier in sorted(images, key=lambda identifier: (LETTERS.index(identifier[0]), identifier))
    ]
    root = Path(os.path.commonpath([*folders["images"], *folders["masks"]]))
    return Findings(
        cases,
        DESCRIPTION,
        roots={"": root},
        folds=_official_folds(cases),
        tables=indices,
        tolerated=_list_tolerated(root, folders, cases),
        left_out=[
            f"{folder.relative_to(root).as_posix()}/ (no folder of REFUGE's images or masks)"
            for folder in folders["others"]
            if folder.is_relative_to(root)
        ],
    )


def read_mask(path: Path) -> Picture:
    """Read a mask in the coding of REFUGE, or in that of a re-pack: 0 background, 1 rim, 2 cup.

    The greatest value distinguishes the two. The corner must be background. Otherwise, masks that are coded the other
    way round (0 background, 255 cup), as in some data sets, would go unnoticed.

    Raises:
        MaskValueError: The mask has other values, or no background in its corner. Other errors are `read_opaque`'s.
    """
    is_index = read_values(path).max() <= max(INDEX_CODES)
    labels = read_coded_mask(path, codes=INDEX_CODES if is_index else CODES).pixels
    if labels[0, 0]:
        cause = "expected background in the corner (255, where 128 is the rim and 0 the cup), found another value"
        raise MaskValueError(path, f"{cause}; is it coded the other way round? Save it with these values")
    return Picture(labels, (INDEX_CODED,) if is_index else ())


def _find_folders(source: Path) -> Folders:
    """Sort the folders that hold pictures into those of images, those of masks, and others."""
    if not source.is_dir():
        raise SourceNotFoundError(source, "is not a folder; give the one that holds the parts of REFUGE")
    folders: Folders = {"images": [], "masks": [], "others": []}
    for folder in walk(source):
        if files(folder, ENDINGS):
            path = _undouble(folder.relative_to(source).as_posix())
            kinds = (kind for kind, pattern in FOLDERS.items() if re.fullmatch(rf"(.*/)?({pattern})", path))
            folders[next(kinds, "others")].append(folder)
    return folders


def _undouble(path: str) -> str:
    """Return a path in lower case without folders that lie in one of the same name: Test400/Test400 is test400."""
    parts = path.lower().split("/")
    return "/".join(parts[:1] + [part for parent, part in pairwise(parts) if part != parent])


def _find_pictures(source: Path, folders: Folders) -> tuple[dict[str, Path], dict[str, Path]]:
    """Find the images and the masks by identifier, or raise everything that is wrong with their names."""
    errors: list[ConversionError] = []
    images, masks = (_identify(folders[kind], errors) for kind in FOLDERS)
    if not errors and not any(identifier[0] in CLASSES for identifier in images):
        cause = "holds no training images of REFUGE: looked for Training400/Glaucoma/g0001.jpg and so on"
        raise SourceNotFoundError(source, f"{cause}, or train/Images/g0001.jpg, at any depth")
    errors += [
        MissingFileError(masks[identifier], "there is no image for this mask; add it, or remove the mask")
        for identifier in sorted(masks.keys() - images.keys())
    ]
    if errors:
        raise BadFilesError(errors)
    return images, masks


def _identify(folders: Sequence[Path], errors: list[ConversionError]) -> dict[str, Path]:
    """Map the identifier of each picture to its path, and add to `errors` what is wrong with names."""
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in files(folder, ENDINGS)):
        identifier = _read_name(path.stem)
        if not identifier:
            errors.append(UnexpectedFileError(path, "expected a name like g0001, n0001, V0001 or T0001; remove it"))
        elif found.setdefault(identifier, path) != path:
            errors.append(
                DuplicateCaseError(path, f"is {identifier}, and so is {found[identifier]}; remove one of them")
            )
    return found


def _read_name(stem: str) -> str:
    """Return a name as REFUGE spells it, or "" if it does not occur in REFUGE."""
    match = NAME.fullmatch(stem)
    if not match:
        return ""
    letter = match[1].lower() if match[1].lower() in CLASSES else match[1].upper()
    return f"{letter}{int(match[2]):04d}"


def _read_index(path: Path) -> dict[str, str]:
    """Map identifiers to classes. Entries without a label, such as those for testing, are ignored."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        entries = content.values() if isinstance(content, dict) else content
        labelled = [entry for entry in entries if entry.get("Label") in (0, 1)]
        return {_read_name(Path(entry["ImgName"]).stem): INDEX_CLASSES[entry["Label"]] for entry in labelled}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        cause = f'cannot be read ({error}): expected entries with "ImgName", and "Label" 0 or 1'
        raise TableError(path, f"{cause}; mend it, or move it away to do without it") from error


def _make_case(identifier: str, image: Path, mask: Path | None, stratum: str) -> Case:
    """Make a case. Only a test image may lack its mask, since the masks of the test set were long kept secret."""
    is_test = identifier.startswith("T")
    folder = mask.parent.name.lower() if mask else ""
    return Case(
        identifier,
        image,
        (mask,) if mask else (),
        has_lesion=None if is_test and not mask else True,
        read_image=read_rgb,
        read_mask=read_mask,
        stratum=CLASSES.get(identifier[0]) or CLASSES.get(folder, stratum),
        is_test=is_test,
    )


def _official_folds(cases: Sequence[Case]) -> list[Fold] | None:
    """Return the one fold of the official partition, or None without the validation part."""
    training = [case.identifier for case in cases if case.identifier[0] in CLASSES]
    validation = [case.identifier for case in cases if case.identifier.startswith("V")]
    return [{"train": training, "val": validation}] if validation else None


def _list_tolerated(root: Path, folders: Folders, cases: Sequence[Case]) -> list[str]:
    """Return notes on how the copy differs from what was published."""
    taken = sorted(folder.relative_to(root).as_posix() for kind in FOLDERS for folder in folders[kind])
    doubled = [path for path in taken if _undouble(path) != path.lower()]
    re_packed = [path for path in taken if path.lower().rpartition("/")[2] in RE_PACKED]
    letters = {case.identifier[0] for case in cases}
    unlabelled = sum(not case.masks for case in cases if case.is_test)
    notes = {
        f"doubled folders: {', '.join(doubled)}": bool(doubled),
        f"folders of a re-pack: {', '.join(re_packed)}": bool(re_packed),
        "there is no validation part, so the folds are not the official partition": "V" not in letters,
        "there is no test part": "T" not in letters,
        f"{unlabelled} test images have no mask, so they get no label": unlabelled > 0,
    }
    return [note for note, applies in notes.items() if applies]
