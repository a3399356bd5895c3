"""The golden copy of the small BUSI, and everything that can be wrong with a BUSI."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pictures import HEIGHT, WIDTH, blob, read_tree, save
from PIL import Image

from nnunet_taichi.cli import main


def convert(source: Path, *arguments: str) -> int:
    return main(["convert", "busi", str(source), "-d", "101", "-np", "1", *arguments])


def assert_golden(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    """Compare the whole tree: names, modes and pixels."""
    assert read_tree(folder).keys() == {"dataset.json", "conversion.json", "splits_final.json", *pictures}
    for name, expected in pictures.items():
        picture = Image.open(folder / name)
        assert picture.mode == "L", name
        np.testing.assert_array_equal(np.asarray(picture), expected, err_msg=name)


@pytest.fixture
def lesions(grey: np.ndarray) -> dict[str, np.ndarray]:
    luminance = grey.copy()
    luminance[0, :3] = 76, 150, 29  # ITU-R 601-2: 0.299 R, 0.587 G, 0.114 B, of 255
    return {
        "imagesTr/benign_001_0000.png": luminance,
        "labelsTr/benign_001.png": blob((1, 1)),
        "imagesTr/benign_002_0000.png": grey,
        "labelsTr/benign_002.png": blob((1, 1), (2, 2), (2, 3), (3, 5)),
        "imagesTr/benign_010_0000.png": luminance,
        "labelsTr/benign_010.png": blob((0, 0)),
        "imagesTr/malignant_210_0000.png": 255 * blob((0, 0), (3, 5)),
        "labelsTr/malignant_210.png": blob((3, 4)),
    }


@pytest.fixture
def normals(grey: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "imagesTr/normal_001_0000.png": grey,
        "labelsTr/normal_001.png": blob(),
        "imagesTr/normal_002_0000.png": grey,
        "labelsTr/normal_002.png": blob(),
    }


def test_golden_copy(busi: Path, raw: Path, lesions: dict[str, np.ndarray], capsys: pytest.CaptureFixture) -> None:
    assert convert(busi) == 0
    assert [path.name for path in raw.iterdir()] == ["Dataset101_BUSI"]
    assert_golden(raw / "Dataset101_BUSI", lesions)
    description = json.loads((raw / "Dataset101_BUSI" / "dataset.json").read_text())
    assert description["channel_names"] == {"0": "ultrasound"}
    assert description["labels"] == {"background": 0, "lesion": 1}
    assert description["numTraining"] == 4
    assert description["file_ending"] == ".png"
    assert capsys.readouterr().out.startswith(f"4 cases in {raw / 'Dataset101_BUSI'}\n")


def test_golden_copy_with_normal_images_under_another_name(
    busi: Path, raw: Path, lesions: dict[str, np.ndarray], normals: dict[str, np.ndarray]
) -> None:
    assert convert(busi, "--with-normal", "-n", "All") == 0
    assert_golden(raw / "Dataset101_All", lesions | normals)


def test_source_may_be_the_parent(busi: Path, raw: Path, lesions: dict[str, np.ndarray]) -> None:
    assert convert(busi.parent) == 0
    assert_golden(raw / "Dataset101_BUSI", lesions)


def test_names_match_without_case(busi: Path, raw: Path, lesions: dict[str, np.ndarray]) -> None:
    for path in [*busi.glob("*/*"), *busi.iterdir()]:
        path.rename(path.with_name(path.name.upper()))
    assert convert(busi) == 0
    assert_golden(raw / "Dataset101_BUSI", lesions)


def test_passes_over_what_is_no_picture(busi: Path, raw: Path, lesions: dict[str, np.ndarray]) -> None:
    (busi / "benign" / "Thumbs.db").write_bytes(b"?")
    (busi / "benign" / "._benign (1).png").write_bytes(b"?")
    assert convert(busi) == 0
    assert_golden(raw / "Dataset101_BUSI", lesions)


def test_resize(busi: Path, raw: Path) -> None:
    columns = np.indices((64, 64))[1]
    lesion = (columns < 16) * np.ones((64, 64))
    for name in ("benign/benign (1)", "benign/benign (2)", "benign/benign (10)", "malignant/malignant (210)"):
        save(busi / f"{name}.png", 255 * (columns % 2))
        for mask in busi.glob(f"{name}_mask*.png"):
            save(mask, 255 * lesion)
    assert convert(busi, "--resize", "16") == 0
    image = np.asarray(Image.open(raw / "Dataset101_BUSI" / "imagesTr" / "benign_001_0000.png"))
    label = np.asarray(Image.open(raw / "Dataset101_BUSI" / "labelsTr" / "benign_001.png"))
    assert image.shape == label.shape == (16, 16)
    assert np.abs(image.astype(int) - 127).max() < 20, "stripes of one pixel must blend, not alias"
    np.testing.assert_array_equal(label, np.repeat([[1] * 4 + [0] * 12], 16, axis=0))


def test_resize_must_not_lose_a_lesion(busi: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    for path in busi.glob("*/*.png"):
        save(path, np.indices((64, 64))[1])
    for path in busi.glob("*/*_mask*.png"):
        save(path, 255 * (np.arange(64 * 64) == 0).reshape(64, 64))
    assert convert(busi) == 0
    assert convert(busi, "--resize", "4", "--overwrite") == 1
    assert "benign (1)_mask.png: shows nothing at 4 x 4 pixels; resize less" in capsys.readouterr().err


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def flip_bit_of_pixels(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 8] ^= 1
    path.write_bytes(content)


def fill(*values: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Callable[[Path], None]:
    return lambda path: save(path, np.resize(np.array(values), size))


def move_to(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.move(path, path.with_name(name))


def copy_to(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.copy(path, path.with_name(name))


def link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("not fetched")


FAULTS = {  # what happens to a file, and the file and the cause that must be named
    "no mask": ("benign (1)_mask.png", Path.unlink, "benign (1).png: there is no mask for this image"),
    "no image": ("benign (1).png", Path.unlink, "benign (1).png: there is no such file"),
    "dangling link": ("benign (2)_mask_1.png", link_to_nowhere, "benign (2)_mask_1.png: there is no such file"),
    "truncated image": ("benign (1).png", truncate, "benign (1).png: cannot be read"),
    "truncated mask": ("benign (2)_mask_1.png", truncate, "benign (2)_mask_1.png: cannot be read"),
    "corrupt image": ("benign (2).png", flip_bit_of_pixels, "benign (2).png: cannot be read"),
    "empty file": ("benign (2).png", lambda path: path.write_bytes(b""), "benign (2).png: cannot be read"),
    "size": (
        "benign (2)_mask_1.png",
        fill(0, 1, size=(3, 5)),
        "_mask_1.png: expected 6 x 4 pixels as in its image, found 5 x 3",
    ),
    "empty mask": (
        "benign (1)_mask.png",
        fill(0),
        "benign (1)_mask.png: at 6 x 4 pixels, expected something marked,",
    ),
    "full mask": (
        "benign (1)_mask.png",
        fill(255),
        "benign (1)_mask.png: at 6 x 4 pixels, expected something marked on a background",
    ),
    "grey mask": ("benign (1)_mask.png", fill(0, 3, 255), "found 2 beside black (3 to 255)"),
    "lesion in normal": (
        "normal (1)_mask.png",
        fill(0, 255),
        "normal (1)_mask.png: at 6 x 4 pixels, expected an empty mask",
    ),
    "twice": ("benign (1).png", copy_to("benign (01).png"), "benign (1).png: is benign_001, and so is"),
    "strange name": (
        "benign (1)_mask.png",
        move_to("benign (1) mask.png"),
        "benign (1) mask.png: expected benign (N).png",
    ),
    "other class": ("benign (1)_mask.png", copy_to("malignant (1).png"), "malignant (1).png: expected benign (N).png"),
}


@pytest.mark.parametrize(("name", "damage", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_names_the_bad_file_and_leaves_nothing(
    busi: Path, raw: Path, capsys: pytest.CaptureFixture, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(busi / name.split()[0] / name)
    assert convert(busi, "--with-normal") == 1
    assert message in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_names_a_file_of_16_bits(busi: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    Image.fromarray(np.full((HEIGHT, WIDTH), 1000, np.uint16)).save(busi / "benign" / "benign (1).png")
    assert convert(busi) == 1
    assert "benign (1).png: expected 8 bits a channel" in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_lists_all_bad_files_at_once(busi: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    bad = [busi / "benign" / "benign (1).png", busi / "benign" / "benign (1)_mask.png"]
    bad += [busi / "benign" / "benign (2)_mask_1.png", busi / "malignant" / "malignant (210).png"]
    for path in bad:
        truncate(path)
    assert convert(busi) == 1
    *listed, summary = [line for line in capsys.readouterr().err.splitlines() if "Converting" not in line and line]
    assert [line.split(": ")[0] for line in listed] == [str(path) for path in bad]
    assert summary == "Nothing was written. Problems to mend: 4"
    assert list(raw.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("..", "is not a folder; give the one that holds benign/ and malignant/, or its parent"),
        ("malignant", "holds no BUSI: looked for benign/ and malignant/ in it and one level below"),
    ],
)
def test_says_which_folders_it_looked_for(
    busi: Path, raw: Path, capsys: pytest.CaptureFixture, missing: str, message: str
) -> None:
    shutil.rmtree((busi / missing).resolve())
    assert convert(busi.parent) == 1
    assert f"{busi.parent}: {message}" in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_says_which_images_it_looked_for(busi: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.rmtree(busi / "benign")
    (busi / "benign").mkdir()
    assert convert(busi) == 1
    assert f"{busi / 'benign'}: holds no image: looked for benign (1).png and so on" in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_refuses_to_choose_between_two(busi: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.copytree(busi, busi.with_name("copy"))
    assert convert(busi.parent) == 1
    assert f"give one of {busi} and {busi.with_name('copy')}" in capsys.readouterr().err


@pytest.mark.realdata
def test_real_busi(realdata: Path, raw: Path) -> None:
    """Every label is the union of its masks and every grey image is unchanged, as another library reads them."""
    assert main(["convert", "busi", str(realdata / "BUSI"), "-d", "101", "--with-normal"]) == 0
    folder = raw / "Dataset101_BUSI"
    names = [path.stem for path in folder.glob("labelsTr/*")]
    counts = {kind: sum(name.startswith(kind) for name in names) for kind in ("benign", "malignant", "normal")}
    assert counts == {"benign": 437, "malignant": 210, "normal": 133}
    for name in names:
        kind, number = name.split("_")
        stem = f"BUSI/Dataset_BUSI_with_GT/{kind}/{kind} ({int(number)})"
        source = _read(realdata / f"{stem}.png")
        image, label = _read(folder / "imagesTr" / f"{name}_0000.png"), _read(folder / "labelsTr" / f"{name}.png")
        masks = [_read(path) for path in realdata.glob(f"{stem}_mask*.png")]
        union = np.any([mask.reshape(*label.shape, -1)[..., :3].any(axis=-1) for mask in masks], axis=0)
        np.testing.assert_array_equal(label, union, err_msg=name)
        channels = source.reshape(*image.shape, -1)
        is_grey = np.ptp(channels, axis=-1) == 0
        np.testing.assert_array_equal(image[is_grey], channels[..., 0][is_grey], err_msg=name)


def _read(path: Path) -> np.ndarray:
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
