"""Files that are written whole or not at all, digests of files, and values that JSON can hold."""

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same ending. Rename it to `path` on success, else remove it.

    If `path` is a link, the link is replaced, not followed.
    """
    path = Path(path)
    partial = path.with_name(f".partial.{path.name}")
    partial.unlink(missing_ok=True)  # left by a killed run, or a link
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def digest(*files: str | Path) -> str:
    """Return the SHA-256 of the files' joined contents, without missing files, or "" if all are missing."""
    present = [file for file in files if Path(file).is_file()]
    checksum = hashlib.sha256()
    for file in present:
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                checksum.update(block)
    return checksum.hexdigest() if present else ""


def without_nan(value: Any) -> Any:
    """Replace NaN, which JSON does not have, by None at any depth."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
