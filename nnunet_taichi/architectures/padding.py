"""Padding, so that networks that need sizes with a certain divisor take any image size."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def padded(divisor: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Pad what a network's `forward(image)` gets, so that `divisor` divides height and width, and crop what it returns.

    The padding repeats the border and is split between both sides. `forward` may return a tensor of the image's size,
    or a list of such tensors.
    """

    def decorate(forward: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(forward)
        def wrapper(self: nn.Module, image: Tensor) -> Any:
            height, width = image.shape[2:]
            bottom, right = (-size % divisor for size in (height, width))
            if not bottom and not right:
                return forward(self, image)
            top, left = bottom // 2, right // 2
            output = forward(self, F.pad(image, (left, right - left, top, bottom - top), mode="replicate"))
            window = (..., slice(top, top + height), slice(left, left + width))
            return [part[window] for part in output] if isinstance(output, list) else output[window]

        return wrapper

    return decorate
