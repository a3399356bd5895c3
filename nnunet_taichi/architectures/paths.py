"""One path of TaiChiNet: a U-Net of nnU-Net's kind, as the plan describes it."""

from collections.abc import Sequence
from pydoc import locate
from typing import Any

from torch import nn

HOST_UNETS = "dynamic_network_architectures.architectures.unet"


UNet = Any  # torch declares a module's attributes as tensors, so that a type would hide encoder and decoder


def build_path(unet_class: type[nn.Module] | str | None, **unet_kwargs: Any) -> UNet:
    """Build and initialise one U-Net; its own initialiser stays off what TaiChiNet adds.

    Args:
        unet_class: class or dotted name; by default the host's plain or residual U-Net, whichever `unet_kwargs` fit.
        unet_kwargs: its arguments.

    Raises:
        ValueError: there is no such class, or it has no encoder and decoder of nnU-Net's kind.
    """
    if unet_class is None:
        kind = "ResidualEncoderUNet" if "n_blocks_per_stage" in unet_kwargs else "PlainConvUNet"
        unet_class = f"{HOST_UNETS}.{kind}"
    build = locate(unet_class) if isinstance(unet_class, str) else unet_class
    if not callable(build):
        raise ValueError(f"There is no network class {unet_class}: unet_class is the dotted name of a U-Net.")
    unet = build(**unet_kwargs, deep_supervision=True)
    if not hasattr(unet, "encoder") or not hasattr(getattr(unet, "decoder", None), "seg_layers"):
        raise ValueError(
            f"TaiChiNet doubles U-Nets with nnU-Net's encoder and decoder; {type(unet).__name__} is none. Use plans of "
            "nnU-Net's default or residual-encoder planners."
        )
    if hasattr(unet, "initialize"):
        unet.apply(unet.initialize)
    return unet


def prune_outputs(paths: Sequence[UNet], kept: int) -> int:
    """Drop the output layers that no loss reaches and return how many stay.

    A layer without a gradient breaks distributed training. Where one is dropped, the decoder hands on its features.

    Args:
        paths: the U-Nets.
        kept: scales to keep, finest first.
    """
    for path in paths:
        layers = path.decoder.seg_layers  # coarsest first
        for i in range(len(layers) - kept):
            layers[i] = nn.Identity()
    return kept
