import numpy as np
import pytest
import torch

from nnunet_taichi.architectures.cross_attention import ChannelToSpatialCrossAttention


def features(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(*shape, generator=generator, dtype=dtype) for _ in range(2))


def linear(conv, x):
    """Apply a 1x1 convolution to (C, N) by hand."""
    weight = conv.weight.detach().numpy().reshape(conv.out_channels, conv.in_channels)
    return weight @ x + conv.bias.detach().numpy()[:, None]


def softmax_rows(queries, keys, factor):
    """Weigh each pair of channels, one number at a time."""
    weights = np.zeros((len(queries), len(keys)))
    for i, query in enumerate(queries):
        scores = [factor * sum(a * b for a, b in zip(query, key, strict=True)) for key in keys]
        total = sum(np.exp(score - max(scores)) for score in scores)
        weights[i] = [np.exp(score - max(scores)) / total for score in scores]
    return weights


def by_hand(module, negative, positive, factor):
    """Figure 5 for one image of (C, N) features a path, in loops over channels and positions."""
    keys = np.concatenate([linear(module.negative["key"], negative), linear(module.positive["key"], positive)])
    values = np.concatenate([linear(module.negative["value"], negative), linear(module.positive["value"], positive)])
    outputs = []
    for path, own in ((module.negative, negative), (module.positive, positive)):
        weights = softmax_rows(linear(path["query"], own), keys, factor)
        enhanced = own.copy()
        for channel in range(own.shape[0]):
            for position in range(own.shape[1]):
                enhanced[channel, position] += sum(
                    weights[channel, other] * values[other, position] for other in range(len(values))
                )
        outputs.append(enhanced)
    return outputs


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize(("dim", "spatial"), [(2, (3, 5)), (3, (2, 3, 4))])
def test_equals_the_loops_of_figure_5(dim, spatial, scaled):
    module = ChannelToSpatialCrossAttention(6, dim, scaled).double()
    pair = features(2, 6, *spatial)
    outputs = module(*pair)
    positions = int(np.prod(spatial))
    for image in range(2):
        flat = [part[image].reshape(6, positions).numpy() for part in pair]
        expected = by_hand(module, *flat, factor=1 / np.sqrt(positions) if scaled else 1.0)
        for got, wanted in zip(outputs, expected, strict=True):
            assert got.shape == pair[0].shape
            np.testing.assert_allclose(got[image].detach().numpy().reshape(6, positions), wanted, rtol=1e-10)


def test_scale_changes_the_score():
    scaled, plain = ChannelToSpatialCrossAttention(4), ChannelToSpatialCrossAttention(4, scaled=False)
    plain.load_state_dict(scaled.state_dict())
    pair = features(1, 4, 4, 4, dtype=torch.float32)
    assert not torch.allclose(scaled(*pair)[1], plain(*pair)[1], atol=1e-3)


@pytest.mark.parametrize("dim", [2, 3])
def test_gradients_are_exact(dim):
    module = ChannelToSpatialCrossAttention(4, dim).double()
    pair = [part.requires_grad_() for part in features(2, 4, *[2] * dim)]
    assert torch.autograd.gradcheck(module, pair)


@pytest.mark.parametrize("changed", [0, 1])
def test_each_path_reads_keys_and_values_of_the_other(changed):
    module = ChannelToSpatialCrossAttention(4).double()
    pair = list(features(1, 4, 3, 3))
    before = module(*pair)[1 - changed]
    pair[changed] = pair[changed] + 1
    assert not torch.allclose(module(*pair)[1 - changed], before, atol=1e-3)


def test_paths_share_no_weights():
    module = ChannelToSpatialCrossAttention(4)
    same = features(1, 4, 3, 3, dtype=torch.float32)[0]
    negative, positive = module(same, same)
    assert not torch.allclose(negative, positive, atol=1e-3)
    assert sum(p.numel() for p in module.parameters()) == 2 * (4 * 4 + 4 + 2 * (4 * 2 + 2))  # Q; then K and V, halved


def test_image_does_not_see_its_batch():
    module = ChannelToSpatialCrossAttention(4).double()
    negative, positive = features(3, 4, 3, 3)
    alone = module(negative[1:2], positive[1:2])
    together = module(negative, positive)
    for one, all_of_them in zip(alone, together, strict=True):
        torch.testing.assert_close(one[0], all_of_them[1])


def test_odd_channels_are_refused():
    with pytest.raises(ValueError, match="even number, got 7"):
        ChannelToSpatialCrossAttention(7)


def test_different_shapes_are_refused():
    module = ChannelToSpatialCrossAttention(4)
    with pytest.raises(ValueError, match=r"one shape, got \(1, 4, 3, 3\) and \(1, 4, 3, 4\)"):
        module(torch.zeros(1, 4, 3, 3), torch.zeros(1, 4, 3, 4))


def test_score_is_float32_under_bf16_autocast():
    module = ChannelToSpatialCrossAttention(6, scaled=False)
    pair = features(1, 6, 8, 8, dtype=torch.float32)
    seen = {}
    for path in ("negative", "positive"):
        for name, conv in getattr(module, path).items():
            conv.register_forward_hook(lambda _, __, output, key=(path, name): seen.update({key: output.detach()}))
    with torch.autocast("cpu", torch.bfloat16):
        _, positive = module(*pair)
    assert {output.dtype for output in seen.values()} == {torch.bfloat16}  # the convolutions are fast ...
    assert positive.dtype == torch.float32
    flat = {key: output[0].flatten(1).double().numpy() for key, output in seen.items()}
    keys, values = (np.concatenate([flat["negative", n], flat["positive", n]]) for n in ("key", "value"))
    attended = softmax_rows(flat["positive", "query"], keys, 1.0) @ values
    got = (positive - pair[1])[0].flatten(1).detach().numpy()
    np.testing.assert_allclose(got, attended, atol=1e-5)  # ... and the score exact: bf16 would be off by 1e-2


def test_huge_features_do_not_overflow_in_half_precision():
    module = ChannelToSpatialCrossAttention(4, scaled=False)
    negative, positive = (50 * part for part in features(1, 4, 48, 48, dtype=torch.float32))
    with torch.no_grad(), torch.autocast("cpu", torch.float16):
        half = module(negative, positive)
        query, key = module.positive["query"](positive).flatten(2), module.positive["key"](positive).flatten(2)
        assert not (query @ key.transpose(1, 2)).isfinite().all()  # what half precision would have made of it
    for output in half:
        assert output.isfinite().all()


def test_a_gate_is_closed_at_first_and_opens():
    """Zero times the enhancement; what opens it is a gradient of its own."""
    module = ChannelToSpatialCrossAttention(6, 2, gated=True).double()
    pair = features(2, 6, 3, 5)
    outputs = module(*pair)
    for got, before in zip(outputs, pair, strict=True):
        assert torch.equal(got, before)
    sum(output.square().sum() for output in outputs).backward()
    assert (module.gates.grad.flatten(1) != 0).all()
    with torch.no_grad():
        module.gates.fill_(1)
    open_, plain = module(*pair), ChannelToSpatialCrossAttention(6, 2).double()
    plain.load_state_dict({name: value for name, value in module.state_dict().items() if name != "gates"})
    for got, wanted in zip(open_, plain(*pair), strict=True):
        torch.testing.assert_close(got, wanted)


def test_own_values_bring_nothing_of_the_other_path_but_its_keys():
    module = ChannelToSpatialCrossAttention(6, 2, values="own").double()
    negative, positive = features(1, 6, 3, 5)
    other = features(1, 6, 3, 5, seed=1)[0]
    key = torch.cat((module.negative["key"](negative), module.positive["key"](positive)), 1).flatten(2)
    weights = (module.negative["query"](negative).flatten(2) @ key.mT * 15**-0.5).softmax(-1)
    added = (weights @ module.negative["value"](negative).flatten(2)).view(negative.shape)
    torch.testing.assert_close(module(negative, positive)[0], negative + added)
    assert not torch.allclose(module(negative, other)[0], module(negative, positive)[0])  # the keys are of both


def test_normalised_values_have_no_scale():
    """What is added to a path is the same for values of any scale and offset."""
    module = ChannelToSpatialCrossAttention(6, 2, values="normalised").double()
    pair = features(1, 6, 8, 8)
    before = [torch.sub(*both) for both in zip(module(*pair), pair, strict=True)]
    with torch.no_grad():
        for path in (module.negative, module.positive):
            path["value"].weight.mul_(100)
            path["value"].bias.add_(7)
    for after, path, wanted in zip(module(*pair), pair, before, strict=True):
        got = after - path
        torch.testing.assert_close(got, wanted, rtol=1e-2, atol=1e-3)
        assert got.abs().max() < 5
