"""What figures of images share: which slice is shown, and how a mask is outlined."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.bool_]  # (Z, Y, X), in 2D with Z = 1


def fullest_slice(truths: Sequence[Volume], predictions: Sequence[Volume]) -> int:
    """Choose the slice of masks (Z, Y, X) that shows most: of the truth, else of the predictions, else the middle."""
    for masks in (truths, predictions):
        areas = np.sum([mask.sum((1, 2)) for mask in masks], axis=0)
        if np.any(areas):
            return int(np.argmax(areas))
    return len(truths[0]) // 2


def outline_mask(ax: Any, mask: NDArray[Any], colour: str, linewidth: float, **style: Any) -> None:
    """Outline a mask (Y, X) in matplotlib's axes, at the image's edge as well.

    Args:
        ax: Axes in which a pixel is a unit, and the first pixel's centre is the origin.
        mask: Mask; of an empty one nothing is drawn.
        colour: Colour of the line.
        linewidth: Width of the line, points.
        style: Properties of the line.
    """
    if mask.any():  # matplotlib warns of contours that do not exist
        y, x = (np.arange(-1, size + 1) for size in mask.shape)
        lines = ax.contour(x, y, np.pad(mask.astype(float), 1), [0.5], colors=[colour], linewidths=linewidth)
        lines.set(**style)
