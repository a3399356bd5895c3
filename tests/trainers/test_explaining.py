"""`nnunet_taichi explain` on tiny models, against the host's own prediction."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from PIL import Image
from sklearn.metrics import roc_auc_score
from tiny_dataset import CASES, draw_lesions
from tiny_plans import DATASET, make_dataset_json, make_plans

from nnunet_taichi import trainers
from nnunet_taichi.cli import main
from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.difficulty.coding import encode_difficulty
from nnunet_taichi.difficulty.storage import MapFolder
from nnunet_taichi.explanation import writing
from nnunet_taichi.explanation.cases import CaseFiles
from nnunet_taichi.explanation.features import Features, deepest_features, mean_features, strongest_channels
from nnunet_taichi.explanation.training_maps import difficulty_figure, find_maps
from nnunet_taichi.explanation.two_paths import TwoPathModel
from nnunet_taichi.trainers.model_record import CONFIG_KEY

CPU = torch.device("cpu")
BOTH = pytest.mark.parametrize("dataset", ["labels", "regions"], indirect=True)
VALIDATED = CASES[:2]
HEADS = {"labels": {"rim": [1], "core": [2]}, "regions": {"lesion": [1, 2], "core": [2]}}


@pytest.fixture
def raw(host_folders):
    """The raw data set of the preprocessed one."""
    folder = host_folders / "nnUNet_raw" / DATASET
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for case, (image, label) in draw_lesions().items():
        Image.fromarray(image).save(folder / "imagesTr" / f"{case}_0000.png")
        Image.fromarray(label).save(folder / "labelsTr" / f"{case}.png")
    return folder


@pytest.fixture
def save_model(start_trainer, raw):
    """Save a model as the end of a training does, with weights of which the paths disagree; return its folder."""

    def save(trainer_class=trainers.nnUNetTrainerTaichi):
        trainer = start_trainer(trainer_class)
        trainer.initialize()
        trainer.inference_allowed_mirroring_axes = (1,)
        trainer.save_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")
        folder = Path(trainer.output_folder_base)
        (folder / "plans.json").write_text(json.dumps(trainer.plans_manager.plans))
        (folder / "dataset.json").write_text(json.dumps(trainer.dataset_json))
        (folder / "fold_0" / "validation").mkdir()
        validated = [{"prediction_file": f"/moved/since/{case}.png", "metrics": {}} for case in VALIDATED]
        summary = {"metric_per_case": validated}
        (folder / "fold_0" / "validation" / "summary.json").write_text(json.dumps(summary))
        return folder

    return save


def case_files(raw, case):
    return CaseFiles(case, [str(raw / "imagesTr" / f"{case}_0000.png")], str(raw / "labelsTr" / f"{case}.png"))


def host_prediction(folder, images):
    """Segmentation and probabilities of a case, by the host alone."""
    predictor = nnUNetPredictor(device=CPU, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(folder), (0,), "checkpoint_final.pth")
    image, properties = predictor.plans_manager.image_reader_writer_class().read_images(images)
    return predictor.predict_single_npy_array(image, properties, None, None, True)


def run_explain(*words):
    return main(["explain", "-d", "1", "-c", "2d", "-f", "0", "-device", "cpu", *map(str, words)])


@BOTH
@pytest.mark.parametrize("output", OUTPUTS)
def test_each_output_is_what_the_host_predicts_with_it(save_model, raw, request, output):
    folder, labels = save_model(), HEADS[request.node.callspec.params["dataset"]]
    model = TwoPathModel(folder, "0", "checkpoint_final.pth", CPU)
    files = case_files(raw, "case_03")
    case = model.predict(files)
    plans = json.loads((folder / "plans.json").read_text())
    plans[CONFIG_KEY]["prediction"] = output
    (folder / "plans.json").write_text(json.dumps(plans))
    segmentation, probabilities = host_prediction(folder, files.images)
    assert case.heads == tuple(labels)
    assert len(np.unique(segmentation)) > 1
    assert np.array_equal(case.masks[output], [np.isin(segmentation, values) for values in labels.values()])
    assert case.probabilities[output] == pytest.approx(probabilities[-2:], abs=1e-3)
    label = np.asarray(Image.open(raw / "labelsTr" / "case_03.png"))[None]
    assert np.array_equal(case.truth, [np.isin(label, values) for values in labels.values()])


@pytest.mark.parametrize("trainer", [trainers.nnUNetTrainerTaichi, trainers.nnUNetTrainerTaichi_Model5])
def test_features_are_what_the_network_itself_computes(save_model, raw, trainer):
    model = TwoPathModel(save_model(trainer), "0", "checkpoint_final.pth", CPU)
    case = model.predict(case_files(raw, "case_00"))
    seen = {}
    network = model.network.eval()
    network.cpu_bf16 = False
    for name in ("negative.encoder", "positive.encoder", *(["attention"] if network.attention else [])):
        network.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.update(
                {name: list(output)}
            )  # the network changes the encoders' lists
        )
    with torch.no_grad():
        network(torch.from_numpy(case.preprocessed[:, 0])[None])
    before = {"lesion": seen["positive.encoder"][-1], "background": seen["negative.encoder"][-1]}
    expected = {path: {"before": maps} for path, maps in before.items()}
    if network.attention:
        expected["background"]["after"], expected["lesion"]["after"] = seen["attention"]
    found = deepest_features(model, case).maps
    assert {path: list(moments) for path, moments in found.items()} == {path: list(m) for path, m in expected.items()}
    for path, moments in expected.items():
        for moment, maps in moments.items():
            torch.testing.assert_close(found[path][moment][:, 0], maps[0])


def test_the_strongest_channels_are_chosen_after_attention():
    before, after = torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0.0, 5.0, 4.0])
    maps = {"lesion": {"before": before, "after": after}, "background": {"before": before}}
    maps = {path: {name: value.view(3, 1, 1, 1) for name, value in moments.items()} for path, moments in maps.items()}
    assert strongest_channels(Features(maps, (1, 1, 1), ()), 2) == {"lesion": [1, 2], "background": [0, 1]}


@BOTH
def test_the_command_writes_scores_and_pictures(save_model, raw, request, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(writing, "DPI", 30)
    folder = save_model()
    assert run_explain("-o", tmp_path / "out") == 0
    explanation = json.loads((tmp_path / "out" / "explanation.json").read_text())
    table = pd.read_csv(tmp_path / "out" / "explanation.csv")
    labels = HEADS[request.node.callspec.params["dataset"]]
    assert table[["case", "label"]].values.tolist() == [[case, head] for case in VALIDATED for head in labels]
    assert {case["case"] for case in explanation["cases"]} == set(VALIDATED)
    files = [case["picture"] for case in explanation["cases"]] + [figure["file"] for figure in explanation["figures"]]
    assert all(Image.open(tmp_path / "out" / file).size[0] > 200 for file in files)
    assert explanation["notes"] == ["Easy and hard regions are left out: no maps of them are on record for this fold."]

    model = TwoPathModel(folder, "0", "checkpoint_final.pth", CPU)
    errors, scores, dice = [], [], []
    for case in VALIDATED:  # once more, with other tools
        files = case_files(raw, case)
        segmentation, _ = host_prediction(folder, files.images)
        label = np.asarray(Image.open(raw / "labelsTr" / f"{case}.png"))[None]
        predicted = model.predict(files)
        for head, values in enumerate(labels.values()):
            found, truth = np.isin(segmentation, values), np.isin(label, values)
            errors.append(found != truth)
            scores.append(np.abs(predicted.probabilities["lesion"] - predicted.probabilities["background"])[head])
            dice.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    assert table["fused_dice"].tolist() == pytest.approx(dice)
    assert explanation["outputs"]["fused"]["dice_mean"] == pytest.approx(np.mean(dice))
    assert explanation["auroc"]["pixels"] == pytest.approx(roc_auc_score(np.ravel(errors), np.ravel(scores)), abs=1e-3)
    each = [roc_auc_score(e.ravel(), s.ravel()) for e, s in zip(errors, scores, strict=True)]
    assert table["auroc"].tolist() == pytest.approx(each)
    assert explanation["auroc"]["per_case_mean"] == pytest.approx(np.mean(each))
    assert f"{np.mean(dice):.3f}" in capsys.readouterr().out


def test_named_cases_are_drawn_and_training_cases_warned_of(save_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(writing, "DPI", 30)
    save_model(trainers.nnUNetTrainerTaichi_Model2)
    assert run_explain("-tr", "nnUNetTrainerTaichi_Model2", "-o", tmp_path / "out", "case_01", "case_07") == 0
    explanation = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert [case["case"] for case in explanation["cases"]] == ["case_01", "case_07"]
    assert "no attention" in explanation["notes"][0]
    assert "may have been trained on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("trainer", "words", "expected"),
    [
        (trainers.nnUNetTrainerTaichi_Model1, [], "no background path that could disagree"),
        (trainers.nnUNetTrainerUNet, [], "has no two paths to compare"),
        (trainers.nnUNetTrainerTaichi, ["-chk", "checkpoint_best.pth"], "choose another checkpoint by -chk"),
        (
            trainers.nnUNetTrainerTaichi,
            ["case_99"],
            "has no training case case_99; its cases have names such as case_00",
        ),
    ],
)
def test_what_cannot_be_explained_is_one_line(save_model, capsys, trainer, words, expected):
    folder = save_model(trainer)
    assert run_explain("-tr", trainer.__name__, *words) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert expected in error
    assert not (folder / "fold_0" / "explanation").exists()


def test_a_fold_without_validation_asks_for_cases(save_model, capsys):
    (save_model() / "fold_0" / "validation" / "summary.json").unlink()
    assert run_explain() == 1
    assert "name the cases to explain" in capsys.readouterr().err


@BOTH
def test_easy_and_hard_regions_are_those_of_the_maps(save_model, dataset, raw):
    folder = save_model()
    model = TwoPathModel(folder, "0", "checkpoint_final.pth", CPU)
    maps = folder.parent / "nnUNetTrainerUNetPlusPlus__nnUNetPlans__2d" / "fold_0" / "difficulty"
    maps.mkdir(parents=True)
    assert find_maps(folder / "fold_0") is None
    cases = CASES[4:6]
    for number, case in enumerate(cases):
        easy, hard = np.zeros((2, 2, 1, 32, 32), bool)
        easy[0, 0, 10], hard[0, 0, 11 : 12 + number] = True, True
        MapFolder(maps, nnUNetDatasetBlosc2).save(case, encode_difficulty(easy, hard))
    (maps / "difficulty.json").write_text("{}")
    recorded = Path("/elsewhere", *maps.parts[-3:])
    (folder / "fold_0" / "debug.json").write_text(json.dumps({"difficulty_folder": str(recorded)}))
    assert find_maps(folder / "fold_0") == maps
    figure = difficulty_figure(maps, dataset / "tiny", model)
    first_head = figure.subfigs[0].axes
    assert [ax.get_title() for ax in first_head[:2]] == cases[::-1]  # the most of hard first
    labels = [np.asarray(Image.open(raw / "labelsTr" / f"{case}.png")) for case in cases[::-1]]
    heads = next(iter(HEADS["regions" if model.labels.has_regions else "labels"].values()))
    sizes = [np.isin(label, heads).sum() for label in labels]
    shown = [ax.get_xlabel() for ax in first_head[2:]]
    assert shown == [
        f"{100 * 32 * n / size:.0f}%" for row in ((1, 1), (2, 1)) for n, size in zip(row, sizes, strict=True)
    ]


@pytest.fixture
def volume_model(host_folders, make_trainer):
    """A 3D model whose plan turns the axes, and a volume with an empty margin and long voxels."""
    plans = make_plans(dim=3, patch=16) | {"image_reader_writer": "SimpleITKIO", "transpose_forward": [2, 0, 1]}
    plans |= {"transpose_backward": [1, 2, 0]}
    dataset_json = make_dataset_json({"background": 0, "lesion": 1}) | {"file_ending": ".nii.gz"}
    trainer = make_trainer(trainers.nnUNetTrainerTaichi_Model7, plans, dataset_json)
    trainer.initialize()
    trainer.save_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")
    folder = Path(trainer.output_folder_base)
    (folder / "plans.json").write_text(json.dumps(trainer.plans_manager.plans))
    (folder / "dataset.json").write_text(json.dumps(dataset_json))
    rng = np.random.default_rng(0)
    image, label = np.zeros((12, 20, 24), np.float32), np.zeros((12, 20, 24), np.uint8)
    image[1:-1, 2:-4, 3:-3] = rng.normal(10, 1, (10, 14, 18))
    label[4:7, 5:9, 5:12] = 1
    for name, array in (("image_0000", image), ("label", label)):
        volume = SimpleITK.GetImageFromArray(array)
        volume.SetSpacing((1.0, 1.0, 2.0))
        SimpleITK.WriteImage(volume, str(host_folders / f"{name}.nii.gz"))
    return folder, CaseFiles("volume", [str(host_folders / "image_0000.nii.gz")], str(host_folders / "label.nii.gz"))


def test_volumes_are_explained_in_the_geometry_of_their_files(volume_model):
    folder, files = volume_model
    model = TwoPathModel(folder, "0", "checkpoint_final.pth", CPU)
    case = model.predict(files)
    segmentation, probabilities = host_prediction(folder, files.images)
    assert np.array_equal(case.masks["fused"][0], segmentation == 1)
    assert case.probabilities["fused"] == pytest.approx(probabilities[1:], abs=1e-3)
    assert case.spacing == (2, 1, 1)

    features = deepest_features(model, case)
    assert features.padded == (20, 20, 16)  # x, z and y of 18 pixels, 10 slices of double length and 14 pixels
    coarse = torch.zeros(1, *features.maps["lesion"]["before"].shape[1:])
    coarse[..., 0] = 1  # the smallest y
    features = replace(features, maps={"lesion": {"before": coarse}})
    found = mean_features(model, case, features)["lesion"]["before"][0]
    seen = np.zeros(found.shape, bool)
    seen[1:-1, 2:-4, 3:-3] = True
    assert np.array_equal(~np.isnan(found), seen)
    along_y = found[1:-1, 2:-4, 3:-3].mean((0, 2))
    assert along_y[0] == 1
    assert along_y[-1] == 0
    assert (np.diff(along_y) <= 1e-6).all()
