"""One case of a data set, described before its files are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nnunet_taichi.dataset_conversion.errors import (
    BadFilesError,
    ConversionError,
    MaskValueError,
    MissingFileError,
    SizeMismatchError,
)
from nnunet_taichi.dataset_conversion.images import Picture, Pixels, read_grey, resize
from nnunet_taichi.dataset_conversion.masks import read_binary_mask

Reader = Callable[[Path], Picture]
MASK_FITTED = "a mask was resized to fit its image"


class Loaded(NamedTuple):
    """The pixels of a case.

    Attributes:
        image: Image, (H, W) or (H, W, 3).
        label: Label, (H, W), or None for an image without ground truth.
        notes: Notes on what was tolerated.
    """

    image: Pixels
    label: Pixels | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """Where a case's files are, and how to read them. It is cheap to make, and can be pickled if its readers can.

    Attributes:
        identifier: Name of the case in nnU-Net.
        image: Image file.
        masks: Mask files. The label is their union; where values differ, it has the highest.
        has_lesion: Whether the label shows something. True: it must, so there must be a mask. False: it must not, with
            or without a mask. None: both are allowed, and without a mask there is no label.
        read_image: Function that reads an image file to (H, W) or (H, W, 3).
        read_mask: Function that reads a mask file to labels (H, W).
        stratum: Class over which folds are balanced, or empty.
        group: Patient, whose images no fold separates, or empty if unknown.
        is_test: Whether the data set itself keeps this case for testing.
    """

    identifier: str
    image: Path
    masks: tuple[Path, ...]
    has_lesion: bool | None = True
    read_image: Reader = read_grey
    read_mask: Reader = read_binary_mask
    stratum: str = ""
    group: str = ""
    is_test: bool = False

    def load(self, *, fit_masks: bool = False) -> Loaded:
        """Read the image and its label.

        Args:
            fit_masks: Whether to resize a mask whose size differs from its image's, instead of refusing it.

        Raises:
            BadFilesError: Everything that is wrong with the case's files.
        """
        errors: list[ConversionError] = []
        image = _read(self.read_image, self.image, errors)
        masks = {path: mask for path in self.masks if (mask := _read(self.read_mask, path, errors))}
        if self.has_lesion and not self.masks:
            cause = "there is no mask for this image; add it, or leave the image out with --exclude"
            errors.append(MissingFileError(self.image, cause))
        if image and not fit_masks:
            errors += _find_size_mismatches(image.pixels, masks)
        if errors or not image:
            raise BadFilesError(errors)
        notes = {note for picture in (image, *masks.values()) for note in picture.notes}
        notes |= {MASK_FITTED for mask in masks.values() if mask.pixels.shape != image.pixels.shape[:2]}
        label = self._unite(image.pixels, [mask.pixels for mask in masks.values()])
        return self._check(Loaded(image.pixels, label, tuple(sorted(notes))))

    def resize(self, loaded: Loaded, size: int) -> Loaded:
        """Resize what was loaded to `size` x `size` pixels.

        Raises:
            BadFilesError: The lesion or the background is lost by resizing.
        """
        shape = (size, size)
        label = None if loaded.label is None else _fit(loaded.label, shape)
        if loaded.label is not None and loaded.label.any() and not np.any(label):
            cause = f"shows nothing at {size} x {size} pixels; resize less"
            raise BadFilesError([MaskValueError(self.masks[0], cause)])
        return self._check(loaded._replace(image=resize(loaded.image, shape, is_label=False), label=label))

    def _unite(self, image: Pixels, masks: Sequence[Pixels]) -> Pixels | None:
        """Return the union of the masks in the image's size, or None if there is no label."""
        if self.has_lesion is None and not masks:
            return None
        shape = image.shape[:2]
        return np.maximum.reduce([np.zeros(shape, np.uint8), *(_fit(mask, shape) for mask in masks)])

    def _check(self, loaded: Loaded) -> Loaded:
        """Check that a label shows a lesion if the case must have one, and none if it must not."""
        label = loaded.label
        if label is None:
            return loaded
        if self.has_lesion and not label.any():
            cause = "expected something marked, found nothing; draw it, or leave the image out with --exclude"
        elif self.has_lesion and label.all():
            cause = "expected something marked on a background, found no background"
        elif self.has_lesion is False and label.any():
            cause = "expected an empty mask (a case without lesion), found something marked"
        else:
            return loaded
        height, width = label.shape  # the message gives the size, since a small lesion may also be lost by resizing
        path = self.masks[0] if self.masks else self.image
        raise BadFilesError([MaskValueError(path, f"at {width} x {height} pixels, {cause}")])


def _read(reader: Reader, path: Path, errors: list[ConversionError]) -> Picture | None:
    """Read a file, or add to `errors` why it cannot be read."""
    try:
        return reader(path)
    except ConversionError as error:
        errors.append(error)
        return None


def _fit(label: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Resize a label to the shape (H, W), unless it already has it."""
    return label if label.shape == shape else resize(label, (shape[0], shape[1]), is_label=True)


def _find_size_mismatches(image: Pixels, masks: Mapping[Path, Picture]) -> list[ConversionError]:
    """Return an error for each mask whose size differs from the image's."""
    found = {path: mask.pixels.shape for path, mask in masks.items()}
    expected = f"expected {image.shape[1]} x {image.shape[0]} pixels as in its image"
    return [
        SizeMismatchError(path, f"{expected}, found {width} x {height}; --fit-masks resizes the mask")
        for path, (height, width) in found.items()
        if (height, width) != image.shape[:2]
    ]
