"""Any image size for networks that need a divisor."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def padded(divisor: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a network's `forward(image)` see heights and widths divisible by `divisor`: repeat the border, then crop.

    The padding is split between both sides. The forward may return a tensor of the image's size, or a list of them.
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
