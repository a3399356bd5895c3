"""What a network computes for one image, told without computing anything."""

from collections.abc import Callable

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode


def forward_flops(build: Callable[[], nn.Module], input_shape: tuple[int, ...]) -> int:
    """Return the floating-point operations of one forward pass, as torch counts them.

    These are the operations of convolutions and matrix products. All others are few beside them.

    Args:
        build: makes the network. It is called where tensors have no content, so that it costs no memory.
        input_shape: (C, *spatial) of the image.
    """
    # not torch.device("meta"): it knows no autocast, which the attention switches off
    with FakeTensorMode(), torch.no_grad():
        network = build()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, *input_shape))
    return counter.get_total_flops()
