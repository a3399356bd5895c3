"""Our plans, the paper's protocol and the networks to compare with, through nnU-Net's own commands."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from host_tree import HostTree, epochs, newest_log, read_segmentations

from nnunet_taichi.phantoms import write_phantoms

pytestmark = pytest.mark.slow

PAPER, TAICHI = "nnUNetTaichiPaperPlans", "nnUNetTaichiPlans"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> HostTree:
    """Phantoms of the paper's size, planned in both ways; then the networks are made small."""
    tree = HostTree(tmp_path_factory.mktemp("plans"), "Dataset001_BUSI")
    source = write_phantoms(tree.root / "phantoms", benign=6, malignant=4, size=64)
    tree.run("nnunet_taichi", "convert", "busi", source, "-d", 1, "-np", 1, "--resize", 224)
    for options in (("--paper",), ()):
        tree.run("nnunet_taichi", "plan_and_preprocess", "-d", 1, "-c", "2d", "-npfp", 1, "-np", 1, *options)
    for name in (PAPER, TAICHI):
        shrink(tree.preprocessed / f"{name}.json")
    return tree


def shrink(file: Path) -> None:
    plans: dict[str, Any] = json.loads(file.read_text())
    configuration = plans["configurations"]["2d"]
    arguments = configuration["architecture"]["arch_kwargs"]
    arguments["features_per_stage"] = [4] * arguments["n_stages"]
    configuration["batch_size"] = 2
    file.write_text(json.dumps(plans))


@pytest.mark.parametrize(
    ("trainer", "plans"),
    [
        ("nnUNetTrainerTaichi_Paper_2epochs_2iterations", PAPER),
        ("nnUNetTrainer_Paper_1epochs", PAPER),
        ("nnUNetTrainerFATNet_Paper_1epochs_1iterations", PAPER),
        ("nnUNetTrainerRFNet_1epochs_1iterations", TAICHI),
    ],
)
def test_train_and_predict(tree: HostTree, tmp_path: Path, trainer: str, plans: str) -> None:
    tree.run("nnUNetv2_train", 1, "2d", 0, "-tr", trainer, "-p", plans, "-device", "cpu")
    folder = tree.results / f"{trainer}__{plans}__2d" / "fold_0"
    assert epochs(newest_log(folder)) == list(range(2 if "_2epochs" in trainer else 1))
    summary = json.loads((folder / "validation" / "summary.json").read_text())
    assert len(summary["metric_per_case"]) == 2
    which = ("-d", 1, "-c", "2d", "-f", 0, "-tr", trainer, "-p", plans, "-device", "cpu", "-npp", 1, "-nps", 1)
    images = tmp_path / "images"
    images.mkdir()
    for image in sorted((tree.raw / "imagesTr").iterdir())[:2]:
        shutil.copy(image, images)
    tree.for_prediction()("nnUNetv2_predict", "-i", images, "-o", tmp_path / "predictions", *which)
    predictions = read_segmentations(tmp_path / "predictions")
    assert len(predictions) == 2
    assert {mask.shape for mask in predictions.values()} == {(224, 224)}


def test_the_miner_is_the_protocols_own(tree: HostTree) -> None:
    miner = "nnUNetTrainerUNetPlusPlus_Paper_1epochs_2iterations"
    assert len(list((tree.results / f"{miner}__{PAPER}__2d" / "fold_0" / "difficulty").glob("*.b2nd"))) == 8
