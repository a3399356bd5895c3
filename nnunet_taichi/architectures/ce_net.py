"""CE-Net (Gu et al., TMI 2019): dense atrous and multi-kernel pooled context between a ResNet-34 and a slim decoder."""

from itertools import pairwise

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, cat, nn

from nnunet_taichi.architectures.backbones import resnet34
from nnunet_taichi.architectures.blocks import Output, decoder_block
from nnunet_taichi.architectures.padding import padded
from nnunet_taichi.architectures.precision import fast_on_cpu

WIDTHS = (64, 128, 256, 512)  # ResNet-34's channels at 1/4, 1/8, 1/16, 1/32
DILATIONS = (1, 3, 5)
POOLS = (2, 3, 5, 6)  # kernel size, which is also the stride
FINAL_WIDTH = 32  # channels before the logits


class DenseAtrousBlock(nn.Module):
    """DAC: four cascades of atrous convolutions, with receptive fields 3, 7, 9 and 19, added to the input.

    The cascades share their convolutions, which have no normalisation. Each cascade ends in its only ReLU.

    Args:
        channels: Number of channels of the features, which does not change.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.atrous = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=d, dilation=d) for d in DILATIONS)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape as `x`, (B, channels, H, W)."""
        (a, b, c), d = self.atrous, self.pointwise
        first = a(x)
        second = b(first)
        return x + first.relu() + d(b(x)).relu() + d(second).relu() + d(c(second)).relu()


class ResidualMultiKernelPooling(nn.Module):
    """RMP: add one channel to the features for each pooling kernel, with the context at the scale of that kernel.

    Args:
        channels: Number of channels of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, 1, 1)  # shared by all kernels, as the published parameter count implies

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels + 4, H, W) of (B, channels, H, W). Kernels larger than the map are cut to its size."""
        height, width = x.shape[2:]
        pooled = [F.max_pool2d(x, (min(kernel, height), min(kernel, width))) for kernel in POOLS]
        maps = [
            F.interpolate(self.squeeze(part), (height, width), mode="bilinear", align_corners=False) for part in pooled
        ]
        return cat((x, *maps), 1)


class CENet(nn.Module):
    """ResNet-34, DAC, RMP and a decoder that adds the skips, for any image size; 29.0 M parameters.

    Args:
        input_channels: Number of channels of the image and of the first convolution.
        num_classes: Number of channels of the logits.
        cpu_bf16: Whether the forward pass may use bf16 on a CPU; see `fast_on_cpu`.
    """

    def __init__(self, input_channels: int, num_classes: int, cpu_bf16: bool = True) -> None:
        super().__init__()
        self.cpu_bf16 = cpu_bf16
        self.encoder = resnet34(input_channels, layers=(1, 2, 3, 4))
        self.context = nn.Sequential(DenseAtrousBlock(WIDTHS[-1]), ResidualMultiKernelPooling(WIDTHS[-1]))
        widths = (WIDTHS[-1] + len(POOLS), *WIDTHS[-2::-1])  # 516, 256, 128, 64
        self.ups = nn.ModuleList(decoder_block(*pair) for pair in pairwise(widths))
        self.head = nn.Sequential(  # from 1/4 to the full size
            decoder_block(WIDTHS[0], WIDTHS[0]),
            nn.ConvTranspose2d(WIDTHS[0], FINAL_WIDTH, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(FINAL_WIDTH, FINAL_WIDTH, 3, padding=1),
            nn.ReLU(),
            Output(FINAL_WIDTH, num_classes, kernel_size=3),
        )

    @fast_on_cpu
    @padded(32)
    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, num_classes, H, W) of images (B, C, H, W)."""
        *skips, x = self.encoder(image)  # 1/4, 1/8, 1/16; 1/32
        x = self.context(x)  # (B, 516, H / 32, W / 32)
        for up, skip in zip(self.ups, skips[::-1], strict=True):
            x = up(x) + skip
        return self.head(x)

    @property
    def imagenet_encoders(self) -> dict[str, nn.Module]:
        """The encoder that can start from ImageNet, by timm's name."""
        return {"resnet34": self.encoder}
