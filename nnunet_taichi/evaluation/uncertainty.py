"""How well an uncertainty tells errors: AUROC over pixels, risk and coverage over images.

The two paths of TaiChiNet answer the same question, so their disagreement is an uncertainty. It is useful only if it
tells errors better than `ambiguity`, the uncertainty of the fused probability alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Array = NDArray[Any]
DROPPED_BITS = 13  # of a float32's 23 fraction bits: the 10 that stay are as fine as half precision, down to 1e-38
BINS = (int(np.float32(1).view(np.uint32)) >> DROPPED_BITS) + 1  # bins of scores from 0 to 1


def disagreement(lesion: Array, background: Array) -> Array:
    """Return |p_lesion - p_background|, any shape; both are probabilities of the lesion."""
    return np.abs(lesion - background)


def ambiguity(probability: Array) -> Array:
    """Return 1 - |2p - 1|, any shape: 1 where a probability is one half, 0 where it is 0 or 1."""
    return 1 - np.abs(2 * probability - 1)


def image_uncertainty(uncertainty: Array, claimed: Array) -> float:
    """Return the mean uncertainty of an image over the pixels that any output claims.

    The mean over the whole image would tell little more than how large a lesion is.

    Args:
        uncertainty: Uncertainty of each pixel, any shape.
        claimed: Whether any output says lesion, for each pixel, boolean, of the same shape. If no pixel is claimed, the
            result is the image's largest uncertainty: no output says lesion then, but one may have come close.
    """
    return float(uncertainty[claimed].mean() if claimed.any() else uncertainty.max(initial=0))


def auroc(scores: Array, errors: Array) -> float:
    """Return the probability that a wrong pixel scores higher than a right one, ties counted half.

    Args:
        scores: Uncertainty of each pixel, any shape.
        errors: Whether the prediction is wrong, for each pixel, boolean, of the same shape.

    Returns:
        The area under the ROC curve; NaN if all pixels are right or all are wrong.

    >>> auroc(np.array([0.1, 0.3, 0.3, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    both = errors.any() and not errors.all()
    return float(roc_auc_score(errors.ravel(), scores.ravel())) if both else float("nan")


def count_scores(scores: Array, errors: Array) -> Array:
    """Count right and wrong pixels by score. Added over many images, the counts give the AUROC over all their pixels.

    The bins are floating-point numbers without their last bits. So they are as fine near 0, where most pixels are, as
    elsewhere, in proportion to the score.

    Args:
        scores: Uncertainty of each pixel, 0 to 1, any shape.
        errors: Whether the prediction is wrong, for each pixel, boolean, of the same shape.

    Returns:
        Numbers of right and of wrong pixels, (2, bins), the lowest score first.
    """
    bits = np.ascontiguousarray(scores, np.float32).view(np.uint32)  # the bits of positive numbers sort as these do
    return np.stack([np.bincount(bits[which] >> DROPPED_BITS, minlength=BINS) for which in (~errors, errors)])


def auroc_of_counts(counts: Array) -> float:
    """Return the AUROC of counts (2, bins) from `count_scores`; NaN if there are no right or no wrong pixels."""
    right, wrong = counts.astype(float)
    if not right.sum() or not wrong.sum():
        return float("nan")
    lower = right.cumsum() - right
    return float((wrong * (lower + right / 2)).sum() / (wrong.sum() * right.sum()))


def roc_curve(counts: Array) -> tuple[Array, Array]:
    """Return the shares (0 to 1) of right and of wrong pixels at or above each score, from counts (2, bins).

    The highest score comes first.
    """
    right, wrong = (np.append(0, row[::-1].cumsum()) / row.sum() for row in counts)
    corners = np.append(True, counts[:, ::-1].any(0))
    return right[corners], wrong[corners]


def risk_coverage(uncertainty: Array, risk: Array) -> tuple[Array, Array]:
    """Return the mean risk of the images that are kept, for each number of images, the least uncertain first.

    Args:
        uncertainty: Uncertainty of each image, (N,). The order of images with equal uncertainty is random; the result
            is the expectation over it.
        risk: Risk of each image, such as 1 - Dice, (N,).

    Returns:
        coverage: Share of images kept, 1/N to 1, (N,).
        risk: Mean risk of these images, (N,).

    >>> risk_coverage(np.array([0.3, 0.1, 0.3, 0.1]), np.array([1.0, 0.5, 1.0, 0.0]))[1].tolist()
    [0.25, 0.25, 0.5, 0.625]
    """
    _, group = np.unique(uncertainty, return_inverse=True)
    expected = np.bincount(group, risk) / np.bincount(group)
    kept = np.arange(1, len(group) + 1)
    return kept / len(group), expected[np.sort(group)].cumsum() / kept


def aurc(uncertainty: Array, risk: Array) -> float:
    """Return the area under the risk-coverage curve, which is its mean over all coverages.

    The best possible value is `aurc(risk, risk)`. An uncertainty that tells nothing about the risk gets the mean risk.
    """
    return float(risk_coverage(uncertainty, risk)[1].mean())
