"""conversion.json and splits_final.json beside a data set, the same wherever and however they were made."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from pictures import read_tree
from scans import write_busi

from nnunet_taichi import __version__
from nnunet_taichi.cli import main
from nnunet_taichi.dataset_conversion.exclusion import SHIPPED

TWINS = {"benign (3)": "benign (9)", "malignant (2)": "benign (5)", "malignant (4)": "malignant (5)"}


def convert(source: Path, *arguments: str) -> int:
    return main(["convert", "busi", str(source), "-d", "101", "-np", "1", *arguments])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_busi(tmp_path / "here" / "Dataset_BUSI_with_GT", 10, 5, TWINS)


def read(dataset: Path, name: str) -> object:
    return json.loads((dataset / name).read_text(encoding="utf-8"))


def test_says_where_everything_comes_from(source: Path, raw: Path) -> None:
    assert convert(source.parent, "--resize", "32", "--exclude", "busi-non-breast", "--overwrite") == 1
    listed = source / "list.txt"
    listed.write_text("benign (10).png # no breast\nMALIGNANT_005\nbenign (77)\n")
    assert convert(source.parent, "--resize", "32", "--exclude", str(listed), "--overwrite") == 0
    record = read(raw / "Dataset101_BUSI", "conversion.json")
    assert record["nnunet_taichi"] == __version__
    assert record["converter"] == "busi"
    assert record["arguments"] == {
        "dataset_id": 101,
        "fit_masks": False,
        "name": "BUSI",
        "random_splits": False,
        "resize": 32,
        "test_fraction": 0.0,
        "with_normal": False,
    }
    assert record["left_out"] == ["benign/benign (10).png (listed)", "malignant/malignant (5).png (listed)"]
    assert record["tolerated"] == {"1 entries of the list name no case: benign (77)": []}
    assert len(record["cases"]) == 13
    assert record["cases"]["malignant_002"] == {
        "image": "malignant/malignant (2).png",
        "masks": ["malignant/malignant (2)_mask.png"],
        "class": "malignant",
    }
    assert len(record["source"]["files"]) == 27  # an image and a mask a case, and the list
    content = (source / "benign" / "benign (1)_mask.png").read_bytes()
    assert record["source"]["files"]["benign/benign (1)_mask.png"] == {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert record["twins"] == [["benign_003", "benign_009"], ["benign_005", "malignant_002"]]


def test_same_bytes_wherever_the_source_lies(source: Path, raw: Path, tmp_path: Path) -> None:
    assert convert(source) == 0
    first = read_tree(raw)
    elsewhere = tmp_path / "anderswo - ü"
    shutil.copytree(source, elsewhere / source.name)
    assert convert(elsewhere, "--overwrite", "-np", "3") == 0
    assert read_tree(raw) == first
    assert not any(str(tmp_path).encode() in content for content in first.values())


def test_another_source_has_another_fingerprint(source: Path, raw: Path) -> None:
    fingerprints = set()
    for number in (1, 2):
        shutil.copy(source / "benign" / f"benign ({number}).png", source / "benign" / "benign (8).png")
        assert convert(source, "--overwrite") == 0
        fingerprints.add(read(raw / "Dataset101_BUSI", "conversion.json")["source"]["sha256"])
    assert len(fingerprints) == 2


def test_folds_divide_no_twins_even_across_classes(source: Path, raw: Path) -> None:
    assert convert(source) == 0
    folds = read(raw / "Dataset101_BUSI", "splits_final.json")
    assert len(folds) == 5
    assert sorted(name for fold in folds for name in fold["val"]) == sorted(
        path.stem for path in (raw / "Dataset101_BUSI" / "labelsTr").iterdir()
    )
    for fold in folds:
        for twins in (
            ("benign_003", "benign_009"),
            ("benign_005", "malignant_002"),
            ("malignant_004", "malignant_005"),
        ):
            assert len(set(twins) & set(fold["val"])) in (0, 2)


def test_random_splits_are_left_to_the_host(source: Path, raw: Path) -> None:
    assert convert(source, "--random-splits") == 0
    assert not (raw / "Dataset101_BUSI" / "splits_final.json").exists()


def test_sets_whole_groups_aside_for_testing(source: Path, raw: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(source, "--test-fraction", "0.4") == 0
    dataset = raw / "Dataset101_BUSI"
    test = {path.stem for path in (dataset / "labelsTs").iterdir()}
    assert sum(name.startswith("benign") for name in test) == 4
    assert sum(name.startswith("malignant") for name in test) == 2
    assert {path.name for path in (dataset / "imagesTs").iterdir()} == {f"{name}_0000.png" for name in test}
    assert not test & {path.stem for path in (dataset / "labelsTr").iterdir()}
    for twins in read(dataset, "conversion.json")["twins"]:
        assert len(set(twins) & test) in (0, 2)
    assert not test & {name for fold in read(dataset, "splits_final.json") for name in fold["train"] + fold["val"]}
    assert read(dataset, "dataset.json")["numTraining"] == 9
    assert "9 cases and 6 for testing in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"benign (99)", "names none of the 15 cases"),
        ("ü".encode("latin-1"), "save it in UTF-8"),
        (b"\n".join(b"benign (%d)\nmalignant (%d)" % (n, n) for n in range(1, 11)), "no case is left for training"),
    ],
)
def test_lists_that_cannot_be_followed(
    source: Path, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture, content: bytes, message: str
) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    assert convert(source, "--exclude", str(tmp_path / "list.txt")) == 1
    assert message in capsys.readouterr().err
    assert list(raw.iterdir()) == []


def test_entries_are_paths_names_or_identifiers(source: Path, raw: Path, tmp_path: Path) -> None:
    listed = "# a comment\nBENIGN\\benign (1).png\nbenign (2) # doubtful\nmalignant_001\nmalignant (3).png#\n"
    (tmp_path / "list.txt").write_text(listed)
    assert convert(source, "--exclude", str(tmp_path / "list.txt")) == 0
    record = read(raw / "Dataset101_BUSI", "conversion.json")
    names = ["benign/benign (1).png", "benign/benign (2).png", "malignant/malignant (1).png"]
    assert record["left_out"] == [f"{name} (listed)" for name in names]
    assert record["tolerated"] == {"1 entries of the list name no case: malignant (3).png#": []}


def test_twins_are_found_before_resizing(source: Path, raw: Path) -> None:
    assert convert(source) == 0
    folds = read(raw / "Dataset101_BUSI", "splits_final.json")
    assert convert(source, "--resize", "12", "--overwrite") == 0
    assert read(raw / "Dataset101_BUSI", "splits_final.json") == folds


def test_every_entry_of_the_shipped_list_is_an_image_of_busi() -> None:
    entries = [line for line in (SHIPPED / "busi-non-breast.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(entries) == len(set(entries)) == 27
    assert all(entry.startswith(("benign (", "malignant (")) and entry.endswith(").png") for entry in entries)


def test_unknown_list(source: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert(source, "--exclude", "busi-breast") == 1
    assert "busi-breast: is no such file, and none of our lists (busi-non-breast)" in capsys.readouterr().err


@pytest.mark.realdata
def test_real_busi_without_what_is_no_breast(realdata: Path, raw: Path) -> None:
    assert main(["convert", "busi", str(realdata / "BUSI"), "-d", "101", "--exclude", "busi-non-breast"]) == 0
    record = read(raw / "Dataset101_BUSI", "conversion.json")
    assert (len(record["cases"]), len(record["left_out"])) == (620, 27)
    folds = read(raw / "Dataset101_BUSI", "splits_final.json")
    together = [set(twins) for twins in record["twins"]]
    assert len(together) > 100
    for fold in folds:
        assert all(twins <= set(fold["val"]) or twins <= set(fold["train"]) for twins in together)
        malignant = sum(name.startswith("malignant") for name in fold["val"]) / len(fold["val"])
        assert abs(malignant - 203 / 620) < 0.03
