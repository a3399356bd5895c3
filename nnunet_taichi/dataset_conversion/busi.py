"""BUSI, breast ultrasound images (Al-Dhabyani et al. 2020): `benign (1).png`, `benign (1)_mask.png`, and so on."""

import re
from collections import defaultdict
from pathlib import Path

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.errors import BadFilesError, SourceNotFoundError, UnexpectedFileError
from nnunet_taichi.dataset_conversion.findings import Description, Findings
from nnunet_taichi.dataset_conversion.layout import files, find_root, subfolders

SUMMARY = "BUSI, breast ultrasound: 437 benign lesions, 210 malignant ones, 133 normal images"
DEFAULT_NAME = "BUSI"
DESCRIPTION = Description(
    channels=("ultrasound",),
    labels={"background": 0, "lesion": 1},
    reference="Al-Dhabyani et al., Dataset of breast ultrasound images, Data in Brief 28 (2020) 104863",
    licence="public; cite the reference",
)

LESION_CLASSES = ("benign", "malignant")
NORMAL_CLASS = "normal"

FilesByNumber = dict[int, list[Path]]


def find_cases(source: Path, *, with_normal: bool = False) -> Findings:
    """Find the cases.

    Args:
        source: Folder that holds benign/, malignant/ and, if needed, normal/, or its parent.
        with_normal: Whether the normal images, with empty labels, are cases as well.

    Returns:
        The cases by class and number, named like benign_001. No picture is read yet.

    Raises:
        SourceNotFoundError: The folders do not exist, or one is empty.
        BadFilesError: There are PNG files with names that do not occur in BUSI.
    """
    classes = (*LESION_CLASSES, NORMAL_CLASS) if with_normal else LESION_CLASSES
    root = find_root(source, classes, "BUSI")
    folders = subfolders(root)
    cases = [case for name in classes for case in _find_cases_of_class(folders[name], name)]
    return Findings(cases, DESCRIPTION, roots={"": root})


def _find_cases_of_class(folder: Path, name: str) -> list[Case]:
    """Pair the images of one class with their masks."""
    images, masks = _sort_files(folder, name)
    if not images:
        raise SourceNotFoundError(folder, f"holds no image: looked for {name} (1).png and so on")
    return [
        Case(f"{name}_{number:03d}", image, tuple(masks.get(number, ())), has_lesion=name != NORMAL_CLASS, stratum=name)
        for number in sorted(images.keys() | masks.keys())
        # a mask without its image becomes a case whose image is missing, to be listed together with all other bad files
        for image in images.get(number, [folder / f"{name} ({number}).png"])
    ]


def _sort_files(folder: Path, name: str) -> tuple[FilesByNumber, FilesByNumber]:
    """Sort the PNG files into images and masks, by number. Other files (notes, thumbnails) are ignored."""
    pattern = re.compile(rf"{name}\s*\((\d+)\)(_mask(?:_\d+)?)?", re.IGNORECASE)
    images: FilesByNumber = defaultdict(list)
    masks: FilesByNumber = defaultdict(list)
    strangers = []
    expected = f"expected {name} (N).png, {name} (N)_mask.png or ..._mask_1.png"
    for path in files(folder, [".png"]):
        match = pattern.fullmatch(path.stem)
        if match:
            (masks if match[2] else images)[int(match[1])].append(path)
        else:
            strangers.append(UnexpectedFileError(path, expected))
    if strangers:
        raise BadFilesError(strangers)
    return images, masks
