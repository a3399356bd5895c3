"""Reading and writing pictures, whatever the mode of the file. Alpha is always dropped, never blended."""

import gzip
import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from nnunet_taichi.dataset_conversion.errors import ConversionError, MissingFileError, UnreadableFileError

EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
GZIP = b"\x1f\x8b"
COLOURS_LOST = "coloured pixels became grey"

Pixels = NDArray[Any]


class Picture(NamedTuple):
    """What was read from a file.

    Attributes:
        pixels: Image, (H, W) or (H, W, 3), uint8 or uint16; for a mask, the labels (H, W), uint8.
        notes: Notes on what was tolerated, each worded as a title above the files that it is about.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()


def read_grey(path: Path) -> Picture:
    """Read the luminance of an 8-bit image, (H, W), by ITU-R 601-2: grey images in colour files keep their values.

    Raises:
        MissingFileError: There is no such file.
        UnreadableFileError: The file is torn, does not hold exactly one picture, or has more than 8 bits per channel.
    """
    return _as_grey(_read(path, partial(_decode, strict=True)))


def read_rgb(path: Path) -> Picture:
    """Read an 8-bit image, (H, W, 3). It raises what `read_grey` raises."""
    return Picture(_as_rgb(_read(path, partial(_decode, strict=True))))


def read_any(path: Path, *, channels: int) -> Picture:
    """Read an image of any format that Pillow or SimpleITK knows, grey (H, W) or colour (H, W, 3).

    For one channel, whole grey values from 0 to 65535 do not change. Other grey values are stretched, from the smallest
    to the largest, onto 16 bits; after nnU-Net's z-score, this makes no difference. Colour, and grey that becomes three
    channels, has 8 bits, since Pillow writes no more; larger values are stretched onto these.

    Raises:
        MissingFileError: There is no such file.
        UnreadableFileError: The file is torn, does not hold exactly one picture, or has values that are not finite.
    """
    pixels = _read(path, _decode_any)
    if pixels.ndim == 2:
        pixels, notes = _fit_range(pixels, np.uint16 if channels == 1 else np.uint8)
        return Picture(pixels if channels == 1 else _as_rgb(pixels), notes)
    pixels, notes = _fit_range(pixels[..., :3], np.uint8)
    if channels == 3:
        return Picture(pixels, notes)
    grey = _as_grey(pixels)
    return Picture(grey.pixels, notes + grey.notes)


def read_values(path: Path) -> Pixels:
    """Read the values of a label picture, (H, W) of any dtype or (H, W, 3). It raises what `read_any` raises."""
    return _read(path, _decode_any)


def read_opaque(path: Path) -> Pixels:
    """Read as `read_values` does, but refuse a picture whose transparency varies, since it hides or shows something."""
    values = read_values(path)
    with suppress(UnidentifiedImageError), Image.open(path) as image:
        if image.has_transparency_data and np.ptp(np.asarray(image.convert("RGBA"))[..., 3]):
            raise UnreadableFileError(path, "is transparent in parts; flatten it onto black")
    return values


def resize(pixels: Pixels, size: tuple[int, int], *, is_label: bool) -> Pixels:
    """Resize to (height, width): images bilinearly with antialiasing, labels by the nearest neighbour."""
    method = Image.Resampling.NEAREST if is_label else Image.Resampling.BILINEAR  # Pillow antialiases when it shrinks
    height, width = size
    return np.asarray(Image.fromarray(pixels).resize((width, height), method))


def write_png(path: Path, pixels: Pixels) -> None:
    """Write (H, W) of 8 or 16 bits, or (H, W, 3) of 8 bits, as PNG."""
    Image.fromarray(pixels).save(path, compress_level=1)  # 6 times as fast as the default, files 16% larger


def _read(path: Path, decode: Callable[[Path], Pixels]) -> Pixels:
    """Decode a file, or raise an error of ours that says why that is not possible."""
    try:
        return decode(path)
    except ConversionError:
        raise
    except PermissionError:
        raise UnreadableFileError(path, "may not be read; ask for the right to read it") from None
    except FileNotFoundError:
        raise MissingFileError(path, "there is no such file") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        reason = (str(error) or type(error).__name__).rpartition("ERROR: ")[2].splitlines()[0]  # SimpleITK's is long
        raise UnreadableFileError(path, f"cannot be read ({reason}); is it complete?") from error


def _decode(path: Path, *, strict: bool = False) -> Pixels:
    """Decode with Pillow, (H, W) or (H, W, 3)."""
    with Image.open(path) as image:
        image.verify()  # checksums: decoding alone lets some torn files pass; then Pillow needs it opened anew
    with Image.open(path) as image:
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise UnreadableFileError(path, f"holds {frames} pictures (animated, or several pages); save one of them")
        is_cut = image.mode in EIGHT_BIT_MODES and ";16" in str(image.tile)  # Pillow drops the lower byte of colours
        if strict and (is_cut or image.mode not in EIGHT_BIT_MODES):
            expected = ", ".join(sorted(EIGHT_BIT_MODES))
            found = f"16 bits in mode {image.mode}" if is_cut else f"mode {image.mode}"
            raise UnreadableFileError(path, f"expected 8 bits a channel (modes {expected}), found {found}")
        if is_cut:
            return _decode_with_simpleitk(path)
        ImageOps.exif_transpose(image, in_place=True)  # as viewers show it, and whoever drew its mask saw it
        if image.mode.startswith(("I", "F")):
            return np.asarray(image)  # one channel of 16 or 32 bits
        return np.asarray(image.convert("L" if image.mode in ("1", "L", "LA", "La") else "RGB"))


def _decode_any(path: Path) -> Pixels:
    """Decode with Pillow, or with SimpleITK if Pillow does not know the format (MetaImage, NIfTI, NRRD, DICOM)."""
    try:
        pixels = _decode(path)
    except UnidentifiedImageError:
        pixels = _decode_with_simpleitk(path)
    if not np.isfinite(pixels).all():
        raise UnreadableFileError(path, "has values that are not finite; replace them")
    return pixels


def _decode_with_simpleitk(path: Path) -> Pixels:
    """Decode with SimpleITK, (H, W) or (H, W, 3)."""
    image = SimpleITK.ReadImage(str(path))
    if image.HasMetaDataKey("vox_offset"):
        _check_nifti(path, image)
    (width, height, *slices), channels = image.GetSize(), image.GetNumberOfComponentsPerPixel()
    if (count := math.prod(slices)) > 1:
        raise UnreadableFileError(path, f"holds {count} pictures (a volume or a film); save one of them")
    if channels > 4:
        raise UnreadableFileError(path, f"expected at most 4 channels (colours and alpha), found {channels}")
    pixels = SimpleITK.GetArrayFromImage(image).reshape(height, width, channels)
    return pixels[..., :3] if channels > 2 else pixels[..., 0]


def _check_nifti(path: Path, image: SimpleITK.Image) -> None:
    """Refuse a torn NIfTI file: SimpleITK would fill what is missing with whatever is in memory."""
    content = path.read_bytes()
    if content.startswith(GZIP):
        content = gzip.decompress(content)
    header = {key: int(float(image.GetMetaData(key))) for key in ("vox_offset", "bitpix", "dim[0]")}
    values = math.prod(int(image.GetMetaData(f"dim[{axis}]")) for axis in range(1, header["dim[0]"] + 1))
    expected = header["vox_offset"] + values * header["bitpix"] // 8
    if len(content) < expected:
        raise EOFError(f"expected {expected} bytes, found {len(content)}")


def _fit_range(pixels: Pixels, dtype: type) -> tuple[Pixels, tuple[str, ...]]:
    """Convert values to uint8 or the given unsigned dtype, and return a note if they change."""
    if pixels.dtype == np.uint8:
        return pixels, ()
    low, high, top = float(pixels.min()), float(pixels.max()), np.iinfo(dtype).max
    if low >= 0 and high <= top and (pixels == np.round(pixels)).all():
        return pixels.astype(np.uint8 if high <= 255 else dtype), ()
    stretched = (pixels.astype(np.float64) - low) * (top / ((high - low) or 1))
    return np.round(stretched).astype(dtype), (f"{pixels.dtype} values were stretched onto {np.dtype(dtype).name}",)


def _as_grey(pixels: Pixels) -> Picture:
    """Return the luminance of (H, W, 3), with a note if colours are lost."""
    if pixels.ndim == 2:
        return Picture(pixels)
    coloured = (pixels != pixels[..., :1]).any()
    return Picture(np.asarray(Image.fromarray(pixels).convert("L")), (COLOURS_LOST,) if coloured else ())


def _as_rgb(pixels: Pixels) -> Pixels:
    """Repeat a grey channel three times."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
