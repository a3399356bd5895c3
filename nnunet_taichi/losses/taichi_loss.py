"""The objective of TaiChiNet (equations 13-22) on the host's targets."""

from collections.abc import Sequence
from typing import Any

import torch
from nnunetv2.utilities.ddp_allgather import AllGatherGrad
from torch import Tensor, nn

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.curriculum import Stage
from nnunet_taichi.difficulty.coding import decode_difficulty
from nnunet_taichi.losses.functional import bce_loss, complementary_loss, dice_loss


class TaiChiLoss(nn.Module):
    """Segmentation losses of both paths, the complementary loss, and the difficulty term of the current stage.

    In evaluation mode only the two segmentation losses remain, so that validation losses compare across stages. The
    arithmetic is float32, outside autocast.

    Args:
        num_heads: K, foreground classes or regions.
        regions: the target holds a channel a region instead of a label map.
        ignore_label: pixels of this label teach nothing; with regions they are the channel after the last region.
        scale_weights: of each supervised scale, finest first; normalised to sum 1.
        batch_dice: sum the dice over the batch.
        distributed: gather the sums of the batch dice from all processes.
        config: the method.

    Attributes:
        stage: set by the trainer at each epoch.
    """

    def __init__(
        self,
        num_heads: int,
        regions: bool = False,
        ignore_label: int | None = None,
        scale_weights: Sequence[float] = (1.0,),
        batch_dice: bool = False,
        distributed: bool = False,
        config: TaiChiConfig = TaiChiConfig(),
    ) -> None:
        super().__init__()
        self.num_heads, self.regions, self.ignore_label, self.config = num_heads, regions, ignore_label, config
        self.scale_weights = [weight / sum(scale_weights) for weight in scale_weights]
        self.dice: dict[str, Any] = {"batch_dice": batch_dice, "smooth": config.dice_smooth}
        if batch_dice and distributed:
            self.dice["gather"] = AllGatherGrad.apply
        self.stage = Stage.HARD if config.easy_to_hard else Stage.WHOLE

    def forward(self, outputs: list, targets: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss.

        Args:
            outputs: from `TaiChiNet`: the fused logits, which are not supervised, then (z_n, z_p) of each scale; z_n is
                None where there is no negative path.
            targets: of each scale, (B, C, *spatial): a label map or a channel a region (and one for the ignore label),
                in training followed by the difficulty codes.
        """
        scales = zip(self.scale_weights, outputs[1:], targets, strict=False)
        with torch.autocast(targets[0].device.type, enabled=False):
            return torch.stack([w * self._scale_loss(n, _float32(p), t) for w, (n, p), t in scales]).sum()

    def _scale_loss(self, negative: Tensor | None, positive: Tensor, target: Tensor) -> Tensor:
        truth, valid, codes = self._read(target, positive.dtype)
        loss = self._segmentation_loss(positive, truth, valid)  # eq. 15
        if negative is not None:
            consistent = self.config.mutual_learning == "consistent"
            negative = _float32(negative)
            loss = loss + self._segmentation_loss(negative, truth if consistent else 1 - truth, valid)  # eq. 14
            negative = -negative if consistent else negative  # from here on "not class k", as in eq. 18
        if not self.training:
            return loss
        if codes is not None and self.stage != Stage.WHOLE:
            loss = loss + self._difficulty_loss(positive, truth, valid, decode_difficulty(codes, self.num_heads))
        if negative is not None and self.config.complementary_loss and self.stage != Stage.EASY:
            loss = loss + complementary_loss(negative.sigmoid(), positive.sigmoid())  # eq. 18; needs no labels
        return loss

    def _segmentation_loss(
        self, logits: Tensor, target: Tensor, mask: Tensor | None, skip_empty: bool = False
    ) -> Tensor:
        dice = dice_loss(logits.sigmoid(), target, mask, skip_empty=skip_empty, **self.dice)
        return dice + bce_loss(logits, target, mask, skip_empty=skip_empty)

    def _difficulty_loss(self, positive: Tensor, truth: Tensor, valid: Tensor | None, levels: Tensor) -> Tensor:
        """Return the second half of equation 21 or 22; an empty set says nothing and is skipped.

        As written ("literal"), lesion pixels outside the set count as background; "masked" leaves them out.
        """
        chosen = (levels == self.stage).to(truth.dtype)
        if self.config.difficulty_terms == "masked":
            spared = 1 - truth * (1 - chosen)
            valid = spared if valid is None else spared * valid
        return self._segmentation_loss(positive, chosen, valid, skip_empty=True)

    def _read(self, target: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Split a target into truth (B, K, *spatial), valid pixels (B, 1, *spatial) and difficulty codes."""
        labels = target[:, :1]
        if self.regions:
            width = self.num_heads + (self.ignore_label is not None)
            truth, ignored = target[:, : self.num_heads], target[:, self.num_heads : width] > 0
        else:
            width, heads = 1, torch.arange(1, self.num_heads + 1, device=target.device, dtype=target.dtype)
            truth, ignored = labels == heads.view(-1, *[1] * (target.ndim - 2)), labels.eq(self.ignore_label or -1)
        valid = (~ignored).to(dtype) if self.ignore_label is not None else None
        return truth.to(dtype), valid, target[:, width] if target.shape[1] > width else None


def _float32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
