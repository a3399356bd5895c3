"""Pictures of every kind as they are read and written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pictures import HEIGHT, WIDTH, save
from PIL import Image

from nnunet_taichi.dataset_conversion.errors import MissingFileError, UnreadableFileError
from nnunet_taichi.dataset_conversion.images import (
    COLOURS_LOST,
    Picture,
    read_any,
    read_grey,
    read_rgb,
    read_values,
    resize,
    write_png,
)

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (100, 100, 100)
COLOURS = np.array([[RED, GREEN], [BLUE, GREY], [GREY, GREY]], np.uint8)
LUMINANCE = [[76, 150], [29, 100], [100, 100]]  # ITU-R 601-2: 0.299 R + 0.587 G + 0.114 B


def write_itk(path: Path, values: np.ndarray, *, is_colour: bool = False) -> Path:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values, isVector=is_colour), str(path))
    return path


def write_pillow(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path


def assert_picture(picture: Picture, expected: object, dtype: type, *notes: str) -> None:
    assert picture.pixels.dtype == dtype
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.notes == notes


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("read", [read_grey, lambda path: read_any(path, channels=1)])
def test_grey_values_do_not_depend_on_the_mode(tmp_path: Path, mode: str, read: Callable[[Path], Picture]) -> None:
    pixels = np.array([[0, 255, 0], [255, 255, 0]])
    save(tmp_path / "a.png", pixels, mode)
    assert_picture(read(tmp_path / "a.png"), pixels, np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_become_luminance_and_are_noted(tmp_path: Path, mode: str) -> None:
    save(tmp_path / "a.png", COLOURS, mode)
    for picture in (read_grey(tmp_path / "a.png"), read_any(tmp_path / "a.png", channels=1)):
        assert_picture(picture, LUMINANCE, np.uint8, COLOURS_LOST)


def test_alpha_is_dropped_and_not_blended(tmp_path: Path) -> None:
    write_pillow(tmp_path / "a.png", np.dstack([COLOURS, np.full((3, 2), 7, np.uint8)]))
    for picture in (read_rgb(tmp_path / "a.png"), read_any(tmp_path / "a.png", channels=3)):
        assert_picture(picture, COLOURS, np.uint8)


def test_grey_fills_three_channels(tmp_path: Path, grey: np.ndarray) -> None:
    save(tmp_path / "a.png", grey)
    for picture in (read_rgb(tmp_path / "a.png"), read_any(tmp_path / "a.png", channels=3)):
        assert_picture(picture, np.dstack([grey] * 3), np.uint8)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".gif", ".tga", ".pgm", ".jp2"])
def test_reads_grey_of_pillows_formats(tmp_path: Path, grey: np.ndarray, ending: str) -> None:
    save(tmp_path / f"a{ending}", grey)
    assert_picture(read_any(tmp_path / f"a{ending}", channels=1), grey, np.uint8)


@pytest.mark.parametrize("ending", [".mha", ".mhd", ".nrrd", ".nhdr", ".nii", ".nii.gz", ".dcm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_reads_grey_of_simpleitks_formats(tmp_path: Path, grey: np.ndarray, ending: str, dtype: type) -> None:
    values = grey.astype(dtype) * (257 if dtype == np.uint16 else 1)
    assert_picture(read_any(write_itk(tmp_path / f"a{ending}", values), channels=1), values, dtype)


@pytest.mark.parametrize("ending", [".mha", ".nrrd", ".nii.gz", ".dcm"])
def test_reads_colours_of_simpleitks_formats(tmp_path: Path, ending: str) -> None:
    write_itk(tmp_path / f"a{ending}", COLOURS, is_colour=True)
    assert_picture(read_any(tmp_path / f"a{ending}", channels=3), COLOURS, np.uint8)


def test_reads_a_single_slice_that_is_as_narrow_as_colours_are_deep(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.uint8).reshape(1, 5, 4)
    assert_picture(read_any(write_itk(tmp_path / "a.nii.gz", values), channels=1), values[0], np.uint8)


def test_reads_cmyk(tmp_path: Path) -> None:
    inks = np.full((8, 8, 4), [0, 255, 255, 0], np.uint8)  # magenta and yellow print red
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=100)
    assert_picture(read_any(tmp_path / "a.jpg", channels=3), np.full((8, 8, 3), RED), np.uint8)


def test_turns_a_photo_as_its_camera_says(tmp_path: Path, grey: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    Image.fromarray(grey).save(tmp_path / "a.png", exif=exif)
    assert_picture(read_any(tmp_path / "a.png", channels=1), np.rot90(grey, -1), np.uint8)


@pytest.mark.parametrize(
    ("values", "expected", "dtype"),
    [
        (np.array([[0, 1, 255]], np.uint16), [[0, 1, 255]], np.uint8),
        (np.array([[0, 256, 65535]], np.uint16), [[0, 256, 65535]], np.uint16),
        (np.array([[0, 1, 300]], np.int32), [[0, 1, 300]], np.uint16),
        (np.array([[0, 1, 7]], np.float32), [[0, 1, 7]], np.uint8),
    ],
)
def test_grey_keeps_16_bits(tmp_path: Path, values: np.ndarray, expected: object, dtype: type) -> None:
    for path in (write_pillow(tmp_path / "a.tif", values), write_itk(tmp_path / "a.mha", values)):
        assert_picture(read_any(path, channels=1), expected, dtype)


@pytest.mark.parametrize(
    ("values", "expected"),  # (value - least) * 65535 / (greatest - least)
    [
        (np.array([[-10, 0, 20]], np.int32), [[0, 21845, 65535]]),
        (np.array([[-1, 3, 6]], np.int32), [[0, 37449, 65535]]),  # 37448.6
        (np.array([[0, 70000]], np.int32), [[0, 65535]]),
        (np.array([[0, 0.2, 1]], np.float32), [[0, 13107, 65535]]),
        (np.array([[0.5, 0.5]], np.float32), [[0, 0]]),
    ],
)
def test_grey_stretches_what_16_bits_do_not_hold(tmp_path: Path, values: np.ndarray, expected: object) -> None:
    note = f"{values.dtype} values were stretched onto uint16"
    for path in (write_pillow(tmp_path / "a.tif", values), write_itk(tmp_path / "a.mha", values)):
        assert_picture(read_any(path, channels=1), expected, np.uint16, note)


def test_colour_has_8_bits(tmp_path: Path) -> None:
    values = write_itk(tmp_path / "a.png", np.array([[[0, 300, 510]]], np.uint16), is_colour=True)
    note = "uint16 values were stretched onto uint8"
    assert_picture(read_any(values, channels=3), [[[0, 150, 255]]], np.uint8, note)
    assert_picture(read_any(values, channels=1), [[117]], np.uint8, note, COLOURS_LOST)  # 0.587 * 150 + 0.114 * 255
    grey = write_pillow(tmp_path / "b.png", np.array([[0, 510]], np.uint16))
    assert_picture(read_any(grey, channels=3), [[[0] * 3, [255] * 3]], np.uint8, note)


def test_bare_values_are_what_the_file_holds(tmp_path: Path) -> None:
    values = np.array([[-3, 0, 70000]], np.int32)
    np.testing.assert_array_equal(read_values(write_itk(tmp_path / "a.mha", values)), values)
    np.testing.assert_array_equal(read_values(write_pillow(tmp_path / "a.png", COLOURS)), COLOURS)


@pytest.mark.parametrize("read", [read_grey, read_rgb])
@pytest.mark.parametrize(("shape", "found"), [((2, 2), "mode I;16"), ((2, 2, 3), "16 bits in mode RGB")])
def test_eight_bits_means_eight_bits(
    tmp_path: Path, read: Callable[[Path], Picture], shape: tuple[int, ...], found: str
) -> None:
    path = write_itk(tmp_path / "a.png", np.full(shape, 9, np.uint16), is_colour=len(shape) == 3)
    with pytest.raises(UnreadableFileError, match=rf"a.png: expected 8 bits a channel .*, found {found}"):
        read(path)


def test_says_that_a_file_is_not_there(tmp_path: Path) -> None:
    for read in (read_grey, read_rgb, read_values):
        with pytest.raises(MissingFileError, match=r"none\.png: there is no such file"):
            read(tmp_path / "none.png")


ENDINGS = [".png", ".jpg", ".bmp", ".tif", ".gif", ".webp", ".mha", ".nrrd", ".nii", ".nii.gz", ".dcm"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("share", [0, 0.5, 0.9])
def test_refuses_a_torn_file(tmp_path: Path, ending: str, share: float) -> None:
    path = tmp_path / f"a{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8)
    write_itk(path, noise) if ending in ENDINGS[6:] else write_pillow(path, noise)
    assert read_any(path, channels=1).pixels.shape == (40, 60)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UnreadableFileError, match=rf"a{ending}: cannot be read \(.+\); is it complete\?") as error:
        read_any(path, channels=1)
    assert "\n" not in str(error.value)


def test_refuses_a_png_whose_checksum_is_wrong(tmp_path: Path, grey: np.ndarray) -> None:
    path = write_pillow(tmp_path / "a.png", grey)
    content = bytearray(path.read_bytes())
    content[content.index(b"IEND") - 5] ^= 1  # the end of the checksum of the pixels
    path.write_bytes(content)
    for read in (read_grey, read_rgb, read_values):
        with pytest.raises(UnreadableFileError, match=r"a\.png: cannot be read"):
            read(path)


def test_refuses_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(UnreadableFileError, match=r"a\.png: cannot be read"):
        read_any(tmp_path / "a.png", channels=1)


def test_refuses_several_pictures_in_a_file(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((2, 2), 90 * value, np.uint8)) for value in range(3)]
    for ending in (".gif", ".tif", ".png", ".webp"):
        frames[0].save(tmp_path / f"a{ending}", save_all=True, append_images=frames[1:])
        with pytest.raises(UnreadableFileError, match=rf"a{ending}: holds 3 pictures .*; save one of them"):
            read_any(tmp_path / f"a{ending}", channels=1)
    for ending in (".mha", ".nii.gz", ".nrrd", ".dcm"):
        write_itk(tmp_path / f"a{ending}", np.zeros((3, HEIGHT, WIDTH), np.uint8))
        with pytest.raises(UnreadableFileError, match=rf"a{ending}: holds 3 pictures .*; save one of them"):
            read_any(tmp_path / f"a{ending}", channels=1)


def test_refuses_more_channels_than_colours_have(tmp_path: Path) -> None:
    write_itk(tmp_path / "a.mha", np.zeros((2, 2, 5), np.uint8), is_colour=True)
    with pytest.raises(UnreadableFileError, match=r"a.mha: expected at most 4 channels .*, found 5"):
        read_any(tmp_path / "a.mha", channels=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_what_is_not_finite(tmp_path: Path, value: float) -> None:
    path = write_pillow(tmp_path / "a.tif", np.array([[0, value]], np.float32))
    for read in (read_values, lambda path: read_any(path, channels=1), lambda path: read_any(path, channels=3)):
        with pytest.raises(UnreadableFileError, match=r"a\.tif: has values that are not finite; replace them"):
            read(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resize_averages_images_and_picks_labels(dtype: type) -> None:
    stripes = np.tile(np.array([0, 200], dtype), (16, 8))
    small = resize(stripes, (4, 2), is_label=False)
    assert small.shape == (4, 2)
    assert small.dtype == dtype
    np.testing.assert_allclose(small, 100, atol=20)
    assert set(np.unique(resize(stripes.astype(np.uint8), (4, 2), is_label=True))) <= {0, 200}


@pytest.mark.parametrize(
    "pixels", [np.array([[0, 255]], np.uint8), np.array([[0, 65535]], np.uint16), COLOURS], ids=["8", "16", "colour"]
)
def test_png_comes_back(tmp_path: Path, pixels: np.ndarray) -> None:
    write_png(tmp_path / "a.png", pixels)
    back = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.png")))
    assert back.dtype == pixels.dtype
    np.testing.assert_array_equal(back, pixels)
