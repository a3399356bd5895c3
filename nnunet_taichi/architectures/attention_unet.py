"""Attention U-Net (Oktay et al., MIDL 2018): a U-Net in which the decoder's features gate the skips."""

from typing import Any

from dynamic_network_architectures.building_blocks.helper import get_matching_batchnorm
from torch import Tensor, cat, nn

from nnunet_taichi.architectures.paths import prune_outputs
from nnunet_taichi.architectures.precision import fast_on_cpu
from nnunet_taichi.architectures.unet import PaperUNet


class AttentionGate(nn.Module):
    """Additive grid gate: one weight per position, sigmoid(psi(ReLU(W_x x + W_g g))), of skip x and gating signal g.

    Args:
        channels: Number of channels of x and of g.
        conv_op: Class of the convolution, 2D or 3D.
    """

    def __init__(self, channels: int, conv_op: type[nn.Module]) -> None:
        super().__init__()
        norm, inner = get_matching_batchnorm(conv_op), max(1, channels // 2)

        def project(width_in: int, width_out: int) -> nn.Module:
            return nn.Sequential(conv_op(width_in, width_out, 1), norm(width_out))

        self.skip, self.gating, self.psi = project(channels, inner), project(channels, inner), project(inner, 1)

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Return the gated skip, (B, channels, *spatial), of a skip and a gating signal of the same shape."""
        return skip * self.psi((self.skip(skip) + self.gating(gating)).relu()).sigmoid()


class AttentionUNet(PaperUNet):
    """The paper's U-Net with a gate on each skip. It takes its widths from any plan: 32 to 512 give 8.73 M parameters.

    The gating signal of a skip is the decoder's upsampled feature map, which carries the coarser context.
    """

    def __init__(self, input_channels: int, num_classes: int, **unet_kwargs: Any) -> None:
        super().__init__(input_channels, num_classes, **unet_kwargs)
        prune_outputs([self], 1)
        widths = self.encoder.output_channels[-2::-1]
        self.gates = nn.ModuleList(AttentionGate(width, self.encoder.conv_op) for width in widths)

    @fast_on_cpu
    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, num_classes, *spatial) of images (B, C, *spatial) whose sizes all strides divide."""
        *skips, x = self.encoder(image)
        decoder = self.decoder
        for up, gate, stage, skip in zip(decoder.transpconvs, self.gates, decoder.stages, skips[::-1], strict=True):
            x = up(x)
            x = stage(cat((x, gate(skip, x)), 1))
        return decoder.seg_layers[-1](x)
