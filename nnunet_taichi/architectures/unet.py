"""The paper's own U-Net (figure 3), with the encoder and decoder interface of the host's."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from dynamic_network_architectures.building_blocks.plain_conv_encoder import PlainConvEncoder
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from dynamic_network_architectures.building_blocks.unet_decoder import UNetDecoder
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from torch import Tensor, nn


class PaperUNet(nn.Module):
    """A 2D U-Net with max-pooling on the way down and plain upsampling on the way up; 8.64 M parameters.

    Two 3x3 convolutions with batch normalisation and ReLU a level; upsampling by 2 and a 3x3 convolution with the same
    before each concatenation, a 3x3 convolution to the logits.

    Args:
        input_channels: channels of the image.
        num_classes: channels of the logits.
        deep_supervision: return a list of logits, finest first, instead of the finest alone.
        features_per_stage: channels of each level.
    """

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        deep_supervision: bool = False,
        features_per_stage: Sequence[int] = (32, 64, 128, 256, 512),
    ) -> None:
        super().__init__()
        n_stages = len(features_per_stage)
        strides = (1, *[2] * (n_stages - 1))
        block: dict[str, Any] = {"conv_bias": True, "norm_op": nn.BatchNorm2d, "norm_op_kwargs": {}}
        block.update(nonlin=nn.ReLU, nonlin_kwargs={"inplace": True})
        self.encoder = PlainConvEncoder(
            input_channels,
            n_stages,
            features_per_stage,
            nn.Conv2d,
            3,
            strides,
            2,
            **block,
            return_skips=True,
            pool="max",
        )
        self.decoder = UNetDecoder(self.encoder, num_classes, 2, deep_supervision)
        widths = list(features_per_stage)[::-1]
        self.decoder.transpconvs = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), ConvDropoutNormReLU(nn.Conv2d, below, skip, 3, 1, **block))
            for below, skip in pairwise(widths)
        )
        self.decoder.seg_layers = nn.ModuleList(nn.Conv2d(skip, num_classes, 3, padding=1) for skip in widths[1:])

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the logits (B, num_classes, H, W) of images (B, C, H, W); H and W divisible by 2^(levels - 1)."""
        return self.decoder(self.encoder(image))

    def compute_conv_feature_map_size(self, input_size: Sequence[int]) -> int:
        """Return the number of values in all feature maps for one image of `input_size` pixels."""
        return sum(part.compute_conv_feature_map_size(input_size) for part in (self.encoder, self.decoder))

    @staticmethod
    def initialize(module: nn.Module) -> None:
        """Initialise as the host does its own networks."""
        InitWeights_He(1e-2)(module)
