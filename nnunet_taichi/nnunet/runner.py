"""Run nnU-Net's commands and ours by name, as a user would. Each command is printed, and has a log file of its own.

While a command runs, a status line says how far it is.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nnunet_taichi.nnunet.progress import LogReader, planned_epochs
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_FOLDER, EXT_VARIABLE
from nnunet_taichi.runtime.status_line import StatusLine

TAIL_LINES = 30
REFRESH_SECONDS = 0.5
GRACE_SECONDS = 5  # time that an interrupted command gets to end its workers


class CommandError(Exception):
    """A command ended with an error; the message holds the end of its log."""


def isolated_environment(root: Path) -> dict[str, str]:
    """Return the environment of `nnunet_taichi env --root ROOT`, whatever nnUNet_* variables the caller has set."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("nnUNet_")}
    environment |= {name: str(root / name) for name in DATA_VARIABLES}
    return environment | {EXT_VARIABLE: EXT_FOLDER}


@dataclass(frozen=True)
class Cost:
    """Time that a command took.

    Attributes:
        seconds: Elapsed time in seconds.
        cpu_seconds: CPU seconds of the command and its finished child processes; None on Windows, which does not record
            them.
    """

    seconds: float
    cpu_seconds: float | None


@dataclass
class CommandRunner:
    """Runs commands one after another.

    Attributes:
        environment: All environment variables of the commands.
        logs: Folder of the log files, one numbered file per command.
        count: Number of commands run so far.
    """

    environment: Mapping[str, str]
    logs: Path
    count: int = 0

    def __call__(self, name: str, *arguments: object) -> Cost:
        """Print a command and run it, with its output in a log file.

        Args:
            name: `nnunet_taichi`, or the name of a script of this Python's environment, which need not be activated.
            arguments: Arguments of the command, converted to text.

        Raises:
            CommandError: The command fails, or does not exist.
        """
        words = [str(argument) for argument in arguments]
        print("$", shlex.join([name, *words]), flush=True)
        self.count += 1
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{self.count:02d}_{name}.log"
        start, cpu_before = time.monotonic(), _children_cpu_seconds()
        status = self._run([*find_command(name), *words], log, LogReader(planned_epochs(words)))
        seconds, cpu_after = time.monotonic() - start, _children_cpu_seconds()
        if status:
            raise CommandError(f"{name} failed with exit code {status}. The end of {log}:\n{tail(log)}")
        print(f"  {seconds:.0f} s, log: {log}", flush=True)
        return Cost(seconds, None if cpu_before is None or cpu_after is None else cpu_after - cpu_before)

    def _run(self, words: Sequence[str], log: Path, reader: LogReader) -> int:
        """Run a command to its end, show how far it is while it runs, and return its exit code."""
        with log.open("wb") as output, log.open("rb") as written, StatusLine(sys.stdout) as line:
            start = time.monotonic()
            process = subprocess.Popen(
                words,
                env={**self.environment, "PYTHONUNBUFFERED": "1"},  # else the log lags behind
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                while True:
                    with suppress(subprocess.TimeoutExpired):
                        return process.wait(REFRESH_SECONDS)
                    reader.feed(written.read())
                    seconds = time.monotonic() - start
                    line.show(f"  {seconds:.0f} s" + (reader.text and f", {reader.text}"), seconds)
            finally:  # an error here, or Ctrl-C: neither the command nor its workers may outlive this process
                _stop(process)


def _stop(process: subprocess.Popen) -> None:
    """End a command that still runs, but first give it time to end its workers: killed, it would leave them behind."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        process.kill()
    process.wait()


def find_command(name: str) -> list[str]:
    """Find a command beside this Python, or else on the PATH.

    Raises:
        CommandError: There is no such command.
    """
    if name == "nnunet_taichi":  # works without an installed script, too
        return [sys.executable, "-m", "nnunet_taichi.cli"]
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=folders)
    if found is None:
        raise CommandError(f"there is no command {name} beside {sys.executable} or on the PATH: pip install nnunetv2")
    return [found]


def tail(log: Path, begin: int = 0) -> str:
    """Return the last lines of a log, but none before the byte `begin`."""
    return "\n".join(log.read_bytes()[begin:].decode(errors="replace").splitlines()[-TAIL_LINES:])


def _children_cpu_seconds() -> float | None:
    """Return the CPU seconds of all finished child processes, with their own children."""
    if sys.platform == "win32":
        return None
    import resource  # does not exist on Windows

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
