"""The same jobs through Snakemake: its graph, its markers, and that it never touches half-finished trainings."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec

import pytest
import yaml
from toy_tree import DATASET, SUMMARY, ToyTree

from nnunet_taichi.cli import main
from nnunet_taichi.matrix import snakemake
from nnunet_taichi.matrix.jobs import Job
from nnunet_taichi.matrix.snakemake import Workflow, set_markers

STOCK, TAICHI = "nnUNetTrainer_1epochs", "nnUNetTrainerTaichi_2epochs"
MINER = "nnUNetTrainerUNetPlusPlusMiner_1epochs"
PLAN = f"datasets: 900\ntrainers: [{STOCK}, {TAICHI}]\nfolds: 0\n"
NAMES = {
    f"preprocess_{DATASET}_nnUNetPlans",
    f"train_{DATASET}_{STOCK}__nnUNetPlans__2d_fold_0",
    f"mine_{DATASET}_{MINER}__nnUNetPlans__2d_fold_0",
    f"train_{DATASET}_{TAICHI}__nnUNetPlans__2d_fold_0",
    f"compare_{DATASET}_2d",
}

with_snakemake = pytest.mark.skipif(not find_spec("snakemake"), reason='needs Snakemake: pip install ".[benchmark]"')

# in the place of nnUNetv2_train: the stock trainer is broken off at first, in the middle of its training
TRAIN = """#!{python}
import os, pathlib, sys
trainer, flags = sys.argv[sys.argv.index("-tr") + 1], sys.argv[sys.argv.index("-device") + 2 :]
folder = pathlib.Path(os.environ["nnUNet_results"], "{dataset}", f"{{trainer}}__nnUNetPlans__2d", "fold_0")
folder.mkdir(parents=True, exist_ok=True)
print("flags:", *flags)
if trainer == "{stock}" and not flags:
    (folder / "checkpoint_latest.pth").write_text("half of it")
    sys.exit("broken off")
if flags:
    assert flags == ["--c"] and (folder / "checkpoint_latest.pth").read_text() == "half of it"
    (folder / "checkpoint_latest.pth").unlink()
(folder / "checkpoint_final.pth").touch()
(folder / "validation").mkdir()
(folder / "validation" / "summary.json").write_text({summary!r})
"""


def test_without_snakemake_it_says_what_to_install(
    tree: ToyTree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "snakemake.cli", None)
    assert main(["benchmark", str(tree.write_plan(PLAN)), "--snakemake", "-n"]) == 1
    assert 'error: Snakemake 8 or later is not installed: pip install ".[benchmark]"' in capsys.readouterr().err


def test_markers_say_what_the_files_of_nnunet_say(tree: ToyTree, jobs_of: Callable[[str], list[Job]]) -> None:
    jobs, folder = jobs_of(PLAN), tree.root / "jobs"
    set_markers(jobs, folder)
    assert list(folder.iterdir()) == []
    tree.preprocess()
    tree.finish(STOCK)
    (folder / f"compare_{DATASET}_2d.done").touch()  # of an earlier plan
    set_markers(jobs, folder)
    assert {path.stem for path in folder.iterdir()} == {
        f"preprocess_{DATASET}_nnUNetPlans",
        f"train_{DATASET}_{STOCK}__nnUNetPlans__2d_fold_0",
    }


def test_resources_are_in_snakemakes_units(tree: ToyTree) -> None:
    plan = tree.write_plan(PLAN + "resources: {train: {memory_gb: 7.5, hours: 1.5, cpus: 3, gpus: 2}}")
    resources = Workflow(str(plan)).resources
    assert list(resources) == ["preprocess", "mine", "train", "compare"]
    assert resources["train"] == {"cpus": 3, "gpu": 2, "mem_mb": 7500, "runtime": 90}
    assert resources["compare"]["gpu"] == 0


def test_the_slurm_profile_is_found_beside_the_snakefile() -> None:
    profile = snakemake.SNAKEFILE.parent / "profiles" / "slurm" / "config.yaml"
    assert yaml.safe_load(profile.read_text())["executor"] == "slurm"


@with_snakemake
def test_a_dry_run_plans_the_same_jobs(tree: ToyTree) -> None:
    tree.preprocess()
    plan = tree.write_plan(PLAN + "output: 'a folder: with a colon'\nresources: {mine: {hours: 2}}")
    command = [sys.executable, "-m", "nnunet_taichi.cli", "benchmark", str(plan), "--snakemake", "-n"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    outputs = re.findall(r"output: (\S+)\.done", out)
    assert set(outputs) == NAMES - {f"preprocess_{DATASET}_nnUNetPlans"}
    mine = next(block for block in out.split("\n\n") if f"output: mine_{DATASET}" in block)
    mine = mine[mine.index(f"output: mine_{DATASET}") :]
    assert "gpu=1, runtime=120, mem_mb=32000" in mine
    taichi = re.search(rf"input: (.*)\n.*output: train_{DATASET}_{TAICHI}", out)
    assert taichi
    assert f"mine_{DATASET}_{MINER}__nnUNetPlans__2d_fold_0.done" in taichi[1]


@pytest.mark.slow
@with_snakemake
@pytest.mark.skipif(os.name != "posix", reason="scripts of POSIX")
def test_a_training_that_broke_off_is_kept_and_goes_on(tree: ToyTree) -> None:
    tree.preprocess()
    model7 = "nnUNetTrainerTaichi_Model7_1epochs"
    plan = tree.write_plan(f"datasets: 900\ntrainers: [{STOCK}, {model7}]\nfolds: 0\ndevice: cpu\n")
    python = tree.root / "bin" / "python"  # commands are looked for beside it
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    (python.parent / "nnUNetv2_train").write_text(
        TRAIN.format(summary=SUMMARY, python=python, dataset=DATASET, stock=STOCK)
    )
    (python.parent / "nnUNetv2_train").chmod(0o755)
    paths = [*sys.path, sysconfig.get_path("purelib")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    run = [str(python), "-m", "nnunet_taichi.cli", "benchmark", str(plan), "--snakemake", "--cores", "1"]

    first = subprocess.run(run, env=environment, capture_output=True, text=True)
    assert first.returncode == 1
    assert (tree.fold(STOCK) / "checkpoint_latest.pth").read_text() == "half of it"
    assert (tree.fold(model7) / "checkpoint_final.pth").is_file()  # the other training went on
    assert "--job train" in first.stderr
    assert "--job compare" not in first.stderr

    subprocess.run([*run, "--until", "train"], env=environment, check=True)  # there is nothing to compare
    logs = {path.stem: path.read_text() for path in (tree.root / "plan_output" / "jobs").glob("train_*.log")}
    stock, other = (logs[f"train_{DATASET}_{trainer}__nnUNetPlans__2d_fold_0"] for trainer in (STOCK, model7))
    assert re.findall("flags: ?(.*)", stock) == ["", "--c"]
    assert re.findall("flags: ?(.*)", other) == [""]
