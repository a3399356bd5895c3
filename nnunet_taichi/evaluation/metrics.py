"""How good a predicted mask is: counts of pixels, scores of overlap, distances between surfaces."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from nnunet_taichi.nnunet.folds import Counts

Mask = NDArray[np.bool_]  # ([Z,] Y, X)


SURFACE_DISTANCES = (
    "HD95 is the greater of the two directed 95th percentiles of the distances between the surfaces, "
    "ASSD is the mean over the distances of both surfaces; where a mask is empty, both are undefined and left out"
)


class Overlap(NamedTuple):
    """Scores of overlap, from 0 to 1; NaN where a score is 0/0."""

    dice: float
    jaccard: float
    accuracy: float
    precision: float
    sensitivity: float
    specificity: float


def score_mask(truth: Mask, prediction: Mask, valid: Mask | None, spacing: Sequence[float]) -> tuple[Any, ...]:
    """Compute counts, overlap, distances, and the numbers of pixels of the truth and of the prediction.

    Args:
        truth: True mask, ([Z,] Y, X).
        prediction: Predicted mask, ([Z,] Y, X).
        valid: Mask ([Z,] Y, X) of the pixels that count, None for all. For distances, the others are background.
        spacing: Spacing of the axes, in the order of the arrays; the distances have its unit.
    """
    counts = count_pixels(truth, prediction, valid)
    distances = surface_distances(truth, prediction if valid is None else prediction & valid, spacing)
    return *counts, *overlap(counts), *distances, counts.tp + counts.fn, counts.tp + counts.fp


def count_pixels(truth: Mask, prediction: Mask, valid: Mask | None = None) -> Counts:
    """Count the pixels of two masks of one shape, without those that are not `valid` (the ignore label)."""
    if valid is not None:
        truth, prediction = truth[valid], prediction[valid]
    tp = int(np.count_nonzero(truth & prediction))
    fp, fn = int(np.count_nonzero(prediction)) - tp, int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, truth.size - tp - fp - fn)


def overlap(counts: Counts) -> Overlap:
    """Score the overlap of two masks.

    >>> overlap(Counts(tp=1, fp=1, fn=0, tn=3)).accuracy
    0.8
    """
    tp, fp, fn, tn = counts
    return Overlap(
        dice=_share(2 * tp, 2 * tp + fp + fn),
        jaccard=_share(tp, tp + fp + fn),
        accuracy=_share(tp + tn, tp + fp + fn + tn),
        precision=_share(tp, tp + fp),
        sensitivity=_share(tp, tp + fn),
        specificity=_share(tn, tn + fp),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else np.nan


def surface_distances(truth: Mask, prediction: Mask, spacing: Sequence[float]) -> tuple[float, float]:
    """Measure HD95 and ASSD, the 95th percentile and the mean of the distances between two surfaces.

    There is more than one definition of each; these are ours. The surface of a mask consists of its pixels that share a
    face with a pixel outside the mask (4 neighbours in 2D, 6 in 3D; `LabelContour` of SimpleITK). All that lies beyond
    the image is outside, too: a mask that the image's edge cuts off has a surface there. The distance of a pixel of one
    surface is that to the nearest pixel of the other, from centre to centre. HD95 is the greater of the two directed
    95th percentiles (interpolated linearly). ASSD is the mean over the distances of both surfaces together.

    Args:
        truth: True mask, ([Z,] Y, X).
        prediction: Predicted mask, ([Z,] Y, X).
        spacing: Spacing of the axes, in the order of the arrays; the distances have its unit.

    Returns:
        HD95 and ASSD, both NaN where a mask is empty.
    """
    if not (truth.any() and prediction.any()):
        return np.nan, np.nan
    box = _bounding_box(truth | prediction)  # both surfaces lie in it, so no distance changes
    unit = min(spacing)  # in this unit, distances are exact if all axes have one spacing, and else to 1e-4
    surfaces = [_surface(mask[box], [length / unit for length in spacing]) for mask in (truth, prediction)]
    there, back = _directed(*surfaces), _directed(*reversed(surfaces))
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    return float(hd95 * unit), float(np.concatenate([there, back]).mean() * unit)


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    """Find the smallest box that holds a mask, which must not be empty."""
    box = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(filled[0], filled[-1] + 1))
    return tuple(box)


def _surface(mask: Mask, spacing: Sequence[float]) -> SimpleITK.Image:
    """Return an image, larger by a rim of one pixel, in which the pixels of a mask's surface are 1."""
    image = SimpleITK.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))  # else `LabelContour` sees nothing outside
    image.SetSpacing([float(length) for length in reversed(spacing)])  # SimpleITK counts axes from X
    return _on_one_thread(SimpleITK.LabelContourImageFilter()).Execute(image)


def _directed(surface: SimpleITK.Image, other: SimpleITK.Image) -> NDArray[np.float64]:
    """Measure the distance from each pixel of a surface to the nearest pixel of the other surface."""
    distance_map = _on_one_thread(SimpleITK.SignedMaurerDistanceMapImageFilter())
    distance_map.SetUseImageSpacing(True)
    distance_map.SetSquaredDistance(True)  # the filter computes in float32, which is exact for whole numbers
    squares = SimpleITK.GetArrayFromImage(distance_map.Execute(other))
    on_surface = SimpleITK.GetArrayViewFromImage(surface).astype(bool)
    return np.sqrt(np.abs(squares[on_surface]).astype(np.float64))


def _on_one_thread(image_filter: Any) -> Any:
    """Keep a filter on one thread: cases are scored in as many processes as there are cores."""
    image_filter.SetNumberOfThreads(1)
    return image_filter
