"""`--like`: a user's own plans, with slim widths; and preprocessed data that several plans share."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import DISC_AND_CUP, ON_CPU, MakeDataset
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

from nnunet_taichi import cli
from nnunet_taichi.architectures import TAICHINET
from nnunet_taichi.phantoms import write_phantoms

SLIM = ["-d", "1", "-pl", "nnUNetPlannerTaichiSlim"]
Edit = Callable[[dict], None]


@pytest.fixture
def folder(make_dataset: MakeDataset, nnunet: Path) -> Path:
    """A data set with nnU-Net's plans."""
    ExperimentPlanner(make_dataset((1, 128, 128), cases=3, channels=3, labels=DISC_AND_CUP)).plan_experiment()
    return nnunet / "nnUNet_preprocessed" / "Dataset001_Made"


def copy_plans(folder: Path, name: str, edit: Edit = lambda plans: None) -> dict:
    """Copy nnU-Net's plans by hand, which leaves the name in them as it is."""
    plans = json.loads((folder / "nnUNetPlans.json").read_text())
    edit(plans)
    (folder / f"{name}.json").write_text(json.dumps(plans))
    return plans


def small_batch(plans: dict) -> None:
    configurations = plans["configurations"]
    configurations["2d"] |= {"batch_size": 3, "patch_size": [64, 96], "mine": ["ü"]}
    configurations["2d"]["architecture"]["arch_kwargs"]["n_conv_per_stage"][0] = 1
    configurations["batch of 5"] = {"inherits_from": "2d", "batch_size": 5}


def fill(folder: Path, identifier: str, cases: int = 3) -> None:
    """Leave what preprocessing leaves, but for the images."""
    for where, ending in ((folder / identifier, ".pkl"), (folder / "gt_segmentations", ".png")):
        where.mkdir(exist_ok=True)
        for case in range(cases):
            (where / f"case{case}{ending}").touch()


def test_only_widths_differ(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = copy_plans(folder, "SmallBatch", small_batch)
    capsys.readouterr()
    assert cli.main(["plan", *SLIM, "--like", "SmallBatch"]) == 0
    *_, summary, following = capsys.readouterr().out.splitlines()
    plans = json.loads((folder / "nnUNetTaichiSlimPlans.json").read_text(encoding="utf-8"))
    assert plans.pop("plans_name") == "nnUNetTaichiSlimPlans"
    assert plans.pop("experiment_planner_used") == "nnUNetPlannerTaichiSlim"
    slim, stock = (p["configurations"]["2d"]["architecture"]["arch_kwargs"] for p in (plans, source))
    widths, former = slim.pop("features_per_stage"), stock.pop("features_per_stage")
    assert all(new < old for new, old in zip(widths, former, strict=True))
    assert plans | {"plans_name": "nnUNetPlans", "experiment_planner_used": "ExperimentPlanner"} == source
    assert summary == (
        f"nnUNetTaichiSlimPlans 2d: patches of 64 x 96, batches of 3, widths {', '.join(map(str, widths))}"
    )
    assert following == "Next: nnUNetv2_preprocess -d 1 -plans_name nnUNetTaichiSlimPlans -c 2d"
    assert not list(folder.glob("*.partial"))


def test_another_name(folder: Path) -> None:
    assert cli.main(["plan", *SLIM, "--like", "nnUNetPlans", "-overwrite_plans_name", "Mine"]) == 0
    assert json.loads((folder / "Mine.json").read_text())["plans_name"] == "Mine"
    assert not (folder / "nnUNetTaichiSlimPlans.json").exists()


def test_without_like_it_is_as_nnunet_plans(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_plans(folder, "SmallBatch", small_batch)
    assert cli.main(["plan", *SLIM]) == 0
    assert cli.main(["plan", *SLIM, "--like", "nnUNetPlans", "-overwrite_plans_name", "Same"]) == 0
    ours, same = (json.loads((folder / f"{name}.json").read_text()) for name in ("nnUNetTaichiSlimPlans", "Same"))
    assert ours | {"plans_name": "Same"} == same


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--like", "Mine", "-pl", "nnUNetPlannerTaichi"],
            "nnUNetPlannerTaichi does not: add -pl nnUNetPlannerTaichiS",
        ),
        (["--like", "Mine", "-gpu_memory_target", "4"], "those of Mine: leave out -gpu_memory_target and"),
        (["--like", "Mine", "-overwrite_target_spacing", "1", "1", "1"], "leave out -gpu_memory_target and -overwrite"),
        (["--like", "Mine", "-overwrite_plans_name", "Mine"], "would overwrite Mine, which they are made from: choose"),
        (["--like", "None"], "Made has no plans None that can be read. These are there: Mine, Slim, Two, nnUNetPlans."),
        (["--like", "dataset"], "Made has no plans dataset that can be read. These are there: "),
        (["--like", "Torn"], "Made has no plans Torn that can be read. These are there: "),
        (["--like", "Slim"], "Slim are slim already: give the plans that they were made from."),
        (["--like", "Two"], "Two hold TaiChiNet itself: name plans of the U-Net that it is built around."),
    ],
)
@pytest.mark.parametrize("command", ["plan", "plan_and_preprocess"])
def test_what_cannot_be_like(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, arguments: list[str], message: str
) -> None:
    def hold_taichinet(plans: dict) -> None:
        plans["configurations"]["2d"]["architecture"]["network_class_name"] = TAICHINET

    copy_plans(folder, "Mine")
    copy_plans(folder, "Slim", lambda plans: plans.update(experiment_planner_used="nnUNetPlannerTaichiSlimResEncL"))
    copy_plans(folder, "Two", hold_taichinet)
    (folder / "Torn.json").write_text('{"configurations": {')
    before = sorted(folder.iterdir())
    assert cli.main([command, *SLIM, *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_no_plans_at_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "nnUNetPlans.json").unlink()
    assert cli.main(["plan", *SLIM, "--like", "nnUNetPlans"]) == 1
    assert "There are none yet: plan without --like." in capsys.readouterr().err


@pytest.mark.parametrize(
    "broken",
    [
        {"2d": {}},
        {"2d": []},
        {"2d": {"patch_size": [64, 64], "architecture": {"network_class_name": "no.such.Network"}}},
    ],
)
def test_plans_of_no_network_are_refused(folder: Path, capsys: pytest.CaptureFixture[str], broken: dict) -> None:
    plans = json.loads((folder / "nnUNetPlans.json").read_text())
    (folder / "Broken.json").write_text(json.dumps(plans | {"configurations": broken}))
    assert cli.main(["plan", *SLIM, "--like", "Broken"]) == 1
    assert "error: Broken are no plans of a network" in capsys.readouterr().err


def test_other_plans_are_not_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # the same again is no harm
        assert cli.main(["plan", *SLIM, "--like", "nnUNetPlans"]) == 0
    plans = json.loads((folder / "nnUNetPlans.json").read_text())
    plans["configurations"]["2d"]["batch_size"] = 3
    (folder / "Mine.json").write_text(json.dumps(plans))
    before = (folder / "nnUNetTaichiSlimPlans.json").read_bytes()
    assert cli.main(["plan", *SLIM, "--like", "Mine"]) == 1
    assert "Choose another name with -overwrite_plans_name" in capsys.readouterr().err
    assert (folder / "nnUNetTaichiSlimPlans.json").read_bytes() == before
    assert cli.main(["plan", *SLIM, "--like", "Mine", "-overwrite_plans_name", "SlimMine"]) == 0


@pytest.mark.parametrize(("cases", "clean"), [(3, False), (2, False), (3, True)])
def test_complete_data_need_no_preprocessing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cases: int, clean: bool
) -> None:
    monkeypatch.setattr("nnunet_taichi.commands.plan.host.extract_fingerprint_dataset", lambda *args, **kwargs: None)
    fill(folder, "nnUNetPlans_2d", cases)
    assert cli.main(["plan", *SLIM, "--like", "nnUNetPlans", *["--clean"] * clean]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Next: nnUNetv2_train 1 2d 0 -tr nnUNetTrainerTaichi -p nnUNetTaichiSlimPlans" + ON_CPU
        if cases == 3 and not clean
        else "Next: nnUNetv2_preprocess -d 1 -plans_name nnUNetTaichiSlimPlans -c 2d"
    )


def test_own_data_are_preprocessed_anew(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder, "nnUNetTaichiPlans_2d")
    assert cli.main(["plan", "-d", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("Next: nnUNetv2_preprocess -d 1 ")


def test_shared_data_stay(nnunet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another training may be reading them: made once, kept where complete, made anew on demand."""
    source = write_phantoms(nnunet / "phantoms", benign=2, malignant=2, size=64)
    assert cli.main(["convert", "busi", str(source), "-d", "1", "-n", "Made", "--resize", "32", "-np", "1"]) == 0
    data = nnunet / "nnUNet_preprocessed" / "Dataset001_Made" / "nnUNetPlans_2d"
    arguments = ["plan_and_preprocess", *SLIM, "-c", "2d", "-np", "1", "-npfp", "1"]
    stays = "2d: nnUNetPlans_2d is complete, and stays as it is (--clean makes it anew)"
    following = "Next: nnUNetv2_train 1 2d 0 -tr nnUNetTrainerTaichi -p nnUNetTaichiSlimPlans" + ON_CPU

    def run(*more: str) -> tuple[list[str], set[int]]:
        capsys.readouterr()
        assert cli.main([*arguments, *more]) == 0
        return capsys.readouterr().out.splitlines(), {file.stat().st_mtime_ns for file in data.iterdir()}

    out, first = run()
    assert (out[-1], stays in out) == (following, False)
    out, second = run()
    assert (out[-1], stays in out, second) == (following, True, first)
    out, third = run("--clean")
    assert (out[-1], stays in out) == (following, False)
    assert not third & first
