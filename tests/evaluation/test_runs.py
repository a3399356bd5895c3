"""What is found and what is refused, each problem made for real in a tree of results."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from results_tree import ResultsTree, write_image, write_json

from nnunet_taichi.evaluation.checks import check_runs
from nnunet_taichi.evaluation.predictions import ComparisonError
from nnunet_taichi.evaluation.runs import find_runs, folder_runs

STOCK, OURS = "nnUNetTrainer", "nnUNetTrainerTaichi_100epochs"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Two trainers, two folds."""
    tree = ResultsTree(tmp_path)
    tree.use(monkeypatch)
    tree.add_run(STOCK, shift=3)
    tree.add_run(OURS, shift=1)
    return tree


@pytest.fixture
def tests(tmp_path):
    """A test set with predictions of two trainers."""
    tree = ResultsTree(tmp_path)
    for name, shift in (("stock", 3), ("ours", 1)):
        tree.predict(tmp_path / name, shift)
    return tree


def find(tree, folds=("0", "1"), trainers=(STOCK, OURS), plans=("nnUNetPlans",), dataset=901):
    return find_runs(dataset, "2d", folds, trainers, plans)


def given(tree, *names, images=False):
    return folder_runs([(name, tree.root / name) for name in names], tree.raw / "labelsTr", images or None)


def problems(function, *arguments, **keywords):
    with pytest.raises(ComparisonError) as caught:
        function(*arguments, **keywords)
    return caught.value.problems


def only(texts, *parts):
    """Expect one text with all these parts."""
    (text,) = texts
    for part in parts:
        assert part in text
    return text


def set_time(path, seconds):
    """Set a file's time, from that of the newest file there could be."""
    now = 2_000_000_000
    os.utime(path, (now + seconds, now + seconds))


def validation(tree, trainer=OURS, fold="0"):
    return tree.model(trainer) / f"fold_{fold}" / "validation"


# what is found


@pytest.mark.parametrize("dataset", [901, "901", "Dataset901_Tiny"])
def test_runs_in_the_order_of_the_trainers(tree, dataset):
    runs = find(tree, trainers=[OURS, STOCK, OURS], dataset=dataset)
    assert [(run.trainer, run.plans, run.configuration) for run in runs] == [
        (OURS, "nnUNetPlans", "2d"),
        (STOCK, "nnUNetPlans", "2d"),
    ]
    assert runs[0].folder == tree.model(OURS)
    assert [each.folder for each in runs[0].trainings.values()] == [tree.model(OURS) / f"fold_{fold}" for fold in "01"]
    assert check_runs(runs) == []


def test_predictions_with_ground_truth_and_images(tree):
    run, _ = find(tree)
    assert [(each.fold, each.case) for each in run.predictions] == [
        (fold, case) for fold in "01" for case in sorted(tree.folds[fold])
    ]
    first = run.predictions[0]
    assert first.prediction == validation(tree, STOCK) / "benign_000.png"
    assert first.reference == tree.gt / "benign_000.png"
    assert first.image == tree.raw / "imagesTr" / "benign_000_0000.png"


def test_one_fold_alone(tree):
    run, _ = find(tree, folds=[1])
    assert {each.fold for each in run.predictions} == {"1"}
    assert list(run.trainings) == ["1"]


def test_raw_masks_serve_where_nothing_is_preprocessed(tree, monkeypatch):
    monkeypatch.delenv("nnUNet_preprocessed")
    run, _ = find(tree)
    assert run.predictions[0].reference == tree.raw / "labelsTr" / "benign_000.png"
    assert check_runs([run]) == []


def test_results_and_preprocessed_data_suffice(tree, monkeypatch):
    monkeypatch.delenv("nnUNet_raw")
    assert all(each.image is None for each in find(tree)[0].predictions)


def test_hidden_files_are_no_predictions(tree):
    (validation(tree) / "._benign_000.png").write_bytes(b"a Mac was here")
    assert check_runs(find(tree)) == []


def test_each_trainer_with_the_plans_that_it_has(tree):
    tree.add_run("nnUNetTrainerTaichi", plans="nnUNetTaichiPlans")
    runs = find(tree, trainers=[STOCK, "nnUNetTrainerTaichi"], plans=["nnUNetPlans", "nnUNetTaichiPlans"])
    assert [(run.trainer, run.plans) for run in runs] == [
        (STOCK, "nnUNetPlans"),
        ("nnUNetTrainerTaichi", "nnUNetTaichiPlans"),
    ]


# what was named and does not exist


def test_no_such_data_set(tree):
    only(problems(find, tree, dataset=777), "777")
    only(problems(find, tree, dataset="Dataset777_Nothing"), "Dataset777_Nothing", "there are: Dataset901_Tiny")
    only(problems(find, tree, dataset="BUSI"), "BUSI")


def test_all_that_does_not_exist_is_said_at_once(tree):
    shutil.rmtree(tree.model(OURS) / "fold_1")
    first, second, third = problems(find, tree, trainers=["nnUNetTrainerTypo", OURS, "nnUNetTrainerOther"])
    assert "has no nnUNetTrainerTypo__nnUNetPlans__2d" in first
    assert f"there are: {OURS}__nnUNetPlans__2d, {STOCK}__nnUNetPlans__2d" in first
    assert "has no fold_1; there are: fold_0" in second
    assert f"nnUNetv2_train Dataset901_Tiny 2d 1 -tr {OURS} -p nnUNetPlans" in second
    assert "nnUNetTrainerOther" in third


def test_absent_folds_in_one_line(tree):
    only(
        problems(find, tree, folds=["0", "2", "3"], trainers=[OURS]), "has no fold_2, fold_3; there are: fold_0, fold_1"
    )


def test_plans_that_no_trainer_was_trained_with(tree):
    only(problems(find, tree, plans=["nnUNetPlans", "nnUNetTypo"]), "none of these trainers", "nnUNetTypo")


def test_prediction_without_ground_truth(tree):
    shutil.copy(validation(tree) / "benign_000.png", validation(tree) / "benign_999.png")
    only(problems(find, tree), "1 of 5 predictions", "no ground truth", "benign_999", "gt_segmentations")


def test_no_dataset_json(tree):
    (tree.model(OURS) / "dataset.json").unlink()
    only(problems(find, tree), "expected a dataset.json", str(tree.model(OURS)))


def test_text_of_several_problems():
    assert str(ComparisonError(["one"])) == "one"
    assert str(ComparisonError(["one", "two"])) == "2 problems to mend first:\n- one\n- two"


# folds that are not finished


@pytest.mark.parametrize(
    ("there", "what", "flag"),
    [
        (["checkpoint_latest.pth", "checkpoint_best.pth"], "not finished its training", " --c"),
        (["checkpoint_best.pth"], "not finished its training", " --c"),
        (["checkpoint_final.pth", "checkpoint_best.pth"], "not finished its validation", " --val"),
        (["checkpoint_final.pth", "checkpoint_latest.pth"], "being trained anew", ""),
        ([], "has not been trained", ""),
    ],
)
def test_unfinished_fold(tree, there, what, flag):
    fold = tree.model(OURS) / "fold_1"
    shutil.rmtree(fold / "validation")
    (fold / "checkpoint_final.pth").unlink()
    for name in there:
        (fold / name).write_bytes(b"weights")
    text = only(problems(check_runs, find(tree)), f"{OURS}__nnUNetPlans__2d/fold_1", what)
    assert text.endswith(f"nnUNetv2_train Dataset901_Tiny 2d 1 -tr {OURS} -p nnUNetPlans{flag}")


@pytest.mark.parametrize("best", [True, False])
def test_validation_of_an_unfinished_training_does_not_count(tree, best):
    fold = tree.model(OURS) / "fold_1"
    (fold / "checkpoint_final.pth").rename(fold / "checkpoint_latest.pth")
    if best:
        (fold / "checkpoint_best.pth").write_bytes(b"weights")
    only(problems(check_runs, find(tree)), "not finished its training", "--c")


def test_torn_summary(tree):
    path = validation(tree) / "summary.json"
    path.write_text(path.read_text()[:-9])
    only(problems(check_runs, find(tree)), "fold_0", "torn", "--val")


@pytest.mark.parametrize(
    "content",
    [{}, [], "text", {"metric_per_case": None}, {"metric_per_case": []}]
    + [
        {"metric_per_case": [{"prediction_file": "benign_000.png", "metrics": metrics}]} for metrics in (None, {"1": 5})
    ],
    ids=str,
)
def test_summary_without_scores(tree, content):
    write_json(validation(tree) / "summary.json", content)
    text = only(problems(check_runs, find(tree)), f"{OURS}__nnUNetPlans__2d/fold_0", "not finished its validation")
    assert text.endswith("--val")


def test_fold_that_was_emptied(tree):
    for path in validation(tree).glob("*.png"):
        path.unlink()
    tree.summarise(tree.model(OURS) / "fold_0")
    only(problems(check_runs, find(tree)), f"{OURS}__nnUNetPlans__2d/fold_0", "not finished its validation", "--val")


def test_best_checkpoint_alone_may_be_kept(tree):
    for path in tree.results.glob("*/fold_*/checkpoint_final.pth"):
        path.rename(path.with_name("checkpoint_best.pth"))
    assert check_runs(find(tree)) == []


def test_checkpoints_may_be_deleted(tree):
    for path in tree.results.glob("*/fold_*/checkpoint_final.pth"):
        path.unlink()
    assert check_runs(find(tree)) == []


# cases


def test_prediction_that_its_summary_does_not_know(tree):
    tree.write_prediction(validation(tree), "malignant_001", 1)
    assert any("summary.json is not of the predictions" in text and "malignant_001" in text and "--val" in text
               for text in problems(check_runs, find(tree)))  # fmt: skip


def test_prediction_that_is_gone(tree):
    (validation(tree) / "benign_006.png").unlink()
    first, second = problems(check_runs, find(tree))
    assert "summary.json is not of the predictions beside it (benign_006)" in first
    assert "lacks cases that others have (benign_006)" in second


def lose_case(tree, trainer=OURS, fold="0", case="benign_006"):
    (validation(tree, trainer, fold) / f"{case}.png").unlink()
    tree.summarise(tree.model(trainer) / f"fold_{fold}")


def test_case_that_one_trainer_lacks(tree):
    lose_case(tree)
    only(
        problems(check_runs, find(tree)),
        f"{OURS}__nnUNetPlans__2d/fold_0 lacks cases",
        "benign_006",
        "--allow-missing",
    )


def test_missing_cases_may_be_allowed(tree):
    lose_case(tree)
    warnings = check_runs(find(tree), allow_missing=True)
    assert "lacks cases that others have (benign_006)" in warnings[0]


def test_unfinished_folds_may_not_be_allowed(tree):
    shutil.rmtree(validation(tree))
    only(problems(check_runs, find(tree), allow_missing=True), "not finished its validation")


def test_case_in_two_folds(tree):
    for trainer in (STOCK, OURS):
        tree.write_prediction(validation(tree, trainer, "1"), "benign_000", 1)
        tree.summarise(tree.model(trainer) / "fold_1")
    first, second = problems(check_runs, find(tree))
    assert "predicts cases in more than one fold (benign_000)" in first
    assert STOCK in first
    assert OURS in second


def test_all_problems_at_once(tree):
    shutil.rmtree(validation(tree))
    lose_case(tree, STOCK, "1", "malignant_001")
    first, second = problems(check_runs, find(tree))
    assert "not finished its validation" in first
    assert "lacks cases" in second


def test_split_that_changed(tree):
    splits = [{"train": [], "val": tree.folds["1"]}, {"train": [], "val": tree.folds["1"]}]
    write_json(tree.preprocessed / "splits_final.json", splits)
    text = only(check_runs(find(tree)), "fold 0 of splits_final.json has other cases", "benign_000")
    assert STOCK in text
    assert OURS in text


def test_fold_past_the_splits_is_drawn_at_random(tree):
    write_json(tree.preprocessed / "splits_final.json", [{"train": [], "val": tree.folds["0"]}])
    assert check_runs(find(tree)) == []


def test_fold_all_is_no_validation(tree):
    tree.add_run("nnUNetTrainerAll", folds=["all"])
    only(check_runs(find(tree, folds=["all"], trainers=["nnUNetTrainerAll"])), "its own training cases")


# times: whether counts agree is found while scoring


def test_summary_older_than_its_predictions(tree):
    set_time(validation(tree) / "benign_000.png", 0)
    only(check_runs(find(tree)), f"{OURS}__nnUNetPlans__2d/fold_0", "summary.json is older")


def test_model_younger_than_its_predictions(tree):
    fold = tree.model(OURS) / "fold_0"
    final = fold / "checkpoint_final.pth"
    set_time(final, 0)
    only(problems(check_runs, find(tree)), "older than checkpoint_final.pth", "--val")
    final.rename(fold / "checkpoint_best.pth")
    only(check_runs(find(tree)), "checkpoint_best.pth is younger than the predictions", "--c")


# what the runs were trained with


def test_folds_of_different_plans(tree):
    tree.add_run(OURS, folds=["1"], batch_size=12)
    text = only(problems(check_runs, find(tree)), "trained with different plans", "nnUNetv2_train")
    assert "batch_size 2 (fold_0), 12 (fold_1)" in text


def test_folds_of_different_networks(tree):
    network = {"network_class_name": "PlainConvUNet", "arch_kwargs": {"n_stages": 4, "features_per_stage": [8] * 4}}
    tree.add_run(OURS, folds=["1"], architecture=network)
    text = only(problems(check_runs, find(tree)), "architecture.arch_kwargs.n_stages 3 (fold_0), 4 (fold_1)")
    assert "network_class_name" not in text  # it is the same


def test_what_does_not_matter_may_differ(tree):
    tree.add_run(OURS, folds=["1"], data_identifier="elsewhere")
    assert check_runs(find(tree)) == []


@pytest.mark.parametrize("content", [None, "{", "{}", '{"configuration_manager": "device(type=\'cpu\')"}', "[]"])
def test_folds_of_plans_unknown(tree, content):
    """Old or torn debug.json: nothing is known, so nothing is refused."""
    tree.add_run(OURS, folds=["1"], batch_size=12)
    path = tree.model(OURS) / "fold_0" / "debug.json"
    path.unlink()
    if content:
        path.write_text(content)
    assert problems_of_plans(tree) == []


def problems_of_plans(tree):
    try:
        check_runs(find(tree))
    except ComparisonError as error:
        return error.problems
    return []


def test_runs_of_different_plans(tree):
    tree.add_run("nnUNetTrainerTaichi", plans="nnUNetTaichiPlans", batch_size=12)
    runs = find(tree, trainers=[STOCK, "nnUNetTrainerTaichi"], plans=["nnUNetPlans", "nnUNetTaichiPlans"])
    text = only(check_runs(runs), "differ in more than their trainer")
    assert f"plans nnUNetPlans ({STOCK}__nnUNetPlans__2d), nnUNetTaichiPlans (nnUNetTrainerTaichi__" in text
    assert f"batch_size 2 ({STOCK}__nnUNetPlans__2d), 12 (nnUNetTrainerTaichi__" in text


def test_slim_plans_are_said_to_cost_as_much(tree):
    tree.add_run("nnUNetTrainerTaichi", plans="Mine", architecture={"arch_kwargs": {"features_per_stage": [24, 48]}})
    file = tree.model("nnUNetTrainerTaichi", "Mine") / "plans.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"experiment_planner_used": "nnUNetPlannerTaichiSlim"}))
    runs = find(tree, trainers=[STOCK, "nnUNetTrainerTaichi"], plans=["nnUNetPlans", "Mine"])
    text = only(check_runs(runs), "differ in more than their trainer")
    expected = "trained on Slim plans; on these, two paths cost about as much as one U-Net"
    assert f"nnUNetTrainerTaichi__Mine__2d: {expected}" in text


def test_plans_json_tells_where_folds_do_not(tree):
    tree.add_run(OURS, batch_size=12)
    for path in tree.results.glob("*/fold_*/debug.json"):
        path.unlink()
    only(check_runs(find(tree)), "differ in more than their trainer", "batch_size 2", "12")


def test_what_is_not_known_is_no_difference(tree):
    (tree.model(OURS) / "plans.json").unlink()
    for path in tree.model(OURS).glob("fold_*/debug.json"):
        path.unlink()
    assert check_runs(find(tree)) == []


def test_configurations_that_inherit(tree):
    for path in tree.results.glob("*/fold_*/debug.json"):
        path.unlink()
    path = tree.model(OURS) / "plans.json"
    plans = json.loads(path.read_text())
    plans["configurations"]["base"] = plans["configurations"].pop("2d") | {"batch_size": 7}
    plans["configurations"]["2d"] = {"inherits_from": "base", "patch_size": [48, 48]}
    write_json(path, plans)
    text = only(check_runs(find(tree)), "patch_size [32, 32]", "[48, 48]", "batch_size 2", "7")
    assert "architecture" not in text


def test_data_that_changed_between_trainings(tree):
    write_json(tree.model(OURS) / "dataset_fingerprint.json", {"spacings": []})
    only(check_runs(find(tree)), "data set was in another state", OURS, "dataset_fingerprint.json")


def test_labels_that_differ(tree):
    path = tree.model(OURS) / "dataset.json"
    write_json(path, json.loads(path.read_text()) | {"labels": {"background": 0, "nodule": 1}})
    only(problems(check_runs, find(tree)), "different labels", "nodule", "lesion")


def write_labels(tree, trainer, labels):
    path = tree.model(trainer) / "dataset.json"
    write_json(path, json.loads(path.read_text()) | {"labels": labels})


def test_labels_in_another_order(tree):
    write_labels(tree, STOCK, {"background": 0, "rim": 1, "core": 2, "ignore": 3})
    write_labels(tree, OURS, {"ignore": 3, "core": 2, "rim": 1, "background": 0})
    assert check_runs(find(tree)) == []


def test_ignore_labels_that_differ(tree):
    write_labels(tree, OURS, {"background": 0, "lesion": 1, "ignore": 2})
    only(problems(check_runs, find(tree)), "different labels", "ignore None", "2 (")


# dataset.json by hand


@pytest.mark.parametrize(
    "labels",
    [{"background": "0", "lesion": "1"}, {"0": "background", "1": "lesion"}, ["background", "lesion"], None, 2]
    + [{"background": 0, "lesion": value} for value in (None, 1.5, ["1"], [[1]], {"value": 1})]
    + [{"background": 0, "lesion": 1, "ignore": [2]}],
    ids=str,
)
def test_labels_of_other_types(tree, labels):
    write_labels(tree, OURS, labels)
    file = str(tree.model(OURS) / "dataset.json")
    only(problems(find, tree), file, '{"background": 0, "lesion": 1}', "integers or (for regions) lists", str(labels))


def test_labels_of_other_types_beside_predictions(tests):
    file = tests.root / "ours" / "dataset.json"
    write_json(file, tests.dataset_json | {"labels": {"background": "0", "lesion": "1"}})
    only(problems(given, tests, "stock", "ours"), str(file), '{"background": 0, "lesion": 1}')


def test_file_ending_of_another_type(tree):
    write_json(tree.model(OURS) / "dataset.json", tree.dataset_json | {"file_ending": 5})
    only(problems(find, tree), str(tree.model(OURS) / "dataset.json"), '"file_ending"', "found 5")


@pytest.mark.parametrize("content", [{"name": None}, {"name": 5}, {"labels": 1}, ["name"]], ids=str)
def test_test_set_without_a_name(tests, content):
    write_json(tests.raw / "labelsTr" / "dataset.json", content)
    (run,) = given(tests, "ours")
    assert run.dataset_json["name"] == ""


def test_json_is_utf_8_whatever_the_locale(tmp_path):
    (tmp_path / "validation").mkdir()
    summary = tmp_path / "validation" / "summary.json"
    summary.write_text('{"metric_per_case": [{"prediction_file": "Läsion_000.png", "metrics": {}}]}', encoding="utf-8")
    code = f"""
from pathlib import Path
from nnunet_taichi.nnunet.json_files import read_json
from nnunet_taichi.explanation.cases import validation_cases
print(ascii([read_json(Path({str(summary)!r})), validation_cases(Path({str(tmp_path)!r}), ".png")]))
"""
    environment = os.environ | {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii([json.loads(summary.read_text(encoding="utf-8")), ["Läsion_000"]])


# folders given by hand


def test_folders_with_their_names(tests):
    stock, ours = given(tests, "stock", "ours", images=tests.raw / "imagesTr")
    assert (ours.trainer, ours.plans, ours.configuration, ours.folder) == ("ours", "", "", tests.root / "ours")
    assert [each.case for each in ours.predictions] == sorted(tests.cases)
    assert {each.fold for each in ours.predictions} == {""}
    assert ours.predictions[0].image == tests.raw / "imagesTr" / "benign_000_0000.png"
    assert not ours.trainings
    assert check_runs([stock, ours]) == []


def test_folders_of_one_name_are_folds(tests):
    folders = [("ours", tests.predict(tests.root / f"fold_{fold}", shift=fold)) for fold in (2, 3)]
    (run,) = folder_runs(folders, tests.raw / "labelsTr")
    assert [(each.fold, each.prediction.parent.name) for each in run.predictions[:: len(tests.cases)]] == [
        ("0", "fold_2"),
        ("1", "fold_3"),
    ]
    assert check_runs([run]) == []


@pytest.mark.parametrize("place", ["labelsTr", "."])
def test_dataset_json_beside_the_labels(tests, place):
    for path in (tests.root / "ours" / "dataset.json", tests.raw / "dataset.json"):
        path.unlink()
    write_json(tests.raw / place / "dataset.json", tests.dataset_json | {"labels": {"background": 0, "theirs": 1}})
    (run,) = given(tests, "ours")
    assert list(run.labels) == ["theirs"]


def test_no_dataset_json_anywhere(tests):
    for path in (tests.root / "ours" / "dataset.json", tests.raw / "dataset.json"):
        path.unlink()
    only(problems(given, tests, "ours"), "expected a dataset.json", "ours", "labelsTr", "nnUNetv2_predict leaves one")


def test_folders_that_do_not_exist(tests):
    first, second = problems(given, tests, "stok", "ours", images=tests.raw / "imagesTs")
    assert "stok is not a folder" in first
    assert "imagesTs is not a folder" in second


def test_folder_without_predictions(tests):
    write_json(tests.root / "empty" / "dataset.json", tests.dataset_json)
    only(problems(given, tests, "empty"), "holds no predictions (*.png)")


def test_test_case_without_ground_truth(tests):
    (tests.raw / "labelsTr" / "benign_000.png").unlink()
    first, second = problems(given, tests, "stock", "ours")
    assert "stock have no ground truth (benign_000)" in first
    assert "ours have no ground truth (benign_000)" in second
    assert "labelsTr" in second


def test_folder_given_twice(tests):
    only(problems(given, tests, "ours", "ours"), "ours: a folder was given twice")


def test_test_case_that_one_lacks(tests):
    (tests.root / "ours" / "normal_002.png").unlink()
    only(problems(check_runs, given(tests, "stock", "ours")), "ours lacks cases", "normal_002", "--allow-missing")
    assert check_runs(given(tests, "stock", "ours"), allow_missing=True)


def test_test_case_that_one_fold_lacks(tests):
    folders = [("ours", tests.root / "ours"), ("ours", tests.predict(tests.root / "half", cases=tests.cases[:4]))]
    only(problems(check_runs, folder_runs(folders, tests.raw / "labelsTr")), "ours, folder 2 lacks cases")


def test_test_cases_that_nobody_predicted(tests):
    write_image(tests.raw / "labelsTr" / "benign_999.png", tests.truth["benign_000"])
    only(check_runs(given(tests, "stock", "ours")), "no run predicted", "benign_999")


def test_different_numbers_of_folders(tests):
    folders = [("stock", tests.root / "stock"), ("ours", tests.root / "ours")]
    folders.append(("ours", tests.predict(tests.root / "more")))
    only(check_runs(folder_runs(folders, tests.raw / "labelsTr")), "different numbers of folders (stock 1, ours 2)")


def test_folders_of_models_from_different_data(tests):
    path = tests.root / "ours" / "plans.json"
    write_json(path, json.loads(path.read_text()) | {"dataset_name": "Dataset902_Other"})
    only(check_runs(given(tests, "stock", "ours")), "dataset_name", "Dataset901_Tiny (stock), Dataset902_Other (ours)")


def test_trainings_of_other_lengths(tree):
    for trainer, epochs in ((STOCK, "1000"), (OURS, "100")):
        for fold in "01":
            record = tree.model(trainer) / f"fold_{fold}" / "debug.json"
            write_json(record, json.loads(record.read_text()) | {"num_epochs": epochs})
    only(check_runs(find(tree)), "differ in more than their trainer", "num_epochs", f"1000 ({tree.model(STOCK).name})")
