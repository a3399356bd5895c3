"""Easy and hard regions of the lesion (equations 23-24): their maps, how these are stored and get into a batch."""

from nnunet_taichi.difficulty.coding import split_by_difficulty

__all__ = ["split_by_difficulty"]
