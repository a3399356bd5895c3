"""Moments in which Ctrl-C has to wait."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C in this block; processes that are started in it ignore it for good."""
    if threading.current_thread() is not threading.main_thread():  # no other may set signals, nor gets one
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
