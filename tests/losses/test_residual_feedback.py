"""Errors and losses of a few pixels, derived by hand."""

from math import log

import pytest
import torch
from nnunetv2.training.loss.compound_losses import DC_and_BCE_loss, DC_and_CE_loss
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from torch import Tensor, nn

from nnunet_taichi.losses import residual_feedback
from nnunet_taichi.losses.functional import bce_loss
from nnunet_taichi.losses.residual_feedback import ResidualFeedbackLoss

LOG3 = log(3)  # sigmoid 3/4


class MeanLogit(nn.Module):
    """A loss of the segmentation whose value is plain to see."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return logits.float().mean()


class Nothing(nn.Module):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return 0 * logits.sum()


def row(*channels: list[float]) -> Tensor:
    """(1, C, 1, pixels) from lists of pixels."""
    return torch.tensor(channels, dtype=torch.float32)[None, :, None]


def cross_entropy(found: list[float], errors: list[float]) -> float:
    """Mean over pixels of probabilities found and errors to find."""
    terms = [-e * log(s) - (1 - e) * log(1 - s) for s, e in zip(found, errors, strict=True)]
    return sum(terms) / len(terms)


def residual_loss(first: Tensor, target: Tensor, regions: bool = False, ignore_label: int | None = None) -> float:
    """That of residual probabilities 3/4, 1/4, 3/4, ..., alone."""
    pixels = first.shape[3]
    residual = row([LOG3, -LOG3] * pixels)[..., :pixels]
    loss = ResidualFeedbackLoss(Nothing(), regions, ignore_label)
    return loss([torch.zeros_like(first), first, residual], [target]).item()


class TestErrors:
    def test_two_classes(self) -> None:
        """Lesion probabilities 3/4, 1/4, 3/4 where the truth is 1, 1, 0."""
        first, labels = row([0, 0, 0], [LOG3, -LOG3, LOG3]), row([1, 1, 0])
        expected = cross_entropy([0.75, 0.25, 0.75], [0.25, 0.75, 0.75])
        assert residual_loss(first, labels) == pytest.approx(expected)

    def test_three_classes(self) -> None:
        """Probabilities 1/2, 1/4, 1/4: what the true class lacks is 1/2 for class 0, and 3/4 for 1 and 2."""
        first, labels = row([log(2)] * 3, [0] * 3, [0] * 3), row([0, 1, 2])
        expected = cross_entropy([0.75, 0.25, 0.75], [0.5, 0.75, 0.75])
        assert residual_loss(first, labels) == pytest.approx(expected)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
    def test_regions_count_their_largest_error(self, dtype: torch.dtype) -> None:
        """Errors (1/4, 1/2), (3/4, 1/2) and (1/4, 1/2) of two regions."""
        first, truth = row([LOG3, LOG3, -LOG3], [0, 0, 0]), row([1, 0, 0], [1, 0, 1]).to(dtype)
        expected = cross_entropy([0.75, 0.25, 0.75], [0.5, 0.75, 0.5])
        assert residual_loss(first, truth, regions=True) == pytest.approx(expected)

    def test_one_region(self) -> None:
        first, truth = row([LOG3, LOG3]), row([1, 0])
        expected = cross_entropy([0.75, 0.25], [0.25, 0.75])
        assert residual_loss(first, truth, regions=True) == pytest.approx(expected)

    def test_ignored_label(self) -> None:
        """Label 2 is no class of these two; its pixel is left out of the mean."""
        first, labels = row([0, 0, 0], [LOG3, -LOG3, LOG3]), row([1, 2, 0])
        expected = cross_entropy([0.75, 0.75], [0.25, 0.75])
        assert residual_loss(first, labels, ignore_label=2) == pytest.approx(expected)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
    def test_ignored_channel_of_regions(self, dtype: torch.dtype) -> None:
        first, truth = row([LOG3, LOG3, LOG3]), row([1, 0, 0], [0, 1, 0]).to(dtype)
        expected = cross_entropy([0.75, 0.75], [0.25, 0.75])
        assert residual_loss(first, truth, regions=True, ignore_label=3) == pytest.approx(expected)

    def test_nothing_but_ignored(self) -> None:
        assert residual_loss(row([0, 0], [LOG3, 0]), row([2, 2]), ignore_label=2) == 0


class TestWhole:
    def test_mean_of_both_passes_and_the_residuals(self) -> None:
        second, first, residual = row([7], [7]), row([2], [2]), row([LOG3])  # the first pass's error is 1/2
        loss = ResidualFeedbackLoss(MeanLogit(), False, None)([second, first, residual], [row([1])])
        assert loss.item() == pytest.approx((7 + 2) / 2 + cross_entropy([0.75], [0.5]))

    def test_target_is_fixed(self) -> None:
        """The first pass must not err as it is told; the residual map moves by (its probability - error) / pixels."""
        second, first, residual = row([0, 0], [1, 1]), row([0, 0], [LOG3, LOG3]), row([LOG3, LOG3])
        outputs = [output.requires_grad_() for output in (second, first, residual)]
        ResidualFeedbackLoss(Nothing(), False, None)(outputs, [row([1, 0])]).backward()
        assert first.grad is not None
        assert not first.grad.any()
        torch.testing.assert_close(residual.grad, row([(0.75 - 0.25) / 2, (0.75 - 0.75) / 2]))

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_float32_under_autocast(self, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
        def outside(*args: Tensor) -> Tensor:
            assert not torch.is_autocast_enabled("cpu")
            return bce_loss(*args)

        monkeypatch.setattr(residual_feedback, "bce_loss", outside)
        outputs = [torch.randn(2, channels, 8, 8).to(dtype) for channels in (2, 2, 1)]
        targets = [torch.randint(0, 2, (2, 1, 8, 8))]
        loss = ResidualFeedbackLoss(MeanLogit(), False, None)
        with torch.autocast("cpu", dtype):
            found = loss(outputs, targets)
        assert found.dtype == torch.float32
        assert torch.equal(found, loss([output.float() for output in outputs], targets))

    @pytest.mark.parametrize("regions", [False, True])
    def test_ignored_pixels_teach_nothing_with_the_hosts_losses(self, regions: bool) -> None:
        dice = {"batch_dice": False, "do_bg": regions, "smooth": 1e-5}
        kwargs = {"dice_class": MemoryEfficientSoftDiceLoss}
        host: nn.Module = (
            DC_and_BCE_loss({}, dice, use_ignore_label=True, **kwargs)
            if regions
            else DC_and_CE_loss(dice, {}, ignore_label=2, **kwargs)
        )
        outputs = [torch.randn(2, channels, 8, 8).requires_grad_() for channels in (2, 2, 1)]
        target = torch.randint(0, 2, (2, 3, 8, 8)) if regions else torch.randint(0, 3, (2, 1, 8, 8))
        ignored = target[:, -1:] == (1 if regions else 2)
        ResidualFeedbackLoss(host, regions, 2)(outputs, [target]).backward()
        for output in outputs:
            assert output.grad is not None
            assert not (output.grad * ignored).any()
            assert (output.grad * ~ignored).any()
