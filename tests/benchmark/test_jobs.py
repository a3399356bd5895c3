"""What the host's files say of each job, and the command that follows from it."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from toy_tree import DATASET, SUMMARY, ToyTree, age

from nnunet_taichi.cli import main
from nnunet_taichi.matrix.graph import find_job, to_do
from nnunet_taichi.matrix.jobs import Job

JobsOf = Callable[[str], list[Job]]
STOCK, TAICHI, MODEL7 = "nnUNetTrainer_2epochs", "nnUNetTrainerTaichi_2epochs", "nnUNetTrainerTaichi_Model7_2epochs"
CONSML, MINER = "nnUNetTrainerTaichi_ConsML_2epochs", "nnUNetTrainerUNetPlusPlusMiner_1epochs"
PLAN = f"datasets: 900\ntrainers: [{STOCK}, {TAICHI}]\nfolds: [0, 1]\ndevice: cpu\n"
TRAIN = f"nnUNetv2_train 900 2d 0 -tr {STOCK} -p nnUNetPlans -device cpu"


def printed(plan: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["benchmark", str(plan), "--print"]) == 0
    return capsys.readouterr().out.splitlines()


def training(jobs: list[Job], trainer: str = STOCK) -> Job:
    return find_job(jobs, f"train_{DATASET}_{trainer}__nnUNetPlans__2d_fold_0")


def preprocessing(jobs: list[Job], plans: str = "nnUNetPlans") -> Job:
    return find_job(jobs, f"preprocess_{DATASET}_{plans}")


def test_all_commands_of_a_fresh_plan(tree: ToyTree, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(tree.write_plan(PLAN + "resources: {preprocess: {cpus: 3}, compare: {cpus: 2}}"), capsys) == [
        "nnUNetv2_plan_and_preprocess -d 900 -c 2d -npfp 3 -np 3",
        f"nnUNetv2_train 900 2d 0 -tr {STOCK} -p nnUNetPlans -device cpu",
        f"nnunet_taichi mine -d 900 -c 2d -f 0 -tr {TAICHI} -p nnUNetPlans -device cpu",
        f"nnUNetv2_train 900 2d 0 -tr {TAICHI} -p nnUNetPlans -device cpu",
        f"nnUNetv2_train 900 2d 1 -tr {STOCK} -p nnUNetPlans -device cpu",
        f"nnunet_taichi mine -d 900 -c 2d -f 1 -tr {TAICHI} -p nnUNetPlans -device cpu",
        f"nnUNetv2_train 900 2d 1 -tr {TAICHI} -p nnUNetPlans -device cpu",
        f"nnunet_taichi compare -d 900 -c 2d -f 0 1 -tr {STOCK} {TAICHI} -p nnUNetPlans "
        f"-o {tree.root}/plan_output/{DATASET}_2d -np 2",
    ]


def test_only_what_is_left_is_printed(tree: ToyTree, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tree.write_plan(PLAN + "output: the reports")
    tree.preprocess()
    tree.finish(STOCK, fold=0)
    tree.mine(MINER, fold=0)
    tree.train(TAICHI, "best", "final", fold=0)
    tree.train(STOCK, "best", "latest", fold=1)
    tree.finish(TAICHI, fold=1)  # its maps were deleted, and nothing needs them
    assert printed(plan, capsys) == [
        f"nnUNetv2_train 900 2d 0 -tr {TAICHI} -p nnUNetPlans -device cpu --val",
        f"nnUNetv2_train 900 2d 1 -tr {STOCK} -p nnUNetPlans -device cpu --c",
        f"nnunet_taichi compare -d 900 -c 2d -f 0 1 -tr {STOCK} {TAICHI} -p nnUNetPlans "
        f"-o '{tree.root}/the reports/{DATASET}_2d' -np 8",
    ]


def test_nothing_is_printed_when_all_is_done(tree: ToyTree, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [(trainer, fold) for trainer in (STOCK, TAICHI) for fold in (0, 1)]
    for trainer, fold in runs:
        tree.finish(trainer, fold)
    tree.compare(*((trainer, "nnUNetPlans", fold) for trainer, fold in runs))
    assert printed(tree.write_plan(PLAN), capsys) == []  # without preprocessed cases and maps: nothing needs them


@pytest.mark.parametrize(
    ("checkpoints", "validated", "command"),
    [
        ((), False, TRAIN),
        (("best",), False, f"{TRAIN} --c"),
        (("latest",), False, f"{TRAIN} --c"),
        (("latest",), True, f"{TRAIN} --c"),  # is trained anew
        (("best", "final"), False, f"{TRAIN} --val"),
        (("best", "final"), True, None),
        ((), True, None),  # checkpoints deleted to save space
    ],
)
def test_states_of_a_training(
    tree: ToyTree, jobs_of: JobsOf, checkpoints: tuple[str, ...], validated: bool, command: str | None
) -> None:
    if validated:
        tree.finish(STOCK)
        for file in tree.fold(STOCK).glob("*.pth"):
            file.unlink()
    tree.train(STOCK, *checkpoints)
    if "final" in checkpoints:
        age(tree.fold(STOCK) / "checkpoint_final.pth", seconds=1)
    job = training(jobs_of(PLAN))
    assert job.is_done() == (command is None)
    if command:
        assert " ".join(job.command()) == command


def test_a_validation_of_earlier_weights_or_a_torn_one_is_repeated(tree: ToyTree, jobs_of: JobsOf) -> None:
    job = training(jobs_of(PLAN))
    tree.finish(STOCK)
    summary = tree.fold(STOCK) / "validation" / "summary.json"
    age(summary, seconds=60)
    assert not job.is_done()
    assert job.command()[-1] == "--val"
    for torn in ('{"metric_per_case": [', "{}"):
        summary.write_text(torn)
        assert not job.is_done()
        assert job.command()[-1] == "--val"
    summary.write_text(SUMMARY)
    assert job.is_done()


@pytest.mark.parametrize("lost", ["nnUNetPlans_2d/b.pkl", "gt_segmentations/b.png", "dataset_fingerprint.json"])
def test_a_preprocessing_that_was_interrupted_is_repeated(tree: ToyTree, jobs_of: JobsOf, lost: str) -> None:
    tree.preprocess()
    job = preprocessing(jobs_of(PLAN))
    assert job.is_done()
    (tree.preprocessed / lost).unlink()
    assert not job.is_done()
    assert " ".join(job.command()) == "nnUNetv2_preprocess -d 900 -c 2d -plans_name nnUNetPlans -np 8"


def test_existing_plans_are_kept_and_only_missing_configurations_preprocessed(tree: ToyTree, jobs_of: JobsOf) -> None:
    tree.preprocess("MyPlans", ("2d", "3d_fullres"))
    (tree.preprocessed / "MyPlans_3d_fullres" / "a.pkl").unlink()
    jobs = jobs_of(f"datasets: 900\ntrainers: [{STOCK}: MyPlans]\nconfigurations: [2d, 3d_fullres]")
    command = "nnUNetv2_preprocess -d 900 -c 3d_fullres -plans_name MyPlans -np 8"
    assert " ".join(preprocessing(jobs, "MyPlans").command()) == command


@pytest.mark.parametrize(
    ("plans", "command"),
    [
        ("nnUNetTaichiPlans", "nnunet_taichi plan_and_preprocess"),
        ("nnUNetTaichiPaperPlans", "nnunet_taichi plan_and_preprocess --paper"),
        ("nnUNetResEncUNetLPlans", "nnUNetv2_plan_and_preprocess -pl nnUNetPlannerResEncL"),
    ],
)
def test_plans_are_made_by_their_own_commands(tree: ToyTree, jobs_of: JobsOf, plans: str, command: str) -> None:
    job = preprocessing(jobs_of(PLAN + f"plans: {plans}"), plans)
    assert " ".join(job.command()) == f"{command} -d 900 -c 2d -npfp 8 -np 8"


def test_only_preprocessings_of_one_data_set_exclude_each_other(tree: ToyTree, jobs_of: JobsOf) -> None:
    jobs = jobs_of(PLAN + "plans: [nnUNetPlans, nnUNetTaichiPlans]")
    assert len({job.lock for job in jobs if job.kind == "preprocess"}) == 1
    others = [job.lock for job in jobs if job.kind != "preprocess"]
    assert len(set(others)) == len(others) == 13


def test_trainers_of_one_recipe_share_one_mining(tree: ToyTree, jobs_of: JobsOf) -> None:
    trainers = [STOCK, TAICHI, MODEL7, CONSML, "nnUNetTrainerTaichi_9epochs"]
    jobs = jobs_of(f"datasets: 900\ntrainers: [{', '.join(trainers)}]\nfolds: 0\ndevice: cpu")
    mining, other = (job for job in jobs if job.kind == "mine")
    assert mining.name == f"mine_{DATASET}_{MINER}__nnUNetPlans__2d_fold_0"
    needing = [trainer for trainer in trainers if mining in training(jobs, trainer).needs]
    assert needing == [TAICHI, CONSML]
    assert other in training(jobs, "nnUNetTrainerTaichi_9epochs").needs


def test_maps_are_not_mined_again(tree: ToyTree, jobs_of: JobsOf) -> None:
    jobs = jobs_of(PLAN.replace("[0, 1]", "0"))
    mining = next(job for job in jobs if job.kind == "mine")
    tree.train(MINER, "final")  # trained, but some maps are missing
    assert not mining.is_done()
    tree.mine(MINER)
    assert mining.is_done()


def test_a_miner_that_is_compared_as_well_is_trained_by_one_job_at_a_time(tree: ToyTree, jobs_of: JobsOf) -> None:
    jobs = jobs_of(f"datasets: 900\ntrainers: [{TAICHI}, {MINER}]\nfolds: 0")
    mining = next(job for job in jobs if job.kind == "mine")
    assert training(jobs, MINER) in mining.needs
    assert [job.kind for job in jobs] == ["preprocess", "train", "mine", "train", "compare"]


def test_each_job_comes_after_what_it_needs_and_once(tree: ToyTree, jobs_of: JobsOf) -> None:
    trainers = f"[{TAICHI}: [nnUNetPlans, nnUNetTaichiPlans], {STOCK}, {CONSML}, {MINER}]"
    jobs = jobs_of(f"datasets: 900\ntrainers: {trainers}\nconfigurations: [2d, 3d_fullres]\nfolds: [all, 0, 3]")
    # 2 plans; U-Net++ of 2 plans x 2 configurations x 3 folds; 5 models of as many; 2 comparisons
    assert len(jobs) == 2 + 12 + 30 + 2 == len({job.name for job in jobs})
    for number, job in enumerate(jobs):
        assert set(job.needs) <= set(jobs[:number])
    assert to_do(jobs) == jobs


def test_a_comparison_is_repeated_when_trainings_or_the_plan_change(tree: ToyTree, jobs_of: JobsOf) -> None:
    plan = f"datasets: 900\ntrainers: [{STOCK}, {MODEL7}]\nfolds: 0\n"
    comparison = jobs_of(plan)[-1]
    for trainer in (STOCK, MODEL7):
        tree.finish(trainer)
    assert not comparison.is_done()
    runs = [(STOCK, "nnUNetPlans", 0), (MODEL7, "nnUNetPlans", 0)]
    report = tree.compare(*runs) / "report.html"
    assert comparison.is_done()
    assert jobs_of(plan.replace("folds: 0", "folds: [0]"))[-1].is_done()
    tree.finish(STOCK, fold=1)
    tree.finish(MODEL7, fold=1)
    age(tree.fold(STOCK, 1) / "validation" / "summary.json", 99)
    assert not jobs_of(plan.replace("folds: 0", "folds: [0, 1]"))[-1].is_done()  # another fold, trained before
    assert not jobs_of(plan.replace(f", {MODEL7}", ""))[-1].is_done()  # a trainer less
    tree.compare(*runs, (STOCK, "OtherPlans", 0))  # it compares what there is
    assert comparison.is_done()
    table = report.with_name("per_case.csv")
    age(table, seconds=-1)  # a comparison that was stopped before its page
    assert not comparison.is_done()
    age(table, seconds=2)
    assert comparison.is_done()
    age(report, seconds=60)
    assert not comparison.is_done()
    table.unlink()
    assert not comparison.is_done()


def test_several_gpus_are_for_the_training_alone(tree: ToyTree, jobs_of: JobsOf) -> None:
    plan = PLAN.replace("cpu", "cuda")
    assert "-num_gpus" not in training(jobs_of(plan)).command()
    jobs = jobs_of(plan + "resources: {train: {gpus: 2}}")
    command = training(jobs, TAICHI).command()
    assert ("-num_gpus", "2") in pairwise(command)
    assert not any("-num_gpus" in job.command() for job in jobs if job.kind != "train")


def test_a_job_that_is_not_there_is_answered_with_those_that_are(tree: ToyTree, jobs_of: JobsOf) -> None:
    with pytest.raises(ValueError, match=f"no job x. Its jobs are:\n  preprocess_{DATASET}_nnUNetPlans\n"):
        find_job(jobs_of(PLAN), "x")
