import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from nnunet_taichi.runtime.processes import file_lock, from_rank_0, is_rank_0, without_wandb

TAKE = "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(timeout=0);"
HOLD = TAKE + "print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    """Another training that holds the lock until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "mining.lock"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_waits_for_another_process_and_goes_on_when_that_is_killed(tmp_path, holder, capsys):
    entered = threading.Event()

    def train():
        with file_lock(str(tmp_path / "mining.lock"), poll_seconds=0.05):
            entered.set()

    training = threading.Thread(target=train, daemon=True)
    training.start()
    assert not entered.wait(0.5)
    holder.kill()
    assert entered.wait(10)
    training.join(10)
    waiting = [line for line in capsys.readouterr().out.splitlines() if "Waiting for another process" in line]
    assert len(waiting) == 1
    assert "mining.lock" in waiting[0]


FORK = (
    TAKE
    + """
import multiprocessing
worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
worker.start()
print(worker.pid, flush=True)
time.sleep(60)"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, as the host's data workers")
def test_the_data_workers_of_a_killed_training_do_not_hold_its_lock(tmp_path):
    path = str(tmp_path / "mining.lock")
    training = subprocess.Popen([sys.executable, "-c", FORK, path], stdout=subprocess.PIPE)
    worker = int(training.stdout.readline())
    training.kill()
    training.wait()
    training.stdout.close()
    try:
        os.kill(worker, 0)  # it lives on
        assert subprocess.run([sys.executable, "-c", TAKE, path], check=False).returncode == 0
    finally:
        os.kill(worker, signal.SIGKILL)


def test_keeps_other_processes_out_and_lets_them_in_after_an_error(tmp_path):
    path = str(tmp_path / "mining.lock")
    command = [sys.executable, "-c", TAKE, path]

    def fail():
        with file_lock(path):
            assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode != 0
            raise RuntimeError("training failed")

    with pytest.raises(RuntimeError, match="training failed"):
        fail()
    assert subprocess.run(command, check=False).returncode == 0


def test_does_not_wait_for_nobody(tmp_path):
    (tmp_path / "mining.lock").write_text("")  # the file alone, as a killed process leaves it, is no lock
    start = time.monotonic()
    with file_lock(str(tmp_path / "mining.lock"), poll_seconds=30):
        pass
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("before", [None, "0", "1", ""])
@pytest.mark.parametrize("fails", [False, True])
def test_without_wandb_restores_the_environment(monkeypatch, before, fails):
    if before is None:
        monkeypatch.delenv("nnUNet_wandb_enabled", raising=False)
    else:
        monkeypatch.setenv("nnUNet_wandb_enabled", before)
    try:
        with without_wandb():
            assert os.environ["nnUNet_wandb_enabled"] == "0"
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert os.environ.get("nnUNet_wandb_enabled") == before


def test_one_process_is_rank_0():
    assert is_rank_0()
    assert from_rank_0({"started": True}) == {"started": True}
