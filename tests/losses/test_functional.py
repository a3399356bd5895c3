from inspect import signature
from math import log

import numpy as np
import pytest
import torch
from scipy.spatial.distance import dice as dice_dissimilarity
from sklearn.metrics import log_loss, mean_squared_error

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.losses.functional import bce_loss, complementary_loss, dice_loss

SHAPES = [(2, 3, 4, 5), (3, 1, 3, 4, 2), (2, 2, 7)]


def random_batch(*shape, seed=0):
    """Logits and a target with at least one pixel of each head."""
    rng = np.random.default_rng(seed)
    target = rng.random(shape) < 0.4
    target.reshape(*shape[:2], -1)[:, :, 0] = True
    return torch.tensor(rng.normal(size=shape)), torch.tensor(target, dtype=torch.float64)


def cosine_like_dice(p, y):
    """1 - 2<y, p> / (|y|^2 + |p|^2) as |y - p|^2 / (|y|^2 + |p|^2)."""
    p, y = np.ravel(p), np.ravel(y)
    return np.linalg.norm(y - p) ** 2 / (np.linalg.norm(y) ** 2 + np.linalg.norm(p) ** 2)


class TestDice:
    def test_by_hand(self):
        p = torch.tensor([[[1.0, 0.5, 0.0, 0.0]]])
        y = torch.tensor([[[1.0, 1.0, 1.0, 0.0]]])
        assert dice_loss(p, y, smooth=0).item() == pytest.approx(1 - 2 * 1.5 / (3 + 1.25))

    def test_denominators_are_squared(self):
        half = torch.full((1, 1, 8), 0.5)
        assert dice_loss(half, torch.ones(1, 1, 8), smooth=0).item() == pytest.approx(1 - 8 / (8 + 2))  # not 1 - 8 / 12

    @pytest.mark.parametrize("shape", SHAPES)
    def test_of_images_and_heads(self, shape):
        logits, y = random_batch(*shape)
        p = logits.sigmoid()
        expected = np.mean([cosine_like_dice(p[b, k], y[b, k]) for b in range(shape[0]) for k in range(shape[1])])
        assert dice_loss(p, y, smooth=0).item() == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_of_the_batch(self, shape):
        logits, y = random_batch(*shape)
        p = logits.sigmoid()
        expected = np.mean([cosine_like_dice(p[:, k], y[:, k]) for k in range(shape[1])])
        assert dice_loss(p, y, batch_dice=True, smooth=0).item() == pytest.approx(expected, rel=1e-12)

    def test_of_hard_masks_is_scipys(self):
        first, second = (random_batch(1, 1, 6, 6, seed=seed)[1] for seed in (1, 2))
        expected = dice_dissimilarity(first.numpy().ravel() > 0, second.numpy().ravel() > 0)
        assert dice_loss(first, second, smooth=0).item() == pytest.approx(expected)

    def test_batch_and_image_dice_differ(self):
        p = torch.tensor([[[1.0, 1.0, 1.0]], [[0.0, 0.0, 0.5]]])
        y = torch.tensor([[[1.0, 1.0, 1.0]], [[0.0, 0.0, 1.0]]])
        assert dice_loss(p, y, smooth=0).item() == pytest.approx((0 + (1 - 1 / 1.25)) / 2)
        assert dice_loss(p, y, smooth=0, batch_dice=True).item() == pytest.approx(1 - 2 * 3.5 / (4 + 3.25))

    def test_gather_sees_one_sum_a_head_and_adds_processes(self):
        logits, y = random_batch(4, 3, 5)
        p = logits.sigmoid()
        other = {}

        def keep(sums):
            other["sums"] = sums
            return sums[None]

        dice_loss(p[2:], y[2:], batch_dice=True, gather=keep)
        whole = dice_loss(p, y, batch_dice=True)
        parts = dice_loss(p[:2], y[:2], batch_dice=True, gather=lambda sums: torch.stack((sums, other["sums"])))
        assert parts.item() == pytest.approx(whole.item(), rel=1e-12)

    def test_smoothing_is_small(self):
        assert signature(dice_loss).parameters["smooth"].default <= 1e-5
        assert TaiChiConfig().dice_smooth <= 1e-5

    def test_perfect_and_empty_is_zero(self):
        nothing = torch.zeros(1, 1, 4)
        assert dice_loss(nothing, nothing).item() == 0
        assert dice_loss(torch.ones(1, 1, 4), torch.ones(1, 1, 4)).item() == pytest.approx(0, abs=1e-6)

    def test_empty_target_is_skipped_on_demand(self):
        p, y = torch.full((2, 1, 4), 0.5), torch.zeros(2, 1, 4)
        y[0, 0, 0] = 1
        one = 1 - 2 * 0.5 / (1 + 1)
        assert dice_loss(p, y).item() == pytest.approx((one + 1) / 2, abs=1e-4)
        assert dice_loss(p, y, skip_empty=True).item() == pytest.approx(one / 2, abs=1e-4)


class TestBce:
    def test_by_hand(self):
        logits = torch.tensor([[[log(3.0), 0.0]]])  # p = 3/4 and 1/2
        target = torch.tensor([[[1.0, 0.0]]])
        assert bce_loss(logits, target).item() == pytest.approx((log(4 / 3) + log(2)) / 2)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_is_sklearns_log_loss(self, shape):
        logits, y = random_batch(*shape)
        expected = log_loss(y.numpy().ravel() > 0, logits.sigmoid().numpy().ravel())
        assert bce_loss(logits, y).item() == pytest.approx(expected, rel=1e-9)

    def test_huge_logits_stay_finite(self):
        logits = torch.tensor([[[500.0, -500.0]]], requires_grad=True)
        loss = bce_loss(logits, torch.tensor([[[0.0, 1.0]]]))
        loss.backward()
        assert loss.item() == pytest.approx(500)
        torch.testing.assert_close(logits.grad, torch.tensor([[[0.5, -0.5]]]))

    def test_empty_target_is_skipped_on_demand(self):
        logits, target = torch.zeros(2, 1, 4), torch.zeros(2, 1, 4)
        target[0, 0, 0] = 1
        assert bce_loss(logits, target).item() == pytest.approx(log(2))
        assert bce_loss(logits, target, skip_empty=True).item() == pytest.approx(log(2) / 2)


class TestMasks:
    """A masked pixel might as well not be there."""

    @pytest.mark.parametrize("skip_empty", [True, False])
    @pytest.mark.parametrize("heads", [1, 3])  # one mask for all heads, or a mask a head
    def test_masking_is_cutting_out(self, heads, skip_empty):
        logits, y = random_batch(2, 3, 12)
        mask = (torch.rand(2, heads, 12, dtype=torch.float64) < 0.6).double()
        y[0, 2] = 0  # an empty one
        p = logits.sigmoid()
        for name, whole in (
            ("dice", dice_loss(p, y, mask, skip_empty=skip_empty)),
            ("bce", bce_loss(logits, y, mask, skip_empty=skip_empty)),
        ):
            parts = []
            for b in range(2):
                for k in range(3):
                    kept = mask[b, min(k, heads - 1)].bool()
                    cut = (logits[b, k][kept][None, None], y[b, k][kept][None, None])
                    alone = dice_loss(cut[0].sigmoid(), cut[1]) if name == "dice" else bce_loss(*cut)
                    parts.append(0.0 if skip_empty and not cut[1].any() else alone.item())
            assert whole.item() == pytest.approx(np.mean(parts), rel=1e-12)

    def test_of_the_batch(self):
        logits, y = random_batch(2, 1, 12)
        p, mask = logits.sigmoid(), (torch.arange(24).view(2, 1, 12) % 3 > 0).double()
        kept = mask.bool()
        expected = cosine_like_dice(p[kept], y[kept])
        assert dice_loss(p, y, mask, batch_dice=True, smooth=0).item() == pytest.approx(expected, rel=1e-12)

    def test_nothing_left_is_finite(self):
        logits = torch.zeros(1, 1, 4, requires_grad=True)
        nothing, ones = torch.zeros(1, 1, 4), torch.ones(1, 1, 4)
        loss = bce_loss(logits, ones, nothing) + dice_loss(logits.sigmoid(), ones, nothing)
        loss.backward()
        assert loss.item() == 0
        assert not logits.grad.any()

    def test_masked_pixels_get_no_gradient(self):
        logits, y = random_batch(2, 2, 8)
        logits.requires_grad_()
        mask = torch.ones(2, 1, 8, dtype=torch.float64)
        mask[:, :, 5:] = 0
        (bce_loss(logits, y, mask) + dice_loss(logits.sigmoid(), y, mask)).backward()
        assert not logits.grad[..., 5:].any()
        assert logits.grad[..., :5].all()


class TestComplementary:
    def test_both_halves_of_equation_18_are_equal(self):
        negative, positive = torch.rand(2, 2, 3, 4, 5, dtype=torch.float64)
        halves = [
            mean_squared_error((1 - second).numpy().ravel(), first.numpy().ravel()) / 2
            for first, second in ((negative, positive), (positive, negative))
        ]
        assert halves[0] == pytest.approx(halves[1], rel=1e-12)
        assert complementary_loss(negative, positive).item() == pytest.approx(sum(halves), rel=1e-12)
        assert complementary_loss(positive, negative).item() == pytest.approx(sum(halves), rel=1e-12)

    def test_by_hand(self):
        negative, positive = torch.tensor([[[0.9, 0.2]]]), torch.tensor([[[0.3, 0.8]]])
        assert complementary_loss(negative, positive).item() == pytest.approx((0.2**2 + 0) / 2)


class TestGradients:
    @pytest.mark.parametrize("batch_dice", [True, False])
    @pytest.mark.parametrize("skip_empty", [True, False])
    def test_are_exact(self, batch_dice, skip_empty):
        logits, y = random_batch(2, 2, 3, 2)
        y[0, 0] = 0
        mask = (torch.rand(2, 2, 3, 2) < 0.7).double()

        def losses(z):
            options = {"skip_empty": skip_empty}
            return (
                dice_loss(z.sigmoid(), y, mask, batch_dice=batch_dice, **options),
                bce_loss(z, y, mask, **options),
                complementary_loss(z.sigmoid(), y),
            )

        assert torch.autograd.gradcheck(losses, logits.requires_grad_())

    @pytest.mark.parametrize("level", [-8.0, 0.0, 8.0])
    def test_empty_truth_teaches_absence(self, level):
        logits = torch.full((1, 1, 16), level, requires_grad=True)
        empty = torch.zeros(1, 1, 16)
        (bce_loss(logits, empty) + dice_loss(logits.sigmoid(), empty)).backward()
        assert logits.grad.isfinite().all()
        assert (logits.grad > 0).all()  # a step lowers the lesion's logit
