"""A user's own images and masks: golden copies, everything that can be wrong, and trees made at random."""

import json
import shutil
import unicodedata
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import partial
from inspect import signature
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from pictures import HEIGHT, WIDTH, blob, read_tree
from PIL import Image
from scans import scan

from nnunet_taichi.cli import main
from nnunet_taichi.commands.convert_arguments import add_folder
from nnunet_taichi.dataset_conversion import folder
from nnunet_taichi.dataset_conversion.errors import BadFilesError, SourceNotFoundError, TableError
from nnunet_taichi.dataset_conversion.findings import Findings

LESION = blob((1, 1), (2, 3))
OF_SIMPLEITK = (".mha", ".nrrd", ".nii.gz", ".dcm")


def write(path: Path, values: np.ndarray, mode: str = "") -> Path:
    """Write (H, W[, 3]) values of any dtype in the format of the path's ending, or in a mode of Pillow's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.lower().endswith(OF_SIMPLEITK):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values, isVector=values.shape[2:] == (3,)), str(path))
    else:
        picture = Image.fromarray(values)
        picture = picture.convert(mode) if mode else picture
        picture.save(path, **({"lossless": True} if path.suffix == ".webp" else {}))
    return path


def convert(source: Path, *arguments: str) -> int:
    command = ["convert", "folder", "--images", str(source / "images"), "--masks", str(source / "masks")]
    return main([*command, "-d", "7", "-n", "Own", "-np", "1", *arguments])


def find(source: Path, *arguments: str) -> Findings:
    parser = ArgumentParser()
    add_folder(parser, None)
    folders = ["--images", str(source / "images"), "--masks", str(source / "masks")]
    args = parser.parse_args([*folders, "-d", "7", "-n", "Own", *arguments])
    return folder.find_cases(**{name: getattr(args, name) for name in signature(folder.find_cases).parameters})


def assert_picture(path: Path, expected: object, mode: str) -> None:
    picture = Image.open(path)
    assert picture.mode == mode, path
    np.testing.assert_array_equal(np.asarray(picture), expected, err_msg=str(path))


@pytest.fixture
def own(tmp_path: Path, grey: np.ndarray) -> Path:
    """Three images of two classes, with their masks."""
    for name in ("benign/1", "benign/2", "malignant/3"):
        write(tmp_path / "own" / "images" / f"{name}.png", grey)
        write(tmp_path / "own" / "masks" / f"{name}.png", 255 * LESION)
    return tmp_path / "own"


def test_golden_copy(tmp_path: Path, raw: Path, grey: np.ndarray, capsys: pytest.CaptureFixture) -> None:
    source = tmp_path / "own"
    deep, label = grey.astype(np.uint16) * 200, 255 * LESION
    for name, values in {
        "a.png": np.dstack([grey] * 3),
        "b.tif": deep,
        "c.MHA": grey,
        "d.nii.gz": deep[None],
        "e.dcm": deep,
        "f.webp": grey,
        "Group 1/G (1).bmp": np.full((HEIGHT, WIDTH, 3), [255, 0, 0], np.uint8),
        "Group 1/deep/h_0000.nrrd": (grey / 20).astype(np.float32),  # 0 to 11.5
        unicodedata.normalize("NFD", "ï ü.png"): grey,
        "甲状腺.png": grey,
        "😀.png": grey,
        ".hidden.png": grey,
    }.items():
        write(source / "images" / name, values)
    Image.fromarray(np.full((HEIGHT, WIDTH, 4), [0, 0, 0, 100], np.uint8), "CMYK").save(source / "images" / "z.jpg")
    (source / "images" / "notes.txt").touch()
    write(source / "masks" / "A_mask.png", label, "1")
    write(source / "masks" / "b.mha", LESION)
    write(source / "masks" / "c.tif", LESION.astype(np.uint16) * 65535)
    write(source / "masks" / "d_seg.nii.gz", LESION.astype(np.float32))
    write(source / "masks" / "e.gif", label, "P")
    write(source / "masks" / "f-gt.png", label, "RGBA")
    write(source / "masks" / "group 1" / "G (1)_mask_1.png", 255 * blob((1, 1)))
    write(source / "masks" / "group 1" / "G (1)_mask_2.png", 90 * blob((2, 3)))
    write(source / "masks" / "group 1" / "deep" / "h.bmp", np.dstack([label, LESION, LESION]))
    write(source / "masks" / unicodedata.normalize("NFC", "Ï Ü_LABEL.png"), label)
    write(source / "masks" / "甲状腺_segmentation.png", label)
    write(source / "masks" / "😀.png", label)
    write(source / "masks" / "z.png", label)

    assert convert(source, "--random-splits") == 0
    target = raw / "Dataset007_Own"
    luminance = np.full((HEIGHT, WIDTH), 76)  # 0.299 * 255
    stretched = np.round(grey.astype(float) * 65535 / 230)
    images = {
        **dict.fromkeys(["a", "c", "f", "ï_ü", "甲状腺", "_"], (grey, "L")),
        **dict.fromkeys(["b", "d", "e"], (deep, "I;16")),
        "Group_1_G__1_": (luminance, "L"),
        "Group_1_deep_h_0000": (stretched, "I;16"),
        "z": (np.full((HEIGHT, WIDTH), 155), "L"),  # 255 less the black ink
    }
    paths = {f"{kind}Tr/{name}{end}" for name in images for kind, end in (("images", "_0000.png"), ("labels", ".png"))}
    assert read_tree(target).keys() == {"dataset.json", "conversion.json", *paths}
    for name, (pixels, mode) in images.items():
        assert_picture(target / "imagesTr" / f"{name}_0000.png", pixels, mode)
        assert_picture(target / "labelsTr" / f"{name}.png", LESION, "L")
    description = json.loads((target / "dataset.json").read_text())
    assert description["channel_names"] == {"0": "ultrasound"}
    assert description["labels"] == {"background": 0, "lesion": 1}
    assert (description["reference"], description["licence"]) == ("own images", "the owner's")
    assert "regions_class_order" not in description
    record = json.loads((target / "conversion.json").read_text(encoding="utf-8"))
    assert record["cases"]["Group_1_G__1_"] == {
        "image": "images/Group 1/G (1).bmp",
        "masks": ["masks/group 1/G (1)_mask_1.png", "masks/group 1/G (1)_mask_2.png"],
        "class": "Group 1",
    }
    assert record["cases"]["a"] == {"image": "images/a.png", "masks": ["masks/A_mask.png"]}
    assert record["tolerated"] == {
        "coloured pixels became grey": ["images/Group 1/G (1).bmp"],
        "float32 values were stretched onto uint16": ["images/Group 1/deep/h_0000.nrrd"],
    }
    assert capsys.readouterr().out.startswith(f"12 cases in {target}\n")


def test_the_copy_does_not_depend_on_where_the_source_lies(
    own: Path, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = own / "images" / "classes.csv"
    table.write_text("file,class\n1.png,a\n2.png,b\n")
    assert convert(own, "--table", str(table)) == 0
    first = read_tree(raw)
    own.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert convert(Path("elsewhere"), "--table", "elsewhere/images/classes.csv", "--overwrite") == 0
    assert read_tree(raw) == first


def test_a_name_is_required(own: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["convert", "folder", "--images", str(own), "--masks", str(own), "-d", "7"])
    assert "the following arguments are required: -n" in capsys.readouterr().err


def test_a_channel_number_of_all_images_is_left_out(tmp_path: Path, grey: np.ndarray) -> None:
    for name in ("a", "b"):
        write(tmp_path / "images" / f"{name}_0000.png", grey)
        write(tmp_path / "masks" / f"{name}.png", LESION)
    assert [case.identifier for case in find(tmp_path).cases] == ["a", "b"]
    write(tmp_path / "images" / "b_0001.png", grey)  # so it is the number of a frame
    write(tmp_path / "masks" / "b_0001.png", LESION)
    assert [case.identifier for case in find(tmp_path).cases] == ["a_0000", "b_0000", "b_0001"]


def test_names_of_files_tell_the_folders_apart(tmp_path: Path, grey: np.ndarray) -> None:
    image, mask = write(tmp_path / "x" / "a.png", grey), write(tmp_path / "x" / "in" / "a.png", LESION)
    beside = write(tmp_path / "x" / "a_mask.png", LESION)
    for images, masks, names in (
        (image.parent, mask.parent, ["images/a.png", "masks/a.png"]),
        (mask.parent, image.parent, ["images/a.png", "masks/a.png"]),
        (image.parent, image.parent, ["a.png", "a_mask.png"]),
    ):
        beside.unlink(missing_ok=True)
        if images == masks:
            shutil.rmtree(mask.parent)
            write(beside, LESION)
        findings = folder.find_cases(images, masks)
        (case,) = findings.cases
        assert [findings.name(path) for path in (case.image, *case.masks)] == names


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def fill(values: np.ndarray) -> Callable[[Path], object]:
    return lambda path: write(path, values.astype(np.uint8))


def add_page(path: Path) -> None:
    Image.fromarray(LESION).save(path, save_all=True, append_images=[Image.fromarray(255 * LESION)])


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {  # what happens to a file, and what must be said of it
    "masks/blank.png": (fill(blob()), "shows nothing; draw it, or take empty masks with --allow-empty"),
    "masks/full.png": (
        fill(blob() + 1),
        "at 6 x 4 pixels, expected something marked on a background",
    ),
    "masks/grey.png": (
        fill(LESION + blob((2, 3))),
        "expected black and one other brightness, found 2 beside black (1 to 2); save the mask without compression or "
        "interpolation, with two values; or name several labels with --labels NAME=VALUE",
    ),
    "masks/small.png": (fill(LESION[:3]), "expected 6 x 4 pixels as in its image, found 6 x 3; --fit-masks resizes"),
    "masks/torn.png": (tear, "cannot be read ("),
    "masks/torn tiff.tif": (tear, "cannot be read ("),
    "masks/torn nifti.nii.gz": (tear, "cannot be read ("),
    "masks/no bytes.png": (lambda path: path.write_bytes(b""), "cannot be read ("),
    "masks/animated.gif": (add_page, "holds 2 pictures (animated, or several pages); save one of them"),
    "masks/pages.tif": (add_page, "holds 2 pictures (animated, or several pages); save one of them"),
    "masks/volume.mha": (fill(np.stack([LESION] * 2)), "holds 2 pictures (a volume or a film); save one of them"),
    "masks/alone.png": (
        lambda path: (path.parents[1] / "images" / path.name).unlink(),
        "there is no image for this mask; add it to --images, or remove the mask",
    ),
    "images/torn image.png": (tear, "cannot be read ("),
    "images/film.dcm": (fill(np.zeros((2, HEIGHT, WIDTH))), "holds 2 pictures (a volume or a film); save one of them"),
    "images/lonely.png": (
        lambda path: (path.parents[1] / "masks" / path.name).unlink(),
        "there is no mask for this image; add it to --masks, or take the image as empty with --allow-empty",
    ),
    "images/two.png": (
        lambda path: write(path.parents[1] / "masks" / "two_gt.png", LESION),
        "has several masks (two.png and two_gt.png); keep one, or number their parts as NAME_mask_1, NAME_mask_2",
    ),
    "images/same.png": (lambda path: shutil.copy(path, path.with_suffix(".PGM")), "is same, and so is "),
    "images/x_y.png": (lambda path: None, "is x_y, and so is "),
    "images/x y.png": (lambda path: None, ""),
}


def test_bad_files_are_listed_together(
    tmp_path: Path, raw: Path, grey: np.ndarray, capsys: pytest.CaptureFixture
) -> None:
    for name, (damage, _) in FAULTS.items():
        kind, _, file = name.partition("/")
        stem = file.partition(".")[0]
        for path, values in (("images", grey), ("masks", 255 * LESION)):
            write(tmp_path / path / (file if path == kind else f"{stem}.png"), values)
        damage(tmp_path / name)
    assert convert(tmp_path) == 1
    lines = capsys.readouterr().err.splitlines()
    told = [line.removeprefix(f"{tmp_path}/").split(": ", 1) for line in lines if line.startswith(f"{tmp_path}/")]
    expected = {name: message for name, (_, message) in FAULTS.items() if message}
    assert {name for name, _ in told} == expected.keys()
    assert {name: message[: len(expected[name])] for name, message in told} == expected
    assert lines[-1] == f"Nothing was written. Problems to mend: {len(expected)}"
    assert list(raw.iterdir()) == []


def test_fit_masks(own: Path, raw: Path) -> None:
    write(own / "masks" / "benign" / "1.png", np.kron(255 * LESION, np.ones((2, 2))).astype(np.uint8))
    assert convert(own, "--fit-masks") == 0
    assert_picture(raw / "Dataset007_Own" / "labelsTr" / "benign_1.png", LESION, "L")
    record = json.loads((raw / "Dataset007_Own" / "conversion.json").read_text())
    assert record["tolerated"] == {"a mask was resized to fit its image": ["images/benign/1.png"]}


def test_resize(own: Path, raw: Path) -> None:
    for path in own.glob("*/*/*.png"):
        is_image = path.parents[1].name == "images"
        halves = np.repeat([[0] * 20 + [60000 if is_image else 1] * 20], 40, axis=0)
        write(path, halves.astype(np.uint16))
    assert convert(own, "--resize", "4") == 0
    image = [[0, 7500, 52500, 60000]] * 4  # a triangle of 20 pixels: (.05 + .15 + .25 + .35 + .45) / 10 of 60000
    assert_picture(raw / "Dataset007_Own" / "imagesTr" / "benign_1_0000.png", image, "I;16")
    assert_picture(raw / "Dataset007_Own" / "labelsTr" / "benign_1.png", [[0, 0, 1, 1]] * 4, "L")


def test_allow_empty(own: Path, raw: Path) -> None:
    (own / "masks" / "benign" / "1.png").unlink()
    write(own / "masks" / "benign" / "2.png", blob())
    assert convert(own, "--allow-empty") == 0
    for name, label in {"benign_1": blob(), "benign_2": blob(), "malignant_3": LESION}.items():
        assert_picture(raw / "Dataset007_Own" / "labelsTr" / f"{name}.png", label, "L")


def test_labels_may_cover_the_whole_image(own: Path) -> None:
    write(own / "masks" / "benign" / "1.png", LESION + 1)
    case = find(own, "--labels", "fat=1", "lesion=2,255").cases[0]
    np.testing.assert_array_equal(case.load().label, LESION + 1)


def test_regions_in_colour(own: Path, raw: Path, grey: np.ndarray) -> None:
    """A fundus as in a colour map, whose cup lies in the disc: red the rim, blue or 255 the cup."""
    cup = blob((1, 1), (1, 2))
    rim = blob((0, 1), (0, 2), (2, 1), (2, 2))
    image = np.dstack([grey, grey, 255 - grey])
    for path in own.glob("images/*/*.png"):
        write(path, image)
    for path in own.glob("masks/*/*.png"):
        write(path, np.dstack([255 * rim, 0 * rim, 255 * cup]))
    write(own / "masks" / "malignant" / "3.png", rim * np.uint16(1000) + 255 * cup)
    arguments = ("--labels", "rim=#ff0000,1000", "cup=#0000FF,255", "--regions", "disc=rim+cup", "cup=cup", "--rgb")
    assert convert(own, *arguments) == 0
    target = raw / "Dataset007_Own"
    for name in ("benign_1", "benign_2", "malignant_3"):
        assert_picture(target / "imagesTr" / f"{name}_0000.png", image, "RGB")
        assert_picture(target / "labelsTr" / f"{name}.png", rim + 2 * cup, "L")
    description = json.loads((target / "dataset.json").read_text())
    assert description["channel_names"] == {"0": "R", "1": "G", "2": "B"}
    assert description["labels"] == {"background": 0, "disc": [1, 2], "cup": 2}
    assert description["regions_class_order"] == [1, 2]
    manager = LabelManager(description["labels"], description["regions_class_order"])
    assert manager.foreground_regions == [(1, 2), 2]
    restored = manager.convert_probabilities_to_segmentation(np.stack([rim + cup, cup]).astype(float))
    np.testing.assert_array_equal(restored, rim + 2 * cup)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "lesion"], "error: --labels: expected NAME=VALUE"),
        (["--labels", "a=1", "b=2", "--regions", "a=a"], "error: --regions: b is in no region; add it to one"),
        (["--table", "none.csv"], "none.csv: cannot be read"),
    ],
)
def test_says_what_is_wrong_with_arguments(
    own: Path, raw: Path, capsys: pytest.CaptureFixture, arguments: list[str], message: str
) -> None:
    assert convert(own, *arguments) == 1
    assert message in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_unknown_values_are_named(own: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(own, "--labels", "lesion=1") == 1
    message = "1.png: expected the values 0, 1, found 255 as well; name what they stand for"
    assert message in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_folders_that_do_not_belong_together(own: Path, tmp_path: Path) -> None:
    write(tmp_path / "other" / "x_mask.png", LESION)
    with pytest.raises(SourceNotFoundError, match=r"expected such as benign/1, found x_mask$"):
        folder.find_cases(own / "images", tmp_path / "other")
    with pytest.raises(SourceNotFoundError, match=r"none: is not a folder"):
        folder.find_cases(own / "images", tmp_path / "none")


def test_refuses_to_write_over_the_source(raw: Path, grey: np.ndarray, capsys: pytest.CaptureFixture) -> None:
    source = raw / "Dataset007_Own"
    write(source / "images" / "a.png", grey)
    write(source / "masks" / "a.png", LESION)
    before = read_tree(raw)
    assert convert(source, "--overwrite") == 1
    assert "holds the source" in capsys.readouterr().err
    assert read_tree(raw) == before


def write_table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_table_gives_classes_and_patients(own: Path) -> None:
    umlaut = unicodedata.normalize("NFD", "ä")
    shutil.copytree(own / "images" / "benign", own / "images" / umlaut / "deep")
    shutil.copytree(own / "masks" / "benign", own / "masks" / umlaut / "deep")
    (own / "images" / "malignant" / "3.png").rename(own / "images" / "malignant" / f"{umlaut}.nii.gz")
    (own / "masks" / "malignant" / "3.png").rename(own / "masks" / "malignant" / f"{umlaut}.png")
    table = write_table(
        own / "table.csv",
        "Image;Pathology;Patient",
        "BENIGN_1;cyst;p1",
        "ä_deep_1;;p1",
        f"{umlaut.upper()}.nii.gz;cancer;p2",
        "other;x;y",
    )
    findings = find(own, "--table", str(table))
    assert {case.identifier: (case.stratum, case.group) for case in findings.cases} == {
        "benign_1": ("cyst", "p1"),
        "benign_2": ("benign", ""),
        "malignant_ä": ("cancer", "p2"),
        "ä_deep_1": ("ä", "p1"),
        "ä_deep_2": ("ä", ""),
    }
    assert findings.tolerated == ["the table lacks 2 images: benign/2, ä/deep/2"]
    assert findings.tables == [table]


def test_table_that_does_not_fit(own: Path) -> None:
    table = write_table(own / "table.csv", "image,class", "9.png,a")
    with pytest.raises(TableError, match=r"names none of the images; give file names such as 1\.png"):
        find(own, "--table", str(table))
    write(own / "images" / "malignant" / "1.png", LESION)
    write(own / "masks" / "malignant" / "1.png", LESION)
    write_table(table, "image,class", "1.png,a")
    with pytest.raises(TableError, match=r"1 may be several images; write benign_1 or malignant_1 instead"):
        find(own, "--table", str(table))


NAMES = {  # of files without ending -> in nnU-Net
    "a": "a",
    "B 2": "B_2",
    "b-(1).x": "b-_1_.x",
    "Grün": "Grün",
    unicodedata.normalize("NFD", "é"): unicodedata.normalize("NFC", "é"),
    "甲": "甲",
    "😀": "_",
    "sub/a": "sub_a",
    "Ünter 1/deep/a": "Ünter_1_deep_a",
}
SPELLINGS = (str, str.upper, partial(unicodedata.normalize, "NFC"), partial(unicodedata.normalize, "NFD"))
MASKS = (  # ending and value of the lesion
    *((".png", np.uint8(1)), (".PNG", np.uint16(65535)), (".bmp", np.uint8(255)), (".gif", np.uint8(255))),
    *((".tif", np.float32(0.5)), (".mha", np.int16(-1)), (".nrrd", np.uint8(7)), (".nii.gz", np.float32(1))),
)
PIXELS = HEIGHT * WIDTH


@dataclass(frozen=True)
class Pair:
    """An image and its mask, to be written."""

    name: str
    image_ending: str
    mask: tuple[str, np.generic]
    spell: Callable[[str], str]
    suffix: str
    bits: int  # of the label, a pixel each
    in_parts: bool

    @property
    def image(self) -> np.ndarray:
        return np.arange(PIXELS, dtype=np.uint8).reshape(HEIGHT, WIDTH) + np.uint8(9 * list(NAMES).index(self.name))

    @property
    def label(self) -> np.ndarray:
        return draw(self.bits)

    def write(self, images: Path, masks: Path) -> tuple[Path, list[Path]]:
        ending, lesion = self.mask
        name = self.spell(self.name) + self.suffix
        first = self.bits & -self.bits  # its first pixel
        parts = {f"{name}_1": first, f"{name}_2": self.bits - first} if self.in_parts else {name: self.bits}
        return write(images / f"{self.name}{self.image_ending}", self.image), [
            write(masks / f"{part}{ending}", np.where(draw(bits), lesion, np.zeros_like(lesion)))
            for part, bits in parts.items()
        ]


def draw(bits: int) -> np.ndarray:
    return np.array([bits >> pixel & 1 for pixel in range(PIXELS)], np.uint8).reshape(HEIGHT, WIDTH)


def cut(path: Path) -> list[Path]:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return [path]


def replace(path: Path, values: np.ndarray) -> list[Path]:
    return [write(path, values.astype(np.uint8))]


def remove(*paths: Path) -> None:
    for path in paths:
        path.unlink()


def add_rival(image: Path, mask: Path) -> list[Path]:
    for ending in IMAGE_ENDINGS:
        stem = image.name.removesuffix(ending)
        if stem != image.name:
            write(mask.with_name(f"{stem}_label.pgm"), LESION)
    return [image]


DAMAGES: dict[str, Callable[[Path, list[Path]], list[Path]]] = {  # each gives the files that must be named
    "torn image": lambda image, masks: cut(image),
    "torn mask": lambda image, masks: cut(masks[-1]),
    "blank mask": lambda image, masks: replace(masks[-1], blob()),
    "small mask": lambda image, masks: replace(masks[-1], LESION[:3]),
    "grey mask": lambda image, masks: replace(masks[-1], LESION + blob((1, 1))),
    "rival mask": lambda image, masks: add_rival(image, masks[0]),
    "no image": lambda image, masks: remove(image) or masks,
    "no mask": lambda image, masks: remove(*masks) or [image],
}
IMAGE_ENDINGS = (".png", ".BMP", ".tif", ".webp", ".pgm", ".mha", ".nii.gz", ".dcm")
pairs = st.builds(
    Pair,
    name=st.sampled_from(list(NAMES)),
    image_ending=st.sampled_from(IMAGE_ENDINGS),
    mask=st.sampled_from(MASKS),
    spell=st.sampled_from(SPELLINGS),
    suffix=st.sampled_from(["_mask", "-seg", "_GT"]),
    bits=st.integers(3, 2**PIXELS - 2).filter(lambda bits: bits & (bits - 1)),  # two pixels or more, but not all
    in_parts=st.booleans(),
)
trees = given(
    tree=st.lists(pairs, min_size=2, max_size=4, unique_by=lambda pair: pair.name),
    damage=st.sampled_from([None, None, *DAMAGES]),
    masks_name=st.sampled_from(["masks", "images"]),
)


@contextmanager
def written(tree: Sequence[Pair], damage: str | None, masks_name: str) -> Iterator[tuple[Path, Path, list[Path]]]:
    """Write a tree and damage its first pair; give the two folders, and the files that must be named."""
    with TemporaryDirectory() as root:
        images, masks = Path(root).resolve() / "images", Path(root).resolve() / masks_name
        files = [pair.write(images, masks) for pair in tree]
        yield images, masks, DAMAGES[damage](*files[0]) if damage else []


@trees
@settings(max_examples=25, deadline=None, derandomize=True)
def test_each_pair_is_found_once_or_its_fault_is_named(tree: list[Pair], damage: str | None, masks_name: str) -> None:
    loaded, errors = [], []
    with written(tree, damage, masks_name) as (images, masks, culprits):
        for case in folder.find_cases(images, masks).cases:
            try:
                loaded.append((case.identifier, case.load()))
            except BadFilesError as error:
                errors += error.errors
    assert sorted(error.path for error in errors) == sorted(culprits)
    expected = {NAMES[pair.name]: pair for pair in (tree[1:] if damage else tree)}
    assert sorted(identifier for identifier, _ in loaded) == sorted(expected)
    for identifier, (image, label, notes) in loaded:
        np.testing.assert_array_equal(image, expected[identifier].image)
        np.testing.assert_array_equal(label, expected[identifier].label)
        assert notes == ()


@trees
@settings(max_examples=6, deadline=None, derandomize=True)
def test_all_is_written_or_nothing(tree: list[Pair], damage: str | None, masks_name: str) -> None:
    messages = StringIO()
    with (
        written(tree, damage, masks_name) as (images, masks, culprits),
        pytest.MonkeyPatch.context() as patch,
        redirect_stderr(messages),
    ):
        raw = images.parent / "raw"
        raw.mkdir()
        patch.setenv("nnUNet_raw", str(raw))
        command = ["convert", "folder", "--images", str(images), "--masks", str(masks), "-d", "7", "-n", "Own"]
        assert main([*command, "-np", "1"]) == bool(damage)
        assert all(f"{culprit}: " in messages.getvalue() for culprit in culprits)
        if damage:
            assert list(raw.iterdir()) == []
            return
        target = raw / "Dataset007_Own"
        files = {f"imagesTr/{NAMES[pair.name]}_0000.png" for pair in tree}
        files |= {f"labelsTr/{NAMES[pair.name]}.png" for pair in tree}
        assert read_tree(target).keys() - {"splits_final.json"} == {"dataset.json", "conversion.json", *files}
        for pair in tree:
            assert_picture(target / "imagesTr" / f"{NAMES[pair.name]}_0000.png", pair.image, "L")
            assert_picture(target / "labelsTr" / f"{NAMES[pair.name]}.png", pair.label, "L")


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """Write two scans each of twelve patients, in folders of their own."""
    for patient in range(12):
        for number in range(2):
            write(tmp_path / "images" / f"p{patient}" / f"{number}.png", scan(2 * patient + number))
            lesion = np.pad(np.full((10, 10), 255, np.uint8), ((30, 24), (40, 22)))
            write(tmp_path / "masks" / f"p{patient}" / f"{number}.png", lesion)
    return tmp_path


def test_many_subfolders_are_hardly_classes(patients: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(patients) == 1
    assert "found 12 subfolders; say --subfolders patient or class" in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_subfolders_may_be_patients(patients: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(patients, "--subfolders", "patient") == 0
    assert "Patients: 12; no fold divides one" in capsys.readouterr().out
    folds = json.loads((raw / "Dataset007_Own" / "splits_final.json").read_text())
    assert len(folds) == 5
    for fold in folds:
        assert not {name.split("_")[0] for name in fold["train"]} & {name.split("_")[0] for name in fold["val"]}
    assert convert(patients, "--subfolders", "patient", "--random-splits", "--overwrite") == 0
    assert "Patients: 12\n" in capsys.readouterr().out, "nothing is promised of nnU-Net's folds"


def test_exclusion_of_a_name_in_several_folders(patients: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    (patients / "list.txt").write_text("0.png")
    arguments = ("--subfolders", "class", "--exclude", str(patients / "list.txt"))
    assert convert(patients, *arguments) == 1
    assert "0.png may be several images; give their paths below the source" in capsys.readouterr().err
    (patients / "list.txt").write_text("p3/0.png")
    assert convert(patients, *arguments) == 0
    record = json.loads((raw / "Dataset007_Own" / "conversion.json").read_text())
    assert record["left_out"] == ["images/p3/0.png (listed)"]


def test_linked_folders_are_followed_and_circles_are_not(own: Path, raw: Path) -> None:
    more = own / "disk two"
    for kind in ("images", "masks"):
        (more / kind).mkdir(parents=True)
        shutil.copy(next((own / kind / "benign").glob("1*")), more / kind / "linked.png")
        (own / kind / "more").symlink_to(more / kind)
        (more / kind / "circle").symlink_to(own / kind)
    found = find(own)
    assert [case.identifier for case in found.cases if "linked" in case.identifier] == ["more_linked"]
