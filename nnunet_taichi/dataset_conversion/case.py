"""One case of a data set, before anything of it is read."""

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
    """A case's pixels.

    Attributes:
        image: (H, W) or (H, W, 3).
        label: (H, W), or None for a test image without truth.
        notes: What was tolerated.
    """

    image: Pixels
    label: Pixels | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """Where a case's files are and how to read them; cheap to make, and picklable if its readers are.

    Attributes:
        identifier: The case's name in nnU-Net.
        image: The image file.
        masks: The mask files; the label is their union (where values differ, the highest).
        has_lesion: Whether the label must show something, so that a mask is needed (True), or nothing, with or without
            a mask (False), or may do either (None); without mask, None means that there is no label.
        read_image: Reads an image file to (H, W) or (H, W, 3).
        read_mask: Reads a mask file to labels (H, W).
        stratum: The class over which folds are balanced.
        group: The patient; no fold separates the images of one. Empty: unknown.
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
            fit_masks: Resize a mask that has another size than its image, instead of refusing it.

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
        """Resize what was loaded to size x size.

        Raises:
            BadFilesError: The lesion, or the background, is lost.
        """
        shape = (size, size)
        label = None if loaded.label is None else _fit(loaded.label, shape)
        if loaded.label is not None and loaded.label.any() and not np.any(label):
            cause = f"shows nothing at {size} x {size} pixels; resize less"
            raise BadFilesError([MaskValueError(self.masks[0], cause)])
        return self._check(loaded._replace(image=resize(loaded.image, shape, is_label=False), label=label))

    def _unite(self, image: Pixels, masks: Sequence[Pixels]) -> Pixels | None:
        """Unite the masks in the image's size."""
        if self.has_lesion is None and not masks:
            return None
        shape = image.shape[:2]
        return np.maximum.reduce([np.zeros(shape, np.uint8), *(_fit(mask, shape) for mask in masks)])

    def _check(self, loaded: Loaded) -> Loaded:
        """Check that a label shows a lesion if, and only if, the case has one."""
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
        height, width = label.shape  # said, since a small lesion may also be lost by resizing
        path = self.masks[0] if self.masks else self.image
        raise BadFilesError([MaskValueError(path, f"at {width} x {height} pixels, {cause}")])


def _read(reader: Reader, path: Path, errors: list[ConversionError]) -> Picture | None:
    """Read a file, or note why it cannot be read."""
    try:
        return reader(path)
    except ConversionError as error:
        errors.append(error)
        return None


def _fit(label: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Give a label the shape (H, W), unless it has it."""
    return label if label.shape == shape else resize(label, (shape[0], shape[1]), is_label=True)


def _find_size_mismatches(image: Pixels, masks: Mapping[Path, Picture]) -> list[ConversionError]:
    """Compare the image with those masks that could be read."""
    found = {path: mask.pixels.shape for path, mask in masks.items()}
    expected = f"expected {image.shape[1]} x {image.shape[0]} pixels as in its image"
    return [
        SizeMismatchError(path, f"{expected}, found {width} x {height}; --fit-masks resizes the mask")
        for path, (height, width) in found.items()
        if (height, width) != image.shape[:2]
    ]
