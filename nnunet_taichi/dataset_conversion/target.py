"""Where a data set is written, and how: completely or not at all."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from nnunetv2.paths import nnUNet_raw
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets

from nnunet_taichi.dataset_conversion.errors import NotWrittenError, TargetExistsError
from nnunet_taichi.runtime.interrupts import uninterrupted


def find_target(dataset_id: int, name: str, *, overwrite: bool = False) -> Path:
    """Return the folder for a data set: $nnUNet_raw/DatasetXXX_NAME.

    Raises:
        TargetExistsError: The folder already exists (unless it may be overwritten), or nnU-Net has another data set
            with this ID in one of its three folders; nnU-Net refuses to work with double IDs.
        ValueError: The variable nnUNet_raw is not set.
    """
    raw = nnUNet_raw.get()
    if not raw:
        raise ValueError('nnUNet_raw is not set: no place for raw data sets. Run: eval "$(nnunet_taichi env)"')
    target = Path(raw) / f"Dataset{dataset_id:03d}_{name}"
    others = sorted({str(other) for other in find_candidate_datasets(dataset_id)} - {target.name})
    if others:
        raise TargetExistsError(target, f"ID {dataset_id} is taken by {', '.join(others)}; give another with -d")
    check_free(target, overwrite=overwrite)
    return target


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that already exists and may not be replaced, or that is a link."""
    if target.is_symlink():
        raise TargetExistsError(target, "is a link, and what it leads to would be left behind; write to another place")
    if target.exists() and not overwrite:
        raise TargetExistsError(target, "exists already; --overwrite replaces it")


def check_apart(target: Path, sources: Iterable[Path]) -> None:
    """Refuse a target that is or holds a source: replacing it would destroy what is being read."""
    for source in sources:
        if Path(os.path.realpath(source)).is_relative_to(os.path.realpath(target)):
            raise TargetExistsError(target, f"holds the source {source}; write to another place")


@contextmanager
def appear_complete(target: Path) -> Iterator[Path]:
    """Yield a folder to fill. It takes the target's place when the block ends, and vanishes if the block fails.

    The folder lies beside the target, where renaming is atomic, in a folder whose leading dot hides it from nnU-Net. An
    existing target stays until the block ends, and is put back if the new folder cannot take its place. The next
    process deletes what a killed process left behind.

    Raises:
        TargetExistsError: Another process is writing the same target.
        NotWrittenError: There is no space or no permission.
    """
    workspace = target.with_name(f".{target.name}.part")
    new, old = workspace / "new", workspace / "old"
    lock = FileLock(workspace / "lock", timeout=0)  # the system releases it even when the process is killed
    with explained(target):
        try:
            workspace.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            if _put_back(target, old):
                cause = "was being replaced when a conversion was killed, and is back now; --overwrite replaces it"
                raise TargetExistsError(target, cause)
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            yield new
            with uninterrupted():
                _replace(target, new, old)
                shutil.rmtree(workspace, ignore_errors=True)
        except Timeout:
            raise TargetExistsError(target, "is being written by another process; wait for it, or end it") from None
        finally:
            if lock.is_locked:
                shutil.rmtree(workspace, ignore_errors=True)
                lock.release()


def _replace(target: Path, new: Path, old: Path) -> None:
    """Put the new folder in the target's place, and move an existing target to `old`."""
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except OSError:
        _put_back(target, old)
        raise


def _put_back(target: Path, old: Path) -> bool:
    """Put back a target that was moved away and not replaced, and tell whether this was needed."""
    if is_missing := old.exists() and not target.exists():
        old.rename(target)
    return is_missing


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn an OSError, such as a full disk or a forbidden folder, into a `NotWrittenError` that says what helps."""
    try:
        yield
    except OSError as error:
        path = Path(error.filename) if isinstance(error.filename, str) else target
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            cause = f"{error.strerror}: free some, or write to another disk"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            cause = f"{error.strerror}: ask for the right to write there, or write to a folder of yours"
        else:
            cause = f"cannot be written ({error.strerror or error})"
        raise NotWrittenError(path, cause) from error
