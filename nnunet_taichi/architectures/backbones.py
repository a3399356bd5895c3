"""Encoders that networks of the literature borrow, and their weights."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from torch import Tensor, nn

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
        ValueError: the network borrows no encoder, or a file holds another one's weights.
        FileNotFoundError: a file is missing.
    """
    from safetensors import SafetensorError  # lazily, as timm, which brings it

    if not encoders:
        raise ValueError("imagenet_weights is set, but this network has no encoder that was trained on ImageNet.")
    for name, encoder in encoders.items():
        files = [file for suffix in SUFFIXES if (file := Path(folder, name + suffix)).is_file()]
        if not files:
            raise FileNotFoundError(f"Found no weights of {name}: expected {name}.safetensors or .pth in {folder}.")
        try:
            encoder.load_state_dict(_read_weights(name, encoder, files[0]))
        except (RuntimeError, KeyError, UnpicklingError, SafetensorError) as error:  # no weights, or of other shapes
            raise ValueError(f"{files[0]} does not hold the weights of {name}: {error}") from error


def _read_weights(name: str, encoder: nn.Module, file: Path) -> dict[str, Tensor]:
    """Return an encoder's state dict from a file, by way of timm's own network of that name.

    Raises:
        KeyError: the file lacks some, which timm would leave random.
    """
    import timm

    wanted = {key for key in encoder.state_dict() if not key.endswith("num_batches_tracked")}
    if missing := sorted(wanted - set(timm.models.load_state_dict(str(file)))):
        raise KeyError(f"it lacks {missing[0]} and {len(missing) - 1} more")
    channels = next(p for p in encoder.parameters() if p.ndim == 4).shape[1]
    options: dict[str, Any] = {"pretrained_cfg_overlay": {"file": str(file)}, "in_chans": channels, "num_classes": 0}
    weights = timm.create_model(name, pretrained=True, **options).state_dict()
    return {key: weights[key] for key in encoder.state_dict()}
