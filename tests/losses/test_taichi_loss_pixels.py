"""Which pixels teach what: the optimum that the difficulty terms pull to, and the ignore label."""

from dataclasses import replace

import pytest
import torch
from pixels import CODES, LABELS, NO_COMPLEMENT, build, complement, logits, rows

from nnunet_taichi.curriculum import Stage


class TestToyOptimum:
    """Free logits, a lesion in a corner of the image, a fifth of it hard: where do the easy pixels end?"""

    def easy_and_hard(self, terms, steps=400):
        codes = torch.zeros(1, 1, 40, 40)
        codes[0, 0, :3, :5] = 1
        codes[0, 0, 0, :3] = 2
        z = torch.zeros(2, 1, 1, 40, 40, requires_grad=True)
        loss = build(config=replace(NO_COMPLEMENT, difficulty_terms=terms))
        optimizer = torch.optim.Adam([z], 0.2)
        for _ in range(steps):
            optimizer.zero_grad()
            loss([None, (z[0], z[1])], [torch.cat(((codes > 0).float(), codes), 1)]).backward()
            optimizer.step()
        p = z[1].detach().sigmoid()
        return p[codes == 1], p[codes == 2]

    def test_literal_unlearns_the_easy_pixels(self):
        easy, hard = self.easy_and_hard("literal")
        assert easy.mean().item() == pytest.approx(0.36, abs=0.01)
        assert hard.min() > 0.99

    def test_masked_keeps_them(self):
        easy, hard = self.easy_and_hard("masked")
        assert easy.min() > 0.99
        assert hard.min() > 0.99


IGNORED = [1, 4, 6]


class TestIgnoreLabel:
    def targets(self, regions):
        if regions:
            ignore = [int(i in IGNORED) for i in range(8)]
            lesion = [0 if gone else y for y, gone in zip(LABELS, ignore, strict=True)]
            return rows(lesion, ignore, CODES), {"regions": True, "ignore_label": 2}
        return rows([2 if i in IGNORED else y for i, y in enumerate(LABELS)], CODES), {"ignore_label": 2}

    @pytest.mark.parametrize("stage", list(Stage))
    @pytest.mark.parametrize("regions", [True, False])
    def test_supervised_terms_do_not_see_it(self, stage, regions):
        targets, kwargs = self.targets(regions)
        outputs, pair = logits(1, 1, 8)
        got = build(stage, config=NO_COMPLEMENT, **kwargs)(outputs, targets)
        got.backward()
        kept = [i for i in range(8) if i not in IGNORED]
        for z in pair:
            assert not z.grad[0, 0, IGNORED].any()
            assert z.grad[0, 0, kept].all()
        short = [None, tuple(z.detach()[..., kept] for z in pair)]
        cut = build(stage, config=NO_COMPLEMENT)(short, rows([LABELS[i] for i in kept], [CODES[i] for i in kept]))
        assert got.item() == pytest.approx(cut.item(), rel=1e-9)

    @pytest.mark.parametrize("regions", [True, False])
    def test_complementary_term_does(self, regions):
        targets, kwargs = self.targets(regions)
        outputs, pair = logits(1, 1, 8)
        build(**kwargs)(outputs, targets).backward()
        agreement = [z.detach().requires_grad_() for z in pair]
        complement(agreement).backward()
        for z, alone in zip(pair, agreement, strict=True):
            torch.testing.assert_close(z.grad[..., IGNORED], alone.grad[..., IGNORED])
            assert alone.grad[..., IGNORED].all()

    def test_whole_image_ignored(self):
        outputs, pair = logits(1, 1, 8)
        loss = build(ignore_label=2)(outputs, rows([2] * 8, [0] * 8))
        assert loss.item() == pytest.approx(complement(pair).item(), abs=1e-9)
