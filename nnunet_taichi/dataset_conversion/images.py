"""Pictures in and out: 8-bit arrays, whatever the mode of the file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnunet_taichi.dataset_conversion.errors import MaskValueError, MissingFileError, UnreadableFileError

EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read an image as its luminance (ITU-R 601-2: a colour file of a grey image keeps its values), without alpha.

    Returns:
        (H, W), 0 to 255.

    Raises:
        MissingFileError: There is no such file.
        UnreadableFileError: The file is torn, is no picture, or has more than 8 bits a channel.
    """
    return _read(path, "L")


def read_binary_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask: lesion is what is not black, in any colour channel; alpha is not looked at.

    A mask with several brightnesses went through a lossy format or an interpolation. Where its lesion ends is anybody's
    guess, so it is refused, not thresholded.

    Returns:
        (H, W), 0 background and 1 lesion.

    Raises:
        MissingFileError: There is no such file.
        UnreadableFileError: The file is torn, is no picture, or has more than 8 bits a channel.
        MaskValueError: The mask has more than one brightness beside black.
    """
    brightness = _read(path, "RGB").max(axis=-1)  # (H, W)
    levels = np.unique(brightness[brightness > 0])
    if levels.size > 1:
        raise MaskValueError(
            path,
            f"expected black and one other brightness, found {levels.size} beside black ({levels[0]} to {levels[-1]}); "
            "save the mask without compression or interpolation, with two values",
        )
    return (brightness > 0).astype(np.uint8)


def resize(pixels: NDArray[np.uint8], size: int, *, is_label: bool) -> NDArray[np.uint8]:
    """Resize to size x size pixels: images bilinear and antialiased, labels to the nearest neighbour."""
    method = Image.Resampling.NEAREST if is_label else Image.Resampling.BILINEAR  # Pillow antialiases when it shrinks
    return np.asarray(Image.fromarray(pixels).resize((size, size), method))


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (H, W) as an 8-bit grey PNG."""
    Image.fromarray(pixels).save(path)


def _read(path: Path, mode: str) -> NDArray[np.uint8]:
    """Read a file in the given Pillow mode; alpha is dropped, not blended."""
    try:
        with Image.open(path) as image:
            image.verify()  # checksums: decoding alone lets some torn files pass; then Pillow wants it opened anew
        with Image.open(path) as image:
            if image.mode in EIGHT_BIT_MODES:
                return np.asarray(image.convert(mode))
            cause = f"expected 8 bits a channel (modes {', '.join(sorted(EIGHT_BIT_MODES))}), found mode {image.mode}"
    except FileNotFoundError:
        raise MissingFileError(path, "there is no such file") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise UnreadableFileError(path, f"cannot be read ({error}); is it complete?") from error
    raise UnreadableFileError(path, cause)
