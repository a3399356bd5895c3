"""Several processes on one fold: other trainings, and the ranks of one distributed training."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch.distributed as dist
from filelock import FileLock, Timeout

T = TypeVar("T")


def from_rank_0(value: T) -> T:
    """Return rank 0's value on every rank. All ranks meet here, so that none runs ahead of the others."""
    if not (dist.is_available() and dist.is_initialized()):
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def is_rank_0() -> bool:
    """Tell whether this process is rank 0, which alone writes files."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


@contextmanager
def file_lock(path: str, poll_seconds: float = 5.0) -> Iterator[None]:
    """Wait for a lock file and hold it. All ranks meet at each poll, so that no collective operation times out."""
    lock = FileLock(path)
    announced = False
    while not from_rank_0(is_rank_0() and _try(lock)):
        if not announced and is_rank_0():
            print(f"Waiting for another process that holds {path}", flush=True)
        announced = True
        time.sleep(poll_seconds)
    try:
        yield
    finally:
        if is_rank_0():
            lock.release()


@contextmanager
def without_wandb() -> Iterator[None]:
    """Keep a trainer that is constructed inside another from opening a second wandb run."""
    before = os.environ.get("nnUNet_wandb_enabled")
    os.environ["nnUNet_wandb_enabled"] = "0"
    try:
        yield
    finally:
        del os.environ["nnUNet_wandb_enabled"]
        if before is not None:
            os.environ["nnUNet_wandb_enabled"] = before


def _try(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
