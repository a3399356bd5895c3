"""What a predicted mask is worth: pixels counted, scores of overlap, distances between surfaces."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from nnunet_taichi.nnunet.folds import Counts

Mask = NDArray[np.bool_]  # ([Z,] Y, X)


SURFACE_DISTANCES = (
    "HD95 is the greater of the two directed 95th percentiles of the distances between the surfaces, "
    "ASSD the mean over the distances of both; undefined, and left out, where a mask is empty"
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
    """Compute all that is known of a predicted mask: counts, overlap, distances, pixels of the truth and predicted.

    Args:
        truth: ([Z,] Y, X)
        prediction: ([Z,] Y, X)
        valid: Pixels that count, None for all; the others are background to distances.
        spacing: of the axes.
    """
    counts = count_pixels(truth, prediction, valid)
    distances = surface_distances(truth, prediction if valid is None else prediction & valid, spacing)
    return *counts, *overlap(counts), *distances, counts.tp + counts.fn, counts.tp + counts.fp


def count_pixels(truth: Mask, prediction: Mask, valid: Mask | None = None) -> Counts:
    """Count the pixels of two masks of one shape, those that are not `valid` (the ignore label) left out."""
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

    There is more than one definition of either; these are ours. A mask's surface is its pixels with a face in common
    with a pixel outside (4 neighbours in 2D, 6 in 3D; `LabelContour` of SimpleITK), and outside is also what lies
    beyond the image: a mask that is cut off by the image's edge has its surface there. The distance of a pixel of one
    surface is that to the nearest of the other, centre to centre. HD95 is the greater of the two directed 95th
    percentiles (interpolated linearly), ASSD the mean over the distances of both surfaces pooled.

    Args:
        truth: ([Z,] Y, X)
        prediction: ([Z,] Y, X)
        spacing: of the axes in the order of the arrays; the distances have its unit.

    Returns:
        HD95 and ASSD, both NaN where a mask is empty.
    """
    if not (truth.any() and prediction.any()):
        return np.nan, np.nan
    box = _bounding_box(truth | prediction)  # both surfaces lie in it, so no distance changes
    unit = min(spacing)  # in it distances are exact where all axes have one spacing, and else good to 1e-4
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
    """Mark a mask's surface by 1, in an image with a rim of one pixel."""
    image = SimpleITK.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))  # `LabelContour` sees no outside otherwise
    image.SetSpacing([float(length) for length in reversed(spacing)])  # SimpleITK counts axes from X
    return _on_one_thread(SimpleITK.LabelContourImageFilter()).Execute(image)


def _directed(surface: SimpleITK.Image, other: SimpleITK.Image) -> NDArray[np.float64]:
    """Measure the distance from each pixel of a surface to the nearest pixel of the other."""
    distance_map = _on_one_thread(SimpleITK.SignedMaurerDistanceMapImageFilter())
    distance_map.SetUseImageSpacing(True)
    distance_map.SetSquaredDistance(True)  # it computes in float32, which is exact for whole numbers
    squares = SimpleITK.GetArrayFromImage(distance_map.Execute(other))
    on_surface = SimpleITK.GetArrayViewFromImage(surface).astype(bool)
    return np.sqrt(np.abs(squares[on_surface]).astype(np.float64))


def _on_one_thread(image_filter: Any) -> Any:
    """Keep a filter on one thread: cases are scored in as many processes as there are cores."""
    image_filter.SetNumberOfThreads(1)
    return image_filter
