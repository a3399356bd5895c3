import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from nnunet_taichi import cli, host_commands


def test_a_folder_in_use_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["demo", "--out", str(tmp_path)]) == 1
    assert "is not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failing_command_shows_its_log_and_gives_1(tmp_path, monkeypatch, capsys):
    broken = [sys.executable, "-c", "raise SystemExit('the disk is full')"]
    monkeypatch.setattr(host_commands, "find_command", lambda name: broken)
    assert cli.main(["demo", "--out", str(tmp_path / "demo"), "-device", "cpu"]) == 1
    output = capsys.readouterr()
    assert "$ nnunet_taichi convert busi" in output.out
    assert "the disk is full" in output.err


@pytest.mark.slow
def test_the_whole_demo(tmp_path):
    environment = dict(os.environ, nnUNet_raw="/elsewhere", nnUNet_results="/elsewhere")
    out = tmp_path / "a demo"
    command = [sys.executable, "-m", "nnunet_taichi.cli", "demo", "--out", str(out), "-device", "cpu"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = re.findall(r"^\| (nnUNet\S+) +\| ([\d.]+) \(n=\d+\).*? \| ([\d.]+) \(n=6\)", result.stdout, re.MULTILINE)
    assert [name.split("_")[0] for name, *_ in rows] == ["nnUNetTrainer", "nnUNetTrainerTaichi"]
    for name, validation, new in rows:
        assert float(validation) > 0.4
        assert float(new) > 0.4
        assert len(list((out / "predictions" / name).glob("*.png"))) == 8
        models = out / "nnUNet_results" / "Dataset900_Phantoms"
        assert (models / f"{name}__nnUNetPlans__2d" / "fold_0" / "checkpoint_final.pth").is_file()
    assert len(list((out / "logs").glob("*.log"))) == result.stdout.count("\n$ ")
    with Image.open(out / "contact_sheet.png") as image:
        assert min(image.size) > 500
        assert np.asarray(image.convert("L")).std() > 20
