"""Which pixels are easy or hard, and how one int16 channel holds this."""

from typing import TypeVar

import numpy as np
import torch

MAX_HEADS = 9  # 3^9 - 1 is the last such code that fits into int16

Arrays = TypeVar("Arrays", np.ndarray, torch.Tensor)


def split_by_difficulty(level1: Arrays, level4: Arrays, ground_truth: Arrays) -> tuple[Arrays, Arrays]:
    """Split a lesion by what U-Net++ finds at its first and at its fourth level (equations 23-24).

    Args:
        level1: Output of the shallowest level, boolean, of any shape.
        level4: Output of the deepest level, boolean, of the same shape.
        ground_truth: True lesion, boolean, of the same shape.

    Returns:
        easy = level1 and GT; hard = level4 and GT and not easy. Lesion pixels that neither level finds are in neither.

    >>> easy, hard = split_by_difficulty(np.array([1, 1, 0, 0]) > 0, np.array([0, 1, 1, 0]) > 0, np.array([1] * 4) > 0)
    >>> easy.tolist(), hard.tolist()
    ([True, True, False, False], [False, False, True, False])
    """
    easy = level1 & ground_truth
    return easy, level4 & ground_truth & ~easy


def encode_difficulty(easy: np.ndarray, hard: np.ndarray) -> np.ndarray:
    """Code booleans (K, *spatial) as (*spatial), int16: the sum over heads k of 3^k times 0 (none), 1 (easy), 2 (hard).

    Raises:
        NotImplementedError: There are more than nine heads, whose codes would overflow int16.
    """
    check_heads(len(easy))
    weights = 3 ** np.arange(len(easy)).reshape(-1, *[1] * (easy.ndim - 1))
    return ((easy + 2 * hard) * weights).sum(0).astype(np.int16)


def decode_difficulty(codes: torch.Tensor, num_heads: int) -> torch.Tensor:
    """Return 0 (none), 1 (easy) or 2 (hard) for each head, (B, K, *spatial), from codes (B, *spatial)."""
    codes = codes.clamp_min(0).unsqueeze(1)  # nnU-Net pads with -1
    if num_heads == 1:
        return codes
    places = 3 ** torch.arange(num_heads, device=codes.device, dtype=codes.dtype)
    return codes // places.view(-1, *[1] * (codes.ndim - 2)) % 3


def check_heads(num_heads: int) -> None:
    """Refuse more heads than a code can hold.

    Raises:
        NotImplementedError: There are more than nine heads.
    """
    if num_heads > MAX_HEADS:
        raise NotImplementedError(
            f"Easy-to-hard maps hold {MAX_HEADS} classes or regions in one int16 channel, this data set has "
            f"{num_heads}. Train a variant with `easy_to_hard=False`, or merge classes."
        )


def shares(codes: np.ndarray, truth: np.ndarray) -> dict[str, list[int]]:
    """Count the easy pixels, the hard pixels and all lesion pixels of each head.

    Args:
        codes: Difficulty codes, (*spatial).
        truth: Ground truth, (K, *spatial), boolean.

    Returns:
        Three lists of K counts, in pixels.
    """
    levels = decode_difficulty(torch.from_numpy(codes)[None], len(truth))[0]
    return {
        "easy": [int((level == 1).sum()) for level in levels],
        "hard": [int((level == 2).sum()) for level in levels],
        "lesion": [int(head.sum()) for head in truth],
    }
