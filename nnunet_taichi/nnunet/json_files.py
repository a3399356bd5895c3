"""Reading of nnU-Net's JSON files. A file that is torn, or not nnU-Net's, is named in the error."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SPLITS = "splits_final.json"  # nnU-Net copies it from the raw data set when planning


def read_json(path: Path) -> Any:
    """Read a JSON file; return None if it is missing or torn."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def require_json(path: Path, *keys: str, cure: str = "restore it") -> dict[str, Any]:
    """Read a JSON file that nnU-Net is going to read, and check it first.

    Args:
        path: Path of the file.
        keys: Keys that the file must have.
        cure: Words of the error that say what to do if the file is missing or torn.

    Raises:
        ValueError: The file is missing or torn, or lacks a key.
    """
    content = read_json(path)
    if not path.is_file():
        raise ValueError(f"there is no {path}; {cure}")
    if not isinstance(content, dict) or not content.keys() >= set(keys):
        raise ValueError(f"{path} is torn, or not a file of nnU-Net's: expected JSON with {', '.join(keys)}; {cure}")
    return content


def read_splits(folder: Path) -> list[dict[str, list[str]]]:
    """Read the folds of a folder's splits_final.json; none if it is missing, torn or not nnU-Net's."""
    folds = read_json(folder / SPLITS)
    return folds if isinstance(folds, list) and all(map(_is_fold, folds)) else []


def _is_fold(fold: Any) -> bool:
    parts = [fold.get(part) for part in ("train", "val")] if isinstance(fold, dict) else [None]
    return all(isinstance(cases, list) and all(isinstance(case, str) for case in cases) for cases in parts)


@contextmanager
def blamed_on(place: str | Path, cure: str) -> Iterator[None]:
    """Name the place of files that nnU-Net cannot use: its own errors name keys at best.

    Raises:
        ValueError: Anything was raised.
    """
    try:
        yield
    except NotImplementedError:  # says what to do instead
        raise
    except Exception as error:  # whatever nnU-Net and torch make of torn or foreign files
        raise ValueError(f"{place} cannot be used ({type(error).__name__}: {error}); {cure}") from error
