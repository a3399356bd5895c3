"""Twins: images that are the same, or that show the same thing with a slightly different frame, crop or marking.

Two images are near twins if the structure of their thumbnails correlates. The thumbnails themselves are not enough: a
dark lower half, a scanner's frame or a round fundus makes unrelated images alike. So each pixel is compared with its
surroundings (local contrast normalisation), black margins are left out, and what all images of the data set share is
subtracted. Thumbnails may be shifted against each other by a pixel.

On BUSI, the pairs with correlations from 0.30 up to 0.86 were inspected. From 0.42 up, all show the same lesion. The
first false pair is at 0.41, and from 0.30 to 0.40, 28 of 46 pairs are false (see
docs/explanation/folds-and-twins.md). A false twin costs next to nothing, because two unrelated images then share a
fold. A missed twin leaks from training into validation.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nnunet_taichi.dataset_conversion.images import Pixels

THRESHOLD = 0.4
SIZE = 32  # height and width of a thumbnail, in pixels
SURROUNDINGS = 2.0  # standard deviation of the blur, in thumbnail pixels: 1/16 of the image's edge
SHIFT = 1  # largest shift, in thumbnail pixels, in both directions
BLACK = 16  # grey values up to this one are margin
CONTRAST_FLOOR = 4.0  # in grey values; it keeps the noise of flat areas small
SHRINKAGE = 20  # images; the mean of fewer is mostly what these few look like, so it counts for less
BLOCK = 512  # rows of the correlation matrix that are in memory at once

Features = NDArray[np.float32]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Twin:
    """Two images that are the same or nearly so.

    Attributes:
        first: Index of one image.
        second: Index of the other image, which is greater.
        kind: Kind of the pair: "same file", "same pixels" or "near".
        correlation: Correlation of the structure of both images, at most 1.
    """

    first: int
    second: int
    kind: str
    correlation: float


def thumbnail(image: Pixels) -> NDArray[np.uint8]:
    """Shrink an image (H, W) or (H, W, 3), 8 or 16 bits, to (SIZE, SIZE) grey values."""
    if image.dtype != np.uint8:
        image = (image * (255 / (image.max() or 1))).round().astype(np.uint8)
    return np.asarray(Image.fromarray(image).convert("L").resize((SIZE, SIZE), Image.Resampling.BOX))


def pixel_digest(image: Pixels) -> str:
    """Return a digest of an image's size and pixels, which does not depend on its file."""
    return hashlib.sha256(f"{image.shape} {image.dtype.str}".encode() + image.tobytes()).hexdigest()


def find_twins(
    thumbnails: Sequence[Pixels], files: Sequence[str], pixels: Sequence[str], threshold: float = THRESHOLD
) -> list[Twin]:
    """Find all pairs of twins.

    Args:
        thumbnails: Thumbnail of each image, as `thumbnail` makes it.
        files: Digest of each file.
        pixels: Digest of each image's pixels.
        threshold: Smallest correlation of near twins.

    Returns:
        The pairs, ordered by their indices. Images with equal files or pixels are twins whatever their correlation.
    """
    if len(files) < 2:
        return []
    near = _correlate(_structure(np.stack(thumbnails).astype(np.float32)), threshold)
    files = [file + content for file, content in zip(files, pixels, strict=True)]  # a header may have its pixels apart
    pairs = near.keys() | _equal_pairs(pixels)
    return [Twin(*pair, _kind(*pair, files, pixels), near.get(pair, 1.0)) for pair in sorted(pairs)]


def group(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return the group number of each of `count` items. Pairs connect items; a single item is a group of its own."""
    edges = np.array(list(pairs), dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].tolist()


def families(items: Iterable[Item], numbers: Iterable[int]) -> list[list[Item]]:
    """List the groups that have more than one item, given the number of each item's group."""
    members: dict[int, list[Item]] = {}
    for item, number in zip(items, numbers, strict=True):
        members.setdefault(number, []).append(item)
    return [family for family in members.values() if len(family) > 1]


def _structure(thumbnails: Features) -> Features:
    """Return what is particular to each thumbnail, from thumbnails (N, SIZE, SIZE), in the same shape."""
    inside = (thumbnails > BLACK).astype(np.float32)
    weight = _blur(inside) + 1e-3
    contrast = (thumbnails - _blur(thumbnails * inside) / weight) * inside
    features = contrast / np.sqrt(_blur(contrast**2) / weight + CONTRAST_FLOOR**2)
    return features - features.sum(axis=0) / (len(features) + SHRINKAGE)


def _blur(thumbnails: Features) -> Features:
    return gaussian_filter(thumbnails, (0, SURROUNDINGS, SURROUNDINGS), mode="constant")


def _correlate(structure: Features, threshold: float) -> dict[tuple[int, int], float]:
    """Map each pair whose correlation at any shift reaches the threshold to its largest correlation."""
    centre = _window(structure, 0, 0)
    found: dict[tuple[int, int], float] = {}
    for down, right in itertools.product(range(-SHIFT, SHIFT + 1), repeat=2):
        window = _window(structure, down, right)
        for start in range(0, len(centre), BLOCK):
            correlations = centre[start : start + BLOCK] @ window.T
            for row, second in np.argwhere(correlations >= threshold).tolist():
                if (first := start + row) != second:
                    pair = min(first, second), max(first, second)
                    found[pair] = max(found.get(pair, -1.0), float(correlations[row, second]))
    return found


def _window(structure: Features, down: int, right: int) -> Features:
    """Return the shifted middle of each image as vectors (N, D) of length 1, or about 0 if there is no structure."""
    inner = SIZE - 2 * SHIFT
    window = structure[:, SHIFT + down :, SHIFT + right :][:, :inner, :inner].reshape(len(structure), -1)
    return window / (np.linalg.norm(window, axis=1, keepdims=True) + 1e-6)


def _equal_pairs(digests: Sequence[str]) -> set[tuple[int, int]]:
    """Pair each item with the first one that has the same digest."""
    first: dict[str, int] = {}
    pairs = ((first.setdefault(digest, index), index) for index, digest in enumerate(digests))
    return {(a, b) for a, b in pairs if a != b}


def _kind(first: int, second: int, files: Sequence[str], pixels: Sequence[str]) -> str:
    if files[first] == files[second]:
        return "same file"
    return "same pixels" if pixels[first] == pixels[second] else "near"
