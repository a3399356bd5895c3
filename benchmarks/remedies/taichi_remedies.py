"""TaiChiNet with one thing changed each.

nnU-Net finds these trainers once this folder is in nnUNet_extTrainer:

    eval "$(nnunet_taichi env)"
    export nnUNet_extTrainer="$nnUNet_extTrainer:$PWD/benchmarks/remedies"
    nnUNetv2_train 164 2d 4 -tr nnUNetTrainerTaichi_FusedLoss_20epochs_50iterations_seed1 -p nnUNetTaichiSlimPlansSmall

What they are tried for, and what came out: benchmarks/PROTOCOL.md.
"""

from dataclasses import replace
from typing import Any

from nnunet_taichi.config import PUBLISHED
from nnunet_taichi.trainers import nnUNetTrainerTaichi
from nnunet_taichi.trainers.endings import find_recipe

CHANGES: dict[str, dict[str, Any]] = {
    "BothDice": {"background_dice": "both"},  # a
    "LesionDice": {"background_dice": "lesion"},
    "FusedLoss": {"fused_weight": 1.0},  # b
    "Gate": {"attention_gate": True},  # c
    "NormalisedValues": {"attention_values": "normalised"},
    "NoAttention": {"attention": False},
    "ScaledAttention": {"attention_scale": "sqrt_positions"},
    "ScaledGate": {"attention_scale": "sqrt_positions", "attention_gate": True},
    "Whole": {"easy_to_hard": False},  # d
    "Literal": {"difficulty_terms": "literal"},
    "Warmup10": {"warmup_fraction": 0.1},
    "Warmup50": {"warmup_fraction": 0.5},  # h as well: the complementary loss comes later
    "HalfDifficulty": {"difficulty_weight": 0.5},
    "WeakComplementary": {"complementary_weight": 0.1},  # h
    "NoComplementary": {"complementary_loss": False},
    "BackgroundFollows": {"complementary_learner": "background"},
    "OwnValues": {"attention_values": "own"},
    "Float32": {"cpu_bf16": False},  # no remedy: stock trains in float32 on a CPU
}


def _make(name: str, changes: dict[str, Any]) -> type[Any]:
    members = {"config": replace(PUBLISHED, **changes), "is_frozen": True, "__module__": __name__}
    return type(f"{nnUNetTrainerTaichi.__name__}_{name}", (nnUNetTrainerTaichi,), members)


_BASES = {trainer.__name__: trainer for trainer in (_make(*item) for item in CHANGES.items())}


def __getattr__(name: str) -> type[Any]:
    trainer = find_recipe(name, _BASES.get)
    if trainer is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return trainer
