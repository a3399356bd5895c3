"""Encoders that networks of the literature borrow, and their weights."""

from pathlib import Path

from torch import nn

SUFFIXES = (".safetensors", ".pth")


def resnet34(input_channels: int, layers: tuple[int, ...] = (0, 1, 2, 3, 4)) -> nn.Module:
    """Build ResNet-34 (He et al., CVPR 2016) with random weights; its residual branches start open, as torchvision's.

    Args:
        input_channels: channels of the image.
        layers: which outputs to return: 0 the stem (1/2, 64 channels), 1 to 4 the stages (1/4, 1/8, 1/16, 1/32; 64,
            128, 256, 512 channels).

    Returns:
        A module that maps an image (B, C, H, W) to the list of these feature maps.
    """
    import timm  # lazily: the look-up of trainers needs none of it

    return timm.create_model(
        "resnet34", features_only=True, out_indices=layers, in_chans=input_channels, zero_init_last=False
    )


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
