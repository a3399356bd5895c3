"""Run the commands of nnU-Net, and our own, as a user would: by name, printed, with a log file each."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nnunet_taichi.discovery import DATA_VARIABLES, EXT_FOLDER, EXT_VARIABLE

TAIL_LINES = 30


class CommandError(Exception):
    """A command ended with an error; the message holds the end of its log."""


def isolated_environment(root: Path) -> dict[str, str]:
    """Give the environment of `nnunet_taichi env --root ROOT`, whatever nnUNet_* variables the caller has set."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("nnUNet_")}
    environment |= {name: str(root / name) for name in DATA_VARIABLES}
    return environment | {EXT_VARIABLE: EXT_FOLDER}


@dataclass
class CommandRunner:
    """Runs commands one after another.

    Attributes:
        environment: all environment variables of the commands.
        logs: folder that receives a numbered log file a command.
    """

    environment: Mapping[str, str]
    logs: Path
    count: int = 0

    def __call__(self, name: str, *arguments: object) -> None:
        """Print a command and run it, its output going to a log file.

        Args:
            name: `nnunet_taichi`, or the name of a script of this Python's environment, which need not be activated.
            arguments: taken as text.

        Raises:
            CommandError: if it fails, or does not exist.
        """
        words = [str(argument) for argument in arguments]
        print("$", shlex.join([name, *words]), flush=True)
        self.count += 1
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{self.count:02d}_{name}.log"
        start = time.monotonic()
        with log.open("wb") as file:
            status = subprocess.run(
                [*find_command(name), *words],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            ).returncode
        if status:
            raise CommandError(f"{name} failed with exit code {status}. The end of {log}:\n{_tail(log)}")
        print(f"  {time.monotonic() - start:.0f} s, log: {log}", flush=True)


def find_command(name: str) -> list[str]:
    """Find a command beside this Python, or else on the PATH.

    Raises:
        CommandError: if there is none.
    """
    if name == "nnunet_taichi":  # also without an installed script
        return [sys.executable, "-m", "nnunet_taichi.cli"]
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=folders)
    if found is None:
        raise CommandError(f"there is no command {name} beside {sys.executable} or on the PATH: pip install nnunetv2")
    return [found]


def _tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
