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
    """A worker process ended before its work was done."""


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], num_processes: int | None, title: str
) -> Iterator[Result]:
    """Apply a function to items in several processes, and yield the results in the order of the items.

    Args:
        function: Function to apply, picklable. An exception that it raises is raised here, and ends the work.
        items: Arguments of the function, picklable.
        num_processes: Number of worker processes, None for one per core; 1 does the work in this process.
        title: Title of the progress bar.

    Raises:
        WorkerDiedError: A worker was killed.
    """
    progress = partial(tqdm, total=len(items), desc=title, unit="case")
    if num_processes == 1:
        yield from progress(map(function, items))
        return
    pool = ProcessPoolExecutor(num_processes, multiprocessing.get_context("spawn"), initializer=_prepare_worker)
    try:
        with uninterrupted():  # Ctrl-C would make a starting worker print a traceback
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
    """Leave Ctrl-C to the main process, which ends the pool and cleans up. If that process is killed, end as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End with the parent process: a worker holds both ends of the queue, and would wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
