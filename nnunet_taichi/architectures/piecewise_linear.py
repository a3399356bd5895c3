"""An MLP with one input, one hidden ReLU layer and one output, at the cost of a table look-up."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class PiecewiseLinear(torch.autograd.Function):
    """Evaluate sum_i v_i ReLU(w_i x + b_i) + c at many x, exactly, without keeping the hidden layer.

    Such a function is linear between the kinks -b_i / w_i. So each x needs a search among the kinks, one multiplication
    and one addition, and its gradient is a slope. As convolutions, 64 hidden units read and write 64 maps of the
    image's size several times; on a CPU, this takes a third of TaiChiNet's training step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor, v: Tensor, c: Tensor) -> Tensor:
        """Return the function's values, of the shape of `x`.

        Args:
            ctx: Context that keeps what the backward pass needs.
            x: Inputs, of any shape.
            w: Weights of the hidden units, (H,).
            b: Biases of the hidden units, (H,).
            v: Weights of the hidden units' outputs, (H,).
            c: Bias of the output, (1,).
        """
        never = torch.where(b > 0, -torch.inf, torch.inf)  # a unit with w = 0 has no kink: it is always on, or never
        kinks, order = torch.where(w == 0, never, -b / w).sort()
        w, b, v = w[order], b[order], v[order]
        segment = torch.bucketize(x, kinks, out_int32=True)  # how many kinks lie below x
        slopes = _sum_active(v * w, w)
        ctx.save_for_backward(x, segment, slopes, w, b, v, order)
        return slopes[segment] * x + (_sum_active(v * b, w) + c)[segment]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of all arguments, from sums over the inputs of each segment."""
        x, segment, slopes, w, b, v, order = ctx.saved_tensors
        segments = segment.flatten()
        zeros = torch.zeros_like(slopes, dtype=torch.float64)  # float64 for sums of many terms
        parts = (part.flatten().double() for part in (gradient, gradient * x))
        sums = torch.stack([zeros.index_add(0, segments, part) for part in parts]).to(x.dtype)  # (2, H + 1)
        below = sums.cumsum(1)[:, :-1]
        plain, times_x = torch.where(w < 0, below, sums.sum(1, keepdim=True) - below)  # where each unit is on, (2, H)
        gradients = torch.stack((v * times_x, v * plain, w * times_x + b * plain))
        in_order = torch.empty_like(gradients).index_copy_(1, order, gradients)
        return gradient * slopes[segment], *in_order, sums[0].sum(0, keepdim=True)


def _sum_active(values: Tensor, w: Tensor) -> Tensor:
    """Sum the values of the units that are on in each segment, (H,) -> (H + 1,).

    A unit is on above its kink, or below it if w < 0.
    """
    below = torch.where(w < 0, 0, values).cumsum(0)
    above = torch.where(w < 0, values, 0).flip(0).cumsum(0).flip(0)
    zero = values.new_zeros(1)
    return torch.cat((zero, below)) + torch.cat((above, zero))
