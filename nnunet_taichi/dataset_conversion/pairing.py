"""Images and masks in folders of any layout: which files are pictures, and which mask belongs to which image."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from nnunet_taichi.dataset_conversion.errors import SourceNotFoundError
from nnunet_taichi.dataset_conversion.layout import pictures

ENDING = re.compile(r"(\.nii)?\.[a-z][a-z0-9]*$", re.IGNORECASE)  # DICOM files may have none, but numbers with dots
SUFFIX = re.compile(r"[_-](mask|seg|segmentation|label|gt)([_-]?\d+)?$")
CHANNEL = "_0000"  # nnU-Net's suffix of an image's first channel


class File(NamedTuple):
    """A picture's file.

    Attributes:
        path: Where it is.
        name: Its path below the folder that was searched, with slashes and without ending; composed (NFC), since macOS
            takes letters like "ü" apart.
    """

    path: Path
    name: str

    @property
    def key(self) -> str:
        """What files of one case have in common."""
        return self.name.lower()


def find_pictures(images: Path, masks: Path) -> tuple[list[File], list[File]]:
    """List the images and the masks below two folders, which may be one, or one in the other.

    In one folder, the masks are what has a mask's suffix.

    Raises:
        SourceNotFoundError: A folder is not there, or holds no picture.
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
    """Find the masks of each image by its name; ending and case do not matter.

    A mask's name may have a suffix that its image's has not, and an image's nnU-Net's channel number. Names as they
    stand go first: beside the images "a" and "a_gt", the mask "a_gt" belongs to the latter.

    Returns:
        The masks by their image's key, and those without an image.
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
    """Say whether masks are numbered parts of one, as a_mask and a_mask_1, or else rivals, as a_gt and a_seg."""
    keys = {mask.key for mask in masks}
    return len(keys) == len(masks) and len({SUFFIX.sub(r"_\1", key) for key in keys}) == 1


def _list(folder: Path, without: Path) -> list[File]:
    """List the pictures below a folder, but not below another one in it; their order is the same on every system."""
    if not folder.is_dir():
        raise SourceNotFoundError(folder, "is not a folder; give the one that holds the pictures")
    files = [
        File(path, ENDING.sub("", normalize("NFC", path.relative_to(folder).as_posix())))
        for path in pictures(folder, recursive=True)
        if not (folder in without.parents and path.is_relative_to(without))
    ]
    return sorted(files, key=lambda file: (file.key, file.name, file.path.suffix))
