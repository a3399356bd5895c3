"""The command: what it writes, for masks whose numbers are derived by hand, and what it refuses."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from results_tree import LESION, ResultsTree, write_image, write_json

from nnunet_taichi.cli import main
from nnunet_taichi.evaluation.summary import common_cases

# A square of 4 x 4 pixels, found one pixel to the right: 12 of 16 pixels, and of each contour of 12 pixels, 6 are one
# pixel away from the other. Then a normal image in which nothing was found, and one with a false alarm of 5 pixels.
GOLDEN = """\
trainer,plans,configuration,fold,case,label,tp,fp,fn,tn,dice,jaccard,accuracy,precision,sensitivity,specificity,hd95,assd,n_ref,n_pred
ours,,,,benign_1,lesion,12,4,4,236,0.75,0.6,0.96875,0.75,0.75,0.9833333333333333,1.0,0.5,16,16
ours,,,,normal_1,lesion,0,0,0,256,,,1.0,,,1.0,,,0,0
ours,,,,normal_2,lesion,0,5,0,251,0.0,0.0,0.98046875,0.0,,0.98046875,,,0,5
perfect,,,,benign_1,lesion,16,0,0,240,1.0,1.0,1.0,1.0,1.0,1.0,0.0,0.0,16,16
perfect,,,,normal_1,lesion,0,0,0,256,,,1.0,,,1.0,,,0,0
perfect,,,,normal_2,lesion,0,0,0,256,,,1.0,,,1.0,,,0,0
"""


@pytest.fixture
def by_hand(tmp_path):
    """Predictions of three images of 16 x 16 pixels, by "ours" and by "perfect"."""
    masks = {name: np.zeros((16, 16), np.uint8) for name in ("square", "moved", "empty", "alarm")}
    masks["square"][4:8, 4:8] = masks["moved"][4:8, 5:9] = masks["alarm"][2, 2:7] = 1
    found = {
        "truth": {"benign_1": "square", "normal_1": "empty", "normal_2": "empty"},
        "ours": {"benign_1": "moved", "normal_1": "empty", "normal_2": "alarm"},
        "perfect": {"benign_1": "square", "normal_1": "empty", "normal_2": "empty"},
    }
    for folder, cases in found.items():
        write_json(tmp_path / folder / "dataset.json", {"labels": LESION, "file_ending": ".png"})
        for case, mask in cases.items():
            write_image(tmp_path / folder / f"{case}.png", masks[mask])
    return tmp_path


def compare(by_hand, *options):
    folders = [f"ours={by_hand / 'ours'}", f"perfect={by_hand / 'perfect'}"]
    return main(
        ["compare", "--folder", *folders, "--labels", str(by_hand / "truth"), "-o", str(by_hand / "out"), *options]
    )


def read_summary(folder, run, cases, metric):
    rows = json.loads((folder / "comparison.json").read_text())["summary"]
    (row,) = (row for row in rows if (row["trainer"], row["cases"], row["metric"]) == (run, cases, metric))
    return row


def test_no_old_page_stays_beside_new_tables(by_hand, capsys):
    out = by_hand / "out"
    (out / "summary.md").mkdir(parents=True)  # where a file should go
    (out / "report.html").write_text("old")
    assert compare(by_hand, "-np", "1") == 1
    assert "summary.md" in capsys.readouterr().err
    assert (out / "per_case.csv").is_file()
    assert not (out / "report.html").exists()


def test_golden_table_of_cases(by_hand):
    assert compare(by_hand, "-np", "1") == 0
    assert (by_hand / "out" / "per_case.csv").read_text() == GOLDEN


@pytest.mark.parametrize(
    ("policy", "ours", "perfect", "n_ours"), [("one", 1.75 / 3, 1, 3), ("zero", 0.25, 1 / 3, 3), ("nan", 0.375, 1, 2)]
)
def test_empty_masks_count_by_the_policy(by_hand, policy, ours, perfect, n_ours):
    assert compare(by_hand, "-np", "1", "--empty-masks", policy) == 0
    row = read_summary(by_hand / "out", "ours", "all", "dice")
    assert (row["mean_cases"], row["n_cases"]) == (pytest.approx(ours), n_ours)
    assert read_summary(by_hand / "out", "perfect", "all", "dice")["mean_cases"] == pytest.approx(perfect)
    assert read_summary(by_hand / "out", "ours", "lesion", "dice")["mean_cases"] == 0.75


def test_normal_images_by_themselves(by_hand):
    assert compare(by_hand, "-np", "1") == 0
    ours, perfect = json.loads((by_hand / "out" / "comparison.json").read_text())["normal_images"]
    assert (ours["n_images"], ours["image_level_specificity"], ours["fp_pixels_max"]) == (2, 0.5, 5)
    assert perfect["image_level_specificity"] == 1


def test_trainings(tmp_path, monkeypatch, capsys):
    tree = ResultsTree(tmp_path)
    tree.use(monkeypatch)
    for trainer, shift in (("nnUNetTrainer", 3), ("nnUNetTrainerTaichi", 1)):
        tree.add_run(trainer, shift)
    trained = ["-d", "901", "-c", "2d", "-f", "0", "1", "-tr", "nnUNetTrainer", "nnUNetTrainerTaichi"]
    assert main(["compare", *trained, "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith((tmp_path / "out" / "summary.md").read_text(encoding="utf-8"))  # nothing to quote
    assert printed.endswith(f"{tmp_path / 'out' / 'report.html'}\n")
    files = {"per_case.csv", "summary.csv", "comparison.json", "summary.md", "summary.tex", "report.html"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    per_case = pd.read_csv(tmp_path / "out" / "per_case.csv")
    assert len(per_case) == 2 * len(tree.cases)
    lesion = per_case[per_case["n_ref"] > 0].set_index(["trainer", "case"])
    for case in {case for _, case in lesion.index}:  # boxes: what is moved by k columns of w keeps w - k of them
        width = tree.truth[case].any(0).sum()
        for trainer, shift in (("nnUNetTrainer", 3), ("nnUNetTrainerTaichi", 1)):
            assert lesion.loc[(trainer, case), "dice"] == pytest.approx((width - shift) / width)
    pair = json.loads((tmp_path / "out" / "comparison.json").read_text())["pairs"][0]
    assert (pair["wins"], pair["losses"]) == (len(lesion) / 2, 0)


def test_a_missing_case_is_an_error_or_left_out_for_all(by_hand, capsys):
    (by_hand / "ours" / "benign_1.png").unlink()
    assert compare(by_hand, "-np", "1") == 1
    assert "benign_1" in capsys.readouterr().err
    assert not (by_hand / "out").exists()
    assert compare(by_hand, "-np", "1", "--allow-missing") == 0
    assert read_summary(by_hand / "out", "perfect", "all", "dice")["n_cases"] == 2


def test_no_common_case():
    per_case = pd.DataFrame([["a", "1"], ["b", "2"]], columns=["run", "case"])
    with pytest.raises(ValueError, match="no case was predicted by all"):
        common_cases(per_case)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either -d, -c and -tr, or --folder"),
        (["-d", "1", "--folder", "a=b", "--labels", "c"], "either -d, -c and -tr, or --folder"),
        (["-d", "1"], "give all of -d, -c and -tr"),
        (["--folder", "a=b"], "--folder needs --labels"),
    ],
)
def test_says_what_it_needs(tmp_path, capsys, arguments, message):
    assert main(["compare", *arguments, "-o", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_folder_without_a_name(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--folder", "PRED", "--labels", "GT", "-o", str(tmp_path)])
    assert "expected NAME=FOLDER, got 'PRED'" in capsys.readouterr().err


def test_a_test_set_keeps_its_own_name(by_hand):
    """Not that of the data set that was trained on, which nnU-Net leaves beside predictions."""
    for folder, name in (("ours", "Trained"), ("perfect", "Trained"), ("truth", "Tested")):
        write_json(by_hand / folder / "dataset.json", {"name": name, "labels": LESION, "file_ending": ".png"})
    assert compare(by_hand, "-np", "1") == 0
    assert json.loads((by_hand / "out" / "comparison.json").read_text())["dataset"] == "Tested"


def test_images_that_are_none(by_hand, capsys):
    assert compare(by_hand, "-np", "1", "--images", str(by_hand / "truth")) == 1
    assert "holds no image; expected nnU-Net's names, such as CASE_0000.png" in capsys.readouterr().err


def test_what_explains_nothing_is_said_before_anything_is_written(by_hand, capsys):
    assert compare(by_hand, "-np", "1", "--explanation", str(by_hand / "truth")) == 1
    assert "is not a folder that `nnunet_taichi explain` wrote" in capsys.readouterr().err
    assert not (by_hand / "out").exists()


def test_nnunets_summary_is_not_written_over(by_hand):
    (by_hand / "out").mkdir()
    (by_hand / "out" / "summary.json").write_text("nnU-Net's")
    assert compare(by_hand, "-np", "1") == 0
    assert (by_hand / "out" / "summary.json").read_text() == "nnU-Net's"


@pytest.mark.parametrize("stopped_at", ["per_case.csv", "summary.csv", "comparison.json", "report.html"])
def test_a_comparison_that_is_stopped_leaves_whole_files_and_no_page(by_hand, monkeypatch, stopped_at):
    assert compare(by_hand, "-np", "1") == 0
    before = {file.name: file.read_bytes() for file in (by_hand / "out").iterdir()}

    def replace_file(source, target):
        if Path(target).name == stopped_at:
            raise KeyboardInterrupt
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr("nnunet_taichi.runtime.files.os.replace", replace_file)
    assert compare(by_hand, "-np", "1", "--empty-masks", "zero") == 130
    after = {file.name: file.read_bytes() for file in (by_hand / "out").iterdir()}
    assert after.keys() == before.keys() - {"report.html"}  # no old page beside new tables
    assert stopped_at == "report.html" or after[stopped_at] == before[stopped_at]
    assert (after["comparison.json"] == before["comparison.json"]) == (stopped_at != "report.html")


def test_links_are_replaced_and_not_followed(by_hand):
    (by_hand / "out").mkdir()
    elsewhere = by_hand / "elsewhere.csv"
    elsewhere.write_text("somebody's")
    for name in ("per_case.csv", ".partial.per_case.csv"):
        (by_hand / "out" / name).symlink_to(elsewhere)
    assert compare(by_hand, "-np", "1") == 0
    assert elsewhere.read_text() == "somebody's"
    assert (by_hand / "out" / "per_case.csv").read_text().startswith("trainer,")
    assert not (by_hand / "out" / "per_case.csv").is_symlink()


def test_a_comparison_may_be_repeated(by_hand):
    assert [compare(by_hand, "-np", "1") for _ in range(2)] == [0, 0]
