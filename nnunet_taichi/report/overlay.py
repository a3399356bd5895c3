"""Overlays: a small picture of a case, with truth and predictions as vector contours over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, find_contours

from nnunet_taichi.evaluation.mask_files import MaskReader
from nnunet_taichi.evaluation.predictions import Prediction
from nnunet_taichi.figures.drawing import Volume, embed_pixels, fullest_slice, grey_levels, scale_to

STRAY_PIXELS = 0.4  # of the picture; a contour may leave the mask by so much: stairs become slopes, shapes are kept
NOTHING: NDArray[Any] = np.empty(0)  # an image without slices
FEW_POINTS = 9  # of a contour around one or two pixels; it is not simplified
MOST_POINTS = 10_000  # of a path, about 100 kB; for noise, small contours are dropped and the others made coarser


@dataclass(frozen=True)
class Overlay:
    """A picture and what is drawn over it.

    Attributes:
        place: Text that says which slice of how many is shown; "" in 2D.
        width: Width of the picture in its pixels, which are the unit of all paths.
        height: Height of the picture in its pixels.
        picture: Data URI of the picture; "" if there is no image.
        pixels: Number of true pixels in all slices, by label.
        truth: SVG paths of the true masks, by label.
        predictions: SVG paths of the predicted masks, by run and label, without the runs that lack the case.
    """

    place: str
    width: float
    height: float
    picture: str
    pixels: Mapping[str, int]
    truth: Mapping[str, str]
    predictions: Mapping[str, Mapping[str, str]]


def read_overlay(
    readers: Mapping[str, MaskReader], predictions: Mapping[str, Prediction], longest_edge: int
) -> Overlay:
    """Read a case's files, and draw one slice of it.

    Args:
        readers: Readers of masks, by run.
        predictions: Predictions of the case, by run, at least one.
        longest_edge: Longest edge of the picture, in pixels.
    """
    first = next(iter(predictions))
    file = next((each.image for each in predictions.values() if each.image), None)
    image = _read_image(file, readers[first]) if file else NOTHING
    truth = _read_volumes(predictions[first].reference, readers[first])
    found = {run: _read_volumes(each.prediction, readers[run]) for run, each in predictions.items()}
    shown = fullest_slice([*truth.values()], [volume for volumes in found.values() for volume in volumes.values()])
    depth, height, width = next(iter(truth.values())).shape
    scale = scale_to((height, width), longest_edge)
    picture = embed_pixels(grey_levels(image[shown]), longest_edge) if shown < len(image) else ""

    def draw(volumes: Mapping[str, Volume]) -> dict[str, str]:
        return {label: outline(volume[shown], scale) for label, volume in volumes.items()}

    return Overlay(
        place=f"slice {shown + 1} of {depth}" if depth > 1 else "",
        width=width * scale,
        height=height * scale,
        picture=picture,
        pixels={label: int(volume.sum()) for label, volume in truth.items()},
        truth=draw(truth),
        predictions={run: draw(volumes) for run, volumes in found.items()},
    )


def _read_volumes(path: Path, reader: MaskReader) -> dict[str, Volume]:
    """Read the masks of a file as volumes (Z, Y, X), by label."""
    masks = reader.masks(reader.read(path).values)
    return {label: mask.reshape(-1, *mask.shape[-2:]) for label, mask in masks.items()}


def _read_image(path: Path, reader: MaskReader) -> NDArray[Any]:
    """Read an image (Z, Y, X, 3), or its first channel (Z, Y, X) if nnU-Net does not find three in the file.

    If there is no file, or it cannot be read, the image has no slices: scores and contours are right without it.
    """
    try:
        channels = reader.host.read_images([str(path)])[0]
        return np.moveaxis(channels, 0, -1) if len(channels) == 3 else channels[0]
    except Exception:  # whatever the readers' libraries raise
        return NOTHING


def outline(mask: NDArray[np.bool_], scale: float = 1.0) -> str:
    """Trace a mask (Y, X) as an SVG path, holes included; "" if it is empty.

    The path is in pixels of a picture that is `scale` times as large as the mask; its origin is the picture's corner.
    """
    contours = find_contours(np.pad(mask, 1).astype(np.float32), 0.5)  # padded, to close contours at the image's edge
    longest = sorted(contours, key=len, reverse=True)[: MOST_POINTS // FEW_POINTS]
    stray = STRAY_PIXELS / scale
    while sum(map(len, simple := [_simplify(contour, stray) for contour in longest])) > MOST_POINTS:
        stray *= 2
    return "".join(_path((contour - 0.5) * scale) for contour in simple)  # pixel centres are at .5


def _simplify(contour: NDArray[np.float64], stray: float) -> NDArray[np.float64]:
    """Leave out points of a closed contour (N, 2), but keep enough for it to be seen."""
    if len(contour) <= FEW_POINTS:
        return contour
    simple = approximate_polygon(contour, stray)
    return simple if len(simple) > 3 else contour[:: len(contour) // 4]


def _path(contour: NDArray[np.float64]) -> str:
    """Return a closed contour (N, 2), in rows and columns, as an SVG path."""
    return "M" + " ".join(f"{x:.1f} {y:.1f}".replace(".0", "") for y, x in contour[:-1]) + "Z"
