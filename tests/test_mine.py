import pytest

from nnunet_taichi.cli import main

FOLD = ["mine", "-d", "1", "-c", "2d", "-device", "cpu", "-f"]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results", "nnUNet_extTrainer"):
        monkeypatch.setenv(name, str(tmp_path))


@pytest.mark.parametrize("fold", ["-1", "x", "1.5"])
def test_a_fold_is_a_number_or_all(folders, capsys, fold):
    with pytest.raises(SystemExit, match="2"):
        main([*FOLD[:-1], f"-f={fold}"])
    assert "expected a number from 0 on or all" in capsys.readouterr().err


def test_missing_variables_are_named_with_the_cure(folders, monkeypatch, capsys):
    monkeypatch.delenv("nnUNet_results")
    monkeypatch.delenv("nnUNet_extTrainer")
    assert main([*FOLD, "0"]) == 1
    expected = 'error: nnUNet_results, nnUNet_extTrainer not set. Run: eval "$(nnunet_taichi env)"'
    assert expected in capsys.readouterr().err


def test_what_the_host_does_not_find_is_one_line(folders, capsys):
    assert main([*FOLD, "0"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
