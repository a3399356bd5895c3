"""Files that are whole or not there, their digests, and what JSON can hold."""

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path`, with the same ending, to write to; rename it when all went well, else remove it.

    A link in the place of `path` is replaced, not followed.
    """
    path = Path(path)
    partial = path.with_name(f".partial.{path.name}")
    partial.unlink(missing_ok=True)  # of a killed run, or a link
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
    """Return the SHA-256 of files in a row, missing ones left out, or nothing where all are missing."""
    present = [file for file in files if Path(file).is_file()]
    checksum = hashlib.sha256()
    for file in present:
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                checksum.update(block)
    return checksum.hexdigest() if present else ""


def without_nan(value: Any) -> Any:
    """Put None in the place of NaN, which JSON does not have, however deep."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
