import json
import pickle

import numpy as np
import pytest
from PIL import Image

from nnunet_taichi.nnunet.runner import Cost
from nnunet_taichi.report.demo_report import (
    Result,
    Scores,
    format_table,
    mining_line,
    new_cases_block,
    read_scores,
    training_cases_block,
)


def case(name, tp, fp, fn):
    return {"prediction_file": f"/p/{name}.png", "metrics": {"1": {"TP": tp, "FP": fp, "FN": fn, "TN": 9}}}


@pytest.fixture
def summary(tmp_path):
    """nnU-Net's summary of a found, a missed, a rightly empty and a wrongly filled case."""
    cases = [case("a", 45, 5, 5), case("b", 0, 0, 50), case("c", 0, 0, 0), case("d", 0, 4, 0)]
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"metric_per_case": cases}))
    return path


def test_normal_cases_are_told_apart(summary):
    assert read_scores(summary) == Scores(dice={"a": 0.9, "b": 0.0}, alarms={"c": False, "d": True})


def test_table_gives_mean_dice_and_false_alarms(summary):
    scores = read_scores(summary)
    best = Scores(dice={"a": 1.0, "b": 0.5, "e": 0.9}, alarms={"c": False})
    results = {
        "stock": Result("Plans", {"validation": scores, "new": best}, Cost(61.2, 100.4)),
        "TaiChi": Result("SlimPlans", {"validation": best, "new": scores}, Cost(70.6, None)),
    }
    table = format_table(results)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    sets = ["validation: Dice", "validation: false alarms", "new: Dice", "new: false alarms"]
    assert rows[0] == ["trainer", "plans", *sets, "training", "CPU"]
    assert rows[2:] == [
        ["stock", "Plans", "0.450 (n=2)", "1 of 2", "0.800 (n=3)", "0 of 1", "61 s", "100 s"],
        ["TaiChi", "SlimPlans", "0.800 (n=3)", "0 of 1", "0.450 (n=2)", "1 of 2", "71 s", "-"],
    ]
    assert len({len(line) for line in table.splitlines()}) == 1


def test_the_price_of_mining_is_read_from_its_record(tmp_path):
    (tmp_path / "difficulty.json").write_text(json.dumps({"checkpoint": "", "data": "", "seconds": 7.4}))
    assert mining_line(tmp_path).endswith(": 7 s.")


def test_new_cases_show_truth_and_each_trainers_prediction(summary, tmp_path):
    masks = {"a": (1, 1), "b": (1, 0), "c": (0, 0), "d": (0, 1)}  # lesion in the truth, in the prediction
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    for name, (truth, prediction) in masks.items():
        Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / "imagesTr" / f"{name}_0000.png")
        for path, value in ((tmp_path / "labelsTr" / f"{name}.png", truth), (tmp_path / f"{name}.png", prediction)):
            Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)
    block = new_cases_block(tmp_path, {"stock": summary.parent})
    assert block.columns == ["new a", "new b", "new c", "new d"]
    assert list(block.rows) == ["image", "truth", "stock"]
    assert [panel.caption for panel in block.rows["truth"]] == ["", "", "no lesion", "no lesion"]
    stock = block.rows["stock"]
    assert [panel.caption for panel in stock] == ["Dice 0.90", "Dice 0.00", "nothing found: right", "false alarm"]
    assert [(panel.outlines["truth"].all(), panel.outlines["prediction"].all()) for panel in stock] == [
        (bool(truth), bool(prediction)) for truth, prediction in masks.values()
    ]


def test_training_cases_show_easy_and_hard(tmp_path):
    blosc2 = pytest.importorskip("blosc2")
    truth, level = np.zeros((2, 1, 1, 4, 4), np.int16)
    truth[..., :2] = 1  # 8 pixels
    level[..., 0], level[0, 0, :2, 1] = 1, 2
    (tmp_path / "difficulty").mkdir()
    for name, array in (
        ("x.b2nd", np.ones((1, 1, 4, 4), np.float32)),
        ("x_seg.b2nd", truth),
        ("difficulty/x.b2nd", level[0]),
    ):
        blosc2.asarray(np.ascontiguousarray(array), urlpath=str(tmp_path / name))
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({}))
    block = training_cases_block(tmp_path, tmp_path / "difficulty", ["x"])
    panel = block.rows["easy / hard"][0]
    assert panel.caption == "easy 50%, hard 25%"
    assert (panel.areas["easy"].sum(), panel.areas["hard"].sum()) == (4, 2)
    np.testing.assert_array_equal(panel.outlines["truth"], truth[0, 0] == 1)
    assert "Training cases" in block.title
