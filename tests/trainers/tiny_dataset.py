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
CASES = [f"case_{i:02d}" for i in range(12)]
SPLITS = [{"train": [c for c in CASES if c not in CASES[i : i + 4]], "val": CASES[i : i + 4]} for i in (0, 4, 8)]
FEATURES = (4, 8, 8, 8, 8)  # five stages, so that U-Net++ has four depths
KINDS = {
    "labels": {"background": 0, "rim": 1, "core": 2},
    "regions": {"background": 0, "lesion": [1, 2], "core": 2},
}

Picture = tuple[np.ndarray, np.ndarray]  # image and label map, (H, W), uint8


def draw_lesions() -> dict[str, Picture]:
    """Draw phantoms whose lesions have a rim and a core."""
    rng = np.random.default_rng(0)
    pictures = {case: phantom(rng, SIZE) for case in CASES}
    return {case: (image, mask.astype(np.uint8) + binary_erosion(mask)) for case, (image, mask) in pictures.items()}


def draw_eyes() -> dict[str, Picture]:
    """Draw discs with a brighter cup, the disc's rim labelled 1 and the cup 2."""
    rng = np.random.default_rng(0)
    pictures = {}
    for number in range(4):
        centre, radius = rng.uniform(11, 21, 2), rng.uniform(7, 10)
        distance = np.hypot(*(np.mgrid[:32, :32] - centre[:, None, None]))
        label = (distance < radius).astype(np.uint8) + (distance < 0.55 * radius)
        image = 60 + 60 * label + rng.normal(0, 12, label.shape)
        pictures[f"eye_{number}"] = image.clip(0, 255).astype(np.uint8), label
    return pictures


def write_preprocessed(
    root: Path, labels: dict[str, Any], pictures: dict[str, Picture], features: tuple[int, ...] = FEATURES
) -> Path:
    """Preprocess pictures by the host's own preprocessor, and return the data set's folder.

    Args:
        root: becomes nnUNet_preprocessed.
        labels: as in dataset.json.
        pictures: by case.
        features: of each stage of the plan's U-Net.
    """
    folder = root / DATASET
    preprocessed = folder / "tiny"
    preprocessed.mkdir(parents=True)
    plans, dataset_json = make_plans(patch=SIZE, features=features), make_dataset_json(labels)
    plans_manager = PlansManager(deepcopy(plans))
    for case, (image, label) in pictures.items():
        Image.fromarray(image).save(folder / f"{case}_0000.png")
        Image.fromarray(label).save(folder / f"{case}.png")
        DefaultPreprocessor(verbose=False).run_case_save(
            str(preprocessed / case),
            [str(folder / f"{case}_0000.png")],
            str(folder / f"{case}.png"),
            plans_manager,
            plans_manager.get_configuration("2d"),
            dataset_json,
        )
    contents = {"nnUNetPlans": plans, "dataset": dataset_json, "dataset_fingerprint": {}, "splits_final": SPLITS}
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder
