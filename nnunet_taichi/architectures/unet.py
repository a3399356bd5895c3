"""U-Nets with max-pooling, of any plan's widths: the paper's own (figure 3) and Ronneberger's to compare with."""

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
    """Two convolutions a level, max-pooling down, transposed convolutions up; encoder and decoder of the host's kind.

    Args:
        input_channels: channels of the image.
        num_classes: channels of the logits.
        deep_supervision: return a list of logits, finest first, instead of the finest alone.
        features_per_stage: channels of each level.
        conv_op: the convolution, 2D or 3D.
        kernel_sizes: of each level.
        strides: of each level, by which it is pooled; by default 1, then 2.
        cpu_bf16: see `fast_on_cpu`.
        unet_kwargs: more of a plan's keyword arguments, of which the block's are used: by default batch normalisation
            and ReLU, as in the paper.
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
        """Return the logits (B, num_classes, *spatial) of images (B, C, *spatial), divisible by all strides."""
        return self.decoder(self.encoder(image))

    def compute_conv_feature_map_size(self, input_size: Sequence[int]) -> int:
        """Return the number of values in all feature maps for one image of `input_size` pixels."""
        return sum(part.compute_conv_feature_map_size(input_size) for part in (self.encoder, self.decoder))

    @staticmethod
    def initialize(module: nn.Module) -> None:
        """Initialise as the host does its own networks."""
        InitWeights_He(1e-2)(module)


class PaperUNet(MaxPoolUNet):
    """The paper's own: upsampling and a convolution on the way up, a 3x3 convolution to the logits; 8.64 M parameters.

    The parameters are those of `MaxPoolUNet`, whose defaults are the paper's numbers.
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
    """U-Net (Ronneberger et al., MICCAI 2015) with padded convolutions and normalisation; one output."""

    def __init__(self, input_channels: int, num_classes: int, **unet_kwargs: Any) -> None:
        super().__init__(input_channels, num_classes, **unet_kwargs)
        prune_outputs([self], 1)
