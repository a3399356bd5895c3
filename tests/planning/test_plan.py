"""The commands."""

import json
from pathlib import Path

import pytest
from conftest import ON_CPU, MakeDataset
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

from nnunet_taichi import cli
from nnunet_taichi.phantoms import write_phantoms


def plans_file(root: Path, name: str) -> Path:
    return root / "nnUNet_preprocessed" / "Dataset001_Made" / f"{name}.json"


def test_plan_says_what_it_planned_and_what_to_type_next(
    make_dataset: MakeDataset, nnunet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dataset((1, 128, 128), cases=100)
    assert cli.main(["plan", "-d", "1"]) == 0
    *_, summary, following = capsys.readouterr().out.splitlines()
    assert summary == "nnUNetTaichiPlans 2d: patches of 128 x 128, batches of 5"
    assert following == "Next: nnUNetv2_preprocess -d 1 -plans_name nnUNetTaichiPlans -c 2d"
    assert json.loads(plans_file(nnunet, "nnUNetTaichiPlans").read_text())["plans_name"] == "nnUNetTaichiPlans"


def test_arguments_reach_the_planner(make_dataset: MakeDataset, nnunet: Path) -> None:
    make_dataset((64, 128, 128))
    options = ["-pl", "nnUNetPlannerTaichiResEncL", "-gpu_memory_target", "4", "-overwrite_plans_name", "Small"]
    spacing = ["-overwrite_target_spacing", "2", "1.5", "1.5"]
    assert cli.main(["plan", "-d", "1", "-c", "3d_fullres", *options, *spacing]) == 0
    plans = json.loads(plans_file(nnunet, "Small").read_text())
    assert plans["experiment_planner_used"] == "nnUNetPlannerTaichiResEncL"
    assert plans["configurations"]["3d_fullres"]["spacing"] == [2, 1.5, 1.5]


def test_paper_flag(make_dataset: MakeDataset, nnunet: Path) -> None:
    make_dataset((1, 224, 224))
    assert cli.main(["plan", "-d", "1", "--paper"]) == 0
    assert plans_file(nnunet, "nnUNetTaichiPaperPlans").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-d", "1", "--paper"], "error: The paper's protocol wants images of 224 x 224 pixels"),
        (["-d", "7"], "error: Could not find a dataset with the ID 7"),
        (
            ["-d", "1", "-c", "2d", "3d_fullres"],
            "error: nnUNetTaichiPlans were written, but they have no 3d_fullres. Choose with -c from: 2d.",
        ),
        (["-d", "1", "--paper", "-gpu_memory_target", "4"], "error: the paper's plans are fixed"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "plan_and_preprocess"])
def test_what_the_user_must_change_is_said_in_a_line(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str], command: str, arguments: list[str], message: str
) -> None:
    make_dataset((1, 64, 64))
    assert cli.main([command, *arguments]) == 1
    assert capsys.readouterr().err.startswith(message)


def test_variables_not_set(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("nnUNet_raw", raising=False)
    assert cli.main(["plan", "-d", "1"]) == 1
    assert "nnUNet_raw" in (error := capsys.readouterr().err)
    assert 'not set. Run: eval "$(nnunet_taichi env)"' in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["-pl", "ExperimentPlanner"],
        ["-gpu_memory_target", "0"],
        ["-d", "BUSI"],
        ["-c", "2D"],
        ["--paper", "-pl", "nnUNetPlannerTaichiResEncL"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["plan", "-d", "1", *arguments])
    assert stop.value.code == 2


def test_plan_and_preprocess_from_images(nnunet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fingerprint, plans, and data in [0, 1]; the next command is the paper's trainer on these plans."""
    source = write_phantoms(nnunet / "phantoms", benign=3, malignant=2, size=64)
    assert cli.main(["convert", "busi", str(source), "-d", "1", "-n", "Made", "--resize", "224", "-np", "1"]) == 0
    capsys.readouterr()
    arguments = ["-d", "1", "--paper", "-c", "2d", "-np", "1", "-npfp", "1", "--verify_dataset_integrity"]
    assert cli.main(["plan_and_preprocess", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Next: nnUNetv2_train 1 2d 0 -tr nnUNetTrainerTaichi_Paper -p nnUNetTaichiPaperPlans" + ON_CPU
    )
    folder = nnunet / "nnUNet_preprocessed" / "Dataset001_Made" / "nnUNetTaichiPaperPlans_2d"
    cases = nnUNetDatasetBlosc2(str(folder))
    assert len(cases.identifiers) == 5
    for case in cases.identifiers:
        image = cases.load_case(case)[0][:]
        assert (image.min(), image.max()) == (0, 1)


@pytest.mark.parametrize("name", ["dataset", "splits_final", "dataset_fingerprint", "", "../Mine", "a b"])
def test_plans_take_the_place_of_no_other_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["plan", "-d", "1", "-overwrite_plans_name", name])
    assert "-overwrite_plans_name" in capsys.readouterr().err
