"""Through nnU-Net's own commands, with interruptions."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from host_tree import (
    HostTree,
    check_whole,
    dice,
    epochs,
    epochs_and_stages,
    newest_log,
    read_probabilities,
    read_segmentations,
    wait_for,
)
from mining_tools import miner_epochs
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from PIL import Image
from tiny_dataset import KINDS, draw_eyes, write_preprocessed
from tiny_plans import DATASET

from nnunet_taichi import trainers
from nnunet_taichi.curriculum import stage
from nnunet_taichi.difficulty.storage import MapFolder
from nnunet_taichi.phantoms import write_phantoms

pytestmark = pytest.mark.slow

TAICHI = "nnUNetTrainerTaichi_6epochs_5iterations"
MINER = f"nnUNetTrainerUNetPlusPlusMiner_{miner_epochs(6)}epochs_5iterations"
BUSI = "Dataset001_BUSI"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> HostTree:
    """Phantoms, converted, planned, and preprocessed by commands; then the plan's network is made small."""
    tree = HostTree(tmp_path_factory.mktemp("busi"), BUSI)
    source = write_phantoms(tree.root / "phantoms", benign=14, malignant=8, size=64)
    tree.run("nnunet_taichi", "convert", "busi", source, "-d", 1, "-np", 1)
    tree.run("nnUNetv2_plan_and_preprocess", "-d", 1, "-c", "2d", "-npfp", 1, "-np", 1)
    file = tree.preprocessed / "nnUNetPlans.json"
    plans = json.loads(file.read_text())
    configuration = plans["configurations"]["2d"]
    arguments = configuration["architecture"]["arch_kwargs"]
    arguments["features_per_stage"] = [8, 16, 16, 16, 16, 16][: arguments["n_stages"]]
    configuration["batch_size"] = 2
    file.write_text(json.dumps(plans))
    cases = sorted(path.stem for path in (tree.raw / "labelsTr").glob("*.png"))
    folds = [{"train": cases[i::2], "val": cases[1 - i :: 2]} for i in (0, 1)]
    (tree.preprocessed / "splits_final.json").write_text(json.dumps(folds))
    return tree


@dataclass
class Interruptions:
    """What was seen when a training of fold 0 was killed three times, and went on each time.

    Attributes:
        miner_epochs: of U-Net++, before and after it was killed.
        maps: each map's time of writing when the training was killed, and at the end.
        stages: epochs and stages of TaiChiNet, before and after it was killed.
        last_epoch: of the checkpoint that the last kill left.
    """

    miner_epochs: list[list[int]] = field(default_factory=list)
    maps: list[dict[str, int]] = field(default_factory=list)
    stages: list[list[tuple[int, str]]] = field(default_factory=list)
    last_epoch: int = 0


@pytest.fixture(scope="module")
def fold_0(tree: HostTree) -> Interruptions:
    """Train fold 0: killed in U-Net++, while maps are written, and in the second stage."""
    seen = Interruptions()
    miner, taichi = (tree.model(trainer) / "fold_0" for trainer in (MINER, TAICHI))
    maps = MapFolder(miner / "difficulty", nnUNetDatasetBlosc2)
    train = (1, "2d", 0, "-tr", TAICHI)

    def times() -> dict[str, int]:
        return {file.name: file.stat().st_mtime_ns for file in maps.folder.glob("*.b2nd")}

    def check() -> None:
        check_whole(miner, maps, tree.preprocessed / "nnUNetPlans_2d")
        check_whole(taichi)

    with tree.training(*train) as process:
        wait_for((miner / "checkpoint_latest.pth").is_file, process)
    check()
    seen.miner_epochs.append(epochs(newest_log(miner)))
    with tree.training(*train, "--c") as process:
        wait_for(times, process)
    check()
    seen.miner_epochs.append(epochs(newest_log(miner)))
    seen.maps.append(times())
    with tree.training(*train, "--c") as process:
        wait_for(lambda: "Epoch 3" in newest_log(taichi), process)
    check()
    seen.stages.append(epochs_and_stages(newest_log(taichi)))
    seen.last_epoch = torch.load(taichi / "checkpoint_latest.pth", weights_only=False)["current_epoch"]
    tree.run("nnUNetv2_train", *train, "--c", "--npz", "-device", "cpu")
    check()
    seen.maps.append(times())
    seen.stages.append(epochs_and_stages(newest_log(taichi)))
    return seen


@pytest.fixture(scope="module")
def both_folds(tree: HostTree, fold_0: Interruptions) -> HostTree:
    """Train fold 1 in one go."""
    tree.run("nnUNetv2_train", 1, "2d", 1, "-tr", TAICHI, "-device", "cpu")
    return tree


@pytest.fixture(scope="module")
def predictions(tree: HostTree, fold_0: Interruptions) -> Path:
    """What fold 0 predicts of its validation cases, in a process that sees the results alone."""
    images = tree.root / "images"
    images.mkdir()
    for file in (tree.model(TAICHI) / "fold_0" / "validation").glob("*.png"):
        shutil.copy(tree.raw / "imagesTr" / f"{file.stem}_0000.png", images)
    predict(tree, tree.root / "predictions")
    return tree.root / "predictions"


def predict(tree: HostTree, output: Path, results: Path | None = None, folds: tuple[int, ...] = (0,)) -> None:
    folders = ("-i", tree.root / "images", "-o", output)
    model = ("-d", 1, "-c", "2d", "-tr", TAICHI, "-f", *folds)
    options = ("-npp", 1, "-nps", 1, "-device", "cpu", "--save_probabilities")
    tree.for_prediction(results)("nnUNetv2_predict", *folders, *model, *options)


def test_killed_miner_goes_on(fold_0: Interruptions) -> None:
    before, after = fold_0.miner_epochs
    assert before[0] == 0
    assert after[0] > 0
    assert after[-1] == miner_epochs(6) - 1


def test_killed_mining_goes_on(tree: HostTree, fold_0: Interruptions) -> None:
    killed, finished = fold_0.maps
    assert killed
    assert killed.items() <= finished.items()  # what was there is not written again
    training_cases = json.loads((tree.preprocessed / "splits_final.json").read_text())[0]["train"]
    assert set(finished) == {f"{case}.b2nd" for case in training_cases}


def test_killed_training_goes_on_in_its_stage(fold_0: Interruptions) -> None:
    config = trainers.nnUNetTrainerTaichi.config
    expected = [(epoch, stage(epoch, 6, config).name.lower()) for epoch in range(6)]
    assert {name for _, name in expected} == {"easy", "hard"}
    assert fold_0.last_epoch >= 3
    before, after = fold_0.stages
    assert before[:3] == expected[:3]
    assert after == expected[fold_0.last_epoch :]


def test_training_ends_as_the_hosts_does(tree: HostTree, fold_0: Interruptions) -> None:
    folder = tree.model(TAICHI) / "fold_0"
    assert {"checkpoint_final.pth", "checkpoint_best.pth", "progress.png"} <= {file.name for file in folder.iterdir()}
    assert not (folder / "checkpoint_latest.pth").exists()
    labels = sorted(json.loads((tree.preprocessed / "splits_final.json").read_text())[0]["val"])
    for ending in (".png", ".npz"):
        assert [file.stem for file in sorted((folder / "validation").glob(f"*{ending}"))] == labels
    mean = json.loads((folder / "validation" / "summary.json").read_text())["foreground_mean"]
    assert 0 <= mean["Dice"] <= 1


def test_validation_alone_repeats_itself(tree: HostTree, fold_0: Interruptions) -> None:
    folder = tree.model(TAICHI) / "fold_0" / "validation"
    before = read_probabilities(folder)
    shutil.rmtree(folder)
    tree.run("nnUNetv2_train", 1, "2d", 0, "-tr", TAICHI, "-device", "cpu", "--val", "--npz")
    after = read_probabilities(folder)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert all(image.shape[0] == 2 for image in after.values())
    assert np.std(list(after.values())) > 0


def test_prediction_equals_validation(tree: HostTree, predictions: Path) -> None:
    predicted = read_probabilities(predictions)
    expected = read_probabilities(tree.model(TAICHI) / "fold_0" / "validation")
    assert predicted.keys() == expected.keys()
    for name, probabilities in predicted.items():  # another number of threads rounds otherwise
        np.testing.assert_allclose(probabilities, expected[name], atol=0.02)


def test_exported_model_predicts_the_same(tree: HostTree, predictions: Path, tmp_path: Path) -> None:
    tree.run("nnUNetv2_export_model_to_zip", "-d", 1, "-o", tmp_path / "m.zip", "-c", "2d", "-tr", TAICHI, "-f", 0)
    results = tmp_path / "nnUNet_results"
    results.mkdir()
    tree.for_prediction(results)("nnUNetv2_install_pretrained_model_from_zip", tmp_path / "m.zip")
    predict(tree, tmp_path / "predictions", results)
    expected = {file.name: file.read_bytes() for file in predictions.glob("*.png")}
    assert expected == {file.name: file.read_bytes() for file in (tmp_path / "predictions").glob("*.png")}
    probabilities = read_probabilities(tmp_path / "predictions")
    assert all(np.array_equal(probabilities[name], image) for name, image in read_probabilities(predictions).items())


def test_cross_validation_and_ensemble(both_folds: HostTree, predictions: Path, tmp_path: Path) -> None:
    model = both_folds.model(TAICHI)
    assert epochs_and_stages(newest_log(model / "fold_1"))[0] == (0, "easy")
    both_folds.run(
        *("nnUNetv2_find_best_configuration", 1, "-c", "2d", "-tr", TAICHI, "-f", 0, 1, "-np", 1),
        "--disable_ensembling",
    )
    best = json.loads((both_folds.results / "inference_information.json").read_text())["best_model_or_ensemble"]
    assert best["selected_model_or_models"][0]["trainer"] == TAICHI
    crossvalidated = read_segmentations(model / "crossval_results_folds_0_1")
    assert len(crossvalidated) == len(list((both_folds.raw / "labelsTr").glob("*.png")))
    predict(both_folds, tmp_path, folds=(0, 1))
    assert read_segmentations(tmp_path).keys() == read_segmentations(predictions).keys()


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_process_predicts_labels_and_regions_alike(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both arrive as two heads at the network's static constructor; the plans of the model tell them apart."""
    tree = HostTree(tmp_path, DATASET)
    for name, value in (tree.environment | {"nnUNet_n_proc_DA": "0"}).items():
        monkeypatch.setenv(name, value)
    eyes = draw_eyes()
    folder = write_preprocessed(tree.preprocessed.parent, KINDS[kind], eyes, features=(8, 16, 16))
    plans, dataset_json = (json.loads((folder / f"{name}.json").read_text()) for name in ("nnUNetPlans", "dataset"))
    trainer = trainers.nnUNetTrainerTaichi_3epochs_50iterations_seed0
    trainer(plans, "2d", "all", dataset_json, torch.device("cpu")).run_training()

    (tmp_path / "images").mkdir()
    for case, (image, _) in eyes.items():
        Image.fromarray(image).save(tmp_path / "images" / f"{case}_0000.png")
    folders = ("-i", tmp_path / "images", "-o", tmp_path / "out")
    model = ("-d", 1, "-c", "2d", "-tr", trainer.__name__, "-f", "all")
    tree.for_prediction()("nnUNetv2_predict", *folders, *model, "-npp", 1, "-nps", 1, "-device", "cpu")
    predicted = read_segmentations(tmp_path / "out")
    assert len(predicted) == 4
    for case, (_, label) in eyes.items():
        segmentation = predicted[f"{case}.png"]
        assert set(np.unique(segmentation)) == {0, 1, 2}
        assert dice(segmentation > 0, label > 0) > 0.8
        assert dice(segmentation == 2, label == 2) > 0.8
