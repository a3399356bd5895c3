"""Encoders that networks of the literature borrow, and the layer that ends them all."""

from pathlib import Path

from torch import Tensor, nn

SUFFIXES = (".safetensors", ".pth")


def resnet34(input_channels: int, layers: tuple[int, ...] = (0, 1, 2, 3, 4)) -> nn.Module:
    """Build ResNet-34 (He et al., CVPR 2016) with random weights.

    Args:
        input_channels: channels of the image.
        layers: which outputs to return: 0 the stem (1/2, 64 channels), 1 to 4 the stages (1/4, 1/8, 1/16, 1/32; 64,
            128, 256, 512 channels).

    Returns:
        A module that maps an image (B, C, H, W) to the list of these feature maps.
    """
    import timm  # lazily: the look-up of trainers needs none of it

    return timm.create_model(
        "resnet34", pretrained=False, features_only=True, out_indices=layers, in_chans=input_channels
    )


class Output(nn.Module):
    """A convolution to logits, under the name by which the host's -pretrained_weights knows layers of other classes.

    Args:
        channels: of the features.
        num_classes: channels of the logits.
        kernel_size: of the convolution, which keeps the size.
    """

    def __init__(self, channels: int, num_classes: int, kernel_size: int = 1) -> None:
        super().__init__()
        self.seg_layers = nn.ModuleList([nn.Conv2d(channels, num_classes, kernel_size, padding=kernel_size // 2)])

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, num_classes, H, W) of features (B, channels, H, W)."""
        return self.seg_layers[0](features)


def load_imagenet_weights(encoders: dict[str, nn.Module], folder: str | Path) -> None:
    """Load a network's encoders from files that lie at hand; nothing is downloaded.

    The first convolution is adapted to the image's channels, and position embeddings to the grid, as timm does it.

    Args:
        encoders: timm's name of each, as "resnet34".
        folder: holds `<name>.safetensors` or `<name>.pth`, in timm's or torchvision's format.

    Raises:
        ValueError: the network borrows no encoder.
        FileNotFoundError: a file is missing.
    """
    import timm

    if not encoders:
        raise ValueError("imagenet_weights is set, but this network has no encoder that was trained on ImageNet.")
    for name, encoder in encoders.items():
        files = [file for suffix in SUFFIXES if (file := Path(folder, name + suffix)).is_file()]
        if not files:
            raise FileNotFoundError(f"Found no weights of {name}: expected {name}.safetensors or .pth in {folder}.")
        channels = next(p for p in encoder.parameters() if p.ndim == 4).shape[1]
        donor = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"file": str(files[0])}, in_chans=channels, num_classes=0
        )
        weights = donor.state_dict()
        encoder.load_state_dict({key: weights[key] for key in encoder.state_dict()})
