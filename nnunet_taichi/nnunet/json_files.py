"""Reading of nnU-Net's JSON files. A file that is torn, or not nnU-Net's, is named in the error."""

import json
from pathlib import Path
from typing import Any

SPLITS = "splits_final.json"  # nnU-Net copies it from the raw data set when planning


def read_json(path: Path) -> Any:
    """Read a JSON file; return None if it is missing or torn."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
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
    content = read_json(folder / SPLITS)
    folds = content if isinstance(content, list) else []
    return folds if all(isinstance(fold, dict) and {"train", "val"} <= fold.keys() for fold in folds) else []
