"""Channel-to-spatial cross-attention between the two paths (figure 5)."""

import torch
import torch.nn.functional as F  # noqa: N812
from dynamic_network_architectures.building_blocks.helper import convert_dim_to_conv_op
from torch import Tensor, nn


class ChannelToSpatialCrossAttention(nn.Module):
    """C2-attention: each path's channels attend to the channels of both paths (equations 6-9).

    Each path's keys and values are compacted to half the channels; those of both paths are concatenated. So the C x C
    score relates a path's channels to those of both paths. The cost grows with C^2 N: linearly with the number of
    positions N.

    Args:
        channels: Number of channels C, even.
        dim: Number of spatial dimensions, 2 or 3.
        scaled: Whether to divide the score by sqrt(N). The paper shows no such factor, but without one the softmax
            saturates as N grows.
        gated: Whether a learned factor for each channel, at first 0, scales what attention adds to a path.
        values: Kind of the values: "shared", those of both paths (equation 7); "normalised", the same with zero mean
            and unit variance over the positions of an image; or "own", those of the path alone.

    Raises:
        ValueError: `channels` is odd, so it cannot be halved.
    """

    def __init__(
        self, channels: int, dim: int = 2, scaled: bool = True, gated: bool = False, values: str = "shared"
    ) -> None:
        super().__init__()
        if channels % 2:
            raise ValueError(f"C2-attention halves the channels: expected an even number, got {channels}.")
        conv = convert_dim_to_conv_op(dim)
        compact = channels // 2
        widths = {"query": channels, "key": compact, "value": channels if values == "own" else compact}
        self.negative = nn.ModuleDict({name: conv(channels, width, 1) for name, width in widths.items()})
        self.positive = nn.ModuleDict({name: conv(channels, width, 1) for name, width in widths.items()})
        self.gates = nn.Parameter(torch.zeros(2, channels, *[1] * dim)) if gated else None
        self.scaled, self.values = scaled, values

    def forward(self, negative: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance the deepest features of both paths.

        Args:
            negative: Features F_n, (B, C, *spatial).
            positive: Features F_p, of the same shape.

        Returns:
            F'_n and F'_p, of the same shape.

        Raises:
            ValueError: The shapes differ.
        """
        if negative.shape != positive.shape:
            raise ValueError(f"Both paths need one shape, got {tuple(negative.shape)} and {tuple(positive.shape)}.")
        key = torch.cat((self.negative["key"](negative), self.positive["key"](positive)), 1)  # (B, C, *spatial), eq. 6
        value_n, value_p = self.negative["value"](negative), self.positive["value"](positive)
        if self.values != "own":
            value_n = value_p = torch.cat((value_n, value_p), 1)  # eq. 7
        added_n = self._attend(self.negative["query"](negative), key, value_n)
        added_p = self._attend(self.positive["query"](positive), key, value_p)
        if self.gates is not None:
            added_n, added_p = self.gates[0] * added_n, self.gates[1] * added_p
        return negative + added_n, positive + added_p  # eq. 8 and 9

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return Softmax(Q K^T) V, in float32 or better: sums over many positions overflow in half precision."""
        with torch.autocast(query.device.type, enabled=False):
            q, k, v = (t.flatten(2).to(torch.promote_types(t.dtype, torch.float32)) for t in (query, key, value))
            if self.values == "normalised":
                v = F.instance_norm(v)
            if self.scaled:
                q = q * q.shape[2] ** -0.5
            attended = (q @ k.transpose(1, 2)).softmax(-1) @ v  # (B, C, C) @ (B, C, N) -> (B, C, N)
            return attended.view(query.shape)
