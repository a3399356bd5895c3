"""The golden copy of a small REFUGE in every layout, and everything that can be wrong with a REFUGE."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import torch
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from pictures import HEIGHT, WIDTH, read_tree, save
from PIL import Image

from nnunet_taichi.cli import main

Layout = dict[str, tuple[str, str]]  # a name, or its letter -> the folders of image and mask

NAMES = ("g0001", "g0002", "n0001", "n0002", "n0010", "V0001", "T0001", "T0002")
OFFICIAL: Layout = {
    "g": ("Training400/Glaucoma", "Annotation-Training400/Disc_Cup_Masks/Glaucoma"),
    "n": ("Training400/Non-Glaucoma", "Annotation-Training400/Disc_Cup_Masks/Non-Glaucoma"),
    "V": ("REFUGE-Validation400", "REFUGE-Validation400-GT/Disc_Cup_Masks"),
    "T": ("Test400", "REFUGE-Test-GT/Disc_Cup_Masks/G"),
    "T0002": ("Test400", "REFUGE-Test-GT/Disc_Cup_Masks/N"),
}
DOUBLED: Layout = {
    "g": ("x/Training400/Training400/Glaucoma", "x/Annotation-Training400/Disc_Cup_Masks/Disc_Cup_Masks/Glaucoma"),
    "n": ("x/Training400/Non-Glaucoma", "x/Annotation-Training400/Disc_Cup_Masks/Non-Glaucoma"),
    "V": ("y/REFUGE-Validation400", "y/z/REFUGE-Validation400-GT/refuge-validation400-gt/Disc_Cup_Masks"),
    "T": ("REFUGE-Test400", "REFUGE-Test-GT/Disc_Cup_Masks/G"),
    "T0002": ("REFUGE-Test400", "REFUGE-Test-GT/Disc_Cup_Masks/N"),
}
PARTS = {"g": "train", "n": "train", "V": "val", "T": "test"}
WITH_GTS: Layout = {letter: (f"{part}/Images", f"{part}/gts") for letter, part in PARTS.items()}
WITH_MASKS: Layout = {letter: (f"{part}/Images", f"{part}/Masks") for letter, part in PARTS.items()}
CODES = (255, 128, 0)  # background, rim, cup
CLASSES = {
    **dict.fromkeys(("g0001", "g0002", "T0001"), "glaucoma"),
    **dict.fromkeys(("n0001", "n0002", "n0010", "T0002"), "non-glaucoma"),
}


def colour(name: str) -> tuple[int, int, int]:
    """Give each image a colour of its own, and only one: JPEG keeps it."""
    number = NAMES.index(name)
    return 240 - 20 * number, 100, 20 * number


def label(name: str) -> np.ndarray:
    """Draw a rim in the second row and a cup below it, in each label elsewhere."""
    row, column = divmod(NAMES.index(name), 4)
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    drawn[1, 1:5] = 1
    drawn[2 + row, 1 + column] = 2
    return drawn


def write(
    root: Path,
    layout: Layout,
    names: Iterable[str] = NAMES,
    *,
    endings: tuple[str, str] = (".jpg", ".bmp"),
    codes: Sequence[int] = CODES,
) -> Path:
    for name in names:
        images, masks = layout.get(name, layout[name[0]])
        save(root / images / f"{name}{endings[0]}", np.full((HEIGHT, WIDTH, 3), colour(name)), "RGB")
        save(root / masks / f"{name}{endings[1]}", np.array(codes)[label(name)])
    return root


def convert(source: Path, *arguments: str) -> int:
    return main(["convert", "refuge", str(source), "-d", "104", "-np", "1", *arguments])


def assert_golden(folder: Path, names: Iterable[str] = NAMES, *, unlabelled: str = "-") -> None:
    """Compare the whole tree: names, modes and pixels."""
    kinds = {name: "Ts" if name.startswith("T") else "Tr" for name in names}
    images = {name: f"images{kind}/{name}_0000.png" for name, kind in kinds.items()}
    labels = {name: f"labels{kind}/{name}.png" for name, kind in kinds.items() if not name.startswith(unlabelled)}
    descriptions = {"dataset.json", "conversion.json", "splits_final.json"}
    assert read_tree(folder).keys() == {*images.values(), *labels.values(), *descriptions}
    for name, file in images.items():
        picture = Image.open(folder / file)
        assert (picture.mode, picture.size) == ("RGB", (WIDTH, HEIGHT)), name
        assert np.abs(np.asarray(picture) - np.array(colour(name))).max() <= 3, name
    for name, file in labels.items():
        picture = Image.open(folder / file)
        assert picture.mode == "L", name
        np.testing.assert_array_equal(np.asarray(picture), label(name), err_msg=name)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_record(folder: Path) -> tuple[dict, dict, list]:
    """Read from conversion.json the classes, what was tolerated, and what was left out."""
    record = read(folder / "conversion.json")
    classes = {name: case["class"] for name, case in record["cases"].items() if "class" in case}
    return classes, record["tolerated"], record["left_out"]


@pytest.fixture
def refuge(tmp_path: Path) -> Path:
    return write(tmp_path / "download" / "REFUGE", OFFICIAL)


@pytest.fixture
def target(raw: Path) -> Path:
    return raw / "Dataset104_REFUGE"


def test_golden_copy(refuge: Path, target: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(refuge) == 0
    assert_golden(target)
    assert capsys.readouterr().out.startswith(f"6 cases and 2 for testing in {target}\n")
    description = read(target / "dataset.json")
    assert description["channel_names"] == {"0": "R", "1": "G", "2": "B"}
    assert description["numTraining"] == 6
    fold = {"train": ["g0001", "g0002", "n0001", "n0002", "n0010"], "val": ["V0001"]}
    assert read(target / "splits_final.json") == [fold]
    assert read_record(target) == (CLASSES, {}, [])
    cases = read(target / "conversion.json")["cases"]
    assert list(cases) == list(NAMES)
    assert cases["T0002"]["masks"] == ["REFUGE-Test-GT/Disc_Cup_Masks/N/T0002.bmp"]


def test_host_predicts_the_values_of_the_labels(refuge: Path, target: Path) -> None:
    assert convert(refuge) == 0
    description = read(target / "dataset.json")
    labels = LabelManager(description["labels"], description["regions_class_order"])
    assert labels.has_regions
    assert labels.foreground_regions == [(1, 2), 2]
    background_rim_cup = torch.tensor([[0.1, 0.9, 0.9], [0.1, 0.1, 0.9]]).reshape(2, 1, 3)  # of disc, of cup
    assert labels.convert_probabilities_to_segmentation(background_rim_cup).tolist() == [[0, 1, 2]]


def test_source_may_lie_deeper(refuge: Path, target: Path) -> None:
    save(refuge.parent / "holiday.jpg", label("g0001"))  # no matter of ours
    records = []
    for source in (refuge, refuge.parent):
        assert convert(source, "--overwrite") == 0
        records.append((target / "conversion.json").read_bytes())
    assert_golden(target)
    assert records[0] == records[1]


def test_doubled_folders(tmp_path: Path, target: Path) -> None:
    assert convert(write(tmp_path / "download", DOUBLED)) == 0
    assert_golden(target)
    doubled = (
        "x/Annotation-Training400/Disc_Cup_Masks/Disc_Cup_Masks/Glaucoma, x/Training400/Training400/Glaucoma, "
        "y/z/REFUGE-Validation400-GT/refuge-validation400-gt/Disc_Cup_Masks"
    )
    assert read_record(target) == (CLASSES, {f"doubled folders: {doubled}": []}, [])


def test_names_match_without_case(refuge: Path, target: Path) -> None:
    for path in sorted(refuge.rglob("*"), reverse=True):  # what a folder holds, before the folder
        path.rename(path.with_name(path.name.swapcase()))
    assert convert(refuge) == 0
    assert_golden(target)
    assert read_record(target) == (CLASSES, {}, [])


def test_re_pack_with_gts(tmp_path: Path, target: Path) -> None:
    assert convert(write(tmp_path / "REFUGE", WITH_GTS)) == 0
    assert_golden(target)
    folders = "test/Images, test/gts, train/Images, train/gts, val/Images, val/gts"
    classes = {name: CLASSES[name] for name in ("g0001", "g0002", "n0001", "n0002", "n0010")}  # nobody knows the test's
    assert read_record(target) == (classes, {f"folders of a re-pack: {folders}": []}, [])


@pytest.mark.parametrize("as_list", [False, True])
def test_re_pack_with_masks_of_another_coding_and_an_index(tmp_path: Path, target: Path, as_list: bool) -> None:
    source = write(tmp_path / "REFUGE", WITH_MASKS, endings=(".jpg", ".png"), codes=(0, 1, 2))
    entries = [{"ImgName": "T0001.jpg", "Label": 1}, {"ImgName": "T0002.jpg", "Label": 0}, {"ImgName": "V0001.jpg"}]
    index = entries if as_list else {str(number): entry for number, entry in enumerate(entries)}
    (source / "test" / "index.json").write_text(json.dumps(index))
    assert convert(source) == 0
    assert_golden(target)
    classes, tolerated, left_out = read_record(target)
    assert classes == CLASSES
    assert sorted(tolerated["a mask is coded 0 background, 1 rim, 2 cup"]) == [
        *("test/Images/T0001.jpg", "test/Images/T0002.jpg", "train/Images/g0001.jpg", "train/Images/g0002.jpg"),
        *("train/Images/n0001.jpg", "train/Images/n0002.jpg", "train/Images/n0010.jpg", "val/Images/V0001.jpg"),
    ]
    assert left_out == []
    assert "test/index.json" in read(target / "conversion.json")["source"]["files"]


def test_takes_no_strangers(refuge: Path, target: Path) -> None:
    strangers = ("Training400/AMD", "Training400/Illustrations", "val/Images_Square", "val/Masks_Square", "Test400/.x")
    for folder in strangers:
        save(refuge / folder / "n0001.jpg", label("g0001"))
    (refuge / "Training400" / "Glaucoma" / "Thumbs.db").write_bytes(b"?")
    (refuge / "Annotation-Training400" / "Fovea_location.xlsx").write_bytes(b"?")
    (refuge / "Test400" / "._T0001.jpg").write_bytes(b"?")
    assert convert(refuge) == 0
    assert_golden(target)
    left_out = [f"{folder}/ (no folder of REFUGE's images or masks)" for folder in strangers[:-1]]
    assert read_record(target) == (CLASSES, {}, left_out)


def test_test_images_need_no_masks(refuge: Path, target: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.rmtree(refuge / "REFUGE-Test-GT")
    assert convert(refuge) == 0
    assert_golden(target, unlabelled="T")
    note = "2 test images have no mask, so they get no label"
    assert f"Tolerated: {note}\n" in capsys.readouterr().out
    assert read_record(target)[1] == {note: []}


def test_training_part_alone_gets_five_folds(tmp_path: Path, target: Path) -> None:
    training = NAMES[:5]
    source = write(tmp_path / "REFUGE", OFFICIAL, training)
    for path in source.rglob("*.*"):  # flat images would be twins: in their place, noise
        noise = np.random.default_rng(NAMES.index(path.stem)).integers(0, 255, (48, 48))
        save(path, noise if path.suffix == ".jpg" else np.kron(np.array(CODES)[label(path.stem)], np.ones((12, 8))))
    assert convert(source) == 0
    folds = read(target / "splits_final.json")
    assert sorted(fold["val"] for fold in folds) == [[name] for name in training]
    assert read_record(target)[1] == {
        "there is no validation part, so the folds are not the official partition": [],
        "there is no test part": [],
    }


def test_resize(refuge: Path, target: Path) -> None:
    assert convert(refuge, "--resize", "12") == 0
    for name, kind in (("g0002", "Tr"), ("T0002", "Ts")):
        image = np.asarray(Image.open(target / f"images{kind}" / f"{name}_0000.png"))
        assert image.shape == (12, 12, 3)
        assert np.abs(image - np.array(colour(name))).max() <= 3
        resized = np.asarray(Image.open(target / f"labels{kind}" / f"{name}.png"))
        np.testing.assert_array_equal(resized, np.kron(label(name), np.ones((3, 2))))  # 4 x 6 pixels became 12 x 12


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
def test_parts_may_be_links(refuge: Path, tmp_path: Path, target: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    for folder in refuge.iterdir():
        (links / folder.name).symlink_to(folder)
    (links / "circle").symlink_to(links)
    assert convert(links) == 0
    assert_golden(target)


def copy(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.copy(path, path.with_name(name))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def code(*values: int) -> Callable[[Path], None]:
    return lambda path: save(path, np.array(values)[label("g0001")])


G_IMAGE, G_MASK = "Training400/Glaucoma/g0001.jpg", "Annotation-Training400/Disc_Cup_Masks/Glaucoma/g0001.bmp"
V_MASK, T_MASK = "REFUGE-Validation400-GT/Disc_Cup_Masks/V0001.bmp", "REFUGE-Test-GT/Disc_Cup_Masks/G/T0001.bmp"
FAULTS = {  # what happens to a file, and what must be said
    "no mask": (G_MASK, Path.unlink, "g0001.jpg: there is no mask for this image"),
    "no validation mask": (V_MASK, Path.unlink, "V0001.jpg: there is no mask for this image"),
    "no image": (G_IMAGE, Path.unlink, "g0001.bmp: there is no image for this mask; add it, or remove the mask"),
    "strange name": (G_IMAGE, copy("1.jpg"), "1.jpg: expected a name like g0001, n0001, V0001 or T0001; remove it"),
    "two images": (G_IMAGE, copy("G0001.png"), "g0001.jpg: is g0001, and so is"),
    "two masks": (T_MASK, copy("t1.bmp"), "t1.bmp: is T0001, and so is"),
    "truncated image": (G_IMAGE, truncate, "g0001.jpg: cannot be read"),
    "truncated mask": (T_MASK, truncate, "T0001.bmp: cannot be read"),
    "values": (V_MASK, code(255, 100, 0), "V0001.bmp: expected the values 255, 128, 0, found 100"),
    "mixed codings": (V_MASK, code(0, 1, 128), "V0001.bmp: expected the values 255, 128, 0, found 1"),
    "coded the other way round": (
        T_MASK,
        code(0, 128, 255),
        "T0001.bmp: expected background in the corner (255, where 128 is the rim and 0 the cup), found another value; "
        "is it coded the other way round? Save it with these values",
    ),
    "disc alone": (G_MASK, code(0, 255, 255), "g0001.bmp: expected background in the corner"),
    "all background": (
        G_MASK,
        code(255, 255, 255),
        "g0001.bmp: at 6 x 4 pixels, expected something marked,",
    ),
    "all black": (G_MASK, code(0, 0, 0), "g0001.bmp: at 6 x 4 pixels, expected something marked,"),
    "size": (
        G_MASK,
        lambda path: save(path, np.array(CODES)[label("g0001")[:, :5]]),
        "g0001.bmp: expected 6 x 4 pixels as in its image, found 5 x 4; --fit-masks resizes the mask",
    ),
}


@pytest.mark.parametrize(("name", "damage", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_names_the_bad_file_and_leaves_nothing(
    refuge: Path, raw: Path, capsys: pytest.CaptureFixture, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(refuge / name)
    assert convert(refuge) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.endswith("Nothing was written. Problems to mend: 1\n")
    assert list(raw.iterdir()) == []


@pytest.mark.parametrize("content", ["{", "7", '["T0001.jpg"]', '[{"Label": 1}]'])
def test_names_an_index_that_cannot_be_read(
    tmp_path: Path, raw: Path, capsys: pytest.CaptureFixture, content: str
) -> None:
    source = write(tmp_path / "REFUGE", WITH_GTS)
    (source / "test" / "INDEX.json").write_text(content)
    assert convert(source) == 1
    error = capsys.readouterr().err
    assert f"{source / 'test' / 'INDEX.json'}: cannot be read" in error
    assert "mend it, or move it away to do without it" in error
    assert list(raw.iterdir()) == []


def test_says_which_folders_it_looked_for(refuge: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.rmtree(refuge / "Training400")
    assert convert(refuge) == 1
    assert f"{refuge}: holds no training images of REFUGE: looked for Training400/" in capsys.readouterr().err
    assert convert(refuge / "nowhere") == 1
    assert f"{refuge / 'nowhere'}: is not a folder; give the one that holds" in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_has_a_test_set_of_its_own(refuge: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as exit_info:
        convert(refuge, "--test-fraction", "0.2")
    assert exit_info.value.code == 2
    assert "--test-fraction" in capsys.readouterr().err


@pytest.mark.realdata
def test_real_refuge(realdata: Path, target: Path) -> None:
    """Every label is its mask and every image the picture, as another library reads them."""
    source = realdata / "REFUGE_layout_from_DrishtiGS"
    assert main(["convert", "refuge", str(source), "-d", "104"]) == 0
    names = {part: [path.stem for path in target.glob(f"labels{part}/*")] for part in ("Tr", "Ts")}
    assert {part: len(found) for part, found in names.items()} == {"Tr": 48, "Ts": 12}
    [fold] = read(target / "splits_final.json")
    assert (len(fold["train"]), len(fold["val"])) == (36, 12)
    for part, name in ((part, name) for part, found in names.items() for name in found):
        [image_file], [mask_file] = source.rglob(f"{name}.jpg"), source.rglob(f"{name}.bmp")
        mask = _read(mask_file)
        mask = mask[..., 0] if mask.ndim == 3 else mask
        expected = (mask == 128) + 2 * (mask == 0)
        np.testing.assert_array_equal(_read(target / f"labels{part}" / f"{name}.png"), expected, err_msg=name)
        image = _read(target / f"images{part}" / f"{name}_0000.png").astype(int)
        assert np.abs(image - _read(image_file)).mean() < 1, name  # decoders of JPEG differ at edges


def _read(path: Path) -> np.ndarray:
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
