from math import exp

import pytest
import torch

from nnunet_taichi.architectures.complementary_head import ComplementaryHead


def hand_made(positive_first=False):
    """A head with known weights; `mlp_n` and `mlp_p` are what they make."""
    head = ComplementaryHead(1, hidden=2, positive_first=positive_first).double()
    weights = {
        "negative": ([2.0, -1.0], [0.0, 0.5], [3.0, 4.0], [-1.0]),
        "positive": ([1.0, 5.0], [0.0, -4.0], [-1.0, 1.0], [0.0]),
    }
    for name, (up, up_bias, down, down_bias) in weights.items():
        block = head.seg_layers[name]
        with torch.no_grad():
            block[0].weight.copy_(torch.tensor(up).view(2, 1, 1, 1))
            block[0].bias.copy_(torch.tensor(up_bias))
            block[2].weight.copy_(torch.tensor(down).view(1, 2, 1, 1))
            block[2].bias.copy_(torch.tensor(down_bias))
    return head


def psi(logit):
    return 1 - 1 / (1 + exp(-logit))


def mlp_n(x):
    return 3 * max(2 * x, 0) + 4 * max(0.5 - x, 0) - 1


def mlp_p(x):
    return -max(x, 0) + max(5 * x - 4, 0)


LOGITS = [(0.3, -1.2), (-2.0, 2.5), (4.0, 0.0), (-3.0, -3.0)]


def planes(which):
    return torch.tensor([pair[which] for pair in LOGITS], dtype=torch.float64).view(1, 1, 2, 2)


def test_negative_first_is_equations_10_and_11():
    negative, positive = hand_made()(planes(0), planes(1))
    for index, (n, p) in enumerate(LOGITS):
        refined_n = n + mlp_n(psi(p))
        refined_p = p + mlp_p(psi(refined_n))  # from the refined n, not from n
        assert negative.flatten()[index].item() == pytest.approx(refined_n, abs=1e-12)
        assert positive.flatten()[index].item() == pytest.approx(refined_p, abs=1e-12)


def test_positive_first_is_the_other_order():
    negative, positive = hand_made(positive_first=True)(planes(0), planes(1))
    for index, (n, p) in enumerate(LOGITS):
        refined_p = p + mlp_p(psi(n))
        refined_n = n + mlp_n(psi(refined_p))
        assert positive.flatten()[index].item() == pytest.approx(refined_p, abs=1e-12)
        assert negative.flatten()[index].item() == pytest.approx(refined_n, abs=1e-12)


@pytest.mark.parametrize("positive_first", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("dim", [2, 3])
def test_gradients_are_exact(dim, kernel_size, positive_first):
    head = ComplementaryHead(2, 3, dim, kernel_size, positive_first).double()
    pair = [torch.randn(1, 2, *[2] * dim, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(head, pair)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize(("kernel_size", "reach"), [(1, 0), (3, 4)])  # conv: two layers, twice, of one pixel each
def test_reach_of_one_pixel(dim, kernel_size, reach):
    head = ComplementaryHead(1, 16, dim, kernel_size)
    negative, positive = torch.randn(2, 1, 1, *[11] * dim)
    before = head(negative, positive)
    changed = negative.clone()
    changed[(0, 0, *[5] * dim)] += 3
    touched = sum((a != b).int() for a, b in zip(before, head(changed, positive), strict=True))[0, 0]
    distance = (torch.nonzero(touched) - 5).abs()
    assert touched[(5,) * dim]
    assert distance.max() <= reach
    assert kernel_size == 1 or distance.max() > 1


def test_shapes_are_kept():
    for shape, dim in (((2, 3, 4, 6), 2), ((1, 3, 4, 2, 6), 3)):
        outputs = ComplementaryHead(3, 5, dim, kernel_size=3)(torch.randn(shape), torch.randn(shape))
        assert [tuple(output.shape) for output in outputs] == [shape, shape]


def by_convolutions(head, negative, positive):
    """Run the layers as they are, with their hidden maps."""
    layers = head.seg_layers
    negative = negative + layers["negative"](1 - positive.sigmoid())
    return negative, positive + layers["positive"](1 - negative.sigmoid())


def random_scales(num_classes, dim=2):
    sizes = [(8,) * dim, (4,) * dim]
    return [[torch.randn(2, num_classes, *size, dtype=torch.float64).requires_grad_() for size in sizes] for _ in "np"]


@pytest.mark.parametrize("num_classes", [1, 3])  # one class is looked up, several are computed again
@pytest.mark.parametrize("dim", [2, 3])
def test_all_scales_at_once_are_the_convolutions_of_each(num_classes, dim):
    head, paths = ComplementaryHead(num_classes, dim=dim).double(), random_scales(num_classes, dim)
    ours = head.refine_scales(*paths)
    theirs = [by_convolutions(head, n, p) for n, p in zip(*paths, strict=True)]
    leaves = [*paths[0], *paths[1], *head.parameters()]
    results = []
    for scales in (ours, theirs):
        flat = [z for pair in scales for z in pair]
        results.append([*flat, *torch.autograd.grad(sum(z.square().sum() for z in flat), leaves)])
    assert len(results[0]) == 4 + 4 + 8
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_heads_that_see_neighbours_refine_scale_by_scale():
    head, paths = ComplementaryHead(2, kernel_size=3).double(), random_scales(2)
    for ours, (n, p) in zip(head.refine_scales(*paths), zip(*paths, strict=True), strict=True):
        torch.testing.assert_close(ours, by_convolutions(head, n, p))


@pytest.mark.parametrize("num_classes", [1, 3])
def test_hidden_maps_are_not_kept(num_classes):
    head = ComplementaryHead(num_classes, hidden=64)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    paths = [torch.randn(1, num_classes, 64, 64).requires_grad_() for _ in "np"]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = head(*paths)
    assert sum(kept.values()) < 10 * paths[0].nbytes  # of 128 maps
    assert all(z.isfinite().all() for z in outputs)
