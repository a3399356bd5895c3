import re
import sys

import numpy as np
import pytest
from PIL import Image

from nnunet_taichi import cli
from nnunet_taichi.commands import demo
from nnunet_taichi.nnunet import runner as host_commands


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
def test_the_whole_demo(tmp_path, monkeypatch, capsys):
    """The demo with a tenth of its training: that it learns something takes its real length."""
    monkeypatch.setattr(demo, "ITERATIONS", 8)
    for name in ("nnUNet_raw", "nnUNet_results"):
        monkeypatch.setenv(name, "/elsewhere")
    out = tmp_path / "a demo"
    assert cli.main(["demo", "--out", str(out), "-device", "cpu"]) == 0
    output = capsys.readouterr().out
    row = r"^\| (nnUNet\S+) +\| (\S+) +\| ([\d.]+) \(n=\d+\).*? \| ([\d.]+) \(n=6\).*? \| \d+ s +\| (?:\d+ s|-) +\|$"
    rows = re.findall(row, output, re.MULTILINE)
    assert {name.split("_")[0]: plans for name, plans, *_ in rows} == demo.PLANS
    for name, plans, *scores in rows:
        assert all(0 <= float(score) <= 1 for score in scores)
        assert len(list((out / "predictions" / name).glob("*.png"))) == 8
        models = out / "nnUNet_results" / "Dataset900_Phantoms"
        assert (models / f"{name}__{plans}__2d" / "fold_0" / "checkpoint_final.pth").is_file()
    assert len(list((out / "logs").glob("*.log"))) == output.count("\n$ ")
    assert re.search(r"includes U-Net\+\+ and its easy/hard maps: \d+ s\.", output)
    assert "nnUNetTrainerTaichi_4epochs_8iterations" in (out / "comparison" / "summary.md").read_text()
    assert f"comparison:    {out / 'comparison' / 'report.html'}\n" in output
    with Image.open(out / "contact_sheet.png") as image:
        assert min(image.size) > 500
        assert np.asarray(image.convert("L")).std() > 20
