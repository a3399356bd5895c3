"""Notice when a training waits for its data: nnU-Net's log says how long epochs take, not why."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from nnunetv2.utilities.default_n_proc_DA import get_allowed_n_proc_DA

LIMIT = 1 / 3  # share of the time: without waiting, training would be 1.5 times as fast; a smaller gain is not worth it


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class LoadingWatch:
    """Measures how much of an epoch's training part passes outside of training steps, waiting for batches.

    Attributes:
        gpus: Number of GPUs that train together.
        processes: Number of augmenting processes per GPU.
        cores: Number of cores that this process may use.
        epochs: Number of epochs in this run so far.
        said: Whether the advice was given in this run.
    """

    gpus: int = 1
    processes: int = field(default_factory=get_allowed_n_proc_DA)
    cores: int = field(default_factory=count_cores)
    epochs: int = 0
    said: bool = False
    _start: float = 0.0
    _stepping: float = 0.0

    def start_epoch(self) -> None:
        """Begin the training part of an epoch."""
        self._start, self._stepping = perf_counter(), 0.0

    @contextmanager
    def step(self) -> Iterator[None]:
        """Measure one training step."""
        start = perf_counter()
        yield
        self._stepping += perf_counter() - start

    def end_epoch(self, epoch: int) -> str | None:
        """End the training part of an epoch, and return the advice to log, if there is any.

        The first epoch of a run does not count: then data workers start, networks are compiled, and cuDNN tries its
        kernels.
        """
        seconds = perf_counter() - self._start
        self.epochs += 1
        if self.said or self.epochs == 1:
            return None
        advice = advise(epoch, seconds - self._stepping, seconds, self.processes, self.cores, self.gpus)
        self.said = advice is not None
        return advice


def advise(epoch: int, waiting: float, seconds: float, processes: int, cores: int, gpus: int = 1) -> str | None:
    """Return a text that says that data loading limits a training and what to set, or None if it does not.

    Args:
        epoch: Number of the measured epoch.
        waiting: Seconds spent waiting for batches.
        seconds: Seconds of the epoch's training part, waiting included.
        processes: Number of augmenting processes per GPU.
        cores: Number of cores that this process may use.
        gpus: Number of GPUs that train together.
    """
    if waiting <= LIMIT * seconds:
        return None
    each = " for each GPU" if gpus > 1 else ""
    cure = "Every core has one already: a smaller patch or more cores would help."
    if processes * gpus < cores:
        cure = f"Set nnUNet_n_proc_DA to as many cores as are free{each}, or use a smaller patch."
    return (
        f"Data loading limits this training: {waiting / seconds:.0%} of epoch {epoch}'s training time was spent "
        f"waiting for batches. Augmenting processes (nnUNet_n_proc_DA): {processes}{each}; cores: {cores}. {cure}"
    )
