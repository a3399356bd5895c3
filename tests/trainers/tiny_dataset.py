"""A preprocessed data set of phantoms, small enough to train on between two breaths."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from PIL import Image
from scipy.ndimage import binary_erosion
from tiny_plans import DATASET, make_dataset_json, make_plans

from nnunet_taichi.phantoms import phantom

SIZE = 32
NUM_CASES, NUM_VALIDATION = 12, 4
CASES = [f"case_{i:02d}" for i in range(NUM_CASES)]
SPLITS = [{"train": [c for c in CASES if c not in CASES[i : i + 4]], "val": CASES[i : i + 4]} for i in (0, 4, 8)]
FEATURES = (4, 8, 8, 8, 8)  # five stages, so that U-Net++ has four depths
KINDS = {
    "labels": {"background": 0, "rim": 1, "core": 2},
    "regions": {"background": 0, "lesion": [1, 2], "core": 2},
}


def write_preprocessed(root: Path, labels: dict[str, Any]) -> Path:
    """Draw, and preprocess by the host's own preprocessor, a lesion with a core; return the data set's folder.

    Args:
        root: becomes nnUNet_preprocessed.
        labels: as in dataset.json.
    """
    folder = root / DATASET
    images = folder / "tiny"
    images.mkdir(parents=True)
    plans, dataset_json = make_plans(patch=SIZE, features=FEATURES), make_dataset_json(labels)
    plans_manager = PlansManager(deepcopy(plans))
    rng = np.random.default_rng(0)
    for case in CASES:
        image, lesion = phantom(rng, SIZE)
        files = folder / f"{case}_0000.png", folder / f"{case}.png"
        Image.fromarray(image).save(files[0])
        Image.fromarray(lesion.astype(np.uint8) + binary_erosion(lesion)).save(files[1])
        DefaultPreprocessor(verbose=False).run_case_save(
            str(images / case),
            [str(files[0])],
            str(files[1]),
            plans_manager,
            plans_manager.get_configuration("2d"),
            dataset_json,
        )
    for name, content in (
        ("nnUNetPlans", plans),
        ("dataset", dataset_json),
        ("dataset_fingerprint", {}),
        ("splits_final", SPLITS),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder
