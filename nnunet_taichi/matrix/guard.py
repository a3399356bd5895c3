"""Run a command so that none of its processes outlives the caller, even if the caller is killed.

nnU-Net's data workers go on when their training is killed. So each command runs in a session of its own, and a guard
process watches over it. The guard kills the whole session when the command ends. It also does so when its own standard
input ends, because this means that the caller has ended.
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
    """Run a command to its end, with its output in the file `log`, and return its exit code."""
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, *words],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},  # so that an interrupted log is complete
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # signals to the caller's group, such as Ctrl-C, must not reach the guard
    )
    try:
        return guard.wait()
    finally:  # also after Ctrl-C: end the guard's input, and wait
        guard.communicate()


def main(words: Sequence[str]) -> int:
    """Run a command as its guard, and return its exit code."""
    command = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_kill_without_caller, args=[command], daemon=True).start()
    code = command.wait()
    _kill(command)
    return code if code >= 0 else 128 - code  # for a signal, as shells do


def _kill_without_caller(command: subprocess.Popen) -> None:
    while os.read(sys.stdin.fileno(), 1):  # not stdin.read(), whose lock would keep this process from ending
        pass
    _kill(command)


def _kill(command: subprocess.Popen) -> None:
    """Kill a command and, on POSIX systems, all processes that it has started."""
    if os.name != "posix":
        command.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
