"""Run jobs here, one after another. A failure stops only the jobs that need the failed one."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from nnunet_taichi.matrix.comparison_job import Compare
from nnunet_taichi.matrix.graph import to_do
from nnunet_taichi.matrix.guard import run_guarded
from nnunet_taichi.matrix.jobs import Job
from nnunet_taichi.nnunet.runner import CommandError, find_command, tail
from nnunet_taichi.runtime.processes import file_lock

DONE, FAILED, INTERRUPTED, NOT_RUN = "done", "failed", "interrupted", "not run"


def run_all(jobs: Sequence[Job], folder: Path) -> int:
    """Run the jobs that are still to do, print their outcomes, and return 1 unless all of them are done."""
    left = to_do(jobs)
    print(f"{len(left)} of {len(jobs)} jobs to do; logs go to {folder}, comparisons beside it", flush=True)
    outcomes = {job.name: NOT_RUN for job in left}
    try:
        for number, job in enumerate(left, 1):
            if any(outcomes.get(need.name, DONE) != DONE for need in job.needs):
                continue
            print(f"[{number}/{len(left)}] {job.name}", flush=True)
            outcomes[job.name] = INTERRUPTED
            outcomes[job.name] = DONE if run_job(job, folder) else FAILED
    finally:
        print(*_table(outcomes, folder), sep="\n", flush=True)
    for comparison in jobs:
        if isinstance(comparison, Compare) and comparison.is_done():
            print(comparison.report, flush=True)
    return int(any(outcome != DONE for outcome in outcomes.values()))


def run_job(job: Job, folder: Path) -> bool:
    """Run one job, unless another process has done it meanwhile, and tell whether it is done.

    The job's output is added to its log in `folder`. If another process runs the job (from another shell, or left by a
    killed benchmark), this one waits for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(str(folder / f"{job.lock}.lock")):
        if job.is_done():
            print("  is done already", flush=True)
            return True
        return _run(job.command(), _log(job.name, folder))


def _run(words: list[str], log: Path) -> bool:
    line, start = f"$ {shlex.join(words)}", time.monotonic()
    print(line, flush=True)
    if log.is_symlink():  # what it leads to is not ours
        log.unlink()
    with log.open("ab") as file:
        file.write(f"{line}\n".encode())
        file.flush()
        begin = file.tell()
        try:
            code = run_guarded([*find_command(words[0]), *words[1:]], file)
        except CommandError as error:
            print(f"  {error}", flush=True)
            return False
    came_of_it = f"failed with exit code {code}" if code else "done"
    print(f"  {came_of_it}, {time.monotonic() - start:.0f} s, log: {log}", flush=True)
    if code:
        print("  | " + tail(log, begin).replace("\n", "\n  | "), flush=True)
    return not code


def _log(name: str, folder: Path) -> Path:
    return folder / f"{name}.log"


def _table(outcomes: dict[str, str], folder: Path) -> list[str]:
    """List the outcome of each job, with the path of its log if it was begun."""
    return [
        f"{outcome:<11}  {name if outcome == NOT_RUN else _log(name, folder)}" for name, outcome in outcomes.items()
    ]
