"""The loss where the second path is missing, or learns the lesion as well."""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.losses.taichi_loss import TaiChiLoss

CONFIG = TaiChiConfig(easy_to_hard=False)


def loss(config: TaiChiConfig, negative: torch.Tensor | None, positive: torch.Tensor, truth: torch.Tensor) -> float:
    return TaiChiLoss(1, config=config)([None, (negative, positive)], [truth]).item()


def segmentation(logits: torch.Tensor, truth: torch.Tensor) -> float:
    """Dice with squared denominators, and binary cross-entropy."""
    p = logits.sigmoid()
    dice = (2 * (p * truth).sum((2, 3)) + 1e-5) / ((p**2).sum((2, 3)) + (truth**2).sum((2, 3)) + 1e-5)
    return (1 - dice.mean() + F.binary_cross_entropy_with_logits(logits, truth)).item()


def make() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.randn(2, 1, 6, 6), torch.randn(2, 1, 6, 6), (torch.rand(2, 1, 6, 6) > 0.6).float()


def test_one_path_has_its_segmentation_loss_alone() -> None:
    _, positive, truth = make()
    config = replace(CONFIG, lesion_path_only=True, attention=False, head="none", complementary_loss=False)
    assert abs(loss(config, None, positive, truth) - segmentation(positive, truth)) < 1e-4


def test_consistent_paths_both_learn_the_lesion_and_agree() -> None:
    negative, positive, truth = make()
    agreement = ((negative.sigmoid() - positive.sigmoid()) ** 2).mean().item()
    expected = segmentation(negative, truth) + segmentation(positive, truth) + agreement
    config = replace(CONFIG, mutual_learning="consistent")
    assert abs(loss(config, negative, positive, truth) - expected) < 1e-4


def test_complementary_paths_learn_opposites() -> None:
    negative, positive, truth = make()
    agreement = ((negative.sigmoid() - (1 - positive.sigmoid())) ** 2).mean().item()
    expected = segmentation(negative, 1 - truth) + segmentation(positive, truth) + agreement
    assert abs(loss(CONFIG, negative, positive, truth) - expected) < 1e-4
