"""BUSI folders with scans that differ, as twins, splits and audits need them."""

from pathlib import Path

import numpy as np
from pictures import save
from scipy.ndimage import gaussian_filter


def scan(seed: int, size: tuple[int, int] = (64, 72)) -> np.ndarray:
    """Draw a texture that no other seed gives."""
    texture = gaussian_filter(np.random.default_rng(seed).normal(size=size), (2, 4))
    return (110 + 50 * texture / texture.std()).clip(20, 255).astype(np.uint8)


def write_busi(folder: Path, benign: int, malignant: int, twins: dict[str, str]) -> Path:
    """Write scans with a square lesion each; `twins` maps the name of an image to the one it is a crop of."""
    names = [*(f"benign ({n})" for n in range(1, benign + 1)), *(f"malignant ({n})" for n in range(1, malignant + 1))]
    seeds = {name: number for number, name in enumerate(names)}
    for name in names:
        pixels = scan(seeds[twins[name]])[1:, 1:] if name in twins else scan(seeds[name])
        lesion = np.zeros(pixels.shape)
        lesion[20:40, 20:40] = 255
        save(folder / name.split()[0] / f"{name}.png", pixels)
        save(folder / name.split()[0] / f"{name}_mask.png", lesion)
    return folder
