import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from nnunet_taichi.phantoms import phantom, write_phantoms


def test_same_seed_same_picture_other_seed_another():
    first, second, other = (phantom(np.random.default_rng(seed), size=64) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("size", [32, 96, 128])
def test_shapes_and_dtypes(size):
    image, mask = phantom(np.random.default_rng(0), size=size)
    assert image.shape == mask.shape == (size, size)
    assert (image.dtype, mask.dtype) == (np.uint8, bool)
    assert image.std() > 10


def test_normal_image_has_an_empty_mask():
    for seed in range(10):
        image, mask = phantom(np.random.default_rng(seed), size=64, lesion=False)
        assert not mask.any()
        assert image.std() > 10


@pytest.mark.parametrize("raggedness", [0.05, 0.12, 0.22])
def test_lesion_is_darker_than_its_surroundings(raggedness):
    darker = []
    for seed in range(30):
        image, mask = phantom(np.random.default_rng(seed), raggedness=raggedness)
        assert 0.005 < mask.mean() < 0.25
        ring = binary_dilation(mask, iterations=8) & ~binary_dilation(mask, iterations=2)
        darker.append(image[ring].mean() - image[mask].mean())
    assert min(darker) > 0
    assert np.mean(darker) > 20


def test_brightness_alone_does_not_find_the_lesion():
    # Shadows and lobules are as dark, so the best threshold must be a poor segmentation.
    dice = []
    for seed in range(20):
        image, mask = phantom(np.random.default_rng(seed))
        guesses = [image < level for level in range(40, 200, 10)]
        dice.append(max(2 * (guess & mask).sum() / (guess.sum() + mask.sum()) for guess in guesses))
    assert np.mean(dice) < 0.6


def test_ragged_lesions_have_longer_borders():
    def roughness(raggedness):
        masks = [phantom(np.random.default_rng(seed), raggedness=raggedness)[1] for seed in range(20)]
        return np.mean([(binary_dilation(mask) & ~mask).sum() / np.sqrt(mask.sum()) for mask in masks])

    assert roughness(0.22) > 1.1 * roughness(0.05)


def test_too_small_a_size_says_what_to_do():
    with pytest.raises(ValueError, match="at least 32 pixels, got 16"):
        phantom(np.random.default_rng(0), size=16)


def test_layout_is_busis(tmp_path):
    root = write_phantoms(tmp_path, benign=2, malignant=1, normal=1, size=64)
    assert root == tmp_path / "Dataset_BUSI_with_GT"
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.png")) == [
        "benign/benign (1).png",
        "benign/benign (1)_mask.png",
        "benign/benign (1)_mask_1.png",
        "benign/benign (2).png",
        "benign/benign (2)_mask.png",
        "malignant/malignant (1).png",
        "malignant/malignant (1)_mask.png",
        "malignant/malignant (1)_mask_1.png",
        "normal/normal (1).png",
        "normal/normal (1)_mask.png",
    ]
    for path in root.rglob("*.png"):
        with Image.open(path) as image:
            assert image.size == (64, 64)
            assert image.mode == ("1" if "_mask" in path.stem else "RGB")
            assert np.asarray(image).any() == (path.name != "normal (1)_mask.png")


def test_second_lesion_lies_apart_from_the_first(tmp_path):
    for seed in range(10):
        root = write_phantoms(tmp_path / str(seed), benign=1, malignant=1, normal=0, seed=seed)
        for stem in ("benign/benign (1)_mask", "malignant/malignant (1)_mask"):
            first, second = (np.asarray(Image.open(root / f"{stem}{suffix}.png")) for suffix in ("", "_1"))
            assert first.any()
            assert second.any()
            assert not (first & second).any()


def test_same_seed_writes_the_same_files(tmp_path):
    first, second = (write_phantoms(tmp_path / name, 1, 1, 1, size=64, seed=5) for name in "ab")
    other = write_phantoms(tmp_path / "c", 1, 1, 1, size=64, seed=6)
    for path in first.rglob("*.png"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    image = "malignant/malignant (1).png"
    assert (first / image).read_bytes() != (other / image).read_bytes()
