"""Where a data set goes, and how it gets there: complete or not at all."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnunetv2.paths import nnUNet_raw
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets

from nnunet_taichi.dataset_conversion.errors import TargetExistsError


def find_target(dataset_id: int, name: str, *, overwrite: bool = False) -> Path:
    """Say where a data set goes: $nnUNet_raw/DatasetXXX_NAME.

    Raises:
        TargetExistsError: It is there already (unless it may be overwritten), or nnU-Net has another data set of this
            ID in one of its three folders; it refuses to work with double IDs.
        ValueError: The environment does not say where raw data sets are.
    """
    raw = nnUNet_raw.get()
    if not raw:
        raise ValueError('nnUNet_raw is not set: no place for raw data sets. Run: eval "$(nnunet_taichi env)"')
    target = Path(raw) / f"Dataset{dataset_id:03d}_{name}"
    others = sorted({str(other) for other in find_candidate_datasets(dataset_id)} - {target.name})
    if others:
        raise TargetExistsError(target, f"ID {dataset_id} is taken by {', '.join(others)}; give another with -d")
    if target.exists() and not overwrite:
        raise TargetExistsError(target, "exists already; --overwrite replaces it")
    return target


@contextmanager
def appear_complete(target: Path) -> Iterator[Path]:
    """Give a folder to fill that takes the target's place when the block ends, and vanishes when the block fails.

    It lies beside the target, where renaming is atomic, in a folder whose leading dot hides it from the host. A target
    that is there already stays until then, and comes back if its successor cannot be put in its place.
    """
    workspace = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    new, old = workspace / "new", workspace / "old"
    try:
        new.mkdir(parents=True)
        yield new
        _replace(target, new, old)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _replace(target: Path, new: Path, old: Path) -> None:
    """Put the new folder in the target's place, and move a target that is there already to `old`."""
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:  # Ctrl-C too
        if old.exists() and not target.exists():
            old.rename(target)
        raise
