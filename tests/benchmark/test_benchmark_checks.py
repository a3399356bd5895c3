"""What nnU-Net says to a plan, before anything runs."""

import inspect
import json
import shutil
from pathlib import Path

import pytest
import torch
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets import residual_encoder_unet_planners
from toy_tree import ToyTree

from nnunet_taichi.cli import main
from nnunet_taichi.commands import plan
from nnunet_taichi.matrix.plan_checks import read_checked
from nnunet_taichi.matrix.plan_file import PlanError
from nnunet_taichi.matrix.trainer_lookup import find_trainer, miner_name
from nnunet_taichi.nnunet.datasets import find_dataset
from nnunet_taichi.planning.catalogue import PLANNING

FOLD = {"train": ["a"], "val": ["b"]}
GOOD = "datasets: 900\ntrainers: nnUNetTrainer_1epochs\nfolds: 0\ndevice: cpu\n"


def problems_of(path: Path, runs_here: bool = False) -> list[str]:
    with pytest.raises(PlanError) as error:
        read_checked(path, runs_here)
    return [line.strip() for line in str(error.value).splitlines()[1:]]


def test_a_plan_without_mistakes(tree: ToyTree) -> None:
    assert read_checked(tree.write_plan(GOOD), runs_here=True).datasets == ("900",)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "nnUNetTrainer_1epochs",
            "nnUNetTrainer_seed1_1epochs",
            "nnU-Net finds no trainer nnUNetTrainer_seed1_1epochs",
        ),
        ("900", "901", "901: nnU-Net has no such data set; convert it first"),
        ("900", "BUSI", "BUSI is neither an id nor a name such as Dataset101_BUSI"),
        ("900", "-1", "-1 is neither an id nor a name such as Dataset101_BUSI"),
        ("900", "Dataset900_Other", "nnU-Net knows 900 as Dataset900_Toy; correct the name"),
        ("900", "[900, Dataset900_Toy]", "Dataset900_Toy is there twice, by id and by name; name it once"),
        ("folds: 0", "folds: [4, 5, 7]", "Dataset900_Toy has folds 0 to 4; leave out 5, 7"),
        (
            "folds",
            "plans: MyPlans\nfolds",
            "Dataset900_Toy has no MyPlans; plan them first, or choose plans that are made here: nnUNetPlans,",
        ),
        (
            "folds",
            "configurations: 2D\nfolds",
            "will have no configuration 2D; choose from 2d, 3d_fullres, 3d_lowres",
        ),
        ("folds", "configurations: 3d_cascade_fullres\nfolds", "needs what 3d_lowres predicts; train it by hand"),
    ],
)
def test_a_mistake_says_what_to_do(tree: ToyTree, old: str, new: str, problem: str) -> None:
    problems = problems_of(tree.write_plan(GOOD.replace(old, new, 1)))
    assert len(problems) == 1
    assert problem in problems[0]


def test_mistakes_of_all_kinds_are_told_at_once(tree: ToyTree) -> None:
    text = "datasets: [900, 77]\ntrainers: [nnUNetTrainer, nnUNetTrainr]\nfolds: [9]\nplans: [A, nnUNetPlans]\nx: 1"
    assert [problem.split()[0] for problem in problems_of(tree.write_plan(text))] == [
        "x:",
        "trainers",
        "datasets",
        "folds",
        "plans",
    ]


def test_folds_are_those_of_the_file_that_nnunet_follows(tree: ToyTree) -> None:
    (tree.raw / "splits_final.json").write_text(json.dumps([{"train": [], "val": []}]))
    path = tree.write_plan(GOOD.replace("folds: 0", "folds: [0, 1, all]"))
    assert problems_of(path)[0].endswith("Dataset900_Toy has folds 0 to 0; leave out 1")
    tree.preprocess()
    (tree.preprocessed / "splits_final.json").write_text(json.dumps([{"train": [], "val": []}] * 2))
    read_checked(path, runs_here=False)


def test_plans_of_any_name_will_do_if_they_exist(tree: ToyTree) -> None:
    tree.preprocess("MyPlans")
    read_checked(tree.write_plan(GOOD + "plans: MyPlans"), runs_here=False)
    path = tree.write_plan(GOOD + "plans: MyPlans\nconfigurations: 3d_fullres")
    expected = "MyPlans of Dataset900_Toy have no configuration 3d_fullres; choose one of: 2d"
    assert problems_of(path)[0].endswith(expected)


def test_plans_that_cannot_be_read_are_not_made_anew(tree: ToyTree) -> None:
    tree.preprocess()
    for content in ('{"configurations": {', "[]", "{}", '{"configurations": 1}', '{"configurations": {"2d": {}}}'):
        (tree.preprocessed / "nnUNetPlans.json").write_text(content)
        assert "cannot be read as plans; mend or delete the file" in problems_of(tree.write_plan(GOOD))[0]


def test_only_configurations_that_are_asked_for_must_be_readable(tree: ToyTree) -> None:
    tree.preprocess()
    file = tree.preprocessed / "nnUNetPlans.json"
    content = json.loads(file.read_text())
    content["configurations"] |= {"half_made": {"inherits_from": "3d"}}
    file.write_text(json.dumps(content))
    read_checked(tree.write_plan(GOOD), runs_here=False)
    assert find_dataset("900").is_preprocessed("nnUNetPlans", "2d")
    problems = problems_of(tree.write_plan(GOOD + "configurations: [2d, half_made]"))
    assert len(problems) == 1
    assert f"{file} cannot be read as plans; mend or delete the file (ValueError: The configuration 3d" in problems[0]


def test_mining_names_the_configurations_that_there_are(tree: ToyTree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.preprocess()
    which = ["-d", "900", "-c", "3d_fullres", "-f", "0", "-tr", "nnUNetTrainerTaichi", "-p", "nnUNetPlans"]
    assert main(["mine", *which, "-device", "cpu"]) == 1
    expected = "error: nnUNetPlans of Dataset900_Toy have no configuration 3d_fullres; choose one of: 2d\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("used", [None, [FOLD], [FOLD, FOLD]])
def test_folds_beside_the_preprocessed_data_may_be_more(tree: ToyTree, used: list | None) -> None:
    tree.preprocess()
    (tree.raw / "splits_final.json").write_text(json.dumps([FOLD]))
    if used is not None:
        (tree.preprocessed / "splits_final.json").write_text(json.dumps(used))
    find_dataset("900").check_splits()


@pytest.mark.parametrize("used", ["[", "{}", "[]", "[1]", '[{"train": ["a"]}]', '[{"train": ["b"], "val": ["a"]}]'])
def test_other_folds_beside_the_preprocessed_data_are_refused(tree: ToyTree, used: str) -> None:
    tree.preprocess()
    (tree.raw / "splits_final.json").write_text(json.dumps([FOLD]))
    (tree.preprocessed / "splits_final.json").write_text(used)
    with pytest.raises(
        ValueError,
        match=r"preprocessed.*splits_final.json and .*splits_final.json hold different folds, .*Delete the file",
    ):
        find_dataset("900").check_splits()


def test_a_data_set_needs_images_or_preprocessed_cases(tree: ToyTree) -> None:
    tree.preprocess()
    shutil.rmtree(tree.raw)
    read_checked(tree.write_plan(GOOD), runs_here=False)
    next(tree.preprocessed.glob("nnUNetPlans_2d/*.pkl")).unlink()
    assert f"not preprocessed for nnUNetPlans 2d, and there is no {tree.raw}" in problems_of(tree.write_plan(GOOD))[0]


def test_cuda_is_needed_only_where_jobs_run(tree: ToyTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = tree.write_plan(GOOD.replace("cpu", "cuda"))
    read_checked(path, runs_here=False)
    assert problems_of(path, runs_here=True)[0].endswith("there is no CUDA here; write cpu, or run on a cluster")


def test_the_command_prints_mistakes_and_missing_variables(
    tree: ToyTree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tree.write_plan(GOOD.replace("900", "901"))
    assert main(["benchmark", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {path} cannot be run as it is:\n  datasets (")
    assert main(["benchmark", str(tree.root / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
    monkeypatch.delenv("nnUNet_extTrainer")
    assert main(["benchmark", str(path)]) == 1
    assert 'nnUNet_extTrainer not set. Run: eval "$(nnunet_taichi env)"' in capsys.readouterr().err


def test_each_planning_command_makes_the_plans_that_it_is_said_to() -> None:
    def default_name(planner: type[ExperimentPlanner]) -> str:
        own = getattr(planner, "default_name", None)
        return own or inspect.signature(planner.__init__).parameters["plans_name"].default

    host = {f"nnUNetPlannerResEnc{size}" for size in ("M", "L", "XL")}
    planners = {name: getattr(residual_encoder_unet_planners, name) for name in host} | plan.PLANNERS
    named = {name: command for name, command in PLANNING.items() if "-pl" in command}
    assert len(named) == 10
    for name, (*command, planner) in named.items():
        assert default_name(planners[planner]) == name
        whose = ["nnUNetv2_plan_and_preprocess"] if planner in host else ["nnunet_taichi", "plan_and_preprocess"]
        assert command == [*whose, "-pl"]
    assert default_name(ExperimentPlanner) == "nnUNetPlans"
    assert default_name(plan.PLANNERS["nnUNetPlannerTaichi"]) == "nnUNetTaichiPlans"  # without -pl


@pytest.mark.parametrize(
    ("trainer", "miner"),
    [
        ("nnUNetTrainer", None),
        ("nnUNetTrainerUNetPlusPlus_50epochs", None),
        ("nnUNetTrainerTaichi_Model7", None),
        ("nnUNetTrainerTaichi", "nnUNetTrainerUNetPlusPlusMiner_300epochs"),
        ("nnUNetTrainerTaichi_ConsML_100epochs_seed2", "nnUNetTrainerUNetPlusPlusMiner_30epochs_seed2"),
        ("nnUNetTrainerTaichi_1epochs_7iterations_seed0", "nnUNetTrainerUNetPlusPlusMiner_1epochs_7iterations_seed0"),
        ("nnUNetTrainerTaichi_Paper", "nnUNetTrainerUNetPlusPlus_Paper_20epochs"),
        ("nnUNetTrainerTaichi_Paper_5epochs", "nnUNetTrainerUNetPlusPlus_Paper_2epochs"),
    ],
)
def test_the_miner_is_known_before_there_are_plans(tree: ToyTree, trainer: str, miner: str | None) -> None:
    assert miner_name(find_trainer(trainer)) == miner
