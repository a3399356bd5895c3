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

TERMS = ("negative_dice", "negative_bce", "positive_dice", "positive_bce", "difficulty", "complementary")


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
        sums: over the steps in training mode since the trainer cleared them: how many `steps`, the terms of the loss
            (those that were on, as they are weighted in it), and the `lesion_pixels`, `easy_pixels` and `hard_pixels`
            of the finest scale, over all heads, where the targets had difficulty codes.
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
        self.sums: dict[str, Any] = {}

    def forward(self, outputs: list, targets: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss.

        Args:
            outputs: from `TaiChiNet`: the fused logits, which are not supervised, then (z_n, z_p) of each scale; z_n is
                None where there is no negative path.
            targets: of each scale, (B, C, *spatial): a label map or a channel a region (and one for the ignore label),
                in training followed by the difficulty codes.
        """
        with torch.autocast(targets[0].device.type, enabled=False):
            scales = [self._terms(n, _float32(p), t) for (n, p), t in zip(outputs[1:], targets, strict=False)]
            values = [torch.stack(list(terms.values())) for terms in scales]
            terms = torch.stack([w * v for w, v in zip(self.scale_weights, values, strict=False)]).sum(0)  # (terms,)
            if self.training:
                self._add_up(dict(zip(scales[0], terms.detach(), strict=True)), targets[0])
            return terms.sum()

    def _terms(self, negative: Tensor | None, positive: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return the terms of one scale by name; what is off is missing."""
        terms = {}
        truth, valid, levels = self._read(target, positive.dtype)
        terms["positive_dice"], terms["positive_bce"] = self._segmentation_losses(positive, truth, valid)  # eq. 15
        if negative is not None:
            consistent = self.config.mutual_learning == "consistent"
            negative, goal = _float32(negative), truth if consistent else 1 - truth
            terms["negative_dice"], terms["negative_bce"] = self._segmentation_losses(negative, goal, valid)  # eq. 14
            negative = -negative if consistent else negative  # from here on "not class k", as in eq. 18
        if not self.training:
            return terms
        if levels is not None and self.stage != Stage.WHOLE:
            terms["difficulty"] = self._difficulty_loss(positive, truth, valid, levels)
        if negative is not None and self.config.complementary_loss and self.stage != Stage.EASY:
            agreement = complementary_loss(negative.sigmoid(), positive.sigmoid())
            terms["complementary"] = agreement  # eq. 18; needs no labels
        return terms

    def _segmentation_losses(
        self, logits: Tensor, target: Tensor, mask: Tensor | None, skip_empty: bool = False
    ) -> tuple[Tensor, Tensor]:
        dice = dice_loss(logits.sigmoid(), target, mask, skip_empty=skip_empty, **self.dice)
        return dice, bce_loss(logits, target, mask, skip_empty=skip_empty)

    def _add_up(self, terms: dict[str, Tensor], target: Tensor) -> None:
        """Add a step to the sums, as tensors: reading their values would let every step wait for the GPU."""
        step: dict[str, Any] = {"steps": 1, **terms}
        truth, valid, levels = self._read(target, torch.float32)
        if levels is not None:
            lesion = truth > 0 if valid is None else (truth > 0) & (valid > 0)
            step["lesion_pixels"] = lesion.sum()
            step["easy_pixels"] = (lesion & (levels == Stage.EASY)).sum()
            step["hard_pixels"] = (lesion & (levels == Stage.HARD)).sum()
        for name, value in step.items():
            self.sums[name] = self.sums.get(name, 0) + value

    def _difficulty_loss(self, positive: Tensor, truth: Tensor, valid: Tensor | None, levels: Tensor) -> Tensor:
        """Return the second half of equation 21 or 22; an empty set says nothing and is skipped.

        As written ("literal"), lesion pixels outside the set count as background; "masked" leaves them out.
        """
        chosen = (levels == self.stage).to(truth.dtype)
        if self.config.difficulty_terms == "masked":
            spared = 1 - truth * (1 - chosen)
            valid = spared if valid is None else spared * valid
        dice, bce = self._segmentation_losses(positive, chosen, valid, skip_empty=True)
        return dice + bce

    def _read(self, target: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Split a target into truth (B, K, *spatial), valid pixels (B, 1, *spatial) and difficulty (B, K, *spatial)."""
        labels = target[:, :1]
        if self.regions:
            width = self.num_heads + (self.ignore_label is not None)
            truth, ignored = target[:, : self.num_heads], target[:, self.num_heads : width] > 0
        else:
            width, heads = 1, torch.arange(1, self.num_heads + 1, device=target.device, dtype=target.dtype)
            truth, ignored = labels == heads.view(-1, *[1] * (target.ndim - 2)), labels.eq(self.ignore_label or -1)
        valid = (~ignored).to(dtype) if self.ignore_label is not None else None
        levels = decode_difficulty(target[:, width], self.num_heads) if target.shape[1] > width else None
        return truth.to(dtype), valid, levels


def _float32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
