"""Work on many files at once, with a progress bar."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from tqdm import tqdm

from nnunet_taichi.runtime.interrupts import uninterrupted

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDiedError(Exception):
    """A worker process ended before its work."""


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], num_processes: int | None, title: str
) -> Iterator[Result]:
    """Yield the results in the order of the items, as they come.

    Args:
        function: Picklable. What it raises is raised here, and ends the work.
        items: Picklable.
        num_processes: How many processes work, None for one a core; 1 is this one.
        title: What the progress bar says.

    Raises:
        WorkerDiedError: A worker was killed.
    """
    progress = partial(tqdm, total=len(items), desc=title, unit="case")
    if num_processes == 1:
        yield from progress(map(function, items))
        return
    pool = ProcessPoolExecutor(num_processes, multiprocessing.get_context("spawn"), initializer=_prepare_worker)
    try:
        with uninterrupted():  # a worker that is just starting would print a traceback
            results = pool.map(function, items, chunksize=4)
        yield from progress(results)
    except BrokenProcessPool:
        cause = (
            "a worker process died: it was killed, or there is too little memory; try fewer processes, such as -np 1"
        )
        raise WorkerDiedError(cause) from None
    finally:
        with uninterrupted():  # a second Ctrl-C would leave both sides waiting
            pool.shutdown(cancel_futures=True)


def _prepare_worker() -> None:
    """Leave Ctrl-C to the main process, which ends the pool and cleans up; when that is killed, end as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker would wait for its next task for ever: it holds both ends of the queue."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
