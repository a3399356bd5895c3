"""A whole benchmark on phantoms through nnU-Net's own commands, killed in the middle of a training."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnunet_taichi.commands.demo import SETTINGS
from nnunet_taichi.nnunet.runner import CommandRunner, isolated_environment
from nnunet_taichi.phantoms import write_phantoms

STOCK, TAICHI = "nnUNetTrainer_1epochs_2iterations", "nnUNetTrainerTaichi_2epochs_2iterations"
MINER = "nnUNetTrainerUNetPlusPlusMiner_1epochs_2iterations"
PLAN = f"""
datasets: [900]
trainers: [{STOCK}, {TAICHI}]
folds: [0]
device: cpu
resources: {{preprocess: {{cpus: 1}}, compare: {{cpus: 1}}}}
"""
PATIENCE_SECONDS = 600


def living(root: Path) -> list[str]:
    """List the processes whose environment names a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(root).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:  # another user's, or it has just ended
            continue
    return found


def wait_for_file(file: Path, process: subprocess.Popen) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise TimeoutError(f"the benchmark ended (exit code {process.returncode}) or takes too long")
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_a_killed_benchmark_goes_on_where_it_was(tmp_path: Path) -> None:
    environment = isolated_environment(tmp_path) | SETTINGS
    source = write_phantoms(tmp_path / "phantoms", benign=4, malignant=4, normal=2, size=64, seed=0)
    convert = ["convert", "busi", source, "-d", 900, "-n", "Phantoms", "--with-normal", "-np", 1]
    CommandRunner(environment, tmp_path / "logs")("nnunet_taichi", *convert)
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    benchmark = [sys.executable, "-m", "nnunet_taichi.cli", "benchmark", str(plan)]
    models = tmp_path / "nnUNet_results" / "Dataset900_Phantoms"

    def left() -> list[str]:
        out = subprocess.run([*benchmark, "--print"], env=environment, capture_output=True, text=True, check=True)
        return out.stdout.splitlines()

    with (tmp_path / "killed.log").open("wb") as log:
        process = subprocess.Popen(benchmark, env=environment, stdout=log, stderr=log, start_new_session=True)
        wait_for_file(models / f"{TAICHI}__nnUNetPlans__2d" / "fold_0" / "checkpoint_best.pth", process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    end = time.monotonic() + PATIENCE_SECONDS
    while living(tmp_path):
        assert time.monotonic() < end, living(tmp_path)
        time.sleep(0.1)

    train, compare = left()
    assert train == f"nnUNetv2_train 900 2d 0 -tr {TAICHI} -p nnUNetPlans -device cpu --c"
    assert compare.startswith("nnunet_taichi compare -d 900 -c 2d -f 0 ")
    subprocess.run(benchmark, env=environment, check=True)
    assert left() == []
    assert (tmp_path / "plan_output" / "Dataset900_Phantoms_2d" / "report.html").is_file()
    for trainer, epochs in ((STOCK, ["0"]), (MINER, ["0"]), (TAICHI, ["0", "1"])):
        logs = sorted((models / f"{trainer}__nnUNetPlans__2d" / "fold_0").glob("training_log_*.txt"))
        text = "".join(log.read_text() for log in logs)
        assert re.findall(r"Epoch (\d+)\s*$", text, re.MULTILINE) == epochs  # none was trained twice
    jobs = (tmp_path / "plan_output" / "jobs").glob("*.log")
    commands = [line for log in jobs for line in log.read_text().splitlines() if line.startswith("$ ")]
    assert len(commands) == 6  # five jobs, and one of them in two parts
