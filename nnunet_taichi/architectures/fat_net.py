"""FAT-Net (Wu et al., Medical Image Analysis 2022): a CNN beside a transformer, and adapted skips."""

from itertools import pairwise
from typing import Any

from torch import Tensor, cat, nn

from nnunet_taichi.architectures.backbones import resnet34
from nnunet_taichi.architectures.blocks import Output, convolution, decoder_block
from nnunet_taichi.architectures.padding import padded
from nnunet_taichi.architectures.precision import fast_on_cpu

PATCH = 16  # patch size of the transformer, in pixels; the CNN ends at the same resolution
TRANSFORMER_WIDTH = 192
WIDTHS = (64, 128, 256, 512)  # ResNet-34's channels at 1/2, 1/4, 1/8, 1/16
REPETITIONS = (6, 4, 2)  # of the adaptation at 1/2, 1/4, 1/8; most at the shallowest skip is most plausible
REDUCTION = 16  # of squeeze-and-excitation
FINAL_WIDTH = 32  # channels before the logits


def excitation(channels: int) -> nn.Sequential:
    """Return the gate of squeeze-and-excitation (Hu et al., CVPR 2018): one weight from 0 to 1 per channel."""
    inner = channels // REDUCTION
    squeeze, restore = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), squeeze, nn.ReLU(), restore, nn.Sigmoid())


class FeatureAdaptation(nn.Module):
    """FAM: the sum of a 3x3 and a 1x1 convolution, each with a ReLU, applied repeatedly with the same weights.

    There is no normalisation: one set of statistics would not fit all repetitions.

    Args:
        channels: Number of channels of the skip, which does not change.
        repetitions: Number of times that the module is applied.
    """

    def __init__(self, channels: int, repetitions: int) -> None:
        super().__init__()
        self.repetitions = repetitions
        self.wide, self.narrow = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, channels, 1)

    def forward(self, skip: Tensor) -> Tensor:
        """Return the adapted skip, of the same shape (B, channels, H, W)."""
        for _ in range(self.repetitions):
            skip = self.wide(skip).relu() + self.narrow(skip).relu()
        return skip


class FATNet(nn.Module):
    """ResNet-34 without max-pooling beside DeiT-tiny, and a narrow decoder that adds adapted skips; any image size.

    It has 28.66 M parameters at 1 channel and 2 classes; 28.7 M are published. A decoder block of CE-Net also does the
    last step, to full size. The published number does not tell which layer does this step.

    Args:
        input_channels: Number of channels of the image and of both encoders' first convolutions.
        num_classes: Number of channels of the logits.
        cpu_bf16: Whether the forward pass may use bf16 on a CPU; see `fast_on_cpu`.
    """

    def __init__(self, input_channels: int, num_classes: int, cpu_bf16: bool = True) -> None:
        super().__init__()
        import timm  # lazily: looking up a trainer does not need it

        self.cpu_bf16 = cpu_bf16
        self.cnn = resnet34(input_channels, layers=(1, 2, 3, 4))
        self.cnn.maxpool = nn.Identity()
        self.transformer: Any = timm.create_model(  # its position embedding for 224 pixels is resampled to the image
            "deit_tiny_patch16_224", pretrained=False, in_chans=input_channels, num_classes=0, dynamic_img_size=True
        )
        *skip_widths, bottom = WIDTHS
        self.widen = convolution(TRANSFORMER_WIDTH, bottom, 1)
        self.excitation, self.fuse = excitation(2 * bottom), convolution(2 * bottom, bottom, 1)
        self.adaptations = nn.ModuleList(map(FeatureAdaptation, skip_widths, REPETITIONS))
        self.ups = nn.ModuleList(decoder_block(*pair) for pair in pairwise(WIDTHS[::-1]))
        self.head = nn.Sequential(
            decoder_block(WIDTHS[0], FINAL_WIDTH),
            convolution(FINAL_WIDTH, FINAL_WIDTH, 3),
            Output(FINAL_WIDTH, num_classes, kernel_size=3),
        )

    @fast_on_cpu
    @padded(PATCH)
    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, num_classes, H, W) of images (B, C, H, W)."""
        *skips, local = self.cnn(image)  # 1/2, 1/4, 1/8; 1/16
        tokens = self.transformer.forward_features(image)[:, 1:]  # (B, H / 16 * W / 16, 192), without the class token
        context = self.widen(tokens.transpose(1, 2).unflatten(2, local.shape[2:]))
        both = cat((local, context), 1)  # (B, 1024, H / 16, W / 16)
        x = self.fuse(both * self.excitation(both))
        adapted = [adapt(skip) for adapt, skip in zip(self.adaptations, skips, strict=True)]
        for up, skip in zip(self.ups, adapted[::-1], strict=True):
            x = up(x) + skip
        return self.head(x)

    @property
    def imagenet_encoders(self) -> dict[str, nn.Module]:
        """The encoders that can start from ImageNet, by timm's names."""
        return {"resnet34": self.cnn, "deit_tiny_patch16_224": self.transformer}
