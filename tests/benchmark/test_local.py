"""Jobs that are tiny processes: order, failures and what depends on them, logs, and others who run the same."""

import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from nnunet_taichi.matrix.jobs import Job
from nnunet_taichi.matrix.local import run_all, run_job

PYTHON = Path(sys.executable).name  # found beside this very Python


class ToyJob(Job):
    """Python code that leaves its name in a folder, if it gets so far."""

    name = ""

    def __init__(self, name: str, folder: Path, needs: tuple[Job, ...], code: str) -> None:
        self.name, self.folder, self.needs, self.code = name, folder, needs, code

    def is_done(self) -> bool:
        return (self.folder / self.name).is_file()

    def command(self) -> list[str]:
        return [PYTHON, "-c", f"{self.code}\nopen({str(self.folder / self.name)!r}, 'x')"]


@dataclass
class Toys:
    """A comparison of two trainings, one of which needs maps; all need preprocessing."""

    folder: Path

    def jobs(self, **codes: str) -> list[ToyJob]:
        def make(name: str, *needs: ToyJob) -> ToyJob:
            return ToyJob(name, self.folder, needs, codes.get(name, ""))

        preprocess = make("preprocess")
        stock, mine = make("stock", preprocess), make("mine", preprocess)
        taichi = make("taichi", preprocess, mine)
        return [preprocess, stock, mine, taichi, make("compare", stock, taichi)]

    @property
    def done(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    (tmp_path / "done").mkdir()
    return Toys(tmp_path / "done")


def table(out: str) -> dict[str, str]:
    """Read the outcomes at the end: by job, or by its log."""
    lines = [line.rsplit(None, 1) for line in out.splitlines() if line and line.split()[0] in STATES]
    return {Path(where).name: outcome.strip() for outcome, where in lines}


STATES = ("done", "failed", "interrupted", "not")


def test_all_is_done_in_order_and_only_once(toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = toys.jobs(mine="print('working hard')")
    assert run_all(jobs, tmp_path / "jobs") == 0
    out = capsys.readouterr().out
    order = [line.split()[1] for line in out.splitlines() if line.startswith("[")]
    assert order == ["preprocess", "stock", "mine", "taichi", "compare"]
    assert table(out) == {f"{name}.log": "done" for name in order}
    assert str(tmp_path / "jobs" / "mine.log") in out
    assert (tmp_path / "jobs" / "mine.log").read_text().splitlines()[-1] == "working hard"
    assert run_all(jobs, tmp_path / "jobs") == 0  # each would fail if it ran twice
    assert capsys.readouterr().out.startswith("0 of 5 jobs to do")


def test_a_failure_stops_only_what_depends_on_it(
    toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_all(toys.jobs(mine="import sys; print('no memory'); sys.exit(3)"), tmp_path / "jobs") == 1
    out = capsys.readouterr().out
    assert toys.done == {"preprocess", "stock"}
    assert table(out) == {
        "preprocess.log": "done",
        "stock.log": "done",
        "mine.log": "failed",
        "taichi": "not run",
        "compare": "not run",
    }
    assert "failed with exit code 3" in out
    assert "  | no memory\n" in out


def test_a_repeated_run_goes_on_after_a_failure(toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "jobs" / "stock.log"
    run_all(toys.jobs(stock="print('first try'); raise SystemExit(1)"), tmp_path / "jobs")
    assert toys.done == {"preprocess", "mine", "taichi"}
    capsys.readouterr()
    assert run_all(toys.jobs(stock="print('second try')"), tmp_path / "jobs") == 0
    assert table(capsys.readouterr().out) == {"stock.log": "done", "compare.log": "done"}
    assert [line for line in log.read_text().splitlines() if line.endswith(" try")] == ["first try", "second try"]


def test_what_only_finished_jobs_need_is_not_run(toys: Toys, tmp_path: Path) -> None:
    for name in ("stock", "taichi"):
        (toys.folder / name).touch()
    assert run_all(toys.jobs(), tmp_path / "jobs") == 0
    assert toys.done == {"stock", "taichi", "compare"}


def test_a_command_that_does_not_exist_is_a_failure(
    toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyJob, "command", lambda self: ["nnUNetv2_no_such"])
    assert run_all(toys.jobs(), tmp_path / "jobs") == 1
    assert "there is no command nnUNetv2_no_such" in capsys.readouterr().out


def test_a_job_that_somebody_else_runs_is_waited_for(
    toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jobs").mkdir()
    job, lock = toys.jobs()[0], FileLock(tmp_path / "jobs" / "preprocess.lock", thread_local=False)
    lock.acquire()

    def finish(seconds: float) -> None:  # the other's job, while this one waits
        (toys.folder / "preprocess").touch()
        lock.release()

    monkeypatch.setattr("nnunet_taichi.runtime.processes.time.sleep", finish)
    assert run_job(job, tmp_path / "jobs")
    assert "is done already" in capsys.readouterr().out
    assert not (tmp_path / "jobs" / "preprocess.log").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupted_run_says_what_came_of_each_job(
    toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, over = tmp_path / "jobs" / "stock.log", threading.Event()

    def press_ctrl_c() -> None:
        while not over.wait(0.02):
            if log.is_file() and "\nbegun" in log.read_text():
                os.kill(os.getpid(), signal.SIGINT)
                return

    jobs = toys.jobs(stock="import time; print('begun'); time.sleep(60)")
    presser = threading.Thread(target=press_ctrl_c)
    presser.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_all(jobs, tmp_path / "jobs")
    finally:
        over.set()
        presser.join()
    assert table(capsys.readouterr().out) == {
        "preprocess.log": "done",
        "stock.log": "interrupted",
        "mine": "not run",
        "taichi": "not run",
        "compare": "not run",
    }
