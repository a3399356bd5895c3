"""RFNet (Wang, Liang and Zhang, MICCAI 2021): a second pass gives more weight to where the first is expected to err."""

from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, cat, nn

from nnunet_taichi.architectures.backbones import resnet34
from nnunet_taichi.architectures.blocks import Output, activated, convolution, decoder_block
from nnunet_taichi.architectures.padding import padded
from nnunet_taichi.architectures.precision import fast_on_cpu

DIVISOR = 32  # the encoder's total stride
WIDTHS = (256, 128, 64, 64)  # channels of the decoder's blocks, at 1/16, 1/8, 1/4 and 1/2
RESIDUAL_WIDTH = 64
HEAD_WIDTH = 32


class RFNet(nn.Module):
    """An encoder-decoder on ResNet-34 that feeds a map of its expected errors back to its encoder, for any image size.

    It has 21.95 M parameters at 3 channels and 1 class; 22.0 M are published. The RFNet paper names the parts, but not
    all their widths. The number is met with the blocks and the head of CE-Net (Gu et al., TMI 2019), and with a
    residual map that is computed from all four of the decoder's blocks.

    Args:
        input_channels: Number of channels of the image.
        num_classes: Number of channels of the logits.
        deep_supervision: Whether to return a list with all that the loss needs; the logits to score come first.
        cpu_bf16: Whether the forward pass may use bf16 on a CPU; see `fast_on_cpu`.
    """

    def __init__(
        self, input_channels: int, num_classes: int, deep_supervision: bool = False, cpu_bf16: bool = True
    ) -> None:
        super().__init__()
        self.deep_supervision, self.cpu_bf16 = deep_supervision, cpu_bf16
        self.encoder: Any = resnet34(input_channels)
        self.blocks = nn.ModuleList(decoder_block(*widths) for widths in zip((512, *WIDTHS), WIDTHS, strict=False))
        self.residual = nn.Sequential(
            convolution(sum(WIDTHS), RESIDUAL_WIDTH, 3),
            nn.Conv2d(RESIDUAL_WIDTH, 1, 3, padding=1),
        )
        self.head = nn.Sequential(
            activated(nn.ConvTranspose2d(WIDTHS[-1], HEAD_WIDTH, 4, 2, 1, bias=False)),
            convolution(HEAD_WIDTH, HEAD_WIDTH, 3),
            Output(HEAD_WIDTH, num_classes, 3),
        )

    @fast_on_cpu
    @padded(DIVISOR)
    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the second pass's logits (B, num_classes, H, W) of images (B, C, H, W).

        With deep supervision, return a list: these logits, the first pass's, and those of the residual map,
        (B, 1, H, W).
        """
        features = self._decode(self._encode(image))
        same_size = [F.interpolate(f, image.shape[2:], mode="bilinear", align_corners=False) for f in features]
        residual = self.residual(cat(same_size, 1))
        second = self.head(self._decode(self._encode(image, residual.sigmoid()))[-1])
        return [second, self.head(features[-1]), residual] if self.deep_supervision else second

    def _encode(self, x: Tensor, residual: Tensor | None = None) -> list[Tensor]:
        """Return features at 1/2 to 1/32 of the size.

        If there is a residual (B, 1, H, W), each is multiplied by 1 + residual before the next stage gets it.

        The residual is max-pooled: an error along a border is thin, and an average would lose it at 1/32.
        """
        features = []
        for name, layer in self.encoder.items():
            x = layer(x)
            if name in self.encoder.return_layers:  # the end of the stem or of a stage, each of which halves the size
                if residual is not None:
                    residual = F.max_pool2d(residual, 2)
                    x = x * (1 + residual)
                features.append(x)
        return features

    def _decode(self, features: list[Tensor]) -> list[Tensor]:
        """Return the decoder's features at 1/16 to 1/2 of the size: the upsampled ones plus the encoder's."""
        *skips, x = features
        decoded = []
        for block, skip in zip(self.blocks, skips[::-1], strict=True):
            x = block(x) + skip
            decoded.append(x)
        return decoded

    @property
    def decoder(self) -> nn.Module:
        """This network itself: nnU-Net switches deep supervision at `network.decoder.deep_supervision`."""
        return self

    @property
    def imagenet_encoders(self) -> dict[str, nn.Module]:
        """The encoder that can start from ImageNet, by timm's name."""
        return {"resnet34": self.encoder}
