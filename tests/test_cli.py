"""The one console command: its subcommands, and what they do not import."""

import argparse
import importlib
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

import nnunet_taichi
from nnunet_taichi import cli
from nnunet_taichi.nnunet.runner import CommandError

REPOSITORY = Path(nnunet_taichi.__file__).parents[1]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"nnunet_taichi {nnunet_taichi.__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [words[0] for words in lines if words and words[0] in cli.COMMANDS] == list(cli.COMMANDS)


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["env", "--nonsense"]])
def test_wrong_usage_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert "usage: nnunet_taichi" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_own_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: nnunet_taichi {name}" in capsys.readouterr().out


def test_exit_code_and_arguments_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args.number)
        return 7

    module = SimpleNamespace(add_arguments=lambda parser: parser.add_argument("number", type=int), run=run)
    monkeypatch.setitem(sys.modules, "stand_in", module)  # type: ignore[arg-type]
    monkeypatch.setitem(cli.COMMANDS, "count", ("stand_in", "count"))
    assert cli.main(["count", "3"]) == 7
    assert seen == [3]


@pytest.mark.parametrize("argv", [["env"], ["env", "--help"], ["--help"], ["doctor", "--help"]])
def test_light_commands_import_nothing_heavy(argv: list[str]) -> None:
    code = (
        "import contextlib, sys; from nnunet_taichi.cli import main\n"
        f"with contextlib.suppress(SystemExit): main({argv})\n"
        "print('HEAVY', [name for name in ('torch', 'numpy', 'nnunetv2') if name in sys.modules])"
    )
    assert run_python(code).stdout.splitlines()[-1] == "HEAVY []"


def test_command_modules_exist() -> None:
    for module, _ in cli.COMMANDS.values():
        assert find_spec(module), module
        assert callable(importlib.import_module(module).run)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("expected this"), "error: expected this"),
        (CommandError("nnUNetv2_train failed"), "error: nnUNetv2_train failed"),
        (MemoryError(), "error: too little memory; try fewer processes"),
        (KeyError("architecture"), "error: KeyError: 'architecture' (--debug shows where)"),
        (AssertionError(), "error: AssertionError:  (--debug shows where)"),
    ],
)
def test_an_error_is_a_line_and_with_debug_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, text: str
) -> None:
    def run(args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr("nnunet_taichi.commands.env.run", run)
    assert cli.main(["env"]) == 1
    assert capsys.readouterr().err.startswith(text)
    with pytest.raises(type(error)):
        cli.main(["env", "--debug"])


def test_no_module_name_is_there_twice() -> None:
    names = Counter(file.stem for file in Path(nnunet_taichi.__file__).parent.rglob("*.py"))
    assert [name for name, count in names.items() if count > 1] == ["__init__"]
