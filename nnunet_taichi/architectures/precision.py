"""Fast arithmetic on a CPU, where nnU-Net uses float32: bf16."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import torch
from torch import Tensor, nn


@cache
def cpu_has_bf16() -> bool:
    """Tell whether this CPU multiplies bf16 (AMX or AVX512-BF16). On other CPUs, bf16 is slower than float32."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(check is not None and check() for check in checks)


def fast_on_cpu(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Run a network's `forward(image)` in bf16 autocast and channels_last on a CPU that multiplies bf16.

    This happens only if the network's `cpu_bf16` is true. On other devices nothing changes: there nnU-Net chooses the
    precision.
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
    """Return the same nested lists and tuples with float32 tensors (or None), since nnU-Net adds up logits."""
    if output is None:
        return None
    if isinstance(output, Tensor):
        return output.float()
    return type(output)(_float32(part) for part in output)
