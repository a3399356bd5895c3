"""New images in every format, as a grey and as an RGB data set have them, and everything that can be wrong."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from pictures import HEIGHT, WIDTH, read_tree, save
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from nnunet_taichi.cli import main

RGB = ("red", "green", "blue")


def convert(source: Path, target: Path, *arguments: str) -> int:
    return main(["convert", "images", str(source), str(target), "-d", "101", "-np", "1", *arguments])


def describe(folder: Path, channels: tuple[str, ...] | None = ("ultrasound",), ending: str = ".png") -> Path:
    """Make a data set of which nothing is there but what it says of itself."""
    (folder / "Dataset101_Set" / "imagesTr").mkdir(parents=True)
    content = {"channel_names": channels and dict(enumerate(channels)), "file_ending": ending}
    (folder / "Dataset101_Set" / "dataset.json").write_text(json.dumps(content))
    return folder / "Dataset101_Set"


def write_mha(path: Path, pixels: np.ndarray, *, is_vector: bool = False) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels, isVector=is_vector), str(path))


def assert_read(folder: Path, expected: dict[str, np.ndarray]) -> None:
    """Compare names and pixels, as nnU-Net itself reads them; expected are (H, W) or (H, W, 3)."""
    assert {path.name for path in folder.iterdir()} == expected.keys()
    for name, pixels in expected.items():
        image, _ = NaturalImage2DIO().read_images([str(folder / name)])  # (C, 1, H, W)
        channels_first = np.moveaxis(np.atleast_3d(pixels), -1, 0)[:, None]
        np.testing.assert_array_equal(image, channels_first, err_msg=name)
        picture = Image.open(folder / name)
        assert picture.format == "PNG", name
        assert "transparency" not in picture.info, f"{name}: some readers make a channel of it"


@pytest.fixture
def coloured(grey: np.ndarray) -> np.ndarray:
    pixels = np.stack([grey] * 3, axis=-1)
    pixels[0, :3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    return pixels


@pytest.fixture
def new(tmp_path: Path, grey: np.ndarray, coloured: np.ndarray) -> Path:
    """Write one image in each of many ways, and what shall be passed over."""
    folder = tmp_path / "new"
    flat = np.full((HEIGHT, WIDTH), 100)
    save(folder / "grey.png", grey)
    save(folder / "colour.PNG", coloured, "RGB")
    save(folder / "alpha.png", np.dstack([coloured, flat]), "RGBA")
    save(folder / "grey alpha.png", grey, "LA")
    save(folder / "palette.png", 255 * (grey > 100), "P")
    save(folder / "bits.png", 255 * (grey > 100), "1")
    Image.fromarray(grey).save(folder / "see-through.png", transparency=0)
    Image.fromarray(coloured).save(folder / "see-through colour.png", transparency=(0, 255, 0))
    save(folder / "photo.jpg", flat)
    save(folder / "_0000.bmp", grey)
    save(folder / "still.gif", 255 * (grey > 100), "P")
    save(folder / unicodedata.normalize("NFD", "Bläschen (1).tif"), grey)
    Image.fromarray(grey.astype(np.uint16) * 256).save(folder / "deep.png")
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6  # to be shown turned to the right
    Image.fromarray(grey).save(folder / "turned_0000.png", exif=turned)
    write_mha(folder / "scan_0000.mha", grey)
    write_mha(folder / "colour scan.mha", coloured, is_vector=True)
    write_mha(folder / "float.mha", np.float32(grey > 100) / 4 - 0.5)

    (folder / "notes.TXT").write_text("?")
    (folder / "Thumbs.db").write_bytes(b"?")
    (folder / "._grey.png").write_bytes(b"?")
    save(folder / "masks" / "grey.png", grey)
    return folder


def test_fits_a_grey_data_set(
    raw: Path, tmp_path: Path, new: Path, grey: np.ndarray, capsys: pytest.CaptureFixture
) -> None:
    describe(raw)
    target = tmp_path / "fit for it"
    assert convert(new, target) == 0
    luminance = grey.copy()
    luminance[0, :3] = 76, 150, 29  # ITU-R 601-2: 0.299 R, 0.587 G, 0.114 B, of 255
    two_levels = 255 * (grey > 100)
    assert_read(
        target,
        {
            "grey_0000.png": grey,
            "colour_0000.png": luminance,
            "alpha_0000.png": luminance,
            "grey_alpha_0000.png": grey,
            "palette_0000.png": two_levels,
            "bits_0000.png": two_levels,
            "see-through_0000.png": grey,
            "see-through_colour_0000.png": luminance,
            "photo_0000.png": np.full((HEIGHT, WIDTH), 100),
            "_0000_0000.png": grey,
            "still_0000.png": two_levels,
            unicodedata.normalize("NFC", "Bläschen__1__0000.png"): grey,
            "deep_0000.png": grey.astype(int) * 256,
            "turned_0000.png": np.rot90(grey, -1),
            "scan_0000.png": grey,
            "colour_scan_0000.png": luminance,
            "float_0000.png": 65535 * (grey > 100),
        },
    )
    assert capsys.readouterr().out.splitlines() == [
        f"17 images in {target}",
        "Sizes are kept: dataset.json does not say whether the data set was resized",
        "Tolerated: coloured pixels became grey (4: alpha.png, colour scan.mha, colour.PNG, ...)",
        "Tolerated: float32 values were stretched onto uint16 (1: float.mha)",
        f"Next: nnUNetv2_predict -i '{target}' -o OUT -d 101 -c 2d -f 0 -tr nnUNetTrainerTaichi"
        "   (with your -tr, -p and -f; without a GPU also -device cpu)",
    ]
    assert convert(target, tmp_path / "again") == 0
    assert read_tree(tmp_path / "again") == read_tree(target)


def test_fits_an_rgb_data_set(
    raw: Path, tmp_path: Path, new: Path, grey: np.ndarray, coloured: np.ndarray, capsys: pytest.CaptureFixture
) -> None:
    describe(raw, RGB)
    write_mha(new / "deep colour.png", coloured.astype(np.uint16) * 200, is_vector=True)
    assert convert(new, tmp_path / "fit") == 0
    greys = np.stack([grey] * 3, axis=-1)
    two_levels = 255 * (greys > 100)
    assert_read(
        tmp_path / "fit",
        {
            "grey_0000.png": greys,
            "colour_0000.png": coloured,
            "alpha_0000.png": coloured,
            "grey_alpha_0000.png": greys,
            "palette_0000.png": two_levels,
            "bits_0000.png": two_levels,
            "see-through_0000.png": greys,
            "see-through_colour_0000.png": coloured,
            "photo_0000.png": np.full((HEIGHT, WIDTH, 3), 100),
            "_0000_0000.png": greys,
            "still_0000.png": two_levels,
            unicodedata.normalize("NFC", "Bläschen__1__0000.png"): greys,
            "deep_0000.png": np.round(greys * (255 / 230)),  # its greatest value, 23 * 10, becomes 255
            "deep_colour_0000.png": coloured,  # its greatest value, 200 * 255, becomes 255
            "turned_0000.png": np.rot90(greys, -1),
            "scan_0000.png": greys,
            "colour_scan_0000.png": coloured,
            "float_0000.png": two_levels,
        },
    )
    assert (tmp_path / "fit" / "deep_colour_0000.png").read_bytes()[24] == 8, "bits a channel, in the header"
    out = capsys.readouterr().out
    assert "Tolerated: uint16 values were stretched onto uint8 (2: deep colour.png, deep.png)" in out
    assert "became grey" not in out


@pytest.mark.parametrize("channels", [("ultrasound",), RGB])
def test_images_that_fit_pass_through_unchanged(
    raw: Path, tmp_path: Path, grey: np.ndarray, coloured: np.ndarray, channels: tuple[str, ...]
) -> None:
    describe(raw, channels)
    pictures = [grey, grey.astype(np.uint16) * 256] if len(channels) == 1 else [coloured, coloured[::-1]]
    comment = PngInfo()
    comment.add_text("comment", "lost if the picture were written anew")
    (tmp_path / "ready").mkdir()
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / "ready" / f"é_{number}_0000.png", pnginfo=comment, compress_level=0)
    assert convert(tmp_path / "ready", tmp_path / "fit") == 0
    assert read_tree(tmp_path / "fit") == read_tree(tmp_path / "ready")
    assert len(read_tree(tmp_path / "fit")) == 2


def test_resizes_as_the_data_set_was(busi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for path in busi.glob("*/*.png"):
        save(path, 255 * (np.indices((64, 64))[1] < 32))  # a lesion that survives
    assert main(["convert", "busi", str(busi), "-d", "101", "-np", "1", "--resize", "16"]) == 0
    save(tmp_path / "new" / "large.png", 200 * (np.indices((64, 64))[1] % 2))
    Image.fromarray(np.full((9, 5), 40000, np.uint16)).save(tmp_path / "new" / "small.png")
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(tmp_path / "new" / "right_0000.png", compress_level=0)
    capsys.readouterr()
    assert convert(tmp_path / "new", tmp_path / "fit") == 0
    large = np.asarray(Image.open(tmp_path / "fit" / "large_0000.png"))
    assert np.abs(large.astype(int) - 100).max() < 20, "stripes of one pixel must blend, not alias"
    assert_read(
        tmp_path / "fit",
        {
            "large_0000.png": large,
            "small_0000.png": np.full((16, 16), 40000),
            "right_0000.png": np.full((16, 16), 7),
        },
    )
    assert large.shape == (16, 16)
    assert (tmp_path / "fit" / "right_0000.png").read_bytes() == (tmp_path / "new" / "right_0000.png").read_bytes()
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"3 images in {tmp_path / 'fit'}",
        "Tolerated: resized to 16 x 16 pixels, like the data set; predictions have these pixels, not the original size "
        "(2: large.png, small.png)",
    ]


def test_takes_a_single_image_and_a_preprocessed_data_set(tmp_path: Path, grey: np.ndarray) -> None:
    describe(tmp_path / "nnUNet_preprocessed")
    save(tmp_path / "new" / "one.bmp", grey)
    save(tmp_path / "new" / "other.bmp", grey)
    assert convert(tmp_path / "new" / "one.bmp", tmp_path / "new" / "fit") == 0
    assert_read(tmp_path / "new" / "fit", {"one_0000.png": grey})
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"one.bmp", "other.bmp", "fit"}


def test_lists_all_bad_files_at_once_and_leaves_nothing(
    raw: Path, tmp_path: Path, grey: np.ndarray, capsys: pytest.CaptureFixture
) -> None:
    describe(raw)
    folder = tmp_path / "new"
    save(folder / "a b.png", grey)
    save(folder / "A_b_0000.jpg", grey)
    save(folder / "good.png", grey)
    save(folder / "torn_0000.png", grey)
    (folder / "torn_0000.png").write_bytes((folder / "torn_0000.png").read_bytes()[:-30])
    (folder / "empty.png").touch()
    (folder / "words.foo").write_text("not a picture")
    frames = [Image.fromarray(grey), Image.fromarray(grey[::-1])]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "film_0000.png", save_all=True, append_images=frames[1:])
    write_mha(folder / "volume.mha", np.stack([grey, grey]))
    write_mha(folder / "infinite.mha", np.where(grey > 100, np.float32(np.inf), 0))
    assert convert(folder, tmp_path / "fit") == 1
    errors = capsys.readouterr().err
    for message in (
        "a b.png: becomes a_b_0000.png, and so does A_b_0000.jpg; rename one",
        "film_0000.png: becomes film_0000.png, and so does film.gif; rename one",
        "torn_0000.png: cannot be read",
        "empty.png: cannot be read",
        "words.foo: cannot be read",
        "film.gif: holds 2 pictures (animated, or several pages); save one of them",
        "film_0000.png: holds 2 pictures (animated, or several pages); save one of them",
        "volume.mha: holds 2 pictures (a volume or a film); save one of them",
        "infinite.mha: has values that are not finite; replace them",
        "Nothing was written. Problems to mend: 9",
    ):
        assert message in errors
    assert "good.png" not in errors
    assert not list(tmp_path.glob("*fit*"))


def test_replaces_images_of_its_own_if_told_to(
    raw: Path, tmp_path: Path, grey: np.ndarray, capsys: pytest.CaptureFixture
) -> None:
    describe(raw)
    save(tmp_path / "new" / "one.png", grey)
    old = tmp_path / "fit" / "old_0000.png"
    save(old, grey)
    assert convert(tmp_path / "new", tmp_path / "fit") == 1
    assert f"{tmp_path / 'fit'}: exists already; --overwrite replaces it" in capsys.readouterr().err
    assert old.exists()
    assert convert(tmp_path / "new", tmp_path / "fit" / "part" / "..", "--overwrite") == 0
    assert_read(tmp_path / "fit", {"one_0000.png": grey})


@pytest.mark.parametrize("stranger", ["letter.txt", "prediction.png", "folder_0000.png/image_0000.png"])
def test_overwrites_nothing_but_images_of_its_own(
    raw: Path, tmp_path: Path, grey: np.ndarray, capsys: pytest.CaptureFixture, stranger: str
) -> None:
    describe(raw)
    save(tmp_path / "new" / "one.png", grey)
    path = tmp_path / "fit" / stranger
    path.parent.mkdir(parents=True)
    path.touch()
    assert convert(tmp_path / "new", tmp_path / "fit", "--overwrite") == 1
    named = tmp_path / "fit" / stranger.split("/")[0]
    assert f"{named}: is no *_0000.png, and --overwrite would delete it" in capsys.readouterr().err
    assert path.exists()


@pytest.mark.parametrize("target", ["new", "new/part/..", ".", "new/one_0000.png"])
def test_refuses_a_target_that_holds_the_source(
    raw: Path, tmp_path: Path, grey: np.ndarray, capsys: pytest.CaptureFixture, target: str
) -> None:
    describe(raw)
    image = tmp_path / "new" / "one_0000.png"
    save(image, grey)
    (tmp_path / "new" / "part").mkdir()
    content = image.read_bytes()
    source = image if target.endswith(".png") else image.parent
    assert convert(source, tmp_path / target, "--overwrite") == 1
    assert f"holds the source {source}; write to another place" in capsys.readouterr().err
    assert read_tree(tmp_path / "new") == {"one_0000.png": content}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "nowhere: is neither a folder nor a file"),
        ("new", "new: holds no image (its subfolders are not looked into)"),
    ],
)
def test_says_that_there_is_no_image(
    raw: Path, tmp_path: Path, grey: np.ndarray, capsys: pytest.CaptureFixture, source: str, message: str
) -> None:
    describe(raw)
    save(tmp_path / "new" / "folder" / "one.png", grey)
    (tmp_path / "new" / "notes.txt").touch()
    assert convert(tmp_path / source, tmp_path / "fit") == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*fit*"))


DATA_SETS = {  # what is in nnUNet_raw, and what must be said of it
    "none": (lambda raw: None, "expected one data set of ID 101 in nnU-Net's folders, found none; give another ID"),
    "two": (
        lambda raw: [(raw / name).mkdir() for name in ("Dataset101_A", "Dataset101_B")],
        "found Dataset101_A and Dataset101_B; give another ID with -d",
    ),
    "empty": (lambda raw: (raw / "Dataset101_A").mkdir(), "dataset.json: there is none in nnUNet_raw or"),
    "torn": (
        lambda raw: (describe(raw) / "dataset.json").write_text("{"),
        "dataset.json: is none of ours (Expecting property name",
    ),
    "list": (lambda raw: (describe(raw) / "dataset.json").write_text("[]"), "dataset.json: is none of ours"),
    "no channels": (lambda raw: describe(raw, None), "dataset.json: is none of ours"),
    "channels": (
        lambda raw: describe(raw, ("a", "b")),
        "expected images of 1 or 3 channels in .png files, found 2 in .png files",
    ),
    "ending": (lambda raw: describe(raw, ending=".nii.gz"), "found 1 in .nii.gz files; make new images in the way"),
    "files": (
        lambda raw: (describe(raw, RGB) / "imagesTr" / "x_0001.png").touch(),
        "Dataset101_Set: expected RGB in one file, found a file for each channel in imagesTr",
    ),
}


@pytest.mark.parametrize(("prepare", "message"), DATA_SETS.values(), ids=DATA_SETS.keys())
def test_says_what_is_wrong_with_the_data_set(
    raw: Path,
    tmp_path: Path,
    grey: np.ndarray,
    capsys: pytest.CaptureFixture,
    prepare: Callable[[Path], object],
    message: str,
) -> None:
    prepare(raw)
    save(tmp_path / "new" / "one.png", grey)
    assert convert(tmp_path / "new", tmp_path / "fit") == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*fit*"))


def test_passes_over_masks_and_says_so(
    raw: Path, tmp_path: Path, grey: np.ndarray, capsys: pytest.CaptureFixture
) -> None:
    describe(raw)
    for name in ("scan.png", "scan_mask.png", "scan_mask_1.png"):
        save(tmp_path / "new" / name, grey)
    assert convert(tmp_path / "new", tmp_path / "fit") == 0
    assert [path.name for path in (tmp_path / "fit").iterdir()] == ["scan_0000.png"]
    assert "passed over as a mask, by its name (2: scan_mask.png, scan_mask_1.png)" in capsys.readouterr().out


def test_names_with_dots_stay_apart(raw: Path, tmp_path: Path, grey: np.ndarray) -> None:
    describe(raw)
    for name in ("1.2.840.1", "1.2.840.2"):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(grey), str(tmp_path / "scan.dcm"))
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / "scan.dcm").rename(tmp_path / "new" / name)
    assert convert(tmp_path / "new", tmp_path / "fit") == 0
    assert {path.name for path in (tmp_path / "fit").iterdir()} == {"1.2.840.1_0000.png", "1.2.840.2_0000.png"}
