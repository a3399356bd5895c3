"""U-Nets with max-pooling and any plan's widths: the paper's own (figure 3), and Ronneberger's for comparison."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from dynamic_network_architectures.building_blocks.plain_conv_encoder import PlainConvEncoder
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from dynamic_network_architectures.building_blocks.unet_decoder import UNetDecoder
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from torch import Tensor, nn

from nnunet_taichi.architectures.paths import prune_outputs
from nnunet_taichi.architectures.precision import fast_on_cpu

PAPER_WIDTHS = (32, 64, 128, 256, 512)  # figure 3
BLOCK = ("conv_bias", "norm_op", "norm_op_kwargs", "dropout_op", "dropout_op_kwargs", "nonlin", "nonlin_kwargs")
PAPER_BLOCK: dict[str, Any] = {
    "conv_bias": True,
    "norm_op": nn.BatchNorm2d,
    "norm_op_kwargs": {},
    "nonlin": nn.ReLU,
    "nonlin_kwargs": {"inplace": True},
}


class MaxPoolUNet(nn.Module):
    """Two convolutions per level, max-pooling down, transposed convolutions up, in nnU-Net's encoder and decoder.

    Args:
        input_channels: Number of channels of the image.
        num_classes: Number of channels of the logits.
        deep_supervision: Whether to return a list of logits, finest first, instead of the finest alone.
        features_per_stage: Number of channels of each level.
        conv_op: Class of the convolution, 2D or 3D.
        kernel_sizes: Kernel size of each level.
        strides: Pooling factor in front of each level; by default 1, then 2.
        cpu_bf16: Whether the forward pass may use bf16 on a CPU; see `fast_on_cpu`.
        unet_kwargs: Further keyword arguments of a plan. Those of a block are used; the defaults are batch
            normalisation and ReLU, as in the paper. Others are ignored.
    """

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        deep_supervision: bool = False,
        *,
        features_per_stage: Sequence[int] = PAPER_WIDTHS,
        conv_op: type[nn.Module] = nn.Conv2d,
        kernel_sizes: Any = 3,
        strides: Sequence[Any] | None = None,
        cpu_bf16: bool = True,
        **unet_kwargs: Any,
    ) -> None:
        super().__init__()
        self.cpu_bf16 = cpu_bf16
        stages = len(features_per_stage)
        strides = strides or (1, *[2] * (stages - 1))
        self.block = PAPER_BLOCK | {name: unet_kwargs[name] for name in BLOCK if name in unet_kwargs}
        shape = (stages, features_per_stage, conv_op, kernel_sizes, strides, 2)
        self.encoder = PlainConvEncoder(input_channels, *shape, **self.block, return_skips=True, pool="max")
        self.decoder = UNetDecoder(self.encoder, num_classes, 2, deep_supervision)

    @fast_on_cpu
    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the logits (B, num_classes, *spatial) of images (B, C, *spatial) whose sizes all strides divide."""
        return self.decoder(self.encoder(image))

    def compute_conv_feature_map_size(self, input_size: Sequence[int]) -> int:
        """Return the number of values in all feature maps for one image of `input_size` pixels."""
        return sum(part.compute_conv_feature_map_size(input_size) for part in (self.encoder, self.decoder))

    @staticmethod
    def initialize(module: nn.Module) -> None:
        """Initialise a module as nnU-Net initialises its own networks."""
        InitWeights_He(1e-2)(module)


class PaperUNet(MaxPoolUNet):
    """The paper's U-Net: upsampling and a convolution on the way up, a 3x3 convolution to logits; 8.64 M parameters.

    The arguments are those of `MaxPoolUNet`, whose defaults are the paper's numbers.
    """

    def __init__(
        self, input_channels: int, num_classes: int, deep_supervision: bool = False, **unet_kwargs: Any
    ) -> None:
        super().__init__(input_channels, num_classes, deep_supervision, **unet_kwargs)
        encoder, widths = self.encoder, list(self.encoder.output_channels)[::-1]
        self.decoder.transpconvs = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=tuple(float(factor) for factor in stride)),
                ConvDropoutNormReLU(encoder.conv_op, below, skip, kernel, 1, **self.block),
            )
            for (below, skip), stride, kernel in zip(
                pairwise(widths), encoder.strides[:0:-1], encoder.kernel_sizes[-2::-1], strict=True
            )
        )
        self.decoder.seg_layers = nn.ModuleList(encoder.conv_op(skip, num_classes, 3, padding=1) for skip in widths[1:])


class UNet(MaxPoolUNet):
    """U-Net (Ronneberger et al., MICCAI 2015) with padded convolutions and normalisation, and one output."""

    def __init__(self, input_channels: int, num_classes: int, **unet_kwargs: Any) -> None:
        super().__init__(input_channels, num_classes, **unet_kwargs)
        prune_outputs([self], 1)
