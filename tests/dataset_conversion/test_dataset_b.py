"""A small Dataset B as its owners give it: the golden copy, the folds, and everything that can be wrong with it."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import read_tree, save
from PIL import Image

from nnunet_taichi.cli import main

BENIGN = (1, 2, 3, 4, 5, 6, 32, 33, 40, 42)
MALIGNANT = (7, 8, 9, 145, 146, 147, 53, 54, 309, 310)
PAIRS = ((32, 40), (33, 42), (53, 309), (54, 310))  # pixel-identical images
MODE_L = (3, 53, 310)  # the other masks have mode 1
NAMES = {f"{number:06d}": number for number in sorted(BENIGN + MALIGNANT)}


def draw_image(number: int) -> np.ndarray:
    """Draw noise, for strangers must not look like twins; the images of a pair are the same."""
    seed = {second: first for first, second in PAIRS}.get(number, number)
    return np.random.default_rng(seed).integers(0, 256, (48, 40 + seed % 3), np.uint8)


def draw_lesion(number: int) -> np.ndarray:
    lesion = np.zeros_like(draw_image(number))
    lesion[number % 40 : number % 40 + 5, 10:20] = 1
    return lesion


@pytest.fixture
def dataset_b(tmp_path: Path) -> Path:
    folder = tmp_path / "download" / "BUS"
    for name, number in NAMES.items():
        save(folder / "original" / f"{name}.png", draw_image(number))
        save(folder / "GT" / f"{name}.png", 255 * draw_lesion(number), "L" if number in MODE_L else "1")
    _write_table(folder / "DatasetB.xlsx", NAMES)
    return folder


def _write_table(path: Path, names: dict[str, int]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["Image", "Type", "Diagnosis"])
    for name, number in names.items():
        sheet.append([name, "Benign" if number in BENIGN else "Malignant", "FA" if number in BENIGN else "DC"])
    for row, (short, long) in enumerate([("Image", "Type"), ("FA", "Fibroadenoma"), ("DC", "Ductal carcinoma")], 1):
        sheet.cell(row, 6, short)
        sheet.cell(row, 7, long)
    sheet.cell(len(names) + 5, 6, "a legend may be longer than the table")
    workbook.save(path)


def convert(source: Path, *arguments: str) -> int:
    return main(["convert", "dataset-b", str(source), "-d", "102", "-np", "1", *arguments])


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_golden_copy(dataset_b: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(dataset_b) == 0
    folder = raw / "Dataset102_DatasetB"
    images = {f"imagesTr/{name}_0000.png": draw_image(number) for name, number in NAMES.items()}
    labels = {f"labelsTr/{name}.png": draw_lesion(number) for name, number in NAMES.items()}
    others = {"dataset.json", "conversion.json", "splits_final.json"}
    assert read_tree(raw).keys() == {f"Dataset102_DatasetB/{name}" for name in {*images, *labels, *others}}
    for name, expected in (images | labels).items():
        picture = Image.open(folder / name)
        assert picture.mode == "L", name
        np.testing.assert_array_equal(np.asarray(picture), expected, err_msg=name)

    description = read_json(folder / "dataset.json")
    assert description["channel_names"] == {"0": "ultrasound"}
    assert description["labels"] == {"background": 0, "lesion": 1}
    assert description["numTraining"] == 20
    assert description["file_ending"] == ".png"
    assert description["reference"].startswith("Yap et al., Automated breast ultrasound lesions detection")
    assert "agreement" in description["licence"]
    record = read_json(folder / "conversion.json")
    assert record["cases"]["000040"] == {
        "image": "original/000040.png",
        "masks": ["GT/000040.png"],
        "class": "benign",
    }
    assert record["cases"]["000309"]["class"] == "malignant"
    assert "DatasetB.xlsx" in record["source"]["files"]
    assert record["tolerated"] == {}
    assert record["twins"] == [[f"{a:06d}", f"{b:06d}"] for a, b in PAIRS]
    assert capsys.readouterr().out.startswith(f"20 cases in {folder}\n")

    folds = read_json(folder / "splits_final.json")
    assert sorted(name for fold in folds for name in fold["val"]) == list(NAMES)
    for fold in folds:
        assert sorted(fold["train"] + fold["val"]) == list(NAMES)
        numbers = {NAMES[name] for name in fold["val"]}
        # ten of each class in five folds, with two pairs of each
        assert (len(numbers & set(BENIGN)), len(numbers & set(MALIGNANT))) == (2, 2)
        assert all(len(numbers & set(pair)) != 1 for pair in PAIRS), "no fold may divide a pair"


def test_copies_that_are_spelled_otherwise(dataset_b: Path, raw: Path) -> None:
    """Folders, endings and table without case, numbers without zeros, the table beside the folder, SRC its parent."""
    assert convert(dataset_b, "-n", "Plain") == 0
    (dataset_b / "DatasetB.xlsx").rename(dataset_b.parent / "DATASETB.XLSX")
    for number in (1, 2):
        (dataset_b / "GT" / f"{number:06d}.png").rename(dataset_b / "GT" / f"{number}.PNG")
    (dataset_b / "GT").rename(dataset_b / "gt")
    (dataset_b / "original").rename(dataset_b / "Original")
    (dataset_b / "Original" / "Thumbs.db").write_bytes(b"?")
    (dataset_b / "Original" / "._000001.png").write_bytes(b"?")
    (raw / "Dataset102_Plain").rename(raw / "plain")
    assert convert(dataset_b.parent) == 0
    plain, other = read_tree(raw / "plain"), read_tree(raw / "Dataset102_DatasetB")
    assert plain.keys() == other.keys()
    assert {name for name in plain if plain[name] != other[name]} == {"dataset.json", "conversion.json"}
    record = read_json(raw / "Dataset102_DatasetB" / "conversion.json")
    assert record["cases"]["000002"]["masks"] == ["gt/2.PNG"]
    assert Counter(case["class"] for case in record["cases"].values()) == {"benign": 10, "malignant": 10}
    assert "DATASETB.XLSX" in record["source"]["files"]


def test_does_without_the_table(
    dataset_b: Path, raw: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset_b / "DatasetB.xlsx").unlink()
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert convert(dataset_b) == 0
    note = "there is no DatasetB.xlsx: the folds are not balanced by class"
    assert f"Tolerated: {note}\n" in capsys.readouterr().out
    record = read_json(raw / "Dataset102_DatasetB" / "conversion.json")
    assert record["tolerated"] == {note: []}
    assert not any("class" in case for case in record["cases"].values())
    folds = read_json(raw / "Dataset102_DatasetB" / "splits_final.json")
    assert [len(fold["val"]) for fold in folds] == [4] * 5


def test_tolerates_images_that_the_table_misses(dataset_b: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    missing = ["000001", "000002", "000003", "000004", "000005", "000310"]
    _write_table(dataset_b / "DatasetB.xlsx", {name: NAMES[name] for name in NAMES if name not in missing})
    assert convert(dataset_b) == 0
    shown = "000001.png, 000002.png, 000003.png, 000004.png, 000005.png, ..."
    note = f"DatasetB.xlsx has no class for 6 of 20 images: {shown}"
    assert f"Tolerated: {note}\n" in capsys.readouterr().out
    record = read_json(raw / "Dataset102_DatasetB" / "conversion.json")
    assert [name for name, case in record["cases"].items() if "class" not in case] == missing


def test_sets_whole_pairs_aside(dataset_b: Path, raw: Path) -> None:
    assert convert(dataset_b, "--test-fraction", "0.4") == 0
    folder = raw / "Dataset102_DatasetB"
    test = {int(path.stem) for path in (folder / "labelsTs").iterdir()}
    assert (len(test & set(BENIGN)), len(test & set(MALIGNANT))) == (4, 4)
    assert all(len(test & set(pair)) != 1 for pair in PAIRS)
    assert {path.name for path in (folder / "imagesTs").iterdir()} == {f"{number:06d}_0000.png" for number in test}
    assert read_json(folder / "dataset.json")["numTraining"] == 12


def test_needs_openpyxl_for_the_table(
    dataset_b: Path, raw: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert convert(dataset_b) == 1
    assert f"{dataset_b / 'DatasetB.xlsx'}: needs a reader of Excel files: pip install" in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def copy_to(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.copy(path, path.with_name(name))


FAULTS = {  # what happens to a file, and the file and the cause that must be named
    "no mask": ("GT/000001.png", Path.unlink, "original/000001.png: there is no mask for this image"),
    "no image": ("original/000001.png", Path.unlink, "original/000001.png: there is no such file"),
    "full mask": (
        "GT/000001.png",
        lambda path: save(path, np.full((48, 41), 255), "1"),
        "GT/000001.png: at 41 x 48 pixels, expected something marked on a background",
    ),
    "strange image": ("original/000001.png", copy_to("lesion.png"), "original/lesion.png: expected a number, as 7.png"),
    "strange mask": ("GT/000001.png", copy_to("000001_GT.png"), "GT/000001_GT.png: expected a number, as 7.png"),
    "image twice": ("original/000001.png", copy_to("1.png"), "original/1.png: has the number 1, and so has "),
    "mask twice": ("GT/000001.png", copy_to("1.png"), "GT/1.png: has the number 1, and so has "),
    "torn table": ("DatasetB.xlsx", lambda path: path.write_bytes(b"PK"), "DatasetB.xlsx: cannot be read"),
    "no images": ("original", lambda path: (shutil.rmtree(path), path.mkdir()), "original: holds no image: looked for"),
    "no folder": ("GT", shutil.rmtree, "BUS: holds no Dataset B: looked for original/ and GT/ in it"),
}


@pytest.mark.parametrize(("name", "damage", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_names_the_bad_file_and_leaves_nothing(
    dataset_b: Path, raw: Path, capsys: pytest.CaptureFixture, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(dataset_b / name)
    assert convert(dataset_b) == 1
    assert message in capsys.readouterr().err.replace("\\", "/")
    assert list(raw.iterdir()) == []


def test_lists_all_strange_files_at_once(dataset_b: Path, capsys: pytest.CaptureFixture) -> None:
    strange = [dataset_b / "original" / "a.png", dataset_b / "original" / "b.png", dataset_b / "GT" / "a.png"]
    for path in strange:
        path.touch()
    assert convert(dataset_b) == 1
    *listed, summary = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in listed] == [str(path) for path in strange]
    assert summary == "Nothing was written. Problems to mend: 3"
