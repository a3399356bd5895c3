"""How well an uncertainty tells errors: AUROC over pixels, risk and coverage over images.

The two paths of TaiChiNet answer one question twice, so that their disagreement is an uncertainty. It is worth
something only if it tells more than the fused probability does by itself, which is `ambiguity`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Array = NDArray[Any]
DROPPED_BITS = 13  # of the 23 of a float32's fraction: what stays is as fine as half precision, down to 1e-38
BINS = (int(np.float32(1).view(np.uint32)) >> DROPPED_BITS) + 1  # from 0 to 1


def disagreement(lesion: Array, background: Array) -> Array:
    """Return |p_lesion - p_background|, any shape; both are probabilities of the lesion."""
    return np.abs(lesion - background)


def ambiguity(probability: Array) -> Array:
    """Return 1 - |2p - 1|, any shape: 1 where a probability is one half, 0 where it is 0 or 1."""
    return 1 - np.abs(2 * probability - 1)


def image_uncertainty(uncertainty: Array, claimed: Array) -> float:
    """Return the mean uncertainty of an image over the pixels that any output claims.

    Over the whole image it would tell little but how large a lesion is.

    Args:
        uncertainty: of each pixel, any shape.
        claimed: where any output says lesion, boolean, of the same shape. Where nothing is claimed, the image's largest
            uncertainty is returned: nobody disagrees on a lesion then, but somebody may have come close.
    """
    return float(uncertainty[claimed].mean() if claimed.any() else uncertainty.max(initial=0))


def auroc(scores: Array, errors: Array) -> float:
    """Return the probability that a wrong pixel scores higher than a right one, ties counted half.

    Args:
        scores: the uncertainty, any shape.
        errors: where the prediction is wrong, boolean, of the same shape.

    Returns:
        The area under the ROC curve; NaN where all pixels are right or all are wrong.

    >>> auroc(np.array([0.1, 0.3, 0.3, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    both = errors.any() and not errors.all()
    return float(roc_auc_score(errors.ravel(), scores.ravel())) if both else float("nan")


def count_scores(scores: Array, errors: Array) -> Array:
    """Count right and wrong pixels by score, so that counts of many images add up to the AUROC over all their pixels.

    The bins are the shortened floating-point numbers: as fine near 0, where the pixels crowd, as elsewhere.

    Args:
        scores: from 0 to 1, any shape.
        errors: where the prediction is wrong, boolean, of the same shape.

    Returns:
        (2, bins): right pixels and wrong ones, the lowest score first.
    """
    bits = np.ascontiguousarray(scores, np.float32).view(np.uint32)  # of positive numbers, these have their order
    return np.stack([np.bincount(bits[which] >> DROPPED_BITS, minlength=BINS) for which in (~errors, errors)])


def auroc_of_counts(counts: Array) -> float:
    """Return the AUROC of counts (2, bins), as `count_scores` gives them; NaN where a class is empty."""
    right, wrong = counts.astype(float)
    if not right.sum() or not wrong.sum():
        return float("nan")
    lower = right.cumsum() - right
    return float((wrong * (lower + right / 2)).sum() / (wrong.sum() * right.sum()))


def roc_curve(counts: Array) -> tuple[Array, Array]:
    """Return the shares of right and of wrong pixels at or above each score, the highest first, both from 0 to 1."""
    right, wrong = (np.append(0, row[::-1].cumsum()) / row.sum() for row in counts)
    corners = np.append(True, counts[:, ::-1].any(0))
    return right[corners], wrong[corners]


def risk_coverage(uncertainty: Array, risk: Array) -> tuple[Array, Array]:
    """Trace the mean risk of the images that are kept, the least uncertain first.

    Args:
        uncertainty: of each image, (N,). Images of one uncertainty are kept in random order; the expectation is given.
        risk: of each image, as 1 - Dice, (N,).

    Returns:
        coverage: the share of images kept, 1/N to 1.
        risk: their mean risk.

    >>> risk_coverage(np.array([0.3, 0.1, 0.3, 0.1]), np.array([1.0, 0.5, 1.0, 0.0]))[1].tolist()
    [0.25, 0.25, 0.5, 0.625]
    """
    _, group = np.unique(uncertainty, return_inverse=True)
    expected = np.bincount(group, risk) / np.bincount(group)
    kept = np.arange(1, len(group) + 1)
    return kept / len(group), expected[np.sort(group)].cumsum() / kept


def aurc(uncertainty: Array, risk: Array) -> float:
    """Return the area under the risk-coverage curve, its mean over all coverages.

    The best possible is `aurc(risk, risk)`; an uncertainty that knows nothing gets the mean risk.
    """
    return float(risk_coverage(uncertainty, risk)[1].mean())
