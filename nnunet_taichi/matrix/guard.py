"""Run a command of which nothing outlives whoever asked for it, not even if that is killed.

nnU-Net's data workers go on when their training is killed. So each command gets a session of its own, and beside it a
guard, which kills all of it when the command ends or when its own standard input does, for that is the caller's end.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO


def run_guarded(words: Sequence[str], log: BinaryIO) -> int:
    """Run a command to its end, its output going to a file, and return its exit code."""
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, *words],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},  # an interrupted log should be whole
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # what kills the caller's group, as Ctrl-C does, is not for the guard
    )
    try:
        return guard.wait()
    finally:  # also after Ctrl-C
        guard.communicate()


def main(words: Sequence[str]) -> int:
    """Be the guard of a command."""
    command = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_kill_without_caller, args=[command], daemon=True).start()
    code = command.wait()
    _kill(command)
    return code if code >= 0 else 128 - code  # as shells do


def _kill_without_caller(command: subprocess.Popen) -> None:
    while os.read(sys.stdin.fileno(), 1):  # not stdin.read(), whose lock would keep this process from ending
        pass
    _kill(command)


def _kill(command: subprocess.Popen) -> None:
    """Kill a command and what it has started."""
    if os.name != "posix":
        command.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
