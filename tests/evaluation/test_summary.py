import json
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from case_rows import dice_rows, row, table

from nnunet_taichi.evaluation.quoted import SOURCE
from nnunet_taichi.evaluation.scoring import name_runs
from nnunet_taichi.evaluation.statistics import compare_pairs
from nnunet_taichi.evaluation.summary import apply_policy, normal_images, summarise
from nnunet_taichi.report.summary_files import to_json, to_latex, to_markdown, write_files
from nnunet_taichi.report.summary_tables import Comparison

EMPTY, ALARM, MISSED = (0, 0, 0, 8), (0, 2, 0, 6), (0, 0, 3, 5)  # tp, fp, fn, tn
NOTHING_QUOTED = pd.DataFrame(columns=["table", "condition", "method", "trainer", "label", "cases", "note"])


def cell(summary, metric, cases="lesion", **where):
    """The one row of a metric."""
    wanted = {"metric": metric, "cases": cases, **where}
    (found,) = summary[(summary[list(wanted)] == wanted).all(axis=1)].itertuples()
    return found


def test_means_over_cases_and_over_folds_of_unequal_sizes():
    found = cell(summarise(table(dice_rows("net", [0.2, 0.4]), dice_rows("net", [0.9], "1", ["other"]))), "dice")
    assert (found.mean_cases, found.sd_cases) == pytest.approx((0.5, sqrt((0.09 + 0.01 + 0.16) / 2)))
    assert (found.mean_folds, found.sd_folds) == pytest.approx((0.6, sqrt(2 * 0.3**2)))  # of 0.3 and 0.9
    assert (found.n_cases, found.n_folds, found.left_out) == (3, 2, 0)


def test_one_fold_has_no_standard_deviation_over_folds():
    found = cell(summarise(table(dice_rows("net", [0.2, 0.4], fold=""))), "dice")
    assert (found.mean_folds, found.n_folds) == (pytest.approx(0.3), 1)
    assert np.isnan(found.sd_folds)
    assert found.sd_cases == pytest.approx(sqrt(0.02))


def test_a_case_that_several_folds_predict_counts_once():
    found = cell(summarise(table(dice_rows("net", [0.2, 0.9]), dice_rows("net", [0.4, 0.9], "1"))), "dice")
    assert (found.mean_cases, found.sd_cases, found.n_cases) == pytest.approx((0.6, sqrt(2 * 0.3**2), 2))
    assert (found.mean_folds, found.n_folds) == (pytest.approx(0.6), 2)  # of 0.55 and 0.65


def test_undefined_distances_are_left_out_and_counted():
    rows = [
        row("net", "x", 3, 1, 0, 4, hd95=2.0, assd=1.0),
        row("net", "y", *MISSED),
        row("net", "z", 3, 1, 0, 4, fold="1", hd95=5.0, assd=2.0),
        row("net", "w", *MISSED, fold="2"),
    ]
    found = cell(summarise(table(rows)), "hd95")
    assert (found.mean_cases, found.n_cases, found.left_out) == (3.5, 2, 2)
    assert (found.mean_folds, found.n_folds) == (3.5, 2)  # nothing in fold 2


def test_a_missed_lesion_scores_0_whatever_the_policy():
    for policy in ("one", "zero", "nan"):
        summary = summarise(table(row("net", "x", *MISSED)), policy)
        means = summary.set_index("metric")["mean_cases"]
        assert means[["dice", "jaccard", "precision", "sensitivity"]].tolist() == [0, 0, 0, 0]
        assert (means["accuracy"], means["specificity"]) == (5 / 8, 1)


@pytest.mark.parametrize(("policy", "dice", "n"), [("one", 1.5 / 3, 3), ("zero", 0.5 / 3, 3), ("nan", 0.5 / 2, 2)])
def test_policy_decides_where_both_masks_are_empty(policy, dice, n):
    rows = [row("net", "lesion", 1, 1, 1, 5), row("net", "right", *EMPTY), row("net", "alarm", *ALARM)]
    summary = summarise(table(rows), policy)
    for metric in ("dice", "precision", "sensitivity"):
        found = cell(summary, metric, "all")
        assert (found.mean_cases, found.n_cases, found.left_out) == (pytest.approx(dice), n, 3 - n)
    assert cell(summary, "accuracy", "all").mean_cases == pytest.approx((6 / 8 + 1 + 6 / 8) / 3)
    assert cell(summary, "specificity", "all").mean_cases == pytest.approx((5 / 6 + 1 + 6 / 8) / 3)
    assert cell(summary, "dice", "lesion").mean_cases == pytest.approx(0.5)


def test_policies_leave_distances_and_the_given_table_alone():
    rows = table(row("net", "x", *EMPTY))
    scored = apply_policy(rows, "one")
    assert np.isnan(scored.loc[0, ["hd95", "assd"]].astype(float)).all()
    assert np.isnan(rows.loc[0, "dice"])


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match=r"expected a policy .* one, zero, nan, got 'half'"):
        summarise(table(row("net", "x", *EMPTY)), "half")


def test_all_is_there_only_with_normal_images_and_label_by_label():
    rows = [row(run, "x", 1, 1, 1, 5, label=label) for run in ("b", "a") for label in ("disc", "cup")]
    rows += [row(run, "y", *ALARM, label="cup") for run in ("b", "a")]
    summary = summarise(table(rows))
    blocks = summary[["label", "cases", "trainer"]].drop_duplicates().itertuples(index=False, name=None)
    assert list(blocks) == [
        (label, cases, run)
        for label, cases in (("disc", "lesion"), ("cup", "lesion"), ("cup", "all"))
        for run in ("b", "a")
    ]
    assert len(summary) == 3 * 2 * 8


def test_false_alarms_on_normal_images():
    counts = {"p": (0, 0, 0, 8), "q": (0, 1, 0, 7), "r": (0, 5, 0, 3), "s": (0, 0, 0, 8), "lesion": (1, 3, 1, 3)}
    (found,) = normal_images(table([row("net", case, *count) for case, count in counts.items()])).itertuples()
    assert (found.run, found.label, found.n_images, found.without_false_positives) == ("net", "lesion", 4, 2)
    assert found.image_level_specificity == 0.5
    assert (found.fp_pixels_mean, found.fp_pixels_median, found.fp_pixels_max) == (1.5, 0.5, 5)


def test_runs_are_named_by_what_tells_them_apart():
    runs = [("a", "P", "2d"), ("b", "P", "2d"), ("b", "Q", "2d"), ("c", "P", "2d"), ("c", "Q", "3d")]
    named = name_runs(pd.DataFrame([*runs, runs[0]], columns=["trainer", "plans", "configuration"]))
    assert list(named["run"]) == ["a", "b (P)", "b (Q)", "c (P) (2d)", "c (Q) (3d)", "a"]


@pytest.fixture
def comparison():
    """Two runs, two cases in two folds, a quoted row, and names that every format has to escape."""
    rows = table(
        row("net_a", "x", 3, 1, 1, 5, "0", "cup", 2.0, 1.0),
        row("net_a", "y", 2, 2, 0, 6, "1", "cup", 4.0, 2.0),
        row("n|b", "x", 0, 0, 4, 6, "0", "cup"),
        row("n|b", "y", 2, 0, 0, 8, "1", "cup", 0.0, 0.0),
    )
    quoted = [
        {"metric": metric, "mean": mean, "sd": sd, "table": number, "method": method}
        for number, method in (("I", "X & Y_1"), ("IV", "the same"))
        for metric, mean, sd in (("dice", 0.75, 0.02), ("jaccard", 0.7, 0.031))
    ]
    quoted = pd.DataFrame(quoted).assign(condition="shown", trainer="T", label="cup", cases="lesion", note="")
    pairs = compare_pairs(rows)
    return Comparison("D_1", "one", "mm", rows, summarise(rows), normal_images(rows), pairs, quoted, ["fold 1: half"])


# By hand: net_a has Dice 3/4 and 2/3, n|b 0 and 1, and so on.
MARKDOWN = r"""## cup

### Cases with cup: mean ± SD over folds

| run                                   | DI            | JA            | ACC           | PR            | SE            | SP            | HD95 (mm)         | ASSD (mm)         | folds |
| ------------------------------------- | ------------- | ------------- | ------------- | ------------- | ------------- | ------------- | ----------------- | ----------------- | ----- |
| net_a                                 | 0.708 ± 0.059 | 0.550 ± 0.071 | 0.800 ± 0.000 | 0.625 ± 0.177 | 0.875 ± 0.177 | 0.792 ± 0.059 | 3.00 ± 1.41       | 1.50 ± 0.71       | 2     |
| n\|b                                  | 0.500 ± 0.707 | 0.500 ± 0.707 | 0.800 ± 0.283 | 0.500 ± 0.707 | 0.500 ± 0.707 | 1.000 ± 0.000 | 0.00 (1 left out) | 0.00 (1 left out) | 2     |
| quoted: X & Y_1 [tables I, IV; shown] | 0.750 ± 0.020 | 0.700 ± 0.031 | -             | -             | -             | -             | -                 | -                 | -     |

### Cases with cup: mean ± SD over cases

| run   | DI            | JA            | ACC           | PR            | SE            | SP            | HD95 (mm)         | ASSD (mm)         | cases |
| ----- | ------------- | ------------- | ------------- | ------------- | ------------- | ------------- | ----------------- | ----------------- | ----- |
| net_a | 0.708 ± 0.059 | 0.550 ± 0.071 | 0.800 ± 0.000 | 0.625 ± 0.177 | 0.875 ± 0.177 | 0.792 ± 0.059 | 3.00 ± 1.41       | 1.50 ± 0.71       | 2     |
| n\|b  | 0.500 ± 0.707 | 0.500 ± 0.707 | 0.800 ± 0.283 | 0.500 ± 0.707 | 0.500 ± 0.707 | 1.000 ± 0.000 | 0.00 (1 left out) | 0.00 (1 left out) | 2     |

### Cases with cup: pairs of runs by Dice

| a     | b    | n | b - a [95% interval]    | p     | p (Holm) | r      | +/=/- |
| ----- | ---- | - | ----------------------- | ----- | -------- | ------ | ----- |
| net_a | n\|b | 2 | -0.208 [-0.750, +0.333] | 1.000 | 1.000    | -0.333 | 1/0/1 |
"""  # noqa: E501
LATEX = r"""\begin{table}
\centering
\caption{cup. Cases with cup: mean $\pm$ SD over folds}
\begin{tabular}{lrrrrrrrrr}
\toprule
run & DI & JA & ACC & PR & SE & SP & HD95 (mm) & ASSD (mm) & folds \\
\midrule
net\_a & 0.708 $\pm$ 0.059 & 0.550 $\pm$ 0.071 & 0.800 $\pm$ 0.000 & 0.625 $\pm$ 0.177 & 0.875 $\pm$ 0.177 & 0.792 $\pm$ 0.059 & 3.00 $\pm$ 1.41 & 1.50 $\pm$ 0.71 & 2 \\
n|b & 0.500 $\pm$ 0.707 & 0.500 $\pm$ 0.707 & 0.800 $\pm$ 0.283 & 0.500 $\pm$ 0.707 & 0.500 $\pm$ 0.707 & 1.000 $\pm$ 0.000 & 0.00 (1 left out) & 0.00 (1 left out) & 2 \\
\midrule
quoted: X \& Y\_1 [tables I, IV; shown] & 0.750 $\pm$ 0.020 & 0.700 $\pm$ 0.031 & - & - & - & - & - & - & - \\
\bottomrule
\end{tabular}
"""  # noqa: E501


def test_markdown(comparison):
    text = to_markdown(comparison)
    assert text.startswith("# Comparison on D_1\n\n- DI Dice, ")
    assert text.endswith("\n## Warnings\n\n- fold 1: half\n")
    blocks = text[text.index("## cup") : text.index("\n## Warnings")]
    assert blocks == MARKDOWN


def test_latex(comparison):
    text = to_latex(comparison)
    assert text.startswith("% needs \\usepackage{booktabs}\n% DI Dice, ")
    first = text[text.index("\\begin{table}") : text.index("\\end{table}")]
    assert first == LATEX
    assert r"net\_a & n|b & 2 & $-$0.208 [$-$0.750, +0.333] & 1.000 & 1.000 & $-$0.333 & 1/0/1 \\" in text
    assert r"a & b & n & b - a [95\% interval] & p & p (Holm) & r & +/=/- \\" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3


def test_json(comparison):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(to_json(comparison), parse_constant=refuse)
    assert content["dataset"] == "D_1"
    assert content["empty_masks"] == {
        "policy": "one",
        "meaning": "scores of 0/0 count 1 where truth and prediction are both empty, and count 0 where only one is",
    }
    assert content["distances"]["unit"] == "mm"
    assert content["distances"]["definition"].startswith("HD95 is the greater of the two directed 95th percentiles")
    assert content["warnings"] == ["fold 1: half"]
    assert (content["statistics"]["seed"], content["quoted"]["source"]) == (0, SOURCE)
    assert [each["mean"] for each in content["quoted"]["rows"]] == [0.75, 0.7, 0.75, 0.7]
    (pair,) = content["pairs"]
    assert pair["mean_difference"] == pytest.approx((-0.75 + 1 / 3) / 2)  # in full precision
    assert (pair["a"], pair["b"], pair["p"], pair["p_holm"], pair["wins"]) == ("net_a", "n|b", 1, 1, 1)
    (hd95,) = (each for each in content["summary"] if (each["trainer"], each["metric"]) == ("n|b", "hd95"))
    assert hd95 == {
        **{"trainer": "n|b", "plans": "P", "configuration": "2d", "label": "cup", "cases": "lesion", "metric": "hd95"},
        **{"mean_cases": 0.0, "sd_cases": None, "n_cases": 1, "left_out": 1},
        **{"mean_folds": 0.0, "sd_folds": None, "n_folds": 1},
    }


def test_files_hold_what_was_computed(comparison, tmp_path):
    paths = write_files(comparison, tmp_path)
    assert [path.name for path in paths] == ["summary.csv", "summary.md", "summary.tex", "comparison.json"]
    summary = comparison.summary.drop(columns="run")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "summary.csv"), summary, check_exact=True)
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == to_markdown(comparison)


def test_normal_images_have_a_table_and_the_paper_stays_with_its_cases():
    rows = table(dice_rows("net", [0.5]), row("net", "p", *EMPTY), row("net", "q", *ALARM), row("net", "r", *ALARM))
    quoted = pd.DataFrame({"metric": ["dice"], "mean": [0.9], "sd": [0.1], "table": ["IV"], "method": ["TaiChiNet"]})
    quoted = quoted.assign(condition="", trainer="", label="lesion", cases="all", note="")
    text = to_markdown(Comparison("D", "nan", "pixels", rows, summarise(rows, "nan"), normal_images(rows), [], quoted))
    lesion, everything = text.split("### All cases: mean ± SD over folds")
    assert "quoted: TaiChiNet" not in lesion
    assert "| quoted: TaiChiNet [table IV] | 0.900 ± 0.100 " in everything
    assert "0.167 (1 left out)" in everything  # of 0.5, 0 and 0
    assert everything.endswith("""
### Images without lesion: false alarms

| run | images | without false positives | image-level specificity | FP pixels: mean | median | max |
| --- | ------ | ----------------------- | ----------------------- | --------------- | ------ | --- |
| net | 3      | 1                       | 0.333                   | 1.3             | 2.0    | 2   |
""")


def test_small_p_and_missing_numbers():
    better = dice_rows("a", np.linspace(0.1, 0.5, 30)), dice_rows("b", np.linspace(0.2, 0.7, 30))
    apart = dice_rows("c", [0.5], cases=["other"])
    rows = table(*better, apart)
    text = to_markdown(
        Comparison(
            "D", "one", "pixels", rows, summarise(rows), normal_images(rows), compare_pairs(rows), NOTHING_QUOTED
        )
    )
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["<0.001", "<0.001", "+1.000", "30/0/0"] in [line[-4:] for line in cells]
    assert ["a", "c", "0", "- [-, -]", "- (no case that both have)", "-", "-", "0/0/0"] in cells
    assert "quoted" not in text


def test_latex_takes_no_name_for_an_option():
    rows = table(dice_rows("[a]", [0.5]))
    assert "\n{[}a] & 0.500" in to_latex(
        Comparison("D", "one", "px", rows, summarise(rows), normal_images(rows), [], NOTHING_QUOTED)
    )


def test_latex_sets_the_minus_of_numbers_alone():
    rows = table(dice_rows("net-2", [0.5, 0.6]), dice_rows("b", [0.3, 0.4]))
    quoted, normal = NOTHING_QUOTED, normal_images(rows)
    text = to_latex(Comparison("D", "one", "pixels", rows, summarise(rows), normal, compare_pairs(rows), quoted))
    assert "net-2 & b & 2 & $-$0.200 [$-$0.200, $-$0.200] & 0.500 & 0.500 & $-$1.000 & 0/0/2" in text
