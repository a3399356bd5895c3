"""Pictures as text, so that a page can hold them."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS: dict[str, dict[str, Any]] = {"webp": {"quality": 80}, "jpeg": {"quality": 80}, "png": {}}


def grey_levels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Stretch an image (Y, X) or (Y, X, 3), whatever its unit, to 0..255; the outermost 0.2% are clipped."""
    low, high = np.percentile(image, [0.2, 99.8])
    return (255 * np.clip((image - low) / max(high - low, 1e-6), 0, 1)).round().astype(np.uint8)


def scale_to(shape: tuple[int, ...], longest_edge: int) -> float:
    """Give the factor by which an image (Y, X) fits the longest edge; small images stay as they are."""
    return min(1.0, longest_edge / max(shape))


def embed_pixels(pixels: NDArray[np.uint8], longest_edge: int) -> str:
    """Encode a picture (Y, X) or (Y, X, 3) as a data URI, in whichever format is smallest."""
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
    """Write bytes as a URI that a page can hold."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
