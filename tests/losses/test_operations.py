"""All scales and paths take few operations together; the values are those of the plain equations, scale by scale."""

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
import torch
from pixels import CONFIG, build
from torch.utils._python_dispatch import TorchDispatchMode

from nnunet_taichi.curriculum import Stage
from nnunet_taichi.difficulty.coding import decode_difficulty
from nnunet_taichi.losses.functional import bce_loss, complementary_loss, dice_loss

WEIGHTS = [0.5**i for i in range(5)]  # six stages of the U-Net, whose coarsest has no loss
KINDS = {  # heads, regions, ignore label
    "one class": (1, False, None),
    "one class, ignore": (1, False, 2),
    "three classes": (3, False, None),
    "three classes, ignore": (3, False, 4),
    "three regions": (3, True, None),
    "three regions, ignore": (3, True, 4),
}


def make_batch(heads, regions, ignore, side, dtype=torch.float32, batch=4):
    """Draw logits of five scales, a normal image among them, and targets as nnU-Net hands them on."""
    generator = torch.Generator().manual_seed(0)
    outputs, targets = [None], []
    for i in range(len(WEIGHTS)):
        shape = (side // 2**i, side // 2**i)
        pair = [3 * torch.randn(batch, heads, *shape, generator=generator, dtype=dtype) for _ in range(2)]
        outputs.append(tuple(z.requires_grad_() for z in pair))
        labels = torch.randint(0, heads + 1 + (ignore is not None), (batch, 1, *shape), generator=generator)
        labels[0] = 0
        channels = [labels]
        if regions:
            channels = [labels == head for head in range(1, heads + 1 + (ignore is not None))]
        codes = torch.randint(0, 3**heads, labels.shape, generator=generator)
        targets.append(torch.cat([channel.to(torch.int16) for channel in (*channels, codes)], 1))
    return outputs, targets


def plain_loss(loss, outputs, targets):
    """Write equations 13-22 out for each scale."""
    values = []
    for (negative, positive), target in zip(outputs[1:], targets, strict=True):
        config, heads, dice = loss.config, loss.num_heads, {"batch_dice": loss.batch_dice}
        if loss.regions:
            truth = target[:, :heads].to(positive.dtype)
            ignored, codes = target[:, heads : target.shape[1] - 1], target[:, -1]
        else:
            truth = torch.stack([target[:, 0] == k for k in range(1, heads + 1)], 1).to(positive.dtype)
            ignored, codes = target[:, :1] == loss.ignore_label, target[:, -1]
        valid = None if loss.ignore_label is None else (1 - ignored.to(positive.dtype))
        value = dice_loss(positive.sigmoid(), truth, valid, **dice) + bce_loss(positive, truth, valid)
        if negative is not None:
            goal = truth if config.mutual_learning == "consistent" else 1 - truth
            own = dice_loss(negative.sigmoid(), goal, valid, **dice)
            inverse = dice_loss((-negative).sigmoid(), 1 - goal, valid, **dice)
            sides = {"background": own, "lesion": inverse, "both": (own + inverse) / 2}
            value = value + sides[config.background_dice] + bce_loss(negative, goal, valid)
            if loss.training:
                fused = (positive + (negative if config.mutual_learning == "consistent" else -negative)) / 2
                fused_loss = dice_loss(fused.sigmoid(), truth, valid, **dice) + bce_loss(fused, truth, valid)
                value = value + config.fused_weight * fused_loss
        if loss.training and loss.stage != Stage.WHOLE:
            chosen = (decode_difficulty(codes, heads) == loss.stage).to(positive.dtype)
            mask = valid
            if config.difficulty_terms == "masked":
                mask = (1 - truth * (1 - chosen)) * (1 if valid is None else valid)
            term = dice_loss(positive.sigmoid(), chosen, mask, skip_empty=True, **dice)
            term = term + bce_loss(positive, chosen, mask, skip_empty=True)
            value = value + config.difficulty_weight * term
        if loss.training and negative is not None and config.complementary_loss and loss.stage != Stage.EASY:
            sign = -1 if config.mutual_learning == "consistent" else 1
            teacher = positive.detach() if config.complementary_learner == "background" else positive
            term = complementary_loss((sign * negative).sigmoid(), teacher.sigmoid())
            value = value + config.complementary_weight * term
        values.append(value)
    return sum(weight * value for weight, value in zip(WEIGHTS, values, strict=True)) / sum(WEIGHTS)


def value_and_gradients(function, loss, outputs, targets):
    leaves = [z for pair in outputs[1:] for z in pair if z is not None]
    value = function(outputs, targets) if function is loss else function(loss, outputs, targets)
    return value.detach(), torch.autograd.grad(value, leaves)


def check(loss, outputs, targets, rtol):
    got, expected = (value_and_gradients(function, loss, outputs, targets) for function in (loss, plain_loss))
    torch.testing.assert_close(got[0], expected[0], rtol=rtol, atol=0)
    for ours, theirs in zip(got[1], expected[1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol * theirs.abs().max().item())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_dice", [True, False])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_values_and_gradients_are_those_of_the_equations(kind, batch_dice, dtype, rtol):
    heads, regions, ignore = KINDS[kind]
    batch = make_batch(heads, regions, ignore, 32, dtype)
    for stage, terms in product(Stage, ("masked", "literal")):
        config = replace(CONFIG, difficulty_terms=terms)
        loss = build(stage, heads, config, regions=regions, ignore_label=ignore, scale_weights=WEIGHTS)
        loss.batch_dice = batch_dice
        check(loss, *batch, rtol)
    check(loss.eval(), *batch, rtol)


@pytest.mark.parametrize("kind", ["one class", "three regions, ignore"])
@pytest.mark.parametrize("batch_dice", [True, False])
@pytest.mark.parametrize(
    "remedy",
    [
        {"background_dice": "both"},
        {"background_dice": "lesion", "mutual_learning": "consistent"},
        {"background_dice": "lesion", "fused_weight": 0.7},
        {"fused_weight": 1.0, "mutual_learning": "consistent"},
        {"difficulty_weight": 0.3, "complementary_weight": 0.1},
        {"complementary_learner": "background"},
    ],
)
def test_of_remedies(kind, batch_dice, remedy):
    heads, regions, ignore = KINDS[kind]
    batch = make_batch(heads, regions, ignore, 32, torch.float64)
    for stage in Stage:
        config = replace(CONFIG, **remedy)
        loss = build(stage, heads, config, regions=regions, ignore_label=ignore, scale_weights=WEIGHTS)
        loss.batch_dice = batch_dice
        check(loss, *batch, 1e-9)
        check(loss.eval(), *batch, 1e-9)


def test_of_consistent_learning_and_of_one_path():
    outputs, targets = make_batch(2, False, None, 32, torch.float64)
    check(build(num_heads=2, config=replace(CONFIG, mutual_learning="consistent"), scale_weights=WEIGHTS), outputs,
          targets, 1e-9)  # fmt: skip
    alone = replace(CONFIG, lesion_path_only=True, attention=False, head="none", complementary_loss=False)
    check(build(num_heads=2, config=alone, scale_weights=WEIGHTS), [None, *((None, p) for _, p in outputs[1:])],
          targets, 1e-9)  # fmt: skip


class Operations(TorchDispatchMode):
    """Count what a GPU would start a kernel for, or what it could: views of a tensor start none."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if not operation.is_view and operation not in (torch.ops.aten.detach.default, torch.ops.aten.alias.default):
            self.counts[str(operation)] += 1
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_takes_few_operations(kind, stage):
    """One class: 128 (whole), 128 (easy) and 146 (hard); other kinds at most 151, at any size."""
    heads, regions, ignore = KINDS[kind]
    outputs, targets = make_batch(heads, regions, ignore, 128)
    loss = build(stage, heads, regions=regions, ignore_label=ignore, scale_weights=WEIGHTS, batch_dice=True)
    loss(outputs, targets)  # what happens once is no step's
    with Operations() as operations:
        loss(outputs, targets).backward()
    assert sum(operations.counts.values()) <= 160, operations.counts
    assert "aten._local_scalar_dense.default" not in operations.counts  # would wait for the GPU


def test_compiled_it_is_the_same_in_all_stages():
    """One loss goes through them all: torch.compile may take a stage for the one before."""
    outputs, targets = make_batch(1, False, None, 32)
    plain, compiled = (build(scale_weights=WEIGHTS, batch_dice=True) for _ in range(2))
    compiled.measure = torch.compile(compiled.measure, backend="aot_eager", fullgraph=True)
    for stage, training in ((Stage.EASY, True), (Stage.EASY, False), (Stage.HARD, True), (Stage.HARD, False)):
        results = []
        for loss in (plain, compiled):
            loss.stage = stage
            results.append(value_and_gradients(loss.train(training), loss, outputs, targets))
        torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-8)
    assert {name: float(value) for name, value in compiled.sums.items()} == pytest.approx(
        {name: float(value) for name, value in plain.sums.items()}
    )
