"""AAU-Net (Chen et al., TMI 2022): a U-Net whose stages weigh receptive fields by channel, then by position."""

from collections.abc import Sequence

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, cat, nn

from nnunet_taichi.architectures.blocks import Output, convolution
from nnunet_taichi.architectures.padding import padded
from nnunet_taichi.architectures.precision import fast_on_cpu


class ChannelAttention(nn.Module):
    """Weigh a dilated 3x3 convolution against a 5x5 convolution, with one weight per channel.

    Args:
        channels_in: Number of channels of the input.
        channels: Number of channels of the output, and of the fully connected layers.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.dilated = convolution(channels_in, channels, 3, dilation=3)
        self.wide = convolution(channels_in, channels, 5)
        # no normalisation here: when training on a single image, pooled features have no batch statistics
        self.weight = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(2 * channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, channels, 1)
        )
        self.merge = convolution(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, channels, H, W) of features (B, channels_in, H, W)."""
        dilated, wide = self.dilated(x), self.wide(x)
        weight = self.weight(cat((dilated, wide), 1)).sigmoid()  # (B, channels, 1, 1)
        return self.merge(_shares(weight, dilated, wide))


class SpatialAttention(nn.Module):
    """Weigh the channel attention's features against a plain 3x3 convolution, with one weight per position.

    Args:
        channels_in: Number of channels of the module's input.
        channels: Number of channels of the output.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.plain = nn.Sequential(
            convolution(channels_in, channels, 3), nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels)
        )
        self.weight = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, 1, 1))
        merge = nn.Conv2d(2 * channels, channels, 3, padding=1, bias=False)
        self.merge = nn.Sequential(merge, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor, chosen: Tensor) -> Tensor:
        """Return features (B, channels, H, W).

        Args:
            x: Input of the module, (B, channels_in, H, W).
            chosen: Features of the channel attention, (B, channels, H, W).
        """
        plain = self.plain(x)
        weight = self.weight(chosen + plain).sigmoid()  # (B, 1, H, W)
        return self.merge(_shares(weight, chosen, plain))


class HybridAdaptiveAttention(nn.Module):
    """A whole stage: channel attention, then spatial attention, from `channels_in` to `channels` channels."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels_in, channels)
        self.spatial = SpatialAttention(channels_in, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, channels, H, W) of features (B, channels_in, H, W)."""
        return self.spatial(x, self.channel(x))


class AAUNet(nn.Module):
    """U-Net with one hybrid adaptive attention module per stage, for any image size.

    The AAU-Net paper leaves details open. They were chosen to match its 29.2 M parameters (3 channels, 1 class):
    modules end in a 3x3 convolution, fully connected layers have the module's width, and upsampling has no convolution
    of its own.

    Args:
        input_channels: Number of channels of the image.
        num_classes: Number of channels of the logits.
        cpu_bf16: Whether the forward pass may use bf16 on a CPU; see `fast_on_cpu`.
        features_per_stage: Number of channels of each stage; at most five stages.
    """

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        cpu_bf16: bool = True,
        features_per_stage: Sequence[int] = (32, 64, 128, 256, 512),
    ) -> None:
        super().__init__()
        widths = list(features_per_stage)
        self.cpu_bf16 = cpu_bf16
        self.encoder = nn.ModuleList(
            HybridAdaptiveAttention(*pair) for pair in zip([input_channels, *widths[:-1]], widths, strict=True)
        )
        self.decoder = nn.ModuleList(
            HybridAdaptiveAttention(skip + below, skip)
            for skip, below in zip(widths[-2::-1], widths[:0:-1], strict=True)
        )
        self.output = Output(widths[0], num_classes)

    @fast_on_cpu
    @padded(16)
    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, num_classes, H, W) of images (B, C, H, W)."""
        first, *deeper = self.encoder
        skips = [first(image)]
        for stage in deeper:
            skips.append(stage(F.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for stage, skip in zip(self.decoder, skips[::-1], strict=True):
            x = stage(cat((skip, F.interpolate(x, scale_factor=2.0)), 1))
        return self.output(x)


def _shares(weight: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return `weight * first` and `(1 - weight) * second`, concatenated along the channels."""
    return cat((weight * first, (1 - weight) * second), 1)
