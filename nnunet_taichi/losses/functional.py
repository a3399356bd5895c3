"""The losses of section IV as pure functions of tensors.

Predictions and targets have the shape (B, K, *spatial) for K foreground heads. A mask, which says where pixels count,
broadcasts to that shape. The sums over pixels in equations 17 and 18 are read as means; otherwise, the Dice term would
vanish beside them.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Gather = Callable[[Tensor], Tensor]  # (3, K) sums of this process -> (processes, 3, K)


def dice_loss(
    probabilities: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    batch_dice: bool = False,
    smooth: float = 1e-5,
    skip_empty: bool = False,
    gather: Gather | None = None,
) -> Tensor:
    """Return 1 - (2 sum(y p) + smooth) / (sum(y^2) + sum(p^2) + smooth), averaged (equation 16).

    Args:
        probabilities: Probabilities p in [0, 1], (B, K, *spatial).
        target: Target y in {0, 1}, of the same shape.
        mask: Mask that is 1 where a pixel counts; None counts all.
        batch_dice: Whether to sum over the batch too, instead of treating each image alone; the plan decides this.
        smooth: Constant that keeps the loss of an empty target finite.
        skip_empty: Whether the loss of an empty target is 0 instead of up to 1.
        gather: Function that collects the sums of all processes of a distributed training; used with `batch_dice`.

    Returns:
        The scalar loss.

    >>> dice_loss(torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[1.0, 0.0]]]), smooth=0)  # 1 - 1 / (1 + 0.5)
    tensor(0.3333)
    """
    if mask is not None:
        probabilities, target = probabilities * mask, target * mask
    pixels = tuple(range(2, probabilities.ndim))
    sums = torch.stack([(a * b).sum(pixels) for a, b in ((target, probabilities), (target, target))])  # (2, B, K)
    sums = torch.cat((sums, probabilities.square().sum(pixels)[None]))  # (3, B, K)
    if batch_dice:
        sums = sums.sum(1) if gather is None else gather(sums.sum(1)).sum(0)  # (3, K)
    overlap, true, predicted = sums
    loss = dice_from_sums(overlap, true, predicted, smooth)
    return (loss * (true > 0) if skip_empty else loss).mean()


def dice_from_sums(overlap: Tensor, true: Tensor, predicted: Tensor, smooth: float) -> Tensor:
    """Return equation 16 from its sums over pixels.

    Args:
        overlap: Sums of y p, of any shape.
        true: Sums of y^2, of the same shape.
        predicted: Sums of p^2, of the same shape.
        smooth: Constant that keeps the loss of an empty target finite.

    Returns:
        The loss of each element.
    """
    return 1 - (2 * overlap + smooth) / (true + predicted + smooth)


def bce_loss(logits: Tensor, target: Tensor, mask: Tensor | None = None, *, skip_empty: bool = False) -> Tensor:
    """Return the binary cross-entropy (equation 17) of logits: the mean over pixels, then over images and heads.

    Args:
        logits: Logits, (B, K, *spatial).
        target: Target in {0, 1}, of the same shape.
        mask: Mask that is 1 where a pixel counts; None counts all.
        skip_empty: Whether the loss is 0 for a head of an image without target pixels.

    Returns:
        The scalar loss.

    >>> bce_loss(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]]))  # log 2
    tensor(0.6931)
    """
    losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    pixels = tuple(range(2, logits.ndim))
    if mask is None:
        losses = losses.mean(pixels)  # (B, K)
    else:
        mask = mask.expand_as(losses)
        losses = (losses * mask).sum(pixels) / mask.sum(pixels).clamp_min(1)
        target = target * mask
    return (losses * (target.sum(pixels) > 0) if skip_empty else losses).mean()


def complementary_loss(negative: Tensor, positive: Tensor) -> Tensor:
    """Return the mean over pixels of (O_n - (1 - O_p))^2. It is equation 18, whose two halves are equal.

    Args:
        negative: Probabilities O_n of the background path, (B, K, *spatial).
        positive: Probabilities O_p of the lesion path, of the same shape.

    Returns:
        The scalar loss.

    >>> complementary_loss(torch.tensor([[[0.75]]]), torch.tensor([[[0.75]]]))
    tensor(0.2500)
    """
    return squared_disagreement(negative, positive).mean()


def squared_disagreement(negative: Tensor, positive: Tensor) -> Tensor:
    """Return (O_n - (1 - O_p))^2 of each pixel, for probabilities of the same shape. Its mean is equation 18."""
    return (negative - (1 - positive)).square()
