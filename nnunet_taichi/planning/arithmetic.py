"""How many operations a network needs for one image, counted without computing them."""

from collections.abc import Callable

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode


def forward_flops(build: Callable[[], nn.Module], input_shape: tuple[int, ...]) -> int:
    """Return the floating-point operations of one forward pass, as torch counts them.

    torch counts convolutions and matrix products. All other operations are few beside them.

    Args:
        build: Function that makes the network. It is called where tensors have no content, so it costs no memory.
        input_shape: Shape of the image, (C, *spatial).
    """
    # not torch.device("meta"), which has no autocast: the attention switches autocast off
    with FakeTensorMode(), torch.no_grad():
        network = build()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, *input_shape))
    return counter.get_total_flops()
