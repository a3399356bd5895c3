"""`nnunet_taichi audit` on folders and data sets: what it finds, writes and refuses."""

import csv
import json
import re
from pathlib import Path

import pytest
from pictures import save
from PIL import Image
from scans import scan, write_busi

from nnunet_taichi.cli import main

TWINS = {"benign (3)": "benign (9)", "malignant (2)": "benign (5)", "benign (1)": "benign (9)"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_busi(tmp_path / "Dataset_BUSI_with_GT", 10, 5, TWINS)


def audit(source: Path | str, output: Path, *arguments: str) -> int:
    return main(["audit", str(source), "-o", str(output), "-np", "1", *arguments])


def test_a_folder_of_images_and_masks(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    output = tmp_path / "out"
    assert audit(source.parent, output) == 0
    printed = capsys.readouterr().out.splitlines()
    benign = "Dataset_BUSI_with_GT/benign/benign"
    assert printed[0] == f"15 images below {source.parent}; 15 files left out, because they are named as masks"
    assert f"   1  {benign} (1).png, {benign} (3).png, {benign} (9).png" in printed
    across = f"{benign} (5).png, Dataset_BUSI_with_GT/malignant/malignant (2).png"
    assert f"   2  {across}  [across classes: benign, malignant]" in printed
    assert "5 of 15 images are in 2 groups of twins, 1 of them across classes" in printed
    # benign (1) and (3) are the same crop, saved alike
    assert "Pairs: 1 same file, 0 same pixels, 3 near" in printed
    with (output / "twins.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["group"], row["first"][-14:], row["second"][-14:], row["kind"]) for row in rows} == {
        ("1", "benign (1).png", "benign (3).png", "same file"),
        ("1", "benign (1).png", "benign (9).png", "near"),
        ("1", "benign (3).png", "benign (9).png", "near"),
        ("2", "benign (5).png", "ignant (2).png", "near"),
    }
    assert all(0.4 <= float(row["correlation"]) <= 1 for row in rows)
    assert rows[0]["kind"] == "same file", "the surest first"
    with Image.open(output / "twins_01.png") as sheet:
        assert sheet.width > 500
    for name in ("twins_99.png", "twins_anna.png"):  # an old sheet, and a file of the user's
        (output / name).touch()
    assert audit(source, output) == 0
    assert sorted(file.name for file in output.glob("*.png")) == ["twins_01.png", "twins_anna.png"]


def test_a_data_set_and_its_folds(source: Path, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["convert", "busi", str(source), "-d", "101", "-np", "1"]) == 0
    capsys.readouterr()
    for name in ("101", "Dataset101_BUSI", raw / "Dataset101_BUSI"):
        assert audit(name, tmp_path / "out") == 0
        printed = capsys.readouterr().out
        assert "   2  benign_005, malignant_002  [across classes: benign, malignant]" in printed
        assert "Validation images with a twin in training, splits_final.json: 0 + 0 + 0 + 0 + 0 = 0 (0.0%)" in printed
    names = sorted(path.stem for path in (raw / "Dataset101_BUSI" / "labelsTr").iterdir())
    fold = {"train": [name for name in names if name != "benign_003"], "val": ["benign_003"]}
    (raw / "Dataset101_BUSI" / "splits_final.json").write_text(json.dumps([fold]))
    assert audit("101", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "Validation images with a twin in training, splits_final.json: 1 = 1 (100.0%)" in printed


def test_a_higher_threshold_finds_less(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert audit(source, tmp_path / "out", "--threshold", "1") == 0
    assert "Pairs: 1 same file, 0 same pixels, 0 near" in capsys.readouterr().out


def test_images_without_twins(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = write_busi(tmp_path / "busi", 2, 1, {})
    assert audit(source, tmp_path / "out") == 0
    assert "0 of 3 images are in 0 groups of twins" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["twins.csv"]


def test_names_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert audit("Dataset101_BUSI", tmp_path / "out") == 1
    assert "error: Dataset101_BUSI: is neither a folder nor a data set in nnUNet_raw" in capsys.readouterr().err


def test_ids_with_dots(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = raw / "Dataset007_Own"
    for number in range(3):
        save(folder / "imagesTr" / f"1.2.{number}_0000.png", scan(number))
    assert audit("7", tmp_path / "out") == 0
    assert "0 of 3 images" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["[", "[]", '[{"train": [], "val": ["absent"]}]', "{}"])
def test_names_folds_that_do_not_fit(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture, content: str) -> None:
    for number in range(3):
        save(raw / "Dataset007_Own" / "imagesTr" / f"{number}_0000.png", scan(number))
    (raw / "Dataset007_Own" / "splits_final.json").write_text(content)
    assert audit("7", tmp_path / "out") == 1
    assert "splits_final.json: does not fit the images" in capsys.readouterr().err


def test_names_a_torn_picture(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    torn = source / "benign" / "benign (4).png"
    torn.write_bytes(torn.read_bytes()[:-30])
    assert audit(source, tmp_path / "out") == 1
    assert f"error: {torn}: cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_names_a_folder_without_images(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    assert audit(tmp_path / "empty", tmp_path / "out") == 1
    assert "holds no images" in capsys.readouterr().err


@pytest.mark.realdata
def test_real_busi(realdata: Path, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The host's random folds put more than a quarter of BUSI's validation images beside a twin, ours none."""
    assert main(["convert", "busi", str(realdata / "BUSI"), "-d", "101", "--resize", "128"]) == 0
    assert audit("101", tmp_path / "out") == 0
    leaks = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Validation images")]
    counts = [int(re.search(r"= (\d+) \(", line)[1]) for line in leaks]
    assert 0.25 * 647 < counts[0] < 0.45 * 647
    assert counts[1] == 0
