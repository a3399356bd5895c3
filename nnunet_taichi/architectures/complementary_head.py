"""The head through which the two paths correct each other (equations 10-12, figure 10)."""

from dynamic_network_architectures.building_blocks.helper import convert_dim_to_conv_op
from torch import Tensor, nn


class ComplementaryHead(nn.Module):
    """Two MLPs that refine each path from the complement of the other, one after the other.

    In logits z, with s the sigmoid: z_n = z'_n + MLP_n(1 - s(z'_p)), then z_p = z'_p + MLP_p(1 - s(z_n)). An MLP acts
    on each position alone: a 1x1 convolution up, ReLU, a 1x1 convolution down.

    Args:
        num_classes: channels of the logits (or features) that come in.
        hidden: channels between up and down.
        dim: 2 or 3 spatial dimensions.
        kernel_size: 1 for the MLP (figure 10 b, c), 3 for the convolutional head (a).
        positive_first: refine the lesion path first (figure 10 b).
        consistent: both paths learn the lesion (table II), so that each gets the other's probability as it is.
    """

    def __init__(
        self,
        num_classes: int,
        hidden: int = 64,
        dim: int = 2,
        kernel_size: int = 1,
        positive_first: bool = False,
        consistent: bool = False,
    ) -> None:
        super().__init__()
        conv = convert_dim_to_conv_op(dim)

        def block() -> nn.Module:
            return nn.Sequential(
                conv(num_classes, hidden, kernel_size, padding=kernel_size // 2),
                nn.ReLU(inplace=True),
                conv(hidden, num_classes, kernel_size, padding=kernel_size // 2),
            )

        # the name keeps the host's -pretrained_weights from asking for the same number of classes
        self.seg_layers = nn.ModuleDict({"negative": block(), "positive": block()})
        self.positive_first = positive_first
        self.translate = Tensor.sigmoid if consistent else complement
        self.channels = 2 * (hidden + num_classes)  # of all feature maps

    def forward(self, negative_logits: Tensor, positive_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Refine both paths.

        Args:
            negative_logits: z'_n, (B, num_classes, *spatial).
            positive_logits: z'_p, of the same shape.

        Returns:
            z_n and z_p, of the same shape.
        """
        if self.positive_first:
            positive_logits = positive_logits + self.seg_layers["positive"](self.translate(negative_logits))
            negative_logits = negative_logits + self.seg_layers["negative"](self.translate(positive_logits))
        else:
            negative_logits = negative_logits + self.seg_layers["negative"](self.translate(positive_logits))  # eq. 10
            positive_logits = positive_logits + self.seg_layers["positive"](self.translate(negative_logits))  # eq. 11
        return negative_logits, positive_logits


def complement(logits: Tensor) -> Tensor:
    """Return 1 - s(z), the complement of a probability (equation 12)."""
    return 1 - logits.sigmoid()
