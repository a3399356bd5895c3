"""The shell lines of `nnunet_taichi env`, run by the shells themselves where they are installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nnunet_taichi
from nnunet_taichi.cli import main
from nnunet_taichi.commands.env import SHELLS, quote_powershell, shell_lines
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_FOLDER, EXT_VARIABLE, with_ext_folder

REPOSITORY = Path(nnunet_taichi.__file__).parents[1]
AWKWARD = 'it\'s a "$HOME" `dir`; \\ naïve 超声 *'


def bare_environment() -> dict[str, str]:
    """This process's environment without the host's variables."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("nnUNet_")}
    return environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1"}


def evaluate(shell: str, root: Path, environ: dict[str, str], cwd: Path) -> dict[str, str]:
    """Let a real shell run what `env` prints, and return the host's variables as a child of that shell sees them."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = {
        "fish": '"$PYTHON" -m nnunet_taichi.cli env --shell fish --root "$ROOT" | source; "$PYTHON" -c "$DUMP"',
    }.get(shell, 'eval "$("$PYTHON" -m nnunet_taichi.cli env --root "$ROOT")" && "$PYTHON" -c "$DUMP"')
    dump = "import os, sys; sys.stdout.write(''.join(f'{k}={v}\\0' for k, v in os.environ.items() if 'nnUNet_' in k))"
    environ = environ | {"PYTHON": sys.executable, "ROOT": str(root), "DUMP": dump}
    done = subprocess.run([shell, "-c", script], env=environ, cwd=cwd, capture_output=True, check=True)
    assert done.stderr == b""
    return dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)


@pytest.mark.parametrize("shell", ["bash", "zsh", "sh", "fish"])
def test_shell_receives_paths_unchanged_and_makes_the_folders(shell: str, tmp_path: Path) -> None:
    root = tmp_path / AWKWARD
    found = evaluate(shell, root, bare_environment(), tmp_path)
    assert found == {EXT_VARIABLE: EXT_FOLDER} | {name: str(root / name) for name in DATA_VARIABLES}
    assert sorted(folder.name for folder in root.iterdir()) == sorted(DATA_VARIABLES)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_set_variables_stay_as_they_are(shell: str, tmp_path: Path) -> None:
    mine = {"nnUNet_raw": "/my/raw", "nnUNet_results": "my results", EXT_VARIABLE: f"/a{os.pathsep}/b's"}
    found = evaluate(shell, tmp_path / "root", bare_environment() | mine, tmp_path)
    assert found["nnUNet_raw"] == "/my/raw"
    assert found["nnUNet_results"] == "my results"
    assert found["nnUNet_preprocessed"] == str(tmp_path / "root" / "nnUNet_preprocessed")
    assert found[EXT_VARIABLE].split(os.pathsep) == ["/a", "/b's", EXT_FOLDER]
    assert [folder.name for folder in (tmp_path / "root").iterdir()] == ["nnUNet_preprocessed"]


def test_running_it_twice_changes_nothing(tmp_path: Path) -> None:
    once = evaluate("bash", tmp_path / "root", bare_environment(), tmp_path)
    assert evaluate("bash", tmp_path / "elsewhere", bare_environment() | once, tmp_path) == once
    assert not (tmp_path / "elsewhere").exists()


def test_lines_survive_eval_without_quotes(tmp_path: Path) -> None:
    lines = shell_lines(SHELLS["bash"], str(tmp_path / "a b"), {})
    script = " ".join(lines) + ' printf %s "$nnUNet_results"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == str(tmp_path / "a b" / "nnUNet_results")


def test_ext_folder_holds_the_shim() -> None:
    assert (Path(EXT_FOLDER) / "nnunet_taichi_shim.py").is_file()


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ([], [EXT_FOLDER]),
        (["/a"], ["/a", EXT_FOLDER]),
        (["", "/a", " "], ["/a", EXT_FOLDER]),
        ([EXT_FOLDER, "/a"], [EXT_FOLDER, "/a"]),
        (["/a", EXT_FOLDER + os.sep], ["/a", EXT_FOLDER + os.sep]),
    ],
)
def test_ext_folder_is_added_once_behind_the_others(current: list[str], expected: list[str]) -> None:
    assert with_ext_folder(os.pathsep.join(current)) == os.pathsep.join(expected)


def test_ext_folder_is_recognised_through_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(EXT_FOLDER, target_is_directory=True)
    assert with_ext_folder(str(link)) == str(link)


def test_an_empty_variable_counts_as_unset() -> None:
    lines = "\n".join(shell_lines(SHELLS["bash"], "/root folder", {"nnUNet_raw": ""}))
    assert "export nnUNet_raw='/root folder/nnUNet_raw';" in lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C:\\data", "'C:\\data'"),
        ("it's", "'it''s'"),
        ('$x `n "q"', "'$x `n \"q\"'"),
        ("é", "''+[char]233+''"),
        ("Anna\u2019s", "'Anna'+[char]8217+'s'"),
        ("a🙂b", "'a'+[char]55357+[char]56898+'b'"),
    ],
)
def test_powershell_quoting(text: str, expected: str) -> None:
    assert quote_powershell(text) == expected


def test_powershell_lines() -> None:
    environ = {"nnUNet_raw": "r", "nnUNet_results": "s", EXT_VARIABLE: EXT_FOLDER}
    folder = quote_powershell(os.path.join("/it's", "nnUNet_preprocessed"))
    assert shell_lines(SHELLS["powershell"], "/it's", environ) == [
        f"$env:{EXT_VARIABLE} = {quote_powershell(EXT_FOLDER)};",
        f"$env:nnUNet_preprocessed = {folder};",
        f"[void][IO.Directory]::CreateDirectory({folder});",
    ]


def test_default_root_is_absolute_and_announced_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (*DATA_VARIABLES, EXT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["env"]) == 0
    out, err = capsys.readouterr()
    assert f"export nnUNet_raw={tmp_path / 'nnunet_taichi_data' / 'nnUNet_raw'};" in out
    assert str(tmp_path / "nnunet_taichi_data") in err
    assert list(tmp_path.iterdir()) == [], "printing must not make folders"


def test_root_expands_the_home_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HOME", "/home/of/mine")
    monkeypatch.delenv("nnUNet_raw", raising=False)
    main(["env", "--root", "~/data"])
    out, err = capsys.readouterr()
    assert "export nnUNet_raw=/home/of/mine/data/nnUNet_raw;" in out
    assert err == ""
