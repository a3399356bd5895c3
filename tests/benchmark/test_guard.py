"""Nothing of a command outlives it, or whoever asked for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunet_taichi.matrix.guard import run_guarded

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sessions and signals of POSIX")

PATIENCE_SECONDS = 60
# a training with a data worker, which ignores that its parent died, as nnU-Net's do
TRAINING = """
import os, pathlib, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
pathlib.Path(sys.argv[1], "pids.part").write_text(f"{os.getpid()} {worker.pid}")
os.rename(os.path.join(sys.argv[1], "pids.part"), os.path.join(sys.argv[1], "pids"))
time.sleep(float(sys.argv[2]))
"""
CALLER = "import sys; from nnunet_taichi.matrix.guard import run_guarded as r; r(sys.argv[1:], open('log', 'wb'))"


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; nobody may have asked for its exit code yet."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return not state or state.startswith("Z")


def pids(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def training(folder: Path, seconds: float) -> list[str]:
    return [sys.executable, "-c", TRAINING, str(folder), str(seconds)]


def test_output_is_added_to_the_log_and_the_exit_code_returned(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for number in (3, 0):
        with log.open("ab") as file:
            code = f"import sys; print(sys.stdin.read(), {number}); sys.exit({number})"
            assert run_guarded([sys.executable, "-c", code], file) == number
    assert log.read_text() == " 3\n 0\n"


def test_a_command_that_is_killed_is_told_as_shells_do(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        assert run_guarded([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], file) == 137


def test_workers_do_not_outlive_their_training(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        assert run_guarded(training(tmp_path, seconds=0), file) == 0
    wait_for(lambda: all(map(is_gone, pids(tmp_path))))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["process", "group"])
def test_a_training_does_not_outlive_its_caller(
    tmp_path: Path, sign: signal.Signals, kill: Callable[[int, int], None]
) -> None:
    words = [sys.executable, "-c", CALLER, *training(tmp_path, seconds=1000)]
    with subprocess.Popen(words, cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL) as caller:
        wait_for((tmp_path / "pids").is_file)
        kill(caller.pid, sign)
    assert caller.returncode
    wait_for(lambda: all(map(is_gone, pids(tmp_path))))
