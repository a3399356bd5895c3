"""Masks: reading files and turning their values into labels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nnunet_taichi.dataset_conversion.errors import MaskValueError
from nnunet_taichi.dataset_conversion.images import Picture, Pixels, read_opaque

Codes = Mapping[int, int]
COLOUR = 1 << 24  # codes from here on are colours, those below are grey values


def read_binary_mask(path: Path) -> Picture:
    """Read a mask of any format: what is not black in some colour channel is lesion. Constant alpha is ignored.

    A mask with several levels of brightness went through a lossy format or an interpolation. Nobody can say where its
    lesion ends, so it is refused, not thresholded.

    Returns:
        The mask (H, W), 0 for background and 1 for lesion.

    Raises:
        MaskValueError: The mask has more than one level of brightness beside black. Other errors are `read_opaque`'s.
    """
    values = read_opaque(path)
    brightness = values.max(axis=-1) if values.ndim == 3 else values  # (H, W)
    levels = np.unique(brightness[brightness != 0])
    if levels.size > 1:
        raise MaskValueError(
            path,
            f"expected black and one other brightness, found {levels.size} beside black ({levels[0]} to {levels[-1]}); "
            "save the mask without compression or interpolation, with two values",
        )
    return Picture((brightness != 0).astype(np.uint8))


def read_coded_mask(path: Path, *, codes: Codes) -> Picture:
    """Read a mask in which each grey value or colour stands for a label.

    Args:
        path: Picture in any format that Pillow or SimpleITK knows. A palette is read as the colours that it shows.
        codes: Label of each grey value, and of each colour in the code of `colour_code`.

    Returns:
        The labels, (H, W).

    Raises:
        MaskValueError: The mask has a value without a label. Other errors are `read_opaque`'s.
    """
    values = _to_codes(path, read_opaque(path))
    found, places = np.unique(values, return_inverse=True)
    unknown = [code for code in found if code not in codes]
    if unknown:
        shown = ", ".join(map(_show, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        expected = ", ".join(map(_show, codes))
        raise MaskValueError(
            path,
            f"expected the values {expected}, found {shown} as well; name what they stand for, "
            "or save the mask without compression or interpolation",
        )
    labels = np.array([codes[code] for code in found], np.uint8)
    return Picture(labels[places].reshape(values.shape))


def colour_code(red: int, green: int, blue: int) -> int:
    """Return the code of a colour, with 0 to 255 per channel. The code of a grey is its value."""
    return red if red == green == blue else COLOUR | red << 16 | green << 8 | blue


def _to_codes(path: Path, values: Pixels) -> Pixels:
    """Turn (H, W, 3) into codes (H, W). Grey values are their own codes, whatever their dtype."""
    if values.ndim == 2:
        return values
    if values.min() < 0 or values.max() > 255:
        raise MaskValueError(path, f"expected colours from 0 to 255, found {values.max()}; save the mask with 8 bits")
    red, green, blue = np.moveaxis(values.astype(np.int64), -1, 0)
    is_grey = (red == green) & (green == blue)
    return np.where(is_grey, red, COLOUR | red << 16 | green << 8 | blue)


def _show(code: float) -> str:
    return f"{code:g}" if code < COLOUR else f"#{int(code) - COLOUR:06x}"
