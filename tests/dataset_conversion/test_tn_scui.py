"""A small TN-SCUI2020: the golden copy, its classes and patients, the test set, and what can be wrong with it."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pictures import HEIGHT, WIDTH, blob, read_tree, save
from PIL import Image

from nnunet_taichi.cli import main

NAMES = {1: "1.PNG", 7: "7.PNG", 12: "0012.png", 100042: "100042.PNG"}  # some copies pad the numbers


@pytest.fixture
def tn_scui(tmp_path: Path) -> Path:
    folder = tmp_path / "download" / "TNSCUI2020_train"
    for number, name in NAMES.items():
        save(folder / "image" / name, draw_image(number))
        save(folder / "mask" / name, 255 * draw_nodule(number))
    (folder / "mask" / "7.PNG").rename(folder / "mask" / "0007.png")
    (folder / "train.csv").write_text("ID,CATE\n1.PNG,0\n7.PNG,1\n12.PNG,unclear\n")
    for number in (1, 2):
        save(folder.parent / "tnscui2020_testset" / f"test_{number}.PNG", draw_image(number))
    return folder


def draw_image(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH), np.uint8)


def draw_nodule(number: int) -> np.ndarray:
    return blob((number % HEIGHT, number % WIDTH), (0, 0))


def convert(source: Path, *arguments: str) -> int:
    return main(["convert", "tn-scui", str(source), "-d", "103", "-np", "1", *arguments])


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_golden_copy(tn_scui: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(tn_scui) == 0
    folder = raw / "Dataset103_TNSCUI"
    identifiers = {1: "tnscui_00001", 7: "tnscui_00007", 12: "tnscui_00012", 100042: "tnscui_100042"}
    images = {f"imagesTr/{name}_0000.png": draw_image(number) for number, name in identifiers.items()}
    labels = {f"labelsTr/{name}.png": draw_nodule(number) for number, name in identifiers.items()}
    assert read_tree(folder).keys() == {*images, *labels, "dataset.json", "conversion.json", "splits_final.json"}
    for name, expected in (images | labels).items():
        picture = Image.open(folder / name)
        assert picture.mode == "L", name
        np.testing.assert_array_equal(np.asarray(picture), expected, err_msg=name)

    description = read_json(folder / "dataset.json")
    assert description["channel_names"] == {"0": "ultrasound"}
    assert description["labels"] == {"background": 0, "lesion": 1}
    assert description["numTraining"] == 4
    assert description["file_ending"] == ".png"
    assert description["reference"].startswith("Zhou et al.")
    record = read_json(folder / "conversion.json")
    assert record["cases"] == {
        "tnscui_00001": {"image": "image/1.PNG", "masks": ["mask/1.PNG"], "class": "benign"},
        "tnscui_00007": {"image": "image/7.PNG", "masks": ["mask/0007.png"], "class": "malignant"},
        "tnscui_00012": {"image": "image/0012.png", "masks": ["mask/0012.png"], "class": "unclear"},
        "tnscui_100042": {"image": "image/100042.PNG", "masks": ["mask/100042.PNG"]},
    }
    assert "train.csv" in record["source"]["files"]
    assert record["tolerated"] == {"train.csv has no class for 1 of 4 images: 100042.PNG": []}
    (left_out,) = record["left_out"]
    assert left_out.startswith("tnscui2020_testset: 2 test images, which have no masks; `nnunet_taichi convert images`")
    assert "Left out (1): tnscui2020_testset: 2 test images" in capsys.readouterr().out


def test_copies_that_are_spelled_otherwise(
    tn_scui: Path, raw: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders without case, the table beside the folder or away, SRC the folder's parent or the working directory."""
    for name in ("image", "mask"):
        (tn_scui / name).rename(tn_scui / name.title())
    (tn_scui / "train.csv").rename(tn_scui.parent / "Train.CSV")
    assert convert(tn_scui.parent) == 0
    record = read_json(raw / "Dataset103_TNSCUI" / "conversion.json")
    assert [case.get("class") for case in record["cases"].values()] == ["benign", "malignant", "unclear", None]
    assert record["cases"]["tnscui_00001"]["image"] == "Image/1.PNG"
    assert "Train.CSV" in record["source"]["files"]

    capsys.readouterr()
    (tn_scui.parent / "Train.CSV").unlink()
    monkeypatch.chdir(tn_scui)
    assert convert(Path(), "--overwrite") == 0
    assert "Tolerated: there is no train.csv: the folds are not balanced by class\n" in capsys.readouterr().out
    record = read_json(raw / "Dataset103_TNSCUI" / "conversion.json")
    assert record["tolerated"] == {"there is no train.csv: the folds are not balanced by class": []}
    assert len(record["left_out"]) == 1
    assert not any("class" in case for case in record["cases"].values())


def test_patients_stay_together(tmp_path: Path, raw: Path) -> None:
    """Twenty images of ten patients, of whom five are of each class: one of each makes a test set of a fifth."""
    folder = tmp_path / "TNSCUI2020_train"
    lines = ["ID,CATE,Patient_ID"]
    for number in range(1, 21):
        save(folder / "image" / f"{number}.PNG", np.random.default_rng(number).integers(0, 256, (48, 48)))
        save(folder / "mask" / f"{number}.PNG", 255 * np.eye(48))
        patient = (number - 1) % 10  # 1 and 11, 2 and 12, ...
        lines.append(f"{number}.PNG,{int(patient < 5)},P{patient}")
    (folder / "train.csv").write_text("\n".join(lines))
    assert convert(folder, "--test-fraction", "0.2") == 0

    folder = raw / "Dataset103_TNSCUI"
    test = {int(path.stem[-5:]) for path in (folder / "labelsTs").iterdir()}
    training = set(range(1, 21)) - test
    assert {path.name for path in (folder / "imagesTs").iterdir()} == {f"tnscui_{n:05d}_0000.png" for n in test}
    assert {path.name for path in (folder / "labelsTr").iterdir()} == {f"tnscui_{n:05d}.png" for n in training}
    assert sorted((number - 1) % 10 < 5 for number in test) == [False, False, True, True]
    record = read_json(folder / "conversion.json")
    assert record["left_out"] == []
    assert record["twins"] == []
    assert record["cases"]["tnscui_00011"]["group"] == "P0"
    folds = [{int(name[-5:]) for name in fold["val"]} for fold in read_json(folder / "splits_final.json")]
    assert set.union(*folds) == training
    assert sum(map(len, folds)) == len(training)
    for part in (test, *folds):
        assert {(number + 10) % 20 or 20 for number in part} == part, "a patient's other image must be there too"


def copy_to(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.copy(path, path.with_name(name))


def rewrite(*lines: str) -> Callable[[Path], None]:
    return lambda path: path.write_text("\n".join(lines))


FAULTS = {  # what happens to a file, and the file and the cause that must be named
    "no mask": ("mask/1.PNG", Path.unlink, "image/1.PNG: there is no mask for this image"),
    "no image": ("image/7.PNG", Path.unlink, "image/0007.png: there is no such file"),
    "empty mask": (
        "mask/1.PNG",
        lambda path: save(path, blob()),
        "mask/1.PNG: at 6 x 4 pixels, expected something marked,",
    ),
    "grey mask": ("mask/1.PNG", lambda path: save(path, draw_image(1)), "mask/1.PNG: expected black and one other"),
    "size": ("mask/1.PNG", lambda path: save(path, np.eye(3)), "mask/1.PNG: expected 6 x 4 pixels as in its image"),
    "strange name": ("image/1.PNG", copy_to("test_1.PNG"), "image/test_1.PNG: expected a number, as 7.png"),
    "image twice": ("image/0012.png", copy_to("12.PNG"), "image/12.PNG: has the number 12, and so has "),
    "mask twice": ("mask/0012.png", copy_to("12.PNG"), "mask/12.PNG: has the number 12, and so has "),
    "no column": ("train.csv", rewrite("CATE", "0"), "train.csv: has no column of images"),
    "two things": ("train.csv", rewrite("ID,CATE", "1.PNG,0", "01.PNG,1"), "train.csv: says two things of 01.PNG"),
    "no images": ("image", lambda path: (shutil.rmtree(path), path.mkdir()), "image: holds no image: looked for 1.png"),
    "no folder": ("mask", shutil.rmtree, "_train: holds no TN-SCUI2020: looked for image/ and mask/ in it"),
}


@pytest.mark.parametrize(("name", "damage", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_names_the_bad_file_and_leaves_nothing(
    tn_scui: Path, raw: Path, capsys: pytest.CaptureFixture, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(tn_scui / name)
    assert convert(tn_scui) == 1
    assert message in capsys.readouterr().err.replace("\\", "/")
    assert list(raw.iterdir()) == []


@pytest.mark.realdata
def test_real_thyroids(realdata: Path, raw: Path) -> None:
    """Every picture is what another library reads, and neither the test set nor a fold divides twins."""
    source = realdata / "TNSCUI_layout_from_DDTI" / "TNSCUI2020_train"
    assert main(["convert", "tn-scui", str(source.parent), "-d", "103", "--test-fraction", "0.2"]) == 0
    folder = raw / "Dataset103_TNSCUI"
    record, folds = read_json(folder / "conversion.json"), read_json(folder / "splits_final.json")
    parts = {kind: {path.stem for path in (folder / f"labels{kind}").iterdir()} for kind in ("Tr", "Ts")}
    for kind, names in parts.items():
        for name in names:
            image, mask = (_read(source / part / f"{int(name[7:])}.PNG") for part in ("image", "mask"))
            np.testing.assert_array_equal(_read(folder / f"images{kind}" / f"{name}_0000.png"), image, err_msg=name)
            np.testing.assert_array_equal(_read(folder / f"labels{kind}" / f"{name}.png"), mask > 0, err_msg=name)

    classes = {name: case["class"] for name, case in record["cases"].items()}
    assert Counter(classes.values()) == {"benign": 260, "malignant": 377}
    assert Counter(classes[name] for name in parts["Ts"]) == {"benign": 52, "malignant": 75}  # a fifth of each
    validation = [set(fold["val"]) for fold in folds]
    assert set.union(*validation) == parts["Tr"] == classes.keys() - parts["Ts"]
    assert sum(map(len, validation)) == len(parts["Tr"])
    for fold, part in zip(folds, validation, strict=True):
        assert set(fold["train"]) == parts["Tr"] - part
        assert sum(classes[name] == "benign" for name in part) / len(part) == pytest.approx(260 / 637, abs=0.02)
    assert record["twins"], "DDTI shows some nodules more than once"
    for twins in map(set, record["twins"]):
        assert sum(bool(twins & part) for part in (parts["Ts"], *validation)) == 1


def _read(path: Path) -> np.ndarray:
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
