"""What figures of images share: choice of a slice, outlines of masks, and pictures as text in a page."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS: dict[str, dict[str, Any]] = {"webp": {"quality": 80}, "jpeg": {"quality": 80}, "png": {}}
Array = NDArray[Any]
Volume = NDArray[np.bool_]  # (Z, Y, X), in 2D with Z = 1


def fullest_slice(truths: Sequence[Volume], predictions: Sequence[Volume]) -> int:
    """Choose the slice of masks (Z, Y, X) with most pixels of the truth, else of the predictions, else the middle."""
    for masks in (truths, predictions):
        areas = np.sum([mask.sum((1, 2)) for mask in masks], axis=0)
        if np.any(areas):
            return int(np.argmax(areas))
    return len(truths[0]) // 2


def outline_mask(ax: Any, mask: NDArray[Any], colour: str, linewidth: float, **style: Any) -> None:
    """Outline a mask (Y, X) in matplotlib's axes, at the image's edge as well.

    Args:
        ax: Axes in which a pixel is a unit, and the first pixel's centre is the origin.
        mask: Mask (Y, X); if it is empty, nothing is drawn.
        colour: Colour of the line.
        linewidth: Width of the line, points.
        style: Further properties of the line.
    """
    if mask.any():  # matplotlib warns of contours that do not exist
        y, x = (np.arange(-1, size + 1) for size in mask.shape)
        lines = ax.contour(x, y, np.pad(mask.astype(float), 1), [0.5], colors=[colour], linewidths=linewidth)
        lines.set(**style)


def grey_levels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Stretch an image (Y, X) or (Y, X, 3), in any unit, to 0..255; the lowest and the highest 0.2% are clipped."""
    low, high = np.percentile(image, [0.2, 99.8])
    return (255 * np.clip((image - low) / max(high - low, 1e-6), 0, 1)).round().astype(np.uint8)


def scale_to(shape: tuple[int, ...], longest_edge: int) -> float:
    """Return the factor that makes an image of `shape` (Y, X) fit the longest edge, in pixels; 1 if it fits already."""
    return min(1.0, longest_edge / max(shape))


def embed_pixels(pixels: NDArray[np.uint8], longest_edge: int) -> str:
    """Encode a picture (Y, X) or (Y, X, 3), at most `longest_edge` pixels long, as the smallest data URI."""
    picture = Image.fromarray(pixels)
    if (scale := scale_to(pixels.shape[:2], longest_edge)) < 1:
        picture = picture.resize([max(1, round(edge * scale)) for edge in picture.size], Image.Resampling.LANCZOS)
    encoded = {name: _encode(picture, name, options) for name, options in FORMATS.items()}
    smallest = min(encoded, key=lambda name: len(encoded[name]))
    return data_uri(encoded[smallest], f"image/{smallest}")


def _encode(picture: Image.Image, name: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def data_uri(content: bytes, mime: str) -> str:
    """Return bytes as a data URI, which a page can hold."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
