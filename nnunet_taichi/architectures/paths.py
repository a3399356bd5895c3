"""One path of TaiChiNet: a U-Net with nnU-Net's encoder and decoder, as the plan describes it."""

from collections.abc import Sequence
from pydoc import locate
from typing import Any

from torch import nn

HOST_UNETS = "dynamic_network_architectures.architectures.unet"


UNet = Any  # torch declares a module's attributes as tensors, so a narrower type would hide encoder and decoder


def build_path(unet_class: type[nn.Module] | str | None, **unet_kwargs: Any) -> UNet:
    """Build one U-Net and initialise it here, so that its initialiser does not touch what TaiChiNet adds.

    Args:
        unet_class: Class or dotted name; by default nnU-Net's plain or residual U-Net, whichever fits `unet_kwargs`.
        unet_kwargs: Keyword arguments of the class.

    Raises:
        ValueError: There is no such class, or its networks do not have nnU-Net's encoder and decoder.
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
    """Drop the output layers that no loss reaches, and return how many stay.

    A layer without a gradient breaks distributed training. In place of a dropped layer's logits, the decoder returns
    features.

    Args:
        paths: U-Nets to change.
        kept: Number of scales to keep, finest first.
    """
    for path in paths:
        layers = path.decoder.seg_layers  # coarsest first
        for i in range(len(layers) - kept):
            layers[i] = nn.Identity()
    return kept
