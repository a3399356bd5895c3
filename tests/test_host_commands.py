import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import nnunet_taichi
from nnunet_taichi.nnunet import runner as host_commands
from nnunet_taichi.nnunet.runner import CommandError, CommandRunner, find_command, isolated_environment

WAITS_FOR_A_FILE = """
import os, sys, time
print("2026-11-27 21:50:04: Epoch 2")
end = time.monotonic() + 60
while not os.path.exists(sys.argv[1]):
    if time.monotonic() > end:
        raise SystemExit("nobody read the log")
    time.sleep(0.01)
"""


class Terminal(io.StringIO):
    """A terminal on which somebody waits for an epoch."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self.act = act

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if ", epoch" in text:
            self.act()
        return super().write(text)


@pytest.fixture
def as_python(monkeypatch):
    """Any command runs Python, so that its arguments say what it does."""
    monkeypatch.setattr(host_commands, "find_command", lambda name: [sys.executable])


def test_a_command_is_printed_and_its_output_logged(as_python, tmp_path, capsys):
    command = CommandRunner(dict(os.environ, GREETING="hello"), tmp_path / "logs")
    command("first", "-c", "import os, sys; print(os.environ['GREETING']); print('warned', file=sys.stderr)")
    command("second", "-c", "pass", 7)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("$ first -c 'import os")
    assert printed[2] == "$ second -c pass 7"
    assert printed[3].endswith(f"log: {tmp_path / 'logs' / '02_second.log'}")
    assert sorted((tmp_path / "logs" / "01_first.log").read_text().split()) == ["hello", "warned"]


def test_a_failure_shows_the_end_of_the_log_and_the_exit_code(as_python, tmp_path):
    command = CommandRunner(os.environ, tmp_path)
    with pytest.raises(CommandError, match="exit code 3") as error:
        command("broken", "-c", "print(*(f'line {i}' for i in range(100)), sep='\\n'); raise SystemExit(3)")
    lines = str(error.value).splitlines()
    assert str(tmp_path / "01_broken.log") in lines[0]
    assert lines[1:] == [f"line {number}" for number in range(70, 100)]


def test_commands_get_no_input(as_python, tmp_path):
    CommandRunner(os.environ, tmp_path)("reader", "-c", "import sys; print(repr(sys.stdin.read()))")
    assert (tmp_path / "01_reader.log").read_text().strip() == "''"


def test_a_terminal_shows_the_epoch_while_the_command_runs(as_python, tmp_path, monkeypatch):
    """The command ends only after its epoch was shown, which so was written, read and shown while it ran."""
    shown = tmp_path / "shown"
    terminal = Terminal(shown.touch)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    CommandRunner(os.environ, tmp_path)("train", "-c", WAITS_FOR_A_FILE, shown, "-tr", "nnUNetTrainer_8epochs")
    lines = terminal.getvalue().split("\r")
    assert any(line.endswith(" s, epoch 3 of 8") for line in lines)
    assert lines[-2].isspace()
    assert lines[-1].endswith(f" s, log: {tmp_path / '01_train.log'}\n")


def test_a_pipe_gets_no_progress_of_a_short_command(as_python, tmp_path, capsys):
    CommandRunner(os.environ, tmp_path)("train", "-c", "import time; print('Predicting a:'); time.sleep(0.7)")
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == 2
    assert "\r" not in printed


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes")
@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError])
def test_a_command_does_not_outlive_an_error_here(as_python, tmp_path, monkeypatch, error):
    def fail() -> None:
        raise error

    monkeypatch.setattr(sys, "stdout", Terminal(fail))
    script = f"import os; print(os.getpid()); {WAITS_FOR_A_FILE}"
    with pytest.raises(error):
        CommandRunner(os.environ, tmp_path)("train", "-c", script, tmp_path / "never")
    child = int((tmp_path / "01_train.log").read_text().split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def children_cpu_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def test_a_command_has_its_cost(as_python, tmp_path):
    """The CPU seconds are those of the command itself and of a child of its own."""
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    script = f"import subprocess, sys\n{burn}\nsubprocess.run([sys.executable, '-c', {burn!r}])"
    before = children_cpu_seconds()
    cost = CommandRunner(os.environ, tmp_path)("burn", "-c", script)
    assert cost.seconds > 0
    if sys.platform == "win32":
        assert cost.cpu_seconds is None
    else:
        assert cost.cpu_seconds > 0.55
        assert cost.cpu_seconds == pytest.approx(children_cpu_seconds() - before, abs=0.05)  # ticks


def test_the_users_variables_are_left_out(monkeypatch, tmp_path):
    for name in ("nnUNet_raw", "nnUNet_results", "nnUNet_extTrainer", "nnUNet_n_proc_DA", "nnUNet_wandb_enabled"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("UNRELATED", "kept")
    environment = isolated_environment(tmp_path)
    assert environment["UNRELATED"] == "kept"
    assert {name: value for name, value in environment.items() if name.startswith("nnUNet_")} == {
        "nnUNet_raw": str(tmp_path / "nnUNet_raw"),
        "nnUNet_preprocessed": str(tmp_path / "nnUNet_preprocessed"),
        "nnUNet_results": str(tmp_path / "nnUNet_results"),
        "nnUNet_extTrainer": str(Path(nnunet_taichi.__file__).parent / "ext"),
    }


def test_scripts_are_found_beside_python_though_not_on_the_path(monkeypatch, tmp_path):
    script = tmp_path / "bin" / "nnUNetv2_train"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(script.parent / "python"))
    monkeypatch.setenv("PATH", "")
    assert find_command("nnUNetv2_train") == [str(script)]


def test_a_missing_command_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match="there is no command nnUNetv2_no_such beside"):
        find_command("nnUNetv2_no_such")
