"""Text files that are whole or not there, and what JSON can hold."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_whole(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8 beside its place and rename it."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)


def without_nan(value: Any) -> Any:
    """Put None in the place of NaN, which JSON does not have, however deep."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
