"""The loss of RFNet (Wang, Liang and Zhang, MICCAI 2021) on nnU-Net's targets."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nnunet_taichi.losses.functional import bce_loss


class ResidualFeedbackLoss(nn.Module):
    """Supervise both passes, and teach the residual map where the first pass errs.

    The published weights are read as 1. The loss is the mean of both passes' segmentation losses, plus the residual
    map's cross-entropy: a mean over pixels, then over images, computed in float32, outside autocast.

    Args:
        loss: Segmentation loss of logits and a target; nnU-Net's own.
        regions: Whether the target holds one channel per region instead of a label map.
        ignore_label: Label whose pixels do not count; with regions, the channel after the last region marks them.
    """

    def __init__(self, loss: nn.Module, regions: bool, ignore_label: int | None) -> None:
        super().__init__()
        self.loss, self.regions, self.ignore_label = loss, regions, ignore_label

    def forward(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss.

        Args:
            outputs: Output of `RFNet`: the second pass's logits and the first pass's, (B, K, H, W), and those of the
                residual map, (B, 1, H, W).
            targets: Targets, of which only the first is used. It has the size of the outputs: labels (B, 1, H, W), or
                one channel per region (and one for the ignore label).
        """
        second, first, residual = outputs
        segmentation = (self.loss(second, targets[0]) + self.loss(first, targets[0])) / 2
        with torch.autocast(residual.device.type, enabled=False):
            error, valid = self._read(first.detach().float(), targets[0])
            return segmentation + bce_loss(residual.float(), error, valid)

    def _read(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the error of logits (B, K, H, W), in [0, 1], and the pixels that count (None: all); both (B, 1, H, W).

        With labels, the error is 1 - p of the true class; for two classes, this is |p - G| of the RFNet paper. With
        regions, it is the largest |p - G| of all regions.
        """
        if self.regions:
            heads = logits.shape[1]
            valid = None if self.ignore_label is None else ~target[:, heads : heads + 1].bool()
            return (logits.sigmoid() - target[:, :heads].to(logits.dtype)).abs().amax(1, keepdim=True), valid
        labels, valid = target.long(), None
        if self.ignore_label is not None:
            valid = labels != self.ignore_label
            labels = labels * valid  # any class that exists will do
        return 1 - logits.softmax(1).gather(1, labels), valid
