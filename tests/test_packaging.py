"""The wheel: complete, and found by nnU-Net when nothing but the wheel is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCES = ("nnunet_taichi", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
TRAINERS = ("nnUNetTrainerTaichi", "nnUNetTrainerFATNet", "nnUNetTrainerTaichi_Paper_3epochs_2iterations_seed1")
LOOK_UP = """
import sys
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
for name in sys.argv[1:]:
    trainer = recursive_find_trainer_class_by_name(name)
    print("FOUND", trainer.__name__, sys.modules[trainer.__module__].__file__, sep="|")
"""


def pip(*arguments: str | Path, cwd: Path) -> None:
    """Run this environment's pip, offline."""
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    subprocess.run([sys.executable, "-m", "pip", *arguments, *options], cwd=cwd, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sources beside this test, built from a copy: setuptools leaves a build folder behind."""
    pytest.importorskip("setuptools", minversion="70.1", reason="older ones cannot build a wheel by themselves")
    pytest.importorskip("pip")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, source / name)
    pip("wheel", ".", "--no-build-isolation", "--wheel-dir", target, cwd=source)
    return next(target.glob("nnunet_taichi-*.whl"))


def test_wheel_holds_every_file_and_nothing_else(wheel: Path) -> None:
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = REPOSITORY / "nnunet_taichi"
    sources = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert "nnunet_taichi/ext/nnunet_taichi_shim.py" in packed
    assert packed == {path.relative_to(REPOSITORY).as_posix() for path in sources}


def test_wheel_holds_licence_and_command(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        metadata = {Path(name).name: name for name in archive.namelist() if ".dist-info/" in name}
        assert "nnunet_taichi = nnunet_taichi.cli:main" in archive.read(metadata["entry_points.txt"]).decode()
    assert "LICENSE" in metadata


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_host_finds_the_trainers_of_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    pip("install", wheel, "--target", installed, cwd=tmp_path)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("nnUNet_")}
    script = 'eval "$("$PYTHON" -m nnunet_taichi.cli env --root data)" && "$PYTHON" -c "$LOOK_UP" "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *TRAINERS],
        env=environ | {"PYTHONPATH": str(installed), "PYTHON": sys.executable, "LOOK_UP": LOOK_UP},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.split("|")[1:] for line in done.stdout.splitlines() if line.startswith("FOUND|")]
    assert [name for name, _ in found] == list(TRAINERS), done.stderr
    assert all(Path(file).is_relative_to(installed / "nnunet_taichi") for _, file in found), found
