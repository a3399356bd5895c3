import os
from typing import Any

import pytest
import torch

from nnunet_taichi.cli import main
from nnunet_taichi.commands import mine

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


@pytest.fixture
def settings(monkeypatch) -> dict[str, Any]:
    """What is set of torch, which itself stays as it is; as in a process that has not started its threads."""
    settings: dict[str, Any] = {}

    def set_interop(threads: int) -> None:
        if "interop" in settings:
            raise RuntimeError("cannot set number of interop threads after parallel work has started")
        settings["interop"] = threads

    monkeypatch.setattr(torch, "set_num_threads", lambda threads: settings.update(threads=threads))
    monkeypatch.setattr(torch, "set_num_interop_threads", set_interop)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(mine, "cudnn", type("Cudnn", (), {"deterministic": True, "benchmark": False}))
    return settings


@pytest.mark.parametrize(
    ("device", "expected"), [("cpu", {"threads": os.cpu_count()}), ("cuda", {"threads": 1, "interop": 1}), ("mps", {})]
)
def test_torch_is_set_up_as_for_training(settings, device, expected):
    for _ in range(2):  # in one process
        mine._set_up_torch(device)
        assert settings == expected
    assert (mine.cudnn.deterministic, mine.cudnn.benchmark) == (False, True)


def test_cudnn_is_left_alone_without_cuda(settings, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    mine._set_up_torch("cpu")
    assert (mine.cudnn.deterministic, mine.cudnn.benchmark) == (True, False)


def test_torch_is_set_up_before_mining(folders, monkeypatch, capsys):
    seen: list[str] = []

    class Trainer:
        config = type("Config", (), {"easy_to_hard": True})

        def mine(self) -> str:
            seen.append("mine")
            return "MAPS"

    monkeypatch.setattr(mine, "get_trainer_from_args", lambda *arguments: Trainer())
    monkeypatch.setattr(mine, "_check", lambda *arguments: None)
    monkeypatch.setattr(mine, "_set_up_torch", seen.append)
    assert main([*FOLD, "0"]) == 0
    assert seen == ["cpu", "mine"]
    assert capsys.readouterr().out == "MAPS\n"
