"""Synthetic breast ultrasound, so that tests and the demo need no real data.

A picture is made the way a scanner makes it. It begins as a map of echo strength in decibels: layers of tissue,
lesions, and background that looks like lesions (fat lobules and posterior shadows). The map is filled with random
scatterers, blurred by a point spread function that widens with depth, and log-compressed. So the speckle has the
statistics of real speckle. The anatomy is not realistic: do not use it for medical teaching.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

Grid = tuple[NDArray[np.float64], NDArray[np.float64]]

DYNAMIC_RANGE_DB = 55.0
BENIGN_RAGGEDNESS = 0.05
MALIGNANT_RAGGEDNESS = 0.22


def phantom(
    rng: np.random.Generator, size: int = 128, lesion: bool = True, raggedness: float = 0.12
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw one image, with or without a lesion.

    Args:
        rng: Only source of randomness: the same state gives the same picture.
        size: Height and width in pixels, at least 32.
        lesion: Whether there is a lesion; False draws a normal breast, which also has lobules and shadows.
        raggedness: Amplitude of the border's waves, as a share of the lesion's radius: 0 is an ellipse, 0.25 very
            ragged.

    Returns:
        The grey image (size, size), and the lesion's mask (size, size), empty if there is no lesion.
    """
    image, masks = _draw(rng, size, int(lesion), raggedness)
    return image, np.logical_or.reduce([np.zeros((size, size), bool), *masks])


def write_phantoms(
    folder: str | Path, benign: int = 16, malignant: int = 8, normal: int = 4, size: int = 128, seed: int = 0
) -> Path:
    """Write phantoms in the layout of BUSI: RGB images, 1-bit masks, one folder per class.

    The first benign and the first malignant image hold a second lesion, in a mask of its own (`_mask_1.png`).

    Args:
        folder: Folder in which to make `Dataset_BUSI_with_GT`.
        benign: Number of images with a smooth lesion.
        malignant: Number of images with a ragged lesion.
        normal: Number of images without a lesion: their masks are empty.
        size: Height and width in pixels, at least 32.
        seed: Seed of the random numbers; the same seed writes the same files.

    Returns:
        The path of `Dataset_BUSI_with_GT`.
    """
    root = Path(folder) / "Dataset_BUSI_with_GT"
    rng = np.random.default_rng(seed)
    classes = (
        ("benign", benign, BENIGN_RAGGEDNESS),
        ("malignant", malignant, MALIGNANT_RAGGEDNESS),
        ("normal", normal, 0),
    )
    for name, count, raggedness in classes:
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            lesions = 0 if name == "normal" else 2 if number == 1 else 1
            _write_case(root / name / f"{name} ({number})", *_draw(rng, size, lesions, raggedness))
    return root


def _write_case(stem: Path, image: NDArray[np.uint8], masks: list[NDArray[np.bool_]]) -> None:
    """Write `<stem>.png` and its masks; a case without a lesion gets one empty mask."""
    Image.fromarray(image).convert("RGB").save(f"{stem}.png")
    for index, mask in enumerate(masks or [np.zeros(image.shape, bool)]):
        Image.fromarray(mask).save(f"{stem}_mask{f'_{index}' if index else ''}.png")


def _draw(
    rng: np.random.Generator, size: int, lesions: int, raggedness: float
) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """Draw an image (size, size) and one mask (size, size) per lesion. Lesions do not touch one another."""
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels, got {size}: lesions would vanish, choose 64 or more")
    grid: Grid = tuple(np.mgrid[0:size, 0:size] / size)  # depth, then lateral position, as shares of the image
    echo_db, gland = _tissue(rng, grid)
    _add_lobules(rng, grid, echo_db)
    _add_shadows(rng, grid, echo_db)
    masks = _add_lesions(rng, grid, echo_db, gland, lesions, raggedness)
    echo_db -= rng.uniform(6, 16) * grid[0]  # attenuation that the scanner's depth gain does not correct
    return _scan(rng, echo_db), masks


def _tissue(rng: np.random.Generator, grid: Grid) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the echo strength (dB) of skin, fat, gland, muscle and chest wall, and the gland's depths."""
    depth, lateral = grid
    fat, gland, muscle = 0.05, rng.uniform(0.16, 0.28), rng.uniform(0.66, 0.8)
    wall = muscle + rng.uniform(0.1, 0.16)
    echo_db = np.full(depth.shape, -8.0)  # skin
    for top, level, waviness in ((fat, -21, 0.008), (gland, -11, 0.035), (muscle, -19, 0.02), (wall, -26, 0.01)):
        border = top + _wave(rng, lateral, waviness)
        echo_db[depth > border] = level + rng.uniform(-2, 2)
        echo_db[np.abs(depth - border) < 0.009] += 7  # interfaces reflect
    coarse = gaussian_filter(rng.standard_normal(depth.shape), len(depth) * np.array([0.02, 0.06]))
    return gaussian_filter(echo_db + 3.0 * coarse / coarse.std(), 0.004 * len(depth)), (gland, muscle)


def _wave(rng: np.random.Generator, lateral: NDArray[np.float64], amplitude: float) -> NDArray[np.float64]:
    """Return a smooth curve across the image."""
    terms = [
        np.sin(2 * np.pi * (frequency * lateral + rng.random())) / frequency
        for frequency in rng.uniform(0.5, 4, size=3)
    ]
    return amplitude * np.sum(terms, axis=0)


def _add_lobules(rng: np.random.Generator, grid: Grid, echo_db: NDArray[np.float64]) -> None:
    """Add fat lobules: dark like lesions, but flat, smooth and in a bright capsule. They belong to no mask."""
    for _ in range(rng.integers(1, 4)):
        centre = rng.uniform(0.15, 0.6), rng.uniform(0.1, 0.9)
        width = rng.uniform(0.07, 0.15)
        radius = _radius(rng, grid, centre, (width * rng.uniform(0.35, 0.5), width), raggedness=0.03)
        echo_db[radius < 1] = rng.uniform(-25, -21)
        echo_db[np.abs(radius - 1.1) < 0.12] += 5


def _add_shadows(rng: np.random.Generator, grid: Grid, echo_db: NDArray[np.float64]) -> None:
    """Add small bright reflectors, each with a shadow below it: a dark column with soft edges, which is in no mask."""
    depth, lateral = grid
    for _ in range(rng.integers(0, 3)):
        top, centre, width = rng.uniform(0.15, 0.55), rng.uniform(0.08, 0.92), rng.uniform(0.03, 0.08)
        echo_db -= rng.uniform(8, 15) * _column(grid, top, centre, width)
        echo_db += 9 * np.exp(-(((depth - top) / 0.012) ** 2) - ((lateral - centre) / width) ** 2)


def _column(grid: Grid, top: float, centre: float, width: float) -> NDArray[np.float64]:
    """Return 1 inside a vertical band that starts at `top` and 0 outside, with soft edges."""
    depth, lateral = grid
    return np.exp(-(np.abs((lateral - centre) / width) ** 4)) / (1 + np.exp(-(depth - top) / 0.02))


def _add_lesions(
    rng: np.random.Generator,
    grid: Grid,
    echo_db: NDArray[np.float64],
    gland: tuple[float, float],
    count: int,
    raggedness: float,
) -> list[NDArray[np.bool_]]:
    """Add dark lesions to the gland, side by side, and return their masks. Ragged ones are taller and cast shadows."""
    masks = []
    for index in range(count):
        height = rng.uniform(0.09, 0.18) * (1 if count == 1 else 0.55)
        half = height, height * (rng.uniform(1.1, 1.8) if raggedness < 0.15 else rng.uniform(0.8, 1.3))
        centre = (
            rng.uniform(gland[0] + height, gland[1] - height),
            (index + 0.5) / count + rng.uniform(-0.25, 0.25) * (1 if count == 1 else 0.2),
        )
        radius = _radius(rng, grid, centre, half, raggedness)
        mask = radius < 1
        tail_db = rng.uniform(1, 5) if raggedness < 0.15 else rng.uniform(-9, -3)  # enhancement below it, or a shadow
        echo_db += tail_db * _column(grid, centre[0] + half[0], centre[1], 0.8 * half[1])
        echo_db[mask] = rng.uniform(-34, -25) + 2.0 * _texture(rng, mask.shape)[mask]
        masks.append(mask)
    return masks


def _texture(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return smooth noise with standard deviation 1."""
    noise = gaussian_filter(rng.standard_normal(shape), 0.03 * shape[0])
    return noise / noise.std()


def _radius(
    rng: np.random.Generator, grid: Grid, centre: tuple[float, float], half: tuple[float, float], raggedness: float
) -> NDArray[np.float64]:
    """Return the distance from `centre`, relative to a closed curve around it: below 1 is inside."""
    down, across = (grid[0] - centre[0]) / half[0], (grid[1] - centre[1]) / half[1]
    angle = np.arctan2(down, across)
    border = np.ones_like(angle)
    for lobes in range(2, 14):
        border += raggedness * rng.normal() / lobes**0.7 * np.cos(lobes * angle + rng.uniform(0, 2 * np.pi))
    return np.hypot(down, across) / np.clip(border, 0.4, 1.6)


def _scan(rng: np.random.Generator, echo_db: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn echo strength (dB) into a B-mode image: scatterers, a blur that widens with depth, log compression."""
    amplitude = 10 ** (echo_db / 20)
    scatterers = amplitude * rng.standard_normal((*echo_db.shape, 2)).view(np.complex128)[..., 0]
    depth = np.linspace(0, 1, len(echo_db))[:, None]
    envelope = np.abs((1 - depth) * _blur(scatterers, lateral=0.9) + depth * _blur(scatterers, lateral=2.0))
    decibels = 20 * np.log10(envelope + 10 ** (-DYNAMIC_RANGE_DB / 20) * rng.uniform(0.5, 1.5))
    grey = 1 + (gaussian_filter(decibels, 0.4) + rng.uniform(-3, 3)) / DYNAMIC_RANGE_DB
    return np.clip(255 * grey, 0, 255).astype(np.uint8)


def _blur(scatterers: NDArray[np.complex128], lateral: float, axial: float = 0.7) -> NDArray[np.complex128]:
    """Blur with a Gaussian point spread function (spreads in pixels) that keeps the power of white noise."""
    return gaussian_filter(scatterers, (axial, lateral)) * 2 * np.sqrt(np.pi * axial * lateral)
