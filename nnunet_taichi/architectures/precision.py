"""Fast arithmetic where the host has none: bf16 on CPU."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import torch
from torch import Tensor, nn


@cache
def cpu_has_bf16() -> bool:
    """Tell whether this processor multiplies bf16 (AMX or AVX512-BF16); elsewhere bf16 is slower than float32."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(check is not None and check() for check in checks)


def fast_on_cpu(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Run a network's `forward(image)` under bf16 autocast in channels_last on such a CPU, if its `cpu_bf16` is true.

    On other devices nothing changes: there the host chooses the precision.
    """

    @wraps(forward)
    def wrapper(self: nn.Module, image: Tensor) -> Any:
        if image.device.type != "cpu" or not self.cpu_bf16 or not cpu_has_bf16():
            return forward(self, image)
        layout = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
        with torch.autocast("cpu", torch.bfloat16):
            return _float32(forward(self, image.to(memory_format=layout)))

    return wrapper


def _float32(output: Any) -> Any:
    """Return the same nest of lists and tuples with float32 tensors (or None): the host adds up logits."""
    if output is None:
        return None
    if isinstance(output, Tensor):
        return output.float()
    return type(output)(_float32(part) for part in output)
