"""A data set appears complete or not at all, whatever happens to the process, the disk or the folder."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pictures import read_tree
from scans import write_busi

from nnunet_taichi.cli import main
from nnunet_taichi.dataset_conversion.errors import NotWrittenError, TargetExistsError
from nnunet_taichi.dataset_conversion.target import appear_complete

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and limits")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Write enough scans that a signal comes before the end."""
    return write_busi(tmp_path / "download", 300, 300, {})


def start(source: Path, *arguments: str, limit_bytes: int | None = None) -> subprocess.Popen:
    """Start a conversion as a group of processes of its own, which a terminal's Ctrl-C would reach as a whole."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell lets its background jobs ignore it
        if limit_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    command = [sys.executable, "-m", "nnunet_taichi.cli", "convert", "busi", str(source), "-d", "101", "-np", "2"]
    return subprocess.Popen(
        [*command, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=prepare
    )


def wait_for_first_images(raw: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not list(raw.glob(".Dataset*/new/imagesTr/*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert process.poll() is None, "over before the signal"


def living(group: int) -> Iterator[int]:
    """Yield the processes of a group that still run."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            yield int(stat.parent.name)


def test_leaves_nothing_at_ctrl_c(many: Path, raw: Path) -> None:
    process = start(many)
    wait_for_first_images(raw, process)
    os.killpg(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "Interrupted; nothing was written." in messages
    assert list(raw.iterdir()) == []


def test_a_second_ctrl_c_does_not_hang(many: Path, raw: Path) -> None:
    process = start(many)
    wait_for_first_images(raw, process)
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    _, messages = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT), messages  # the latter if it was already leaving
    assert "Interrupted; nothing was written." in messages
    assert "Traceback" not in messages
    assert list(raw.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_kill_leaves_the_old_copy_no_worker_and_no_obstacle(many: Path, raw: Path) -> None:
    old = raw / "Dataset101_BUSI" / "imagesTr" / "old.png"
    old.parent.mkdir(parents=True)
    old.touch()
    process = start(many, "--overwrite")
    wait_for_first_images(raw, process)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while list(living(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(living(process.pid)) == [], "workers must end with the main process"
    assert read_tree(raw / "Dataset101_BUSI") == {"imagesTr/old.png": b""}

    small = write_busi(many.parent / "small", 2, 2, {})
    assert main(["convert", "busi", str(small), "-d", "101", "-np", "1", "--overwrite"]) == 0
    assert [path.name for path in raw.iterdir()] == ["Dataset101_BUSI"]
    assert len(list((raw / "Dataset101_BUSI" / "imagesTr").iterdir())) == 4


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_says_that_a_worker_was_killed(many: Path, raw: Path) -> None:
    process = start(many)
    wait_for_first_images(raw, process)
    workers = [pid for pid in living(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 1, messages
    assert "error: a worker process died" in messages
    assert "Traceback" not in messages
    assert list(raw.iterdir()) == []


def test_says_that_there_is_no_space(many: Path, raw: Path) -> None:
    process = start(many, limit_bytes=1000)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 1, messages
    assert f"error: {raw / 'Dataset101_BUSI'}" in messages
    assert "free some, or write to another disk" in messages
    assert "Traceback" not in messages
    assert list(raw.iterdir()) == []


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder where even root may not write")
def test_says_that_there_is_no_permission(
    many: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("nnUNet_raw", "/sys/kernel")
    assert main(["convert", "busi", str(many), "-d", "101"]) == 1
    message = capsys.readouterr().err
    assert "error: /sys/kernel/.Dataset101_BUSI.part: " in message
    assert "write to a folder of yours" in message


@pytest.mark.parametrize("inside", [".", "imagesTr"])
def test_refuses_a_source_that_is_the_target(raw: Path, capsys: pytest.CaptureFixture, inside: str) -> None:
    source = write_busi(raw / "Dataset101_BUSI" / inside, 2, 2, {})
    before = read_tree(raw)
    assert main(["convert", "busi", str(source), "-d", "101", "--overwrite"]) == 1
    assert f"holds the source {source}; write to another place" in capsys.readouterr().err
    assert read_tree(raw) == before


def test_refuses_a_target_that_is_a_link(many: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    elsewhere = raw.parent / "big disk"
    elsewhere.mkdir()
    (raw / "Dataset101_BUSI").symlink_to(elsewhere)
    assert main(["convert", "busi", str(many), "-d", "101", "--overwrite"]) == 1
    assert "Dataset101_BUSI: is a link" in capsys.readouterr().err
    assert (raw / "Dataset101_BUSI").is_symlink()


def test_refuses_a_target_that_another_process_is_writing(raw: Path) -> None:
    target = raw / "Dataset101_BUSI"
    with appear_complete(target) as folder:
        with pytest.raises(TargetExistsError, match="is being written by another process"), appear_complete(target):
            pass
        assert folder.is_dir(), "the second must not clear away what the first is writing"
    assert target.is_dir()
    assert [path.name for path in raw.iterdir()] == ["Dataset101_BUSI"]


def test_old_copy_comes_back_if_the_new_one_cannot_take_its_place(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = raw / "Dataset101_BUSI"
    target.mkdir()
    (target / "old").touch()
    rename = Path.rename

    def refuse_the_new(path: Path, to: Path) -> Path:
        if path.name == "new":
            raise PermissionError("no")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises(NotWrittenError), appear_complete(target):
        pass
    assert read_tree(raw) == {"Dataset101_BUSI/old": b""}
    assert [path.name for path in raw.iterdir()] == ["Dataset101_BUSI"]


def test_old_copy_comes_back_after_a_kill_between_the_renames(raw: Path) -> None:
    left_behind = raw / ".Dataset101_BUSI.part" / "old" / "dataset.json"
    left_behind.parent.mkdir(parents=True)
    left_behind.touch()
    with pytest.raises(TargetExistsError, match="is back now"), appear_complete(raw / "Dataset101_BUSI"):
        pass
    assert read_tree(raw) == {"Dataset101_BUSI/dataset.json": b""}
