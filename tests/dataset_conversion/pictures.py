"""Tiny pictures to write, and trees of files to compare."""

from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 4, 6


def save(path: Path, pixels: np.ndarray, mode: str = "L") -> None:
    """Write (H, W[, C]) values from 0 to 255 as a picture of the given mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(path)


def blob(*rows_and_columns: tuple[int, int]) -> np.ndarray:
    """Draw a label (HEIGHT, WIDTH) that is 1 at the given pixels."""
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    for row_and_column in rows_and_columns:
        label[row_and_column] = 1
    return label


def read_tree(folder: Path) -> dict[str, bytes]:
    """Map the relative path of every file below a folder, hidden ones included, to its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
