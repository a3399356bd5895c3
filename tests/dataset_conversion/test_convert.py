"""The command around the converters: where a data set goes, and that it goes there complete or not at all."""

from pathlib import Path

import pytest
from pictures import read_tree

from nnunet_taichi.cli import main


def convert(source: Path, *arguments: str) -> int:
    return main(["convert", "busi", str(source), "-d", "101", "-np", "1", *arguments])


@pytest.mark.parametrize("value", [None, ""])
def test_says_how_to_set_nnunet_raw(
    busi: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("nnUNet_raw")
    else:
        monkeypatch.setenv("nnUNet_raw", value)
    assert convert(busi) == 1
    assert (
        'nnUNet_raw is not set: no place for raw data sets. Run: eval "$(nnunet_taichi env)"' in capsys.readouterr().err
    )


def test_makes_the_folder_of_raw_data_sets(busi: Path, raw: Path) -> None:
    raw.rmdir()
    assert convert(busi) == 0
    assert (raw / "Dataset101_BUSI" / "dataset.json").is_file()


def test_id_has_three_digits(busi: Path, raw: Path) -> None:
    assert convert(busi, "-d", "7") == 0
    assert [path.name for path in raw.iterdir()] == ["Dataset007_BUSI"]


@pytest.mark.parametrize("arguments", [["-d", "0"], ["-d", "1000"], ["-d", "BUSI"], ["-n", "a/b"], ["--resize", "0"]])
def test_refuses_arguments_that_make_no_sense(busi: Path, raw: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        convert(busi, *arguments)
    assert exit_info.value.code == 2
    assert list(raw.iterdir()) == []


@pytest.mark.parametrize("where", ["nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"])
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_refuses_an_id_that_the_host_knows_by_another_name(
    busi: Path, tmp_path: Path, capsys: pytest.CaptureFixture, where: str, overwrite: list[str]
) -> None:
    (tmp_path / where / "Dataset101_Liver").mkdir()
    assert convert(busi, *overwrite) == 1
    assert "ID 101 is taken by Dataset101_Liver; give another with -d" in capsys.readouterr().err
    assert not (tmp_path / "nnUNet_raw" / "Dataset101_BUSI").exists()


def test_refuses_an_existing_target_unless_told_to_overwrite(
    busi: Path, raw: Path, capsys: pytest.CaptureFixture
) -> None:
    old = raw / "Dataset101_BUSI" / "imagesTr" / "old.png"
    old.parent.mkdir(parents=True)
    old.touch()
    assert convert(busi) == 1
    assert "Dataset101_BUSI: exists already; --overwrite replaces it" in capsys.readouterr().err
    assert read_tree(raw) == {"Dataset101_BUSI/imagesTr/old.png": b""}

    (busi / "benign" / "benign (1)_mask.png").rename(busi / "mask.png")
    assert convert(busi, "--overwrite") == 1
    assert read_tree(raw) == {"Dataset101_BUSI/imagesTr/old.png": b""}, "a failed conversion must not cost the old copy"

    (busi / "mask.png").rename(busi / "benign" / "benign (1)_mask.png")
    assert convert(busi, "--overwrite") == 0
    assert not old.exists()
    assert [path.name for path in raw.iterdir()] == ["Dataset101_BUSI"]
    assert len(read_tree(raw)) == 11


def test_warns_of_outdated_preprocessed_data(busi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "nnUNet_preprocessed" / "Dataset101_BUSI").mkdir()
    assert convert(busi) == 0
    assert f"First delete {tmp_path / 'nnUNet_preprocessed' / 'Dataset101_BUSI'}: " in capsys.readouterr().out


def test_files_do_not_depend_on_the_number_of_processes(busi: Path, raw: Path) -> None:
    assert convert(busi, "--with-normal") == 0
    alone = read_tree(raw)
    assert convert(busi, "--with-normal", "--overwrite", "-np", "3") == 0
    assert read_tree(raw) == alone
