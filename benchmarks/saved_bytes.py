"""What a network keeps for its backward pass, told without computing anything."""

from itertools import chain

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode


def saved_bytes(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return the bytes that a forward pass in training keeps for the backward pass, in float32, without the weights.

    This is most of a training step's peak. Weights, their gradients and an optimiser's state come on top of it, and
    what single layers need for a moment.

    Args:
        network: on any device; it stays as it is.
        input_shape: (B, C, *spatial).
    """
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage  # several tensors may share one
        return tensor

    fake = FakeTensorMode()  # tensors without content
    tensors = chain(network.named_parameters(), network.named_buffers())
    state: dict[str, Tensor] = {name: fake.from_tensor(tensor) for name, tensor in tensors}
    with fake, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # not as tied weights: the host's decoder holds the encoder as well, and swapping both restores neither
        image = torch.empty(input_shape, device=next(network.parameters()).device)
        output = torch.func.functional_call(network, state, image, tie_weights=False)  # held, and what it keeps with it
        total = sum(storage.nbytes() for storage in kept.values())
        del output
    return total
