"""The objective of RFNet (Wang, Liang and Zhang, MICCAI 2021) on the host's targets."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nnunet_taichi.losses.functional import bce_loss


class ResidualFeedbackLoss(nn.Module):
    """Score both passes, and teach the residual map where the first one errs.

    The published weights are read as 1: the mean of the passes' segmentation losses, plus the residual map's
    cross-entropy, a mean over pixels, then over images. That one is computed in float32, outside autocast.

    Args:
        loss: of the segmentation, from logits and a target; the host's own.
        regions: the target holds a channel a region instead of a label map.
        ignore_label: pixels of this label teach nothing; with regions they are the channel after the last region.
    """

    def __init__(self, loss: nn.Module, regions: bool, ignore_label: int | None) -> None:
        super().__init__()
        self.loss, self.regions, self.ignore_label = loss, regions, ignore_label

    def forward(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss.

        Args:
            outputs: from `RFNet`: the second and the first pass's logits (B, K, H, W), and those of the residual map,
                (B, 1, H, W).
            targets: the first is of this size: labels (B, 1, H, W), or a channel a region (and one to ignore).
        """
        second, first, residual = outputs
        segmentation = (self.loss(second, targets[0]) + self.loss(first, targets[0])) / 2
        with torch.autocast(residual.device.type, enabled=False):
            error, valid = self._read(first.detach().float(), targets[0])
            return segmentation + bce_loss(residual.float(), error, valid)

    def _read(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the absolute error of logits (B, K, H, W), in [0, 1], and valid pixels; both (B, 1, H, W).

        With labels it is what the true class lacks, for two classes the paper's |p - G|; with regions the largest of
        them.
        """
        if self.regions:
            heads = logits.shape[1]
            valid = None if self.ignore_label is None else ~target[:, heads : heads + 1].bool()
            return (logits.sigmoid() - target[:, :heads].to(logits.dtype)).abs().amax(1, keepdim=True), valid
        labels, valid = target.long(), None
        if self.ignore_label is not None:
            valid = labels != self.ignore_label
            labels = labels * valid  # any class that exists
        return 1 - logits.softmax(1).gather(1, labels), valid
