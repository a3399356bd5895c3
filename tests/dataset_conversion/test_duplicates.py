"""Twins are found through what they share, and strangers are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.ndimage import gaussian_filter

from nnunet_taichi.dataset_conversion.duplicates import find_twins, group, pixel_digest, thumbnail


@pytest.fixture
def scans() -> list[np.ndarray]:
    """Draw twelve unrelated scans that all fade towards the bottom, in the same black frame."""
    random = np.random.default_rng(3)
    fade = np.linspace(1.2, 0.1, 200)[:, None]
    scans = []
    for _ in range(12):
        texture = gaussian_filter(random.normal(size=(200, 240)), (5, 9))
        grey = fade * (120 + 60 * texture / texture.std())
        scans.append(np.pad(grey.clip(20, 255).astype(np.uint8), 30))
    return scans


def twins(images: list[np.ndarray], threshold: float = 0.4) -> list[tuple[int, int, str]]:
    pixels = [pixel_digest(image) for image in images]
    found = find_twins(
        [thumbnail(image) for image in images], [str(number) for number in range(len(images))], pixels, threshold
    )
    return [(twin.first, twin.second, twin.kind) for twin in found]


def test_strangers_are_no_twins_though_their_thumbnails_correlate(scans: list[np.ndarray]) -> None:
    small = np.stack([thumbnail(scan).ravel() for scan in scans]).astype(float)
    assert np.corrcoef(small)[np.triu_indices(12, 1)].min() > 0.6, "the test would show nothing"
    assert twins(scans) == []


def test_finds_copies_that_were_changed(scans: list[np.ndarray]) -> None:
    picture = Image.fromarray(scans[4])
    marked = scans[4].copy()
    marked[60:66, 40:160] = 255  # callipers and text
    changed = [
        scans[4][8:, 6:],  # cropped
        np.asarray(picture.resize((150, 130))),
        np.asarray(ImageEnhance.Brightness(picture).enhance(1.3)),
        marked,
        scans[4].astype(np.uint16) * 257,
        np.repeat(scans[4][..., None], 3, axis=-1),
    ]
    for change in changed:
        assert twins([*scans, change]) == [(4, 12, "near")]


def test_tells_same_file_from_same_pixels(scans: list[np.ndarray]) -> None:
    images = [*scans[:3], scans[1], scans[2]]
    pixels = [pixel_digest(image) for image in images]
    files = ["a", "b", "c", "b", "other"]
    found = find_twins([thumbnail(image) for image in images], files, pixels)
    assert [(twin.first, twin.second, twin.kind) for twin in found] == [(1, 3, "same file"), (2, 4, "same pixels")]
    assert all(twin.correlation == pytest.approx(1, abs=1e-4) for twin in found)


def test_equal_images_without_structure_are_twins() -> None:
    black = np.zeros((50, 40), np.uint8)
    assert twins([black, black, np.zeros((40, 50), np.uint8)]) == [(0, 1, "same pixels")]


def test_more_images_than_a_block_of_the_correlation(scans: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    images = [*scans, scans[0][5:], scans[11][5:]]
    together = twins(images)
    monkeypatch.setattr("nnunet_taichi.dataset_conversion.duplicates.BLOCK", 5)
    assert twins(images) == together == [(0, 12, "near"), (11, 13, "near")]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(scans: list[np.ndarray], count: int) -> None:
    assert twins(scans[:count]) == []


def test_groups_hang_together_by_pairs() -> None:
    numbers = group(6, [(0, 3), (3, 5), (1, 2)])
    assert numbers[0] == numbers[3] == numbers[5]
    assert numbers[1] == numbers[2]
    assert len(set(numbers)) == 3


@pytest.mark.realdata
def test_known_twins_of_busi(realdata: Path) -> None:
    """Pairs that were told apart by eye; the last two of each correlate least, or most, of their kind."""
    folder = realdata / "BUSI" / "Dataset_BUSI_with_GT"
    paths = sorted(path for path in folder.glob("*/*.png") if "mask" not in path.name)
    images = [np.asarray(Image.open(path).convert("L")) for path in paths]
    number = {path.stem: index for index, path in enumerate(paths)}
    pixels = [pixel_digest(image) for image in images]
    found = find_twins([thumbnail(image) for image in images], pixels, pixels)
    pairs = {(twin.first, twin.second) for twin in found}

    def are_twins(first: str, second: str) -> bool:
        return tuple(sorted((number[first], number[second]))) in pairs

    assert are_twins("benign (433)", "malignant (145)")
    assert are_twins("normal (46)", "normal (59)")
    assert are_twins("malignant (77)", "malignant (78)")
    assert are_twins("malignant (80)", "malignant (81)")
    assert are_twins("benign (238)", "benign (255)")
    assert not are_twins("malignant (50)", "malignant (72)")
    assert not are_twins("malignant (177)", "malignant (201)")
    assert not are_twins("benign (20)", "benign (184)")
    assert not are_twins("malignant (1)", "malignant (132)")
    assert 240 <= len(pairs) <= 270
