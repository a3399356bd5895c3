"""The loss of TaiChiNet (equations 13-22) on nnU-Net's targets."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from nnunetv2.utilities.ddp_allgather import AllGatherGrad
from torch import Tensor, nn

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.curriculum import Stage
from nnunet_taichi.difficulty.coding import decode_difficulty
from nnunet_taichi.losses.functional import dice_from_sums, squared_disagreement

TERMS = ("negative_dice", "negative_bce", "positive_dice", "positive_bce", "difficulty", "fused", "complementary")
PIXELS = ("lesion_pixels", "easy_pixels", "hard_pixels")

Rows = dict[str, tuple[Tensor, Tensor]]  # goal and mask of each row by its name, (B, K, N), boolean


class TaiChiLoss(nn.Module):
    """Segmentation losses of both paths, the complementary loss, and the difficulty term of the current stage.

    In evaluation mode, only the two segmentation losses remain, so that validation losses of different stages can be
    compared. The arithmetic is in float32, outside autocast. The pixels of all scales and both paths lie in one tensor,
    because in 2D a GPU spends its time on starting operations.

    Args:
        num_heads: Number K of foreground classes or regions.
        regions: Whether the target holds one channel per region instead of a label map.
        ignore_label: Label whose pixels do not count; with regions, the channel after the last region marks them.
        scale_weights: Weight of each supervised scale, finest first; they are normalised to sum to 1.
        batch_dice: Whether the sums of the Dice loss also run over the batch.
        distributed: Whether the sums of the batch Dice are gathered from all processes.
        config: Configuration of the method.

    Attributes:
        stage: Current stage; the trainer sets it at each epoch.
        sums: Sums over the steps in training mode since the trainer cleared them: the number of `steps`; the terms of
            the loss that were on, with their weights; and, where the targets had difficulty codes, the `lesion_pixels`,
            `easy_pixels` and `hard_pixels` of the finest scale, over all heads.
    """

    weights: Tensor

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
        weights = [weight / sum(scale_weights) for weight in scale_weights]
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64), persistent=False)
        self.batch_dice = batch_dice
        self.gather = AllGatherGrad.apply if batch_dice and distributed else None
        self.stage = Stage.HARD if config.easy_to_hard else Stage.WHOLE
        self.sums: dict[str, Any] = {}

    def forward(self, outputs: list, targets: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss.

        Args:
            outputs: List that `TaiChiNet` returns: the fused logits, which are not used here, then (z_n, z_p) of each
                scale; z_n is None if there is no negative path.
            targets: Target of each scale, (B, C, *spatial): a label map, or one channel per region (and one for the
                ignore label). In training, the difficulty codes may follow.
        """
        positive = outputs[1][1]
        dtype = torch.promote_types(positive.dtype, torch.float32)
        if (self.weights.device, self.weights.dtype) != (positive.device, dtype):  # once: copying waits for the GPU
            self.weights = self.weights.to(positive.device, dtype)
        with torch.autocast(positive.device.type, enabled=False):
            terms, pixels = self.measure(outputs[1:], targets, self.stage.value if self.training else None)
            if self.training:
                self._add_up({"steps": 1, **terms, **pixels})
            return torch.stack(list(terms.values())).sum()

    def measure(
        self, scales: list, targets: Sequence[Tensor], stage: int | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the terms of the loss, weighted over the scales, and the numbers of pixels for the curves; by name.

        A row is a pair of logits and goal: background path, lesion path, and those that `_read` adds. Where nnU-Net
        compiles its Dice loss, the trainer compiles this method.

        Args:
            scales: Logits (z_n, z_p) of each scale.
            targets: Target of each scale.
            stage: Value of the stage, or None in evaluation. It is a plain number because torch.compile does not notice
                when an enum attribute changes, and compares tensors with enum members wrongly.
        """
        sizes = [positive.shape[2:].numel() for _, positive in scales]  # N is their sum
        logits = _join(scales).to(self.weights.dtype)  # (B, K, paths, N)
        paths = logits.shape[2]
        rows, regions = self._read(torch.cat([t.flatten(2) for t in targets[: len(scales)]], 2), paths, stage)
        goals, masks = zip(*rows.values(), strict=True)
        flags = torch.stack((*goals, *masks, *regions, torch.ones_like(goals[0])), 2)  # (B, K, flags, N), boolean
        goal, mask = flags[:, :, : 2 * len(rows)].to(logits.dtype).chunk(2, 2)  # (B, K, rows, N)
        if len(rows) > paths:
            logits = torch.cat((logits, *(self._mix(name, logits) for name in list(rows)[paths:])), 2)
        output = logits.sigmoid()
        is_complementary = paths == 2 and self.config.complementary_loss and stage not in (None, Stage.EASY.value)
        others = [self._disagreement(output[:, :, :2])] if is_complementary else []
        cross_entropy = F.binary_cross_entropy_with_logits(logits, goal, reduction="none")
        maps = torch.cat((goal * output, output.square() * mask, cross_entropy * mask, *others), 2)
        counts = _sum_scales(flags, sizes)  # (scales, B, K, flags)
        terms = self._terms(_sum_scales(maps, sizes), counts.to(maps.dtype), list(rows))
        return terms, dict(zip(PIXELS, counts[0, :, :, 2 * len(rows) : -1].sum((0, 1)), strict=False))

    def _read(self, target: Tensor, paths: int, stage: int | None) -> tuple[Rows, list[Tensor]]:
        """Return the rows of a target (B, C, N), and the regions to count, (B, K, N), boolean.

        A goal lies within its mask. After the rows of the paths come "difficulty", the lesion path on the stage's
        region (in the easy and the hard stage); "fused", the fused output (if it is supervised); and "inverse", 1 - O_n
        against the lesion (if `background_dice` needs it), or against the background if both paths learn the lesion. In
        training, targets with difficulty codes give regions, in the order of `PIXELS`.
        """
        width = 1
        if self.regions:
            width = self.num_heads + (self.ignore_label is not None)
            lesion, ignored = target[:, : self.num_heads] > 0, target[:, self.num_heads : width] > 0
        else:
            heads = torch.arange(1, self.num_heads + 1, device=target.device, dtype=target.dtype)
            lesion, ignored = target[:, :1] == heads.view(-1, 1), target[:, :1].eq(self.ignore_label or -1)
        valid = torch.ones_like(lesion) if self.ignore_label is None else (~ignored).expand_as(lesion)
        lesion = lesion & valid
        background = valid & ~lesion
        rows, regions = {"positive": (lesion, valid)}, []  # eq. 15
        if paths == 2:
            rows = {"negative": (lesion if self._is_consistent else background, valid), **rows}  # eq. 14
        if stage is not None and target.shape[1] > width:
            levels = decode_difficulty(target[:, width], self.num_heads)
            found = {level: levels == level for level in (Stage.EASY.value, Stage.HARD.value)}
            regions = [lesion, *(lesion & region for region in found.values())]
            if stage in found:  # eq. 21 or 22
                chosen = found[stage] & valid
                # as written ("literal"), lesion pixels outside the stage's region count as background
                mask = valid if self.config.difficulty_terms == "literal" else chosen | background
                rows["difficulty"] = (chosen, mask)
        if stage is not None and paths == 2 and self.config.fused_weight:
            rows["fused"] = (lesion, valid)
        if paths == 2 and self.config.background_dice != "background":
            rows["inverse"] = (background if self._is_consistent else lesion, valid)
        return rows, regions

    def _mix(self, row: str, logits: Tensor) -> Tensor:
        """Return the logits (B, K, 1, N) of a row that `_read` added, from those of the paths, (B, K, paths, N)."""
        negative, positive = logits[:, :, :1], logits[:, :, -1:]
        if row == "fused":
            weight_n, weight_p = self.config.fusion
            return weight_n * negative + weight_p * positive
        return {"difficulty": positive, "inverse": -negative}[row]

    def _terms(self, sums: Tensor, counts: Tensor, rows: list[str]) -> dict[str, Tensor]:
        """Return the terms from the sums of the maps and the counts of the flags, (scales, B, K, maps or flags)."""
        overlap, predicted, cross_entropy = sums[..., : 3 * len(rows)].chunk(3, -1)  # (scales, B, K, rows)
        true, valid = counts[..., : 2 * len(rows)].chunk(2, -1)
        dice_sums = torch.stack((overlap, true, predicted))
        if self.batch_dice:
            dice_sums = dice_sums.sum(2) if self.gather is None else self.gather(dice_sums.sum(2)).sum(0)
        overlap, seen, predicted = dice_sums
        dice = dice_from_sums(overlap, seen, predicted, self.config.dice_smooth)  # (scales, [B,] K, rows), eq. 16
        cross_entropy = cross_entropy / valid.clamp_min(1)  # eq. 17
        if "difficulty" in rows:  # without pixels, the stage's region does not count
            sparing = rows.index("difficulty")
            dice, cross_entropy = dice * _seen(seen, sparing), cross_entropy * _seen(true, sparing)
        parts = [dice, cross_entropy]
        if sums.shape[-1] > 3 * len(rows):
            parts.append(sums[..., 3 * len(rows) :] / counts[..., -1:])
        means = torch.cat([part.flatten(1, -2).mean(1) for part in parts], 1)  # (scales, terms)
        values = (means * self.weights[: len(means), None]).sum(0)
        names = [f"{row}_{kind}" for kind in ("dice", "bce") for row in rows]
        return self._weigh(dict(zip([*names, "complementary"], values, strict=False)))

    def _weigh(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Join the Dice and cross-entropy of the extra rows, and apply the weights of the configuration."""
        config = self.config
        for row, weight in (("difficulty", config.difficulty_weight), ("fused", config.fused_weight)):
            if f"{row}_dice" in terms:
                terms[row] = weight * (terms.pop(f"{row}_dice") + terms.pop(f"{row}_bce"))
        if "inverse_dice" in terms:
            del terms["inverse_bce"]  # equals the background path's own
            inverse, own = terms.pop("inverse_dice"), terms["negative_dice"]
            terms["negative_dice"] = inverse if config.background_dice == "lesion" else (own + inverse) / 2
        if "complementary" in terms:
            terms["complementary"] = config.complementary_weight * terms["complementary"]
        return terms

    @property
    def _is_consistent(self) -> bool:
        return self.config.mutual_learning == "consistent"

    def _disagreement(self, output: Tensor) -> Tensor:
        """Return the map whose mean is the complementary loss (eq. 18), (B, K, 1, N). It needs no labels."""
        negative, positive = output.chunk(2, 2)
        if self.config.complementary_learner == "background":
            positive = positive.detach()
        return squared_disagreement(1 - negative if self._is_consistent else negative, positive)

    def _add_up(self, step: dict[str, Any]) -> None:
        """Add a step to the sums, as tensors: reading their values would make every step wait for the GPU."""
        for name, value in step.items():
            self.sums[name] = self.sums.get(name, 0) + (value.detach() if isinstance(value, Tensor) else value)


def _join(scales: list) -> Tensor:
    """Join the paths' logits of all scales, each (B, K, *spatial), to (B, K, paths, N), with the lesion path last."""
    paths = [path for path in zip(*scales, strict=True) if path[0] is not None]
    pixels = torch.cat([logits.flatten(2) for path in paths for logits in path], 2)
    return pixels.unflatten(2, (len(paths), -1))


def _sum_scales(maps: Tensor, sizes: list[int]) -> Tensor:
    """Sum maps over the pixels of each scale: (..., N) -> (scales, ...)."""
    return torch.stack([scale.sum(-1) for scale in maps.split(sizes, -1)])


def _seen(true: Tensor, row: int) -> Tensor:
    """Return which rows count, in the shape of `true`: `row` where its goal has pixels, the others always."""
    seen = torch.ones_like(true, dtype=torch.bool)
    seen[..., row] = true[..., row] > 0
    return seen
