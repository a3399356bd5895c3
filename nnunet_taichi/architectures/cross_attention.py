"""Channel-to-spatial cross-attention between the two paths (figure 5)."""

import torch
from dynamic_network_architectures.building_blocks.helper import convert_dim_to_conv_op
from torch import Tensor, nn


class ChannelToSpatialCrossAttention(nn.Module):
    """C2-attention: each path's channels attend to the channels of both (equations 6-9).

    Keys and values of each path are compacted to half the channels and concatenated, so that the C x C score relates a
    path's channels to those of both paths. The cost grows with C^2 N: linear in the number of positions N.

    Args:
        channels: C, even.
        dim: 2 or 3 spatial dimensions.
        scaled: divide the score by sqrt(N). The paper shows no factor; without one the softmax saturates as N grows.

    Raises:
        ValueError: `channels` is odd, so that it cannot be halved.
    """

    def __init__(self, channels: int, dim: int = 2, scaled: bool = True) -> None:
        super().__init__()
        if channels % 2:
            raise ValueError(f"C2-attention halves the channels: expected an even number, got {channels}.")
        conv = convert_dim_to_conv_op(dim)
        self.negative = nn.ModuleDict({n: conv(channels, c, 1) for n, c in _widths(channels)})
        self.positive = nn.ModuleDict({n: conv(channels, c, 1) for n, c in _widths(channels)})
        self.scaled = scaled

    def forward(self, negative: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance both paths' deepest features.

        Args:
            negative: F_n, (B, C, *spatial).
            positive: F_p, of the same shape.

        Returns:
            F'_n and F'_p, of the same shape.

        Raises:
            ValueError: the shapes differ.
        """
        if negative.shape != positive.shape:
            raise ValueError(f"Both paths need one shape, got {tuple(negative.shape)} and {tuple(positive.shape)}.")
        key = torch.cat((self.negative["key"](negative), self.positive["key"](positive)), 1)  # (B, C, *spatial), eq. 6
        value = torch.cat((self.negative["value"](negative), self.positive["value"](positive)), 1)  # eq. 7
        negative = negative + self._attend(self.negative["query"](negative), key, value)  # eq. 8
        positive = positive + self._attend(self.positive["query"](positive), key, value)  # eq. 9
        return negative, positive

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return Softmax(Q K^T) V, at least in float32: half precision overflows in sums over many positions."""
        with torch.autocast(query.device.type, enabled=False):
            q, k, v = (t.flatten(2).to(torch.promote_types(t.dtype, torch.float32)) for t in (query, key, value))
            if self.scaled:
                q = q * q.shape[2] ** -0.5
            attended = (q @ k.transpose(1, 2)).softmax(-1) @ v  # (B, C, C) @ (B, C, N) -> (B, C, N)
            return attended.view(query.shape)


def _widths(channels: int) -> tuple[tuple[str, int], ...]:
    return ("query", channels), ("key", channels // 2), ("value", channels // 2)
