"""Blocks that several of the comparison networks use."""

from torch import Tensor, nn


class Output(nn.Module):
    """A convolution to logits.

    Its name, `seg_layers`, makes nnU-Net's -pretrained_weights skip it, since other data sets have other classes.

    Args:
        channels: Number of channels of the features.
        num_classes: Number of channels of the logits.
        kernel_size: Kernel size of the convolution, which keeps the image's size.
    """

    def __init__(self, channels: int, num_classes: int, kernel_size: int = 1) -> None:
        super().__init__()
        self.seg_layers = nn.ModuleList([nn.Conv2d(channels, num_classes, kernel_size, padding=kernel_size // 2)])

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, num_classes, H, W) of features (B, channels, H, W)."""
        return self.seg_layers[0](features)


def activated(conv: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """Return a convolution followed by batch normalisation and ReLU."""
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU())


def convolution(width_in: int, width_out: int, kernel_size: int, dilation: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the image's size, followed by batch normalisation and ReLU."""
    return activated(nn.Conv2d(width_in, width_out, kernel_size, padding="same", dilation=dilation, bias=False))


def decoder_block(width_in: int, width_out: int) -> nn.Sequential:
    """Return CE-Net's decoder block, which doubles the size: 1x1 to a quarter of the channels, transposed 3x3, 1x1."""
    inner = width_in // 4
    up = nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1, bias=False)
    return nn.Sequential(*convolution(width_in, inner, 1), *activated(up), *convolution(inner, width_out, 1))
