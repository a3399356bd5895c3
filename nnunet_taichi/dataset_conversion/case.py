"""One case of a data set, before anything of it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnunet_taichi.dataset_conversion.errors import (
    BadFilesError,
    ConversionError,
    MaskValueError,
    MissingFileError,
    SizeMismatchError,
)
from nnunet_taichi.dataset_conversion.images import read_binary_mask, read_grey, resize

Pixels = NDArray[np.uint8]
Reader = Callable[[Path], Pixels]


@dataclass(frozen=True)
class Case:
    """Where a case's files are and how to read them; cheap to make, and picklable if its readers are.

    Attributes:
        identifier: The case's name in nnU-Net.
        image: The image file.
        masks: The mask files; the label is their union (where values differ, the highest).
        has_lesion: Whether the label must show something, so that a mask is needed, or nothing, with or without a mask.
        read_image: Reads an image file to (H, W).
        read_mask: Reads a mask file to labels (H, W).
    """

    identifier: str
    image: Path
    masks: tuple[Path, ...]
    has_lesion: bool = True
    read_image: Reader = read_grey
    read_mask: Reader = read_binary_mask

    def load(self, size: int | None = None) -> tuple[Pixels, Pixels]:
        """Read the image and its label, both (H, W), or (size, size) if a size is given.

        Raises:
            BadFilesError: Everything that is wrong with the case's files.
        """
        errors: list[ConversionError] = []
        image = _read(self.read_image, self.image, errors)
        masks = {path: _read(self.read_mask, path, errors) for path in self.masks}
        if self.has_lesion and not masks:
            errors.append(MissingFileError(self.image, "there is no mask for this image"))
        if image is not None:
            errors += _find_size_mismatches(image, masks)
        if errors or image is None:
            raise BadFilesError(errors)
        label = np.maximum.reduce([np.zeros_like(image), *(mask for mask in masks.values() if mask is not None)])
        if size:
            image, label = resize(image, size, is_label=False), resize(label, size, is_label=True)
        self._check_label(label)
        return image, label

    def _check_label(self, label: Pixels) -> None:
        """Check that a label (H, W) shows a lesion if, and only if, the case has one."""
        if self.has_lesion and not label.any():
            cause = "expected a lesion, found none"
        elif self.has_lesion and label.all():
            cause = "expected a lesion on a background, found no background"
        elif not self.has_lesion and label.any():
            cause = "expected an empty mask (a case without lesion), found a lesion"
        else:
            return
        height, width = label.shape  # said, since a small lesion may also be lost by resizing
        path = self.masks[0] if self.masks else self.image
        raise BadFilesError([MaskValueError(path, f"{cause}, at {width} x {height} pixels")])


def _read(reader: Reader, path: Path, errors: list[ConversionError]) -> Pixels | None:
    """Read a file, or note why it cannot be read."""
    try:
        return reader(path)
    except ConversionError as error:
        errors.append(error)
        return None


def _find_size_mismatches(image: Pixels, masks: dict[Path, Pixels | None]) -> list[ConversionError]:
    """Compare the image with those masks that could be read."""
    height, width = image.shape
    expected = f"expected {width} x {height} pixels as in its image"
    return [
        SizeMismatchError(path, f"{expected}, found {mask.shape[1]} x {mask.shape[0]}")
        for path, mask in masks.items()
        if mask is not None and mask.shape != image.shape
    ]
