"""U-Net++ (Zhou et al., TMI 2020) with one output per depth; its depths tell easy lesion pixels from hard ones."""

from collections.abc import Sequence
from typing import Any

from dynamic_network_architectures.building_blocks.helper import get_matching_convtransp
from dynamic_network_architectures.building_blocks.simple_conv_blocks import StackedConvBlocks
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from torch import Tensor, cat, nn

from nnunet_taichi.architectures.precision import fast_on_cpu

MAX_DEPTH = 4  # the paper's Output(1) to Output(4)


class UNetPlusPlus(nn.Module):
    """Nested U-Nets of depth 1 to 4 with dense skips. Stages and widths come from the plan of any nnU-Net U-Net.

    Node (i, j) gets all earlier nodes of its level i, and the upsampled node (i + 1, j - 1). Nodes (0, 1) to (0, L) end
    in logits of full resolution, with L = min(4, stages - 1). Deeper stages of the plan are left out.

    Args:
        input_channels: Number of channels of the image.
        num_classes: Number of nnU-Net's segmentation heads.
        deep_supervision: Whether to return the logits of all depths, deepest first (nnU-Net scores the first).
        cpu_bf16: Whether the forward pass may use bf16 on a CPU; see `fast_on_cpu`.
        unet_kwargs: Further keyword arguments of the plan's U-Net; those that shape only its encoder are not used.

    Raises:
        ValueError: The plan has a single stage, or its first stage reduces the resolution.
    """

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        deep_supervision: bool = False,
        *,
        n_stages: int,
        features_per_stage: Sequence[int],
        conv_op: type[nn.Module],
        kernel_sizes: Sequence[Any],
        strides: Sequence[Any],
        cpu_bf16: bool = True,
        **unet_kwargs: Any,
    ) -> None:
        super().__init__()
        self.depth = min(MAX_DEPTH, n_stages - 1)
        if self.depth < 1 or set(_as_list(strides[0])) != {1}:
            raise ValueError(
                "U-Net++ needs two stages or more and full resolution in the first, "
                f"got {n_stages} stages with strides {strides}."
            )
        self.deep_supervision, self.cpu_bf16 = deep_supervision, cpu_bf16
        names = ("conv_bias", "norm_op", "norm_op_kwargs", "dropout_op", "dropout_op_kwargs", "nonlin", "nonlin_kwargs")
        block = {name: unet_kwargs[name] for name in names if name in unet_kwargs}
        upsample = get_matching_convtransp(conv_op)
        self.nodes, self.ups = nn.ModuleDict(), nn.ModuleDict()
        for i, width in enumerate(features_per_stage[: self.depth + 1]):
            below = features_per_stage[i - 1] if i else input_channels
            self.nodes[f"{i}_0"] = StackedConvBlocks(2, conv_op, below, width, kernel_sizes[i], strides[i], **block)
            for j in range(1, self.depth - i + 1):
                stride = strides[i + 1]
                self.ups[f"{i}_{j}"] = upsample(features_per_stage[i + 1], width, stride, stride, bias=True)
                self.nodes[f"{i}_{j}"] = StackedConvBlocks(
                    2, conv_op, width * (j + 1), width, kernel_sizes[i], 1, **block
                )
        width = features_per_stage[0]
        self.outputs = nn.Module()
        self.outputs.seg_layers = nn.ModuleList(conv_op(width, num_classes, 1) for _ in range(self.depth))

    @fast_on_cpu
    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return logits (B, num_classes, *spatial) of images (B, C, *spatial), or a list of them, deepest first."""
        rows: list[list[Tensor]] = []  # rows[i][j] is node (i, j): (B, features_i, *spatial_i)
        for i in range(self.depth + 1):
            rows.append([self.nodes[f"{i}_0"](rows[i - 1][0] if i else image)])
            for j in range(1, i + 1):  # nodes that the new level makes possible, along a diagonal
                row = rows[i - j]
                up = self.ups[f"{i - j}_{j}"](rows[i - j + 1][j - 1])
                row.append(self.nodes[f"{i - j}_{j}"](cat((*row, up), 1)))
        layers: Any = self.outputs.seg_layers
        if not self.deep_supervision:
            return layers[-1](rows[0][-1])
        return [layer(node) for layer, node in zip(layers, rows[0][1:], strict=True)][::-1]

    @property
    def decoder(self) -> nn.Module:
        """This network itself: nnU-Net switches deep supervision at `network.decoder.deep_supervision`."""
        return self

    @staticmethod
    def initialize(module: nn.Module) -> None:
        """Initialise a module as nnU-Net initialises its own networks."""
        InitWeights_He(1e-2)(module)


def _as_list(stride: int | Sequence[int]) -> list[int]:
    return [stride] if isinstance(stride, int) else list(stride)
