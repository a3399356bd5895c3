"""A BUSI of a handful of tiny pictures in every mode, and nnU-Net's folders, both in tmp_path."""

from pathlib import Path

import numpy as np
import pytest
from pictures import HEIGHT, WIDTH, blob, save


@pytest.fixture
def grey() -> np.ndarray:
    return (np.arange(HEIGHT * WIDTH, dtype=np.uint8) * 10).reshape(HEIGHT, WIDTH)


@pytest.fixture
def busi(tmp_path: Path, grey: np.ndarray) -> Path:
    """Write the data folder; its golden copy is in test_busi.py."""
    data = tmp_path / "download" / "Dataset_BUSI_with_GT"
    coloured = np.stack([grey] * 3, axis=-1)
    coloured[0, :3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    see_through = np.concatenate([coloured, np.full((HEIGHT, WIDTH, 1), 7, np.uint8)], axis=-1)

    save(data / "benign" / "benign (1).png", coloured, "RGB")
    save(data / "benign" / "benign (1)_mask.png", 255 * blob((1, 1)), "1")
    save(data / "benign" / "benign (2).png", grey)
    save(data / "benign" / "benign (2)_mask.png", 255 * blob((1, 1)), "1")
    save(data / "benign" / "benign (2)_mask_1.png", blob((2, 2), (2, 3)))  # 0 and 1, as some tools save
    save(data / "benign" / "benign (2)_mask_2.png", 255 * blob((2, 3), (3, 5)), "RGBA")
    save(data / "benign" / "benign (10).png", see_through, "RGBA")
    save(data / "benign" / "benign (10)_mask.png", 255 * blob((0, 0)), "LA")
    save(data / "malignant" / "malignant (210).png", 255 * blob((0, 0), (3, 5)), "1")
    save(data / "malignant" / "malignant (210)_mask.png", blob((3, 4))[..., None] * [0, 0, 200], "RGB")
    save(data / "normal" / "normal (1).png", grey, "RGB")
    save(data / "normal" / "normal (1)_mask.png", blob(), "RGB")
    save(data / "normal" / "normal (2).png", grey)
    return data


@pytest.fixture(autouse=True)
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point nnU-Net at folders of the test's own; the answer is the one of raw data sets."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path / "nnUNet_raw"
