"""Encoders that networks of the literature share, and their ImageNet weights."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from torch import Tensor, nn

SUFFIXES = (".safetensors", ".pth")


def resnet34(input_channels: int, layers: tuple[int, ...] = (0, 1, 2, 3, 4)) -> nn.Module:
    """Build ResNet-34 (He et al., CVPR 2016) with random weights.

    As in torchvision, the last normalisation of each residual branch does not start at zero.

    Args:
        input_channels: Number of channels of the image.
        layers: Numbers of the outputs to return: 0 is the stem (1/2 of the size, 64 channels), 1 to 4 are the stages
            (1/4, 1/8, 1/16, 1/32; 64, 128, 256, 512 channels).

    Returns:
        A module that maps an image (B, C, H, W) to the list of these feature maps.
    """
    import timm  # lazily: looking up a trainer does not need it

    return timm.create_model(
        "resnet34", features_only=True, out_indices=layers, in_chans=input_channels, zero_init_last=False
    )


def load_imagenet_weights(encoders: dict[str, nn.Module], folder: str | Path) -> None:
    """Load a network's encoders from local files. Nothing is downloaded.

    As in timm, the first convolution is adapted to the image's channels, and position embeddings to the grid.

    Args:
        encoders: Encoders by timm's name, for example "resnet34".
        folder: Folder with `<name>.safetensors` or `<name>.pth`, in timm's or torchvision's format.

    Raises:
        ValueError: There are no encoders, or a file does not hold the weights of its encoder.
        FileNotFoundError: A file is missing.
    """
    from safetensors import SafetensorError  # lazily, as timm, which depends on it

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
    """Return an encoder's state dict from a file, read through timm's own network of that name.

    Raises:
        KeyError: The file lacks some weights, which timm would leave random.
    """
    import timm

    wanted = {key for key in encoder.state_dict() if not key.endswith("num_batches_tracked")}
    if missing := sorted(wanted - set(timm.models.load_state_dict(str(file)))):
        raise KeyError(f"it lacks {missing[0]} and {len(missing) - 1} more")
    channels = next(p for p in encoder.parameters() if p.ndim == 4).shape[1]
    options: dict[str, Any] = {"pretrained_cfg_overlay": {"file": str(file)}, "in_chans": channels, "num_classes": 0}
    weights = timm.create_model(name, pretrained=True, **options).state_dict()
    return {key: weights[key] for key in encoder.state_dict()}
