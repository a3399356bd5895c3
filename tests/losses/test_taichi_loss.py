import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from pixels import (
    CODES,
    CONFIG,
    EASY,
    HARD,
    LABELS,
    NO_COMPLEMENT,
    ONLY_EASY,
    ONLY_HARD,
    build,
    complement,
    logits,
    rows,
    segmentation_loss,
)
from torch._subclasses.fake_tensor import FakeTensorMode

from nnunet_taichi.curriculum import Stage
from nnunet_taichi.losses.taichi_loss import TERMS, TaiChiLoss


class TestStages:
    def base(self, pair):
        negative, positive = (z[0, 0] for z in pair)
        return segmentation_loss(negative, [1 - y for y in LABELS]) + segmentation_loss(positive, LABELS)

    def check(self, stage, expected, config=CONFIG, target=(LABELS, CODES)):
        outputs, pair = logits(1, 1, 8)
        got = build(stage, config=config)(outputs, rows(*target))
        assert got.item() == pytest.approx((self.base(pair) + expected(pair)).item(), rel=1e-9)

    def test_whole(self):
        self.check(Stage.WHOLE, complement)

    def test_easy_masked(self):
        self.check(Stage.EASY, lambda pair: segmentation_loss(pair[1][0, 0], EASY, ONLY_EASY))

    def test_hard_masked(self):
        self.check(Stage.HARD, lambda pair: segmentation_loss(pair[1][0, 0], HARD, ONLY_HARD) + complement(pair))

    def test_easy_literal(self):
        config = replace(CONFIG, difficulty_terms="literal")
        self.check(Stage.EASY, lambda pair: segmentation_loss(pair[1][0, 0], EASY), config)

    def test_hard_literal(self):
        config = replace(CONFIG, difficulty_terms="literal")
        self.check(Stage.HARD, lambda pair: segmentation_loss(pair[1][0, 0], HARD) + complement(pair), config)

    def test_without_complementary_loss(self):
        self.check(Stage.WHOLE, lambda pair: torch.tensor(0.0), NO_COMPLEMENT)

    def test_without_difficulty_channel(self):
        self.check(Stage.HARD, complement, target=(LABELS,))

    @pytest.mark.parametrize("terms", ["masked", "literal"])
    def test_empty_set_is_skipped(self, terms):
        config = replace(CONFIG, difficulty_terms=terms)
        all_easy = [code and 1 for code in LABELS]
        self.check(Stage.HARD, complement, config, (LABELS, all_easy))
        self.check(Stage.EASY, lambda pair: torch.tensor(0.0), config, (LABELS, [0] * 8))

    def test_default_stage(self):
        assert TaiChiLoss(1).stage == Stage.HARD
        assert TaiChiLoss(1, config=replace(CONFIG, easy_to_hard=False)).stage == Stage.WHOLE

    def test_difficulty_teaches_the_lesion_path_alone(self):
        gradients = {}
        for stage in (Stage.WHOLE, Stage.HARD):
            outputs, pair = logits(1, 1, 8)
            build(stage)(outputs, rows(LABELS, CODES)).backward()
            gradients[stage] = [z.grad for z in pair]
        torch.testing.assert_close(gradients[Stage.WHOLE][0], gradients[Stage.HARD][0])
        assert not torch.allclose(gradients[Stage.WHOLE][1], gradients[Stage.HARD][1])

    def test_fused_logits_are_not_supervised(self):
        outputs, _ = logits(1, 1, 8)
        fused = torch.randn(1, 2, 8, requires_grad=True)
        build()([fused, *outputs[1:]], rows(LABELS, CODES)).backward()
        assert fused.grad is None

    @pytest.mark.parametrize("stage", list(Stage))
    def test_evaluation_is_the_same_in_all_stages(self, stage):
        outputs, pair = logits(1, 1, 8)
        loss = build(stage).eval()
        for target in ((LABELS,), (LABELS, CODES)):
            assert loss(outputs, rows(*target)).item() == pytest.approx(self.base(pair).item(), rel=1e-9)


class TestHeads:
    def test_several_classes(self):
        outputs, pair = logits(1, 2, 6)
        target = rows([0, 1, 1, 2, 2, 0], [0, 1, 2, 3, 6, 0])  # 3 and 6: easy and hard of the second class
        truths = [[0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]]
        hard, kept = [[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]], [[0, 2, 3, 4, 5], [0, 1, 2, 4, 5]]
        per_head = [
            segmentation_loss(pair[0][0, k], [1 - y for y in truths[k]])
            + segmentation_loss(pair[1][0, k], truths[k])
            + segmentation_loss(pair[1][0, k], hard[k], kept[k])
            for k in range(2)
        ]
        expected = sum(per_head) / 2 + complement(pair)
        assert build(num_heads=2)(outputs, target).item() == pytest.approx(expected.item(), rel=1e-9)

    def test_regions_are_the_classes_they_hold(self):
        """Disjoint regions are classes; overlapping ones are two problems of one region each."""
        outputs, _ = logits(1, 2, 6)
        codes = [0, 1, 2, 3, 6, 0]
        classes = build(num_heads=2)(outputs, rows([0, 1, 1, 2, 2, 0], codes))
        regions = build(num_heads=2, regions=True)(outputs, rows([0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], codes))
        assert regions.item() == pytest.approx(classes.item(), rel=1e-12)

    def test_overlapping_regions(self):
        outputs, pair = logits(1, 2, 6)
        whole, core = [0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 0, 0]
        whole_codes, core_codes = [0, 1, 2, 1, 2, 0], [0, 0, 1, 2, 0, 0]
        both = [a + 3 * b for a, b in zip(whole_codes, core_codes, strict=True)]
        got = build(num_heads=2, regions=True)(outputs, rows(whole, core, both))
        alone = [
            build(regions=True)([None, tuple(z[:, k : k + 1] for z in pair)], rows(truth, codes)).item()
            for k, (truth, codes) in enumerate(((whole, whole_codes), (core, core_codes)))
        ]
        assert got.item() == pytest.approx(sum(alone) / 2, rel=1e-9)

    def test_boolean_regions_of_the_hosts_validation(self):
        outputs, _ = logits(1, 1, 8)
        got = build(regions=True).eval()(outputs, [torch.tensor(LABELS).view(1, 1, 8).bool()])
        expected = build().eval()(outputs, rows(LABELS))
        assert got.item() == pytest.approx(expected.item(), rel=1e-12)
        got = build(regions=True, ignore_label=2).eval()(outputs, [torch.tensor([[LABELS, [0] * 8]]).bool()])
        assert got.item() == pytest.approx(expected.item(), rel=1e-12)


class TestScales:
    def test_weights_are_normalised(self):
        scales = [logits(1, 1, size, seed=size) for size in (8, 4)]
        outputs = [None, *(outputs[1] for outputs, _ in scales)]
        targets = [rows(LABELS, CODES)[0], rows(LABELS[::2], CODES[::2])[0]]
        alone = [build()(one, [target]).item() for (one, _), target in zip(scales, targets, strict=True)]
        both = build(scale_weights=[1.0, 0.5])(outputs, targets)
        assert both.item() == pytest.approx((2 * alone[0] + alone[1]) / 3, rel=1e-9)

    def test_batch_dice(self):
        outputs, pair = logits(2, 1, 4)
        target = torch.tensor([[[1.0, 1, 1, 0]], [[0.0, 0, 0, 0]]], dtype=torch.float64)
        gap = {}
        for batch_dice in (True, False):
            gap[batch_dice] = build(config=NO_COMPLEMENT, batch_dice=batch_dice)(outputs, [target]).item()
        cross_entropy = sum(
            F.binary_cross_entropy_with_logits(z, y) for z, y in zip(pair, (1 - target, target), strict=True)
        )

        def dice(z, y):
            p = z.sigmoid()
            return 1 - (2 * (p * y).sum() + 1e-5) / ((y * y).sum() + (p * p).sum() + 1e-5)

        whole = sum(dice(z, y) for z, y in zip(pair, (1 - target, target), strict=True))
        assert gap[True] == pytest.approx((cross_entropy + whole).item(), rel=1e-9)
        assert gap[True] != pytest.approx(gap[False], rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4)])
def test_autocast_changes_nothing(dtype, shape):
    pair = [torch.randn(2, 1, *shape).to(dtype).requires_grad_() for _ in range(2)]
    target = torch.cat([torch.ones(2, 1, *shape), torch.randint(1, 3, (2, 1, *shape))], 1)
    exact = build()([None, tuple(z.float() for z in pair)], [target])
    with torch.autocast("cpu", torch.bfloat16):
        loss = build()([None, tuple(pair)], [target])
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)
    loss.backward()
    assert all(z.grad.isfinite().all() for z in pair)


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("batch_dice", [True, False])
def test_image_without_lesion_teaches(stage, batch_dice):
    """Normal breasts: both paths must move towards "no lesion" at every pixel."""
    z = torch.zeros(2, 3, 1, 6, 6, requires_grad=True)
    build(stage, batch_dice=batch_dice)([None, (z[0], z[1])], [torch.zeros(3, 2, 6, 6)]).backward()
    assert z.grad.isfinite().all()
    assert (z.grad[0] < 0).all()  # a step raises "background" ...
    assert (z.grad[1] > 0).all()  # ... and lowers "lesion"


class TestSums:
    """What the loss keeps of an epoch for the training curves."""

    def expected(self, pair, stage):
        """Compute each term of one image from its pixels."""
        negative, positive = (z[0, 0].detach() for z in pair)
        truth = torch.tensor(LABELS, dtype=torch.float64)
        terms = {}
        for name, z, y in (("negative", negative, 1 - truth), ("positive", positive, truth)):
            p = 1 / (1 + (-z).exp())
            terms[f"{name}_dice"] = 1 - (2 * (p * y).sum() + 1e-5) / (y.sum() + (p * p).sum() + 1e-5)
            terms[f"{name}_bce"] = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
        if stage == Stage.EASY:
            terms["difficulty"] = segmentation_loss(positive, EASY, ONLY_EASY)
        if stage == Stage.HARD:
            terms["difficulty"] = segmentation_loss(positive, HARD, ONLY_HARD)
        if stage != Stage.EASY:
            terms["complementary"] = complement([z.detach() for z in pair])
        return {name: value.item() for name, value in terms.items()}

    def terms(self, loss):
        return {name: float(loss.sums[name]) for name in TERMS if name in loss.sums}

    @pytest.mark.parametrize("stage", list(Stage))
    def test_terms_by_stage(self, stage):
        outputs, pair = logits(1, 1, 8)
        loss = build(stage)
        total = loss(outputs, rows(LABELS, CODES))
        expected = self.expected(pair, stage)
        assert self.terms(loss) == pytest.approx(expected, rel=1e-9)
        assert total.item() == pytest.approx(math.fsum(expected.values()), rel=1e-9)

    def test_steps_and_scales_add_up(self):
        loss = build(scale_weights=[1.0, 0.5])
        totals = []
        for seed in range(3):
            scales = [logits(1, 1, size, seed=seed + size)[0][1] for size in (8, 4)]
            targets = [rows(LABELS, CODES)[0], rows(LABELS[::2], CODES[::2])[0]]
            totals.append(loss([None, *scales], targets).item())
        assert loss.sums["steps"] == 3
        assert sum(self.terms(loss).values()) == pytest.approx(sum(totals), rel=1e-12)
        assert loss.sums["lesion_pixels"] == 3 * 5  # of the finest scale

    @pytest.mark.parametrize("codes", [(CODES,), ()])
    def test_evaluation_is_not_counted(self, codes):
        outputs, _ = logits(1, 1, 8)
        loss = build().eval()
        loss(outputs, rows(LABELS, *codes))
        assert loss.sums == {}

    def test_without_codes_there_are_no_pixels(self):
        outputs, _ = logits(1, 1, 8)
        loss = build()
        loss(outputs, rows(LABELS))
        assert loss.sums.keys() == {"steps", *TERMS} - {"difficulty", "fused"}

    def pixels(self, num_heads, target, **kwargs):
        outputs, _ = logits(1, num_heads, len(target[0]))
        loss = build(num_heads=num_heads, **kwargs)
        loss(outputs, rows(*target))
        return [int(loss.sums[f"{name}_pixels"]) for name in ("lesion", "easy", "hard")]

    def test_pixels(self):
        assert self.pixels(1, (LABELS, CODES)) == [5, 3, 1]
        assert self.pixels(2, ([0, 1, 1, 2, 2, 2, 0], [0, 1, 2, 3, 6, 0, 0])) == [5, 2, 2]

    def test_codes_outside_the_lesion_are_not_counted(self):
        """Augmentation resamples maps and labels apart."""
        assert self.pixels(1, ([0, 1, 1, 0], [1, 1, 2, 2])) == [2, 1, 1]

    def test_ignored_pixels_are_not_counted(self):
        assert self.pixels(1, ([0, 1, 1, 2, 1], [0, 1, 2, 1, 0]), ignore_label=2) == [3, 1, 1]

    def test_regions_with_an_ignore_label(self):
        whole, core, ignored = [0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1]
        codes = [0, 1, 1 + 3, 2 + 6, 0, 1 + 3]  # the last pixel is ignored
        pixels = self.pixels(2, (whole, core, ignored, codes), regions=True, ignore_label=3)
        assert pixels == [4 + 2, 2 + 1, 1 + 1]

    def test_nothing_joins_the_graph(self):
        outputs, _ = logits(1, 1, 8)
        loss = build()
        loss(outputs, rows(LABELS, CODES))
        assert not any(getattr(value, "requires_grad", False) for value in loss.sums.values())
        assert not loss.state_dict()

    @pytest.mark.parametrize("stage", list(Stage))
    def test_no_step_reads_a_value(self, stage):
        """On a GPU reading one would wait for all before it; fake tensors have none to read."""
        with FakeTensorMode():
            pair = [torch.randn(2, 2, 8, 8, requires_grad=True) for _ in range(2)]
            target = torch.cat([torch.ones(2, 1, 8, 8)] * 2, 1)
            loss = build(stage, num_heads=2, ignore_label=3)
            for _ in range(2):
                loss([None, tuple(pair)], [target]).backward()
        assert loss.sums["steps"] == 2

    def test_behind_a_compiled_network(self):
        class Paths(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.paths = torch.nn.ModuleList([torch.nn.Conv1d(1, 1, 1) for _ in range(2)])

            def forward(self, image):
                return [image, tuple(path(image) for path in self.paths)]

        network, image = Paths(), torch.randn(1, 1, 8)
        target = [row.float() for row in rows(LABELS, CODES)]
        sums = []
        for forward in (network, torch.compile(network, backend="aot_eager")):
            loss = build()
            for _ in range(2):
                loss(forward(image), target).backward()
            sums.append(self.terms(loss))
        assert sums[0] == pytest.approx(sums[1], rel=1e-6)
