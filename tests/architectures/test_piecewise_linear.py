import pytest
import torch

from nnunet_taichi.architectures.piecewise_linear import PiecewiseLinear


def hidden_layer(x, w, b, v, c):
    """Evaluate the same function unit by unit."""
    return ((x[..., None] * w + b).relu() * v).sum(-1) + c


def random_weights(units, dtype=torch.float64):
    weights = [torch.randn(units, dtype=dtype) for _ in range(3)]
    weights[0][::7] = 0  # units without a kink, of either sign of their bias
    return [weight.requires_grad_() for weight in (*weights, torch.randn(1, dtype=dtype))]


@pytest.mark.parametrize("units", [1, 2, 64])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_values_and_gradients_are_those_of_the_hidden_layer(units, dtype, tolerance):
    x = torch.rand(3, 1, 40, 30, dtype=dtype).mul(4).sub(2).requires_grad_()
    weights = random_weights(units, dtype)
    signal = torch.randn(x.shape, dtype=dtype)
    results = []
    for function in (PiecewiseLinear.apply, hidden_layer):
        y = function(x, *weights)
        results.append([y, *torch.autograd.grad((y * signal).sum(), [x, *weights])])
    for ours, theirs in zip(*results, strict=True):
        scale = theirs.detach().abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * max(scale, 1))


def test_gradients_are_exact():
    x = torch.linspace(-1, 1, 11, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(PiecewiseLinear.apply, (x, *random_weights(5)))


def test_many_pixels_of_one_segment_are_added_without_loss():
    """One by one in float32, 2^24 is where adding 1 stops."""
    x = torch.full((2**24 + 1000,), 0.5)
    weights = [torch.tensor([value]).requires_grad_() for value in (1.0, 1.0, 1.0, 0.0)]
    PiecewiseLinear.apply(x, *weights).sum().backward()
    assert weights[1].grad.item() == pytest.approx(2**24 + 1000, abs=2)


def test_it_compiles_without_a_break():
    x, weights = torch.randn(50), random_weights(6, torch.float32)
    compiled = torch.compile(lambda *arguments: PiecewiseLinear.apply(*arguments), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, *weights), PiecewiseLinear.apply(x, *weights))
