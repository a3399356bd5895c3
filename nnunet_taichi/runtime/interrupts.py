"""Moments in which Ctrl-C is ignored."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C in this block. Processes that are started in it ignore Ctrl-C for good."""
    if threading.current_thread() is not threading.main_thread():  # only it can set handlers and runs them
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
