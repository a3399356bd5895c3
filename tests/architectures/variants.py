"""TaiChiNet in all its variants, around tiny U-Nets."""

from dataclasses import replace
from itertools import product

import pytest
from small_unets import unet_kwargs

from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.config import TaiChiConfig

CONFIG = TaiChiConfig(cpu_bf16=False)
BARE = replace(CONFIG, attention=False, head="none")
HEADS = [{"head": "none"}] + [
    {"head": head, "head_input": head_input, "head_order": order}
    for head, head_input, order in product(
        ("mlp", "conv"), ("logits", "features"), ("negative_first", "positive_first")
    )
]
VARIANTS = [
    replace(CONFIG, attention=attention, deep_supervision=deep, **head)
    for attention, deep, head in product((True, False), (True, False), HEADS)
]

NETWORKS = pytest.mark.parametrize(("dim", "residual"), list(product((2, 3), (False, True))))


def build(config=CONFIG, num_classes=2, deep_supervision=True, dim=2, residual=False, **kwargs):
    kwargs = {"return_paths": True, **unet_kwargs(dim, residual), **kwargs}
    return TaiChiNet(1, num_classes, deep_supervision, config=config, **kwargs)
