"""Outputs and targets of a few pixels, and losses of them in the plainest words."""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.curriculum import Stage
from nnunet_taichi.losses.taichi_loss import TaiChiLoss

CONFIG = TaiChiConfig()
NO_COMPLEMENT = replace(CONFIG, complementary_loss=False)


def build(stage=Stage.HARD, num_heads=1, config=CONFIG, **kwargs):
    loss = TaiChiLoss(num_heads, config=config, **kwargs)
    loss.stage = stage
    return loss


def logits(*shape, seed=0):
    """Outputs of one scale: a placeholder for the fused logits, and both paths."""
    generator = torch.Generator().manual_seed(seed)
    pair = [torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)]
    return [None, tuple(pair)], pair


def rows(*channels):
    """A target (1, C, pixels) from lists of pixels."""
    return [torch.tensor(channels, dtype=torch.float64)[None]]


def segmentation_loss(z, y, pixels=slice(None)):
    """Dice and cross-entropy of the given pixels of one image and head, in the plainest words."""
    z, y = z[pixels], torch.as_tensor(y, dtype=z.dtype)[pixels]
    p = torch.sigmoid(z)
    overlap = 1 - (2 * (p * y).sum() + 1e-5) / ((y * y).sum() + (p * p).sum() + 1e-5)
    return overlap + F.binary_cross_entropy(p, y)


def complement(pair):
    return F.mse_loss(pair[0].sigmoid(), 1 - pair[1].sigmoid())


#         easy       hard  missed  background
LABELS = [1, 1, 1, 1, 1, 0, 0, 0]
CODES = [1, 1, 1, 2, 0, 0, 0, 0]
EASY, HARD = [1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0]
ONLY_EASY, ONLY_HARD = [0, 1, 2, 5, 6, 7], [3, 5, 6, 7]  # pixels that "masked" keeps
