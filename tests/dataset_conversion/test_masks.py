"""Masks of every kind as labels."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pictures import blob, save
from PIL import Image

from nnunet_taichi.dataset_conversion.errors import MaskValueError, MissingFileError, UnreadableFileError
from nnunet_taichi.dataset_conversion.masks import colour_code, read_binary_mask, read_coded_mask

LABEL = np.array([[0, 1, 2], [2, 2, 0]])
CODES = {0: 0, 128: 1, 255: 2}
RIM, CUP = (10, 20, 30), (30, 20, 10)


def write(path: Path, values: np.ndarray, *, is_colour: bool = False) -> Path:
    if path.suffix in (".mha", ".gz") or is_colour:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values, isVector=is_colour), str(path))
    else:
        Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_binary_mask_of_any_mode(tmp_path: Path, mode: str) -> None:
    label = blob((1, 1), (2, 3))
    save(tmp_path / "a.png", 255 * label, mode)
    picture = read_binary_mask(tmp_path / "a.png")
    assert picture.pixels.dtype == np.uint8
    np.testing.assert_array_equal(picture.pixels, label)


@pytest.mark.parametrize("lesion", [np.uint8(1), np.uint16(65535), np.float32(0.5), np.int32(-1)])
@pytest.mark.parametrize("ending", [".tif", ".mha", ".nii.gz"])
def test_binary_mask_of_any_value(tmp_path: Path, ending: str, lesion: np.generic) -> None:
    path = write(tmp_path / f"a{ending}", np.where(blob((1, 1)), lesion, np.zeros_like(lesion)))
    np.testing.assert_array_equal(read_binary_mask(path).pixels, blob((1, 1)))


def test_binary_mask_takes_every_colour_of_one_brightness_for_lesion(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.array([[[0, 0, 0], [200, 0, 0], [0, 200, 0], [200, 200, 90]]]), "RGB")
    np.testing.assert_array_equal(read_binary_mask(tmp_path / "a.png").pixels, [[0, 1, 1, 1]])


def test_constant_alpha_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "a.png", np.array([[[0, 0, 0, 7], [9, 9, 9, 7]]], np.uint8))
    np.testing.assert_array_equal(read_binary_mask(tmp_path / "a.png").pixels, [[0, 1]])


@pytest.mark.parametrize("read", [read_binary_mask, partial(read_coded_mask, codes={0: 0, 255: 1})])
def test_a_lesion_drawn_in_alpha_is_refused(tmp_path: Path, read: Callable) -> None:
    """Editors export white everywhere, and the lesion as what is not transparent."""
    write(tmp_path / "a.png", np.array([[[255, 255, 255, 0], [255, 255, 255, 255]]], np.uint8))
    with pytest.raises(UnreadableFileError, match="is transparent in parts; flatten it onto black"):
        read(tmp_path / "a.png")


def test_binary_mask_may_be_empty(tmp_path: Path) -> None:
    save(tmp_path / "a.png", blob())
    assert not read_binary_mask(tmp_path / "a.png").pixels.any()


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0, 3, 255], r"2 beside black \(3 to 255\)"),
        ([3, 250, 255], r"3 .*"),
        ([-1, 0, 1], r"2 beside black \(-1 to 1\)"),
    ],
)
def test_binary_mask_of_several_brightnesses_is_refused(tmp_path: Path, values: list[int], found: str) -> None:
    path = write(tmp_path / "a.tif", np.array([values], np.int32))
    with pytest.raises(MaskValueError, match=rf"a\.tif: .*found {found}; save the mask without compression"):
        read_binary_mask(path)


@pytest.mark.parametrize("ending", [".tif", ".mha", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_coded_mask_of_any_format(tmp_path: Path, ending: str, dtype: type) -> None:
    path = write(tmp_path / f"a{ending}", np.array([0, 128, 255], dtype)[LABEL])
    picture = read_coded_mask(path, codes=CODES)
    assert picture.pixels.dtype == np.uint8
    np.testing.assert_array_equal(picture.pixels, LABEL)


def test_coded_mask_of_16_bits(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", np.array([0, 1000, 65535], np.uint16)[LABEL])
    np.testing.assert_array_equal(read_coded_mask(path, codes={0: 0, 1000: 1, 65535: 2}).pixels, LABEL)


def test_several_values_may_stand_for_one_label(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", np.array([[0, 7, 9, 255]], np.uint8))
    np.testing.assert_array_equal(read_coded_mask(path, codes={255: 0, 0: 1, 7: 2, 9: 2}).pixels, [[1, 2, 2, 0]])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_stand_for_labels(tmp_path: Path, mode: str) -> None:
    save(tmp_path / "a.png", np.array([(0, 0, 0), RIM, CUP])[LABEL], "RGB")
    picture = Image.open(tmp_path / "a.png")
    (picture.quantize(3) if mode == "P" else picture.convert(mode)).save(tmp_path / "b.png")
    assert Image.open(tmp_path / "b.png").mode == mode
    codes = {0: 0, colour_code(*RIM): 1, colour_code(*CUP): 2}
    np.testing.assert_array_equal(read_coded_mask(tmp_path / "b.png", codes=codes).pixels, LABEL)


def test_grey_is_the_same_in_colour_and_without(tmp_path: Path) -> None:
    assert colour_code(128, 128, 128) == 128
    assert len({colour_code(*RIM), colour_code(*CUP), *range(256)}) == 258
    save(tmp_path / "a.png", np.array([0, 128, 255])[LABEL], "RGB")
    np.testing.assert_array_equal(read_coded_mask(tmp_path / "a.png", codes=CODES).pixels, LABEL)


def test_unknown_values_are_refused_and_named(tmp_path: Path) -> None:
    grey = write(tmp_path / "a.png", np.array([[0, 128, 1, 2, 3, 4, 5, 6, 7]], np.uint8))
    with pytest.raises(
        MaskValueError, match=r"a\.png: expected the values 0, 128, 255, found 1, 2, 3, 4, 5 and 2 more as well; name"
    ):
        read_coded_mask(grey, codes=CODES)
    colour = write(tmp_path / "b.png", np.array([[RIM, CUP]], np.uint8))
    with pytest.raises(MaskValueError, match=r"b\.png: expected the values 0, #0a141e, found #1e140a as well"):
        read_coded_mask(colour, codes={0: 0, colour_code(*RIM): 1})
    fraction = write(tmp_path / "c.tif", np.array([[0, 127.5]], np.float32))
    with pytest.raises(MaskValueError, match=r"c\.tif: expected the values 0, 128, 255, found 127\.5 as well"):
        read_coded_mask(fraction, codes=CODES)


def test_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", np.full((2, 2, 3), [0, 256, 1], np.uint16), is_colour=True)
    with pytest.raises(
        MaskValueError, match=r"a\.png: expected colours from 0 to 255, found 256; save the mask with 8"
    ):
        read_coded_mask(path, codes=CODES)


def test_masks_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    write(tmp_path / "hole.tif", np.array([[0, np.nan]], np.float32))
    for read in (read_binary_mask, lambda path: read_coded_mask(path, codes=CODES)):
        with pytest.raises(MissingFileError, match=r"none\.png: there is no such file"):
            read(tmp_path / "none.png")
        with pytest.raises(UnreadableFileError, match=r"torn\.png: cannot be read"):
            read(tmp_path / "torn.png")
        with pytest.raises(UnreadableFileError, match=r"hole\.tif: has values that are not finite"):
            read(tmp_path / "hole.tif")
