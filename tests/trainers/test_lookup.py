"""Every trainer is found by nnU-Net, by its name alone, in a new process."""

import subprocess
import sys
from pathlib import Path

from nnunet_taichi import trainers
from nnunet_taichi.nnunet.runner import isolated_environment

FIND = """
import sys
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
for name in sys.argv[1:]:
    print("found", recursive_find_trainer_class_by_name(name).__name__)
"""
ENDINGS = ("", "_3epochs_2iterations_seed1", "_Paper", "_Paper_2epochs_3iterations_seed1")
NAMES = [base + ending for base in ("nnUNetTrainer", *trainers.__all__) for ending in ENDINGS]
NAMES += [f"{base}_Ultrasound_AdamW_2epochs" for base in ("nnUNetTrainer", "nnUNetTrainerTaichi_Model2")]
NAMES += ["nnUNetTrainerUNetPlusPlusMiner", "nnUNetTrainerUNetPlusPlusMiner_Width50", "nnUNetTrainerFATNet_AdamW"]


def test_host_finds_all_names(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FIND, *NAMES], env=isolated_environment(tmp_path), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("found")] == NAMES


def test_trainers_need_neither_timm_nor_torchvision() -> None:
    """Encoders are borrowed when a network is built: a broken torchvision does not stop nnUNetTrainerTaichi."""
    code = (
        "import sys, nnunet_taichi.trainers; print([name for name in ('timm', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
