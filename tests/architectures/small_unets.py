"""Tiny U-Nets of the host's kind, as a plan would describe them."""

from typing import Any

import torch
from torch import nn

WIDTHS = (8, 16, 16)


def unet_kwargs(dim: int = 2, residual: bool = False, widths: tuple[int, ...] = WIDTHS) -> dict[str, Any]:
    stages = len(widths)
    convs = {"n_blocks_per_stage" if residual else "n_conv_per_stage": [1] * stages}
    return convs | {
        "n_stages": stages,
        "features_per_stage": list(widths),
        "conv_op": (nn.Conv2d, nn.Conv3d)[dim - 2],
        "kernel_sizes": [[3] * dim] * stages,
        "strides": [[1] * dim] + [[2] * dim] * (stages - 1),
        "n_conv_per_stage_decoder": [1] * (stages - 1),
        "conv_bias": True,
        "norm_op": (nn.InstanceNorm2d, nn.InstanceNorm3d)[dim - 2],
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": nn.LeakyReLU,
        "nonlin_kwargs": {"inplace": True},
    }


def images(dim: int = 2, size: int = 16, batch: int = 2, channels: int = 1) -> torch.Tensor:
    return torch.randn(batch, channels, *[size] * dim, generator=torch.Generator().manual_seed(7))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
