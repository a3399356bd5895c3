"""The head in which the two paths correct each other (equations 10-12, figure 10)."""

from collections.abc import Sequence
from typing import Any

import torch
from dynamic_network_architectures.building_blocks.helper import convert_dim_to_conv_op
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nnunet_taichi.architectures.piecewise_linear import PiecewiseLinear

AT_ONCE = 2**18  # most pixels whose hidden maps exist at the same time: with 64 channels, they take 64 MiB in float32


class ComplementaryHead(nn.Module):
    """Two MLPs, one for each path. One after the other, they refine a path from the complement of the other path.

    In logits z, with s the sigmoid: z_n = z'_n + MLP_n(1 - s(z'_p)), then z_p = z'_p + MLP_p(1 - s(z_n)). An MLP treats
    each position alone: a 1x1 convolution to `hidden` channels, ReLU, and a 1x1 convolution back. The hidden maps of
    both MLPs, 128 of the image's size by default, are not kept. The backward pass computes them again; on a CPU with
    one class, it does not need them.

    Args:
        num_classes: Number of channels of the logits (or features) to refine.
        hidden: Number of channels of the hidden maps of each MLP.
        dim: Number of spatial dimensions, 2 or 3.
        kernel_size: Kernel size: 1 for the MLP (figure 10 b, c), 3 for the convolutional head (figure 10 a).
        positive_first: Whether the lesion path is refined first (figure 10 b).
        consistent: Whether both paths learn the lesion (table II). If so, each MLP gets the other path's probability
            and not its complement.
    """

    def __init__(
        self,
        num_classes: int,
        hidden: int = 64,
        dim: int = 2,
        kernel_size: int = 1,
        positive_first: bool = False,
        consistent: bool = False,
    ) -> None:
        super().__init__()
        conv = convert_dim_to_conv_op(dim)

        def block() -> nn.Module:
            return nn.Sequential(
                conv(num_classes, hidden, kernel_size, padding=kernel_size // 2),
                nn.ReLU(inplace=True),
                conv(hidden, num_classes, kernel_size, padding=kernel_size // 2),
            )

        # nnU-Net's -pretrained_weights skips layers of this name, so that the number of classes may differ
        self.seg_layers = nn.ModuleDict({"negative": block(), "positive": block()})
        self.pointwise, self.positive_first = kernel_size == 1, positive_first
        self.consistent = consistent
        self.channels = 6 * num_classes  # kept for the backward pass: logits, probabilities, complements of both paths

    def forward(self, negative_logits: Tensor, positive_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Refine both paths.

        Args:
            negative_logits: Logits z'_n, (B, num_classes, *spatial).
            positive_logits: Logits z'_p, of the same shape.

        Returns:
            z_n and z_p, of the same shape.
        """
        if self.positive_first:
            positive_logits = positive_logits + self._correct("positive", negative_logits)
            negative_logits = negative_logits + self._correct("negative", positive_logits)
        else:
            negative_logits = negative_logits + self._correct("negative", positive_logits)  # eq. 10
            positive_logits = positive_logits + self._correct("positive", negative_logits)  # eq. 11
        return negative_logits, positive_logits

    def refine_scales(self, negative: Sequence[Tensor], positive: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Refine both paths at several scales. MLPs treat each pixel alone, so they take those of all scales at once.

        Args:
            negative: Logits z'_n of each scale, (B, num_classes, *spatial).
            positive: Logits z'_p of each scale, of the same shapes.

        Returns:
            z_n and z_p of each scale, of the same shapes.
        """
        if not self.pointwise:
            return [self(n, p) for n, p in zip(negative, positive, strict=True)]
        shapes = [logits.shape for logits in positive]
        row = (-1, *[1] * (len(shapes[0]) - 3))  # all pixels in a row: an image that is one pixel wide
        both = (torch.cat([logits.flatten(2) for logits in path], 2).unflatten(2, row) for path in (negative, positive))
        parts = (z.flatten(2).split([shape[2:].numel() for shape in shapes], 2) for z in self(*both))
        return [(n.reshape(shape), p.reshape(shape)) for n, p, shape in zip(*parts, shapes, strict=True)]

    def _correct(self, name: str, other: Tensor) -> Tensor:
        """Return the correction that a path's MLP computes from the other path's logits, of the same shape."""
        block: Any = self.seg_layers[name]
        up, _, down = block
        probability = other.sigmoid()
        message = probability if self.consistent else 1 - probability  # eq. 12
        if self.pointwise and up.in_channels == 1 and other.device.type == "cpu":  # elsewhere look-ups are no faster
            weights = (up.weight.flatten(), up.bias, down.weight.flatten(), down.bias)
            return PiecewiseLinear.apply(message.to(up.weight.dtype), *weights)
        if not torch.is_grad_enabled():
            return block(message)
        rows = AT_ONCE // (len(message) * message[0, 0, 0].numel()) if self.pointwise else message.shape[2]
        parts = message.split(max(1, rows), 2)
        return torch.cat([checkpoint(block, p, use_reentrant=False, preserve_rng_state=False) for p in parts], 2)
