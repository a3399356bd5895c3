import os
import sys
from pathlib import Path

import pytest

from nnunet_taichi import host_commands
from nnunet_taichi.host_commands import CommandError, CommandRunner, find_command, isolated_environment


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
        "nnUNet_extTrainer": str(Path(host_commands.__file__).parent / "ext"),
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
