"""Scores of files, against what nnU-Net counts and against hand-made cases."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from nnunetv2.evaluation.evaluate_predictions import load_summary_json
from PIL import Image
from results_tree import LESION, ResultsTree, write_image, write_json

from nnunet_taichi.evaluation.checks import check_runs
from nnunet_taichi.evaluation.predictions import ComparisonError
from nnunet_taichi.evaluation.runs import find_runs, folder_runs
from nnunet_taichi.evaluation.scoring import CASE_COLUMNS, read_masks, score, units

REGIONS = {"background": 0, "disc": [1, 2], "cup": 2}
IGNORE = {"background": 0, "rim": 1, "core": 2, "ignore": 3}
IGNORE_REGIONS = {"background": 0, "lesion": [1, 2], "core": 2, "ignore": 3}
TRAINER = "nnUNetTrainer"


def make_tree(tmp_path, monkeypatch, labels=LESION, **keywords):
    tree = ResultsTree(tmp_path, labels, **keywords)
    tree.use(monkeypatch)
    tree.add_run(TRAINER, shift=3, false_alarms=True)
    return tree


@pytest.fixture
def tree(tmp_path, monkeypatch):
    return make_tree(tmp_path, monkeypatch)


def find(folds=("0", "1"), trainers=(TRAINER,)):
    return find_runs(901, "2d", folds, trainers, ["nnUNetPlans"])


def given(root, truth, prediction, *, ending=".png", labels=LESION, spacing=None):
    """Write a single case as a folder given by hand."""
    write_image(root / "labels" / f"case{ending}", truth, spacing)
    write_image(root / "predictions" / f"case{ending}", prediction, spacing)
    write_json(root / "predictions" / "dataset.json", {"labels": labels, "file_ending": ending})
    return folder_runs([("trainer", root / "predictions")], root / "labels")


def problems(runs):
    with pytest.raises(ComparisonError) as caught:
        score(runs, 1)
    return caught.value.problems


@pytest.mark.parametrize(
    ("labels", "keywords"),
    [
        (LESION, {}),
        (REGIONS, {}),
        (IGNORE, {}),
        (IGNORE_REGIONS, {}),
        (LESION, {"shape": (8, 20, 24), "ending": ".nii.gz", "spacing": (3.0, 0.5, 0.7)}),
    ],
    ids=["label", "regions", "ignore", "ignore_regions", "volumes"],
)
def test_counts_are_those_of_the_host(tmp_path, monkeypatch, labels, keywords):
    tree = make_tree(tmp_path, monkeypatch, labels, **keywords)
    (run,) = find()
    assert check_runs([run]) == []
    per_case = score([run], 1)
    assert len(per_case) == len(tree.cases) * len(run.labels)
    scored = per_case.set_index(["fold", "case", "label"])
    keys = {name: values if len(values) > 1 else values[0] for name, values in run.labels.items()}
    for fold in tree.folds:
        validation = tree.model(TRAINER) / f"fold_{fold}" / "validation"
        for entry in load_summary_json(str(validation / "summary.json"))["metric_per_case"]:
            case = entry["prediction_file"].rpartition("/")[2].removesuffix(tree.ending)
            for label, key in keys.items():
                ours, host = scored.loc[(fold, case, label)], entry["metrics"][key]
                assert [ours.tp, ours.fp, ours.fn, ours.tn] == [host[name] for name in ("TP", "FP", "FN", "TN")]
                assert (ours.n_ref, ours.n_pred) == (host["n_ref"], host["n_pred"])
                np.testing.assert_equal([ours.dice, ours.jaccard], [host["Dice"], host["IoU"]])


def test_table(tree):
    per_case = score(find(), 1)
    assert tuple(per_case.columns) == (*CASE_COLUMNS, "run")
    assert tuple(CASE_COLUMNS) == (
        *("trainer", "plans", "configuration", "fold", "case", "label", "tp", "fp", "fn", "tn", "dice", "jaccard"),
        *("accuracy", "precision", "sensitivity", "specificity", "hd95", "assd", "n_ref", "n_pred"),
    )  # fmt: skip
    assert (per_case[["tp", "fp", "fn", "tn", "n_ref", "n_pred"]].dtypes == "int64").all()
    assert (per_case.loc[:, "dice":"assd"].dtypes == "float64").all()
    assert set(per_case["fold"]) == {"0", "1"}
    assert set(per_case["label"]) == {"lesion"}
    assert set(per_case["trainer"]) == {TRAINER}
    assert list(per_case["case"][:4]) == sorted(tree.folds["0"])


def test_normal_image_with_a_false_alarm(tree):
    normal = score(find(), 1).set_index("case").loc["normal_002"]
    assert (normal.tp, normal.fp, normal.fn, normal.n_ref, normal.n_pred) == (0, 9, 0, 0, 9)
    assert (normal.dice, normal.precision) == (0, 0)
    assert normal[["sensitivity", "hd95", "assd"]].isna().all()
    assert normal.specificity == pytest.approx(1 - 9 / (24 * 32))


def test_runs_stay_apart(tree):
    tree.add_run("nnUNetTrainerTaichi", shift=1)
    per_case = score(find(trainers=["nnUNetTrainerTaichi", TRAINER]), 1)
    assert list(per_case["trainer"].unique()) == ["nnUNetTrainerTaichi", TRAINER]
    hd95 = per_case[per_case["n_ref"] > 0].groupby("trainer")["hd95"].max()
    assert hd95.to_dict() == {"nnUNetTrainerTaichi": 1, TRAINER: 3}


def test_several_processes_score_the_same(tree):
    pd.testing.assert_frame_equal(score(find(), 2), score(find(), 1))


def test_folders_given_by_hand(tmp_path):
    truth, prediction = np.zeros((2, 6, 6))
    truth[1:3, 1:3] = prediction[1:3, 2:4] = 1
    row = score(given(tmp_path, truth, prediction), 1).iloc[0]
    assert (row.trainer, row.plans, row.configuration, row.fold, row.case) == ("trainer", "", "", "", "case")
    assert (row.tp, row.fp, row.fn, row.tn, row.hd95, row.assd) == (2, 2, 2, 30, 1, 0.5)


def test_distances_in_millimetres_by_the_order_of_the_axes(tmp_path):
    """One voxel moved by 1 slice of 3 mm, 2 rows of 2 mm, 3 columns of 4 mm: 13 mm."""
    truth, prediction = np.zeros((2, 5, 6, 7))
    truth[1, 1, 1] = prediction[2, 3, 4] = 1
    runs = given(tmp_path, truth, prediction, ending=".nii.gz", spacing=(3, 2, 4))
    row = score(runs, 1).iloc[0]
    assert (row.hd95, row.assd) == pytest.approx((13, 13))
    assert units(runs[0]) == "mm"


def test_flat_images_with_a_spacing(tmp_path):
    truth, prediction = np.zeros((2, 6, 9))
    truth[1, 1] = prediction[4, 7] = 1  # 3 rows, 6 columns
    runs = given(tmp_path, truth, prediction, ending=".nii.gz", spacing=(0.3, 0.2))
    assert score(runs, 1).iloc[0].hd95 == pytest.approx(1.5)  # 0.9 and 1.2
    assert units(runs[0]) == "mm"


def test_a_spacing_of_1_is_a_millimetre_where_files_have_spacings(tmp_path):
    (run,) = given(tmp_path, np.zeros((6, 9)), np.zeros((6, 9)), ending=".nii.gz", spacing=(1, 1))
    assert units(run) == "mm"


def test_pictures_are_measured_in_pixels(tree):
    assert units(find()[0]) == "px"


@pytest.mark.parametrize(("spacing", "unit"), [(None, "px"), ([2.0, 0.5, 0.5], "mm")])
def test_stacks_of_tif(tmp_path, spacing, unit):
    """nnU-Net has two readers for .tif, and tries which can read the file; its spacing is in a file beside."""
    truth, prediction = np.zeros((2, 5, 6, 7))
    truth[1, 1, 1] = prediction[3, 1, 1] = 1
    (run,) = given(tmp_path, truth, prediction, ending=".tif")
    if spacing:
        write_json(tmp_path / "labels" / "case.json", {"spacing": spacing})
    assert units(run) == unit
    assert score([run], 1).iloc[0].hd95 == (4 if spacing else 2)


def test_distances_take_ignored_pixels_for_background(tmp_path):
    truth, prediction = np.zeros((2, 6, 12))
    truth[2, 2] = prediction[2, 3] = 1
    truth[:, 8:], prediction[:, 8:] = 2, 1  # nobody knows what is there
    (run,) = given(tmp_path, truth, prediction, labels=LESION | {"ignore": 2})
    row = score([run], 1).iloc[0]
    assert (row.tp, row.fp, row.fn, row.tn) == (0, 1, 1, 46)
    assert (row.hd95, row.assd) == (1, 1)


def test_masks_of_regions(tmp_path):
    values = np.array([[0, 1, 2], [3, 2, 0]])
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "tip": 3}
    (run,) = given(tmp_path, values, values, labels=labels)
    masks = read_masks(run.predictions[0].prediction, run)
    assert list(masks) == ["whole", "core", "tip"]
    np.testing.assert_array_equal(masks["whole"], [[0, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(masks["core"], [[0, 0, 1], [1, 1, 0]])
    np.testing.assert_array_equal(masks["tip"], [[0, 0, 0], [1, 0, 0]])
    assert masks["tip"].dtype == bool


def test_masks_of_volumes(tmp_path, monkeypatch):
    tree = make_tree(tmp_path, monkeypatch, shape=(5, 20, 24), ending=".nii.gz", spacing=(2, 1, 1))
    (run,) = find()
    first = run.predictions[0]
    np.testing.assert_array_equal(read_masks(first.reference, run)["lesion"], tree.truth[first.case] == 1)


# what cannot be scored


def test_prediction_of_another_size(tmp_path):
    (text,) = problems(given(tmp_path, np.zeros((6, 8)), np.zeros((6, 9))))
    assert "predictions/case.png has (6, 9) pixels" in text
    assert "labels/case.png (6, 8)" in text


@pytest.mark.parametrize("torn", ["prediction", "reference"])
def test_torn_file(tree, torn):
    (run,) = find()
    path = getattr(run.predictions[1], torn)
    path.write_bytes(path.read_bytes()[:30])
    (text,) = problems([run])
    assert f"{path} cannot be read" in text


def test_torn_first_file(tree, capfd):
    (run,) = find()
    path = run.predictions[0].reference
    path.write_bytes(path.read_bytes()[:30])
    (text,) = problems([run])
    assert f"{path} cannot be read by nnU-Net" in text
    assert "Traceback" not in capfd.readouterr().err


def test_masks_of_0_and_255(tmp_path):
    """The commonest slip of folders made by hand: without this check all images would pass for normal ones."""
    values = np.zeros((6, 8))
    values[2:4, 2:4] = 255
    (text,) = problems(given(tmp_path, values, values // 255))
    assert "labels/case.png has values that dataset.json does not know (255); expected 0, 1" in text


def test_coloured_masks(tmp_path):
    runs = given(tmp_path, np.zeros((6, 8)), np.zeros((6, 8)))
    Image.new("RGB", (8, 6)).save(tmp_path / "predictions" / "case.png")
    (text,) = problems(runs)
    assert "predictions/case.png cannot be read as a mask" in text


def test_many_that_cannot_be_scored_are_counted(tree):
    (run,) = find()
    for each in run.predictions[1:]:
        each.prediction.write_bytes(b"torn")
    assert problems([run])[-1] == "2 more like these"


# summaries that are not of the masks that are there


@pytest.mark.parametrize("changed", ["prediction", "reference"])
def test_stale_summary(tree, changed):
    (run,) = find()
    path = getattr(run.predictions[0], changed)
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, 0] = 1
    Image.fromarray(pixels).save(path)
    (text,) = problems([run])
    assert f"{TRAINER}__nnUNetPlans__2d/fold_0: validation/summary.json counted other pixels in 1 of 4 cases" in text
    assert "(benign_000)" in text
    assert text.endswith(f"nnUNetv2_train Dataset901_Tiny 2d 0 -tr {TRAINER} -p nnUNetPlans --val")


def test_summary_that_is_only_older(tree):
    """As copying leaves it: a warning, and scores."""
    (run,) = find()
    run.predictions[0].prediction.touch()
    (warning,) = check_runs([run])
    assert "older" in warning
    assert len(score([run], 1)) == len(tree.cases)


def test_summary_of_other_labels(tmp_path, monkeypatch):
    tree = make_tree(tmp_path, monkeypatch)
    path = tree.model(TRAINER) / "dataset.json"
    write_json(path, tree.dataset_json | {"labels": REGIONS})
    first, _ = problems(find())
    assert "counted other pixels in 4 of 4 cases" in first


def test_no_torch():
    """It takes seconds to import, and scoring starts a process a core."""
    code = (
        "import sys, nnunet_taichi.evaluation.scoring, nnunet_taichi.evaluation.runs; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
