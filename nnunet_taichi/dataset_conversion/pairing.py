"""Images and masks in folders of any layout: which files are pictures, and which mask belongs to which image."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from nnunet_taichi.dataset_conversion.errors import (
    BadFilesError,
    ConversionError,
    DuplicateCaseError,
    SourceNotFoundError,
    UnexpectedFileError,
)
from nnunet_taichi.dataset_conversion.layout import files, pictures, subfolders

ENDING = re.compile(r"(\.nii)?\.[a-z][a-z0-9]*$", re.IGNORECASE)  # DICOM files may have none, but numbers with dots
SUFFIX = re.compile(r"[_-](mask|seg|segmentation|label|gt)([_-]?\d+)?$")
CHANNEL = "_0000"  # nnU-Net's suffix of an image's first channel


class File(NamedTuple):
    """The file of a picture.

    Attributes:
        path: Path of the file.
        name: Path below the folder that was searched, with slashes and without ending. It is in composed form (NFC),
            since macOS decomposes letters such as "ü".
    """

    path: Path
    name: str

    @property
    def key(self) -> str:
        """Key that is the same for all files of one case."""
        return self.name.lower()


def find_pictures(images: Path, masks: Path) -> tuple[list[File], list[File]]:
    """List the images and the masks below two folders, which may be the same, or one inside the other.

    If they are the same, the masks are the files with a mask's suffix.

    Raises:
        SourceNotFoundError: A folder does not exist, or holds no picture.
    """
    found_images, found_masks = _list(images, without=masks), _list(masks, without=images)
    if images == masks:
        found_images = [file for file in found_images if not SUFFIX.search(file.key)]
        found_masks = [file for file in found_masks if SUFFIX.search(file.key)]
    if not found_images:
        raise SourceNotFoundError(images, "holds no image (tables, texts and hidden files are passed over)")
    if not found_masks:
        hint = ": expected names that end in _mask, _seg, _segmentation, _label or _gt" if images == masks else ""
        raise SourceNotFoundError(masks, f"holds no mask{hint} (tables, texts and hidden files are passed over)")
    return found_images, found_masks


def pair(images: Sequence[File], masks: Sequence[File]) -> tuple[Mapping[str, list[File]], list[File]]:
    """Find the masks of each image by its name. Ending and case do not matter.

    The name of a mask may have a suffix that its image's name does not have. The name of an image may have nnU-Net's
    channel number. Equal names take precedence: with the images "a" and "a_gt", the mask "a_gt" belongs to "a_gt".

    Returns:
        The masks by their image's key, and the masks without an image.
    """
    images_by_name = {image.key.removesuffix(CHANNEL): image.key for image in images}
    images_by_name |= {image.key: image.key for image in images}
    pairs: dict[str, list[File]] = defaultdict(list)
    orphans = []
    for mask in masks:
        image = images_by_name.get(mask.key) or images_by_name.get(SUFFIX.sub("", mask.key))
        if image:
            pairs[image].append(mask)
        else:
            orphans.append(mask)
    return pairs, orphans


def are_parts(masks: Sequence[File]) -> bool:
    """Tell whether masks are numbered parts of one mask (a_mask, a_mask_1); otherwise they are rivals (a_gt, a_seg)."""
    keys = {mask.key for mask in masks}
    return len(keys) == len(masks) and len({SUFFIX.sub(r"_\1", key) for key in keys}) == 1


def _list(folder: Path, without: Path) -> list[File]:
    """List the pictures below a folder, without those below another folder in it, in the same order on every system."""
    if not folder.is_dir():
        raise SourceNotFoundError(folder, "is not a folder; give the one that holds the pictures")
    files = [
        File(path, ENDING.sub("", normalize("NFC", path.relative_to(folder).as_posix())))
        for path in pictures(folder, recursive=True)
        if not (folder in without.parents and path.is_relative_to(without))
    ]
    return sorted(files, key=lambda file: (file.key, file.name, file.path.suffix))


def pair_by_number(root: Path, images: str, masks: str) -> Iterator[tuple[int, Path, tuple[Path, ...]]]:
    """Pair images with masks of the same number: 7.PNG with 0007.png.

    Args:
        root: Folder that holds both folders.
        images: Name of the folder of images, in any case.
        masks: Name of the folder of masks, in any case.

    Yields:
        A number, the image with this number, and its masks: one or none.

    Raises:
        SourceNotFoundError: There is no image.
        BadFilesError: There are PNG files whose names are not numbers, or two with the same number.
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
        # a mask without its image becomes a case whose image is missing, to be listed together with all other bad files
        image = images_by_number.get(number) or folders[0] / masks_by_number[number].name
        yield number, image, (mask,) if mask else ()


def _sort_by_number(folder: Path, errors: list[ConversionError]) -> dict[int, Path]:
    """Map numbers to PNG files, and add to `errors` what is wrong. Other files (notes, thumbnails) are ignored."""
    found: dict[int, Path] = {}
    for path in files(folder, [".png"]):
        if not re.fullmatch("[0-9]+", path.stem):
            errors.append(UnexpectedFileError(path, "expected a number, as 7.png or 000007.png; rename it or move it"))
        elif (first := found.setdefault(int(path.stem), path)) != path:
            errors.append(DuplicateCaseError(path, f"has the number {int(path.stem)}, and so has {first}; remove one"))
    return found
