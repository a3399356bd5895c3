"""The report's page: its text, tables and figures, without a browser."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from case_rows import dice_rows, row, table
from PIL import Image
from report_example import RUNS, case_names, compare, make_runs, shifted, write_curves, write_example

from nnunet_taichi.evaluation.scoring import score
from nnunet_taichi.figures.charts import Chart, panel_grid
from nnunet_taichi.nnunet.curve_files import read_curves
from nnunet_taichi.report.curve_figures import curve_charts
from nnunet_taichi.report.explained import read_explanation
from nnunet_taichi.report.page_tables import page_tables, to_page
from nnunet_taichi.report.plots import box_plots, difference_plots, size_plots
from nnunet_taichi.report.report_page import breakable, make_page, shorten
from nnunet_taichi.report.sentences import find_best
from nnunet_taichi.report.summary_tables import Cell, Column, Table, build_tables

VOID = {"meta", "link", "img", "input", "br", "wbr"}


class Page(HTMLParser):
    """All elements of a page with their attributes, the text of each kind, and whether they are nested rightly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += text

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example(tmp_path_factory.mktemp("report"), case_names(8))


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text(encoding="utf-8"))


# The page


def test_everything_is_closed_and_named_once(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [attributes[key] for _, attributes in page.elements for key in attributes if key == "aria-labelledby"]
    assert set(labels) <= set(ids)


def test_nothing_is_fetched_and_no_other_script_runs(page: Page, written: Path) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:")), tag
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in page.texts["style"][0]
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    script = page.texts["script"][-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in policy
    assert len(page.all("script")) == 2
    assert [path.name for path in written.parent.glob("report.html*")] == ["report.html"]


def test_outline_of_the_page(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert all(image["alt"] for image in page.all("img"))
    for tag in ("header", "nav", "main", "footer"):
        assert len(page.all(tag)) == 1


def test_what_was_compared_is_said(page: Page) -> None:
    text = re.sub(r"\s+", " ", page.texts["body"][0])
    assert page.texts["h1"] == ["Comparison on Dataset101_BUSI"]
    assert "a < b & <i>so on</i>" in text
    assert "HD95 is the greater of the two directed 95th percentiles" in text
    assert "Scores of 0/0 count 1 where truth and prediction are both empty" in text
    assert "6 with lesion, 2 without" in text
    assert "All trainers' names end in _Paper_2epochs_seed1" in text
    assert "nnUNetTrainer, which the others are compared with" in text
    assert "nnUNetTrainerTaichi, nnUNetTrainerUNet" in text


def test_tables_of_scores_pairs_normal_images_and_quotes(page: Page) -> None:
    captions = page.texts["caption"]
    assert captions == [
        "Cases with lesion: mean ± SD over cases",
        "Cases with lesion: pairs of runs by Dice",
        "All cases: mean ± SD over cases",
        "All cases: pairs of runs by Dice",
        "Images without lesion: false alarms",
        "Quoted from the paper. Cases with lesion: mean ± SD over folds",
    ]
    assert sum(attributes.get("aria-sort") == "none" for attributes in page.all("th")) == len(page.texts["button"]) - (
        len(page.all("h3")) - 3 + 3  # a button a card, three in the dialog; the titles of the figures have none
    )


def test_the_same_results_make_the_same_page(tmp_path: Path) -> None:
    pages = [write_example(tmp_path / name, case_names(2), {"a": shifted(1)}, 48) for name in ("first", "second")]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_fifty_cases_of_five_trainers_are_not_too_large(tmp_path: Path) -> None:
    runs = {f"trainer{number}": shifted(number) for number in range(1, 6)}
    made = [replace(run, plans="P", trainings={}) for run in make_runs(tmp_path, case_names(50), runs, 256)]
    rng = np.random.default_rng(0)  # whatever they scored: that adds nothing to the size
    per_case = table(*(dice_rows(run.trainer, rng.random(50), cases=case_names(50)) for run in made))
    written = tmp_path / "report.html"
    written.write_text(make_page(compare(per_case), made, gallery=50), encoding="utf-8")
    text = written.read_text(encoding="utf-8")
    assert text.count("<image ") == 50
    assert len(re.findall(r'<path id="p', text)) == 5 * 38  # normal cases have no contour
    assert written.stat().st_size < 5e6


def test_names_are_text_and_may_break() -> None:
    assert breakable("<b>_nnUNetTrainer") == "&lt;b&gt;_<wbr>nn<wbr>UNet<wbr>Trainer"


def test_a_single_run_of_folders_without_images(tmp_path: Path) -> None:
    runs = [
        replace(run, plans="", configuration="", trainings={})
        for run in make_runs(tmp_path, ["benign_00", "normal_01"], {"mine": shifted(1)}, 48, images=False)
    ]
    per_case = score(runs, 1).assign(fold="")
    (tmp_path / "report.html").write_text(make_page(compare(per_case, dataset=""), runs), encoding="utf-8")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.texts["h1"] == ["Comparison"]
    assert page.all("image") == []
    assert [title for title in page.texts["dt"] if title in ("Plans", "Folds", "Other runs")] == []
    assert "mine_Paper_2epochs_seed1 has a mean Dice over 1 cases with lesion of" in page.texts["header"][0]


@pytest.mark.parametrize("second", [["benign_01", "normal_02"], ["normal_02"]])
def test_runs_that_share_no_case_with_lesion_have_no_figures_of_dice(tmp_path: Path, second: list[str]) -> None:
    runs = make_runs(tmp_path / "first", ["benign_00", "normal_02"], {"a": shifted(1)}, 48)
    runs += make_runs(tmp_path / "second", second, {"b": shifted(2)}, 48)
    per_case = score(runs, 1)
    (tmp_path / "report.html").write_text(make_page(compare(per_case), runs), encoding="utf-8")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Dice of each run" not in page.texts["body"][0]
    assert "Pseudo Dice" in page.texts["body"][0]


# Names and findings


def test_a_shared_ending_is_left_out() -> None:
    short, ending = shorten(["nnUNetTrainer_5epochs_seed1", "nnUNetTrainerTaichi_Model3_5epochs_seed1"])
    assert ending == "_5epochs_seed1"
    assert list(short.values()) == ["nnUNetTrainer", "nnUNetTrainerTaichi_Model3"]
    assert shorten(["nnUNetTrainer", "nnUNetTrainer_seed1"])[1] == ""
    assert shorten(["nnUNetTrainer_seed1"] * 2) == ({"nnUNetTrainer_seed1": "nnUNetTrainer_seed1"}, "")
    assert shorten(["a_seed1", "b_seed1", "c_seed2"])[1] == ""


@pytest.mark.parametrize("better_first", [True, False])
def test_the_finding_names_the_best_and_its_lead(better_first: bool) -> None:
    low, high = [0.5, 0.6, 0.4, 0.5], [0.75, 0.8, 0.7, 0.75]
    first, second = (high, low) if better_first else (low, high)
    comparison = compare(table(dice_rows("a", first), dice_rows("b", second)))
    (finding,) = find_best(comparison, "lesion", {"a": "A", "b": "B"})
    best, other, role = ("A", "B", "the next") if better_first else ("B", "A", "the first run")
    start = f"{best} has the highest mean Dice over 4 cases with lesion: 0.750, against 0.500 of {other}, {role}."
    assert finding.startswith(start + " The difference is +0.250 (95% interval +0.2")
    assert "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.125, corrected" in finding  # 2 / 2^4, all of one sign


# Tables


def cells(*texts: str, left_out: int = 0) -> list[Cell]:
    """Make cells of numbers; "-" is missing."""
    return [Cell(text, "± 0.1", None if text == "-" else float(text), left_out) for text in texts]


def columns(*titles: str) -> list[Column]:
    metrics = {"DI": "dice", "SP": "specificity", "HD95 (px)": "hd95"}
    return [Column(title, metrics.get(title, "")) for title in titles]


def test_the_cells_of_a_comparison_have_the_numbers_that_they_say() -> None:
    rows = table(dice_rows("a", [0.2, 0.5, 0.625]), dice_rows("b", [0.1, 0.5, 0.75]), row("a", "n", 0, 2, 0, 6))
    tables = build_tables(compare(table(rows.drop(columns="run").to_dict("records"))))["lesion"]
    checked = 0
    for cell in (cell for each in tables for line in (*each.rows, *each.quoted) for cell in line):
        number = re.fullmatch(r"[+-]?\d+(\.\d+)?", cell.text)
        if number:
            assert cell.number is not None
            assert float(number[0]) == pytest.approx(cell.number, abs=0.00501)
            checked += 1
        elif "/" not in cell.text:
            assert cell.number is None
    assert checked > 30


def test_numbers_are_sorted_by_their_value_and_set_with_a_true_minus() -> None:
    numbers = [
        Cell("-0.500", "[-0.600, -0.400]", -0.5),
        Cell("<0.001", number=0.0002),
        Cell("-"),
        Cell("12/0/3", number=12),
    ]
    built = to_page(Table("title", columns("run", "x"), [[Cell("2d-model"), each] for each in numbers]))
    assert [line[1].number for line in built.rows] == [-0.5, 0.0002, None, 12]
    assert [line[1].text for line in built.rows] == ["−0.500", "<0.001", "–", "12/0/3"]  # noqa: RUF001
    assert built.rows[0][1].rest == "[−0.600, −0.400]"  # noqa: RUF001
    assert built.rows[0][0].text == "2d-model"
    assert [column.numeric for column in built.columns] == [False, True]


def test_the_best_of_each_score_is_marked() -> None:
    rows = [cells("0.7", "9.0", "3"), cells("0.8", "5.0", "4"), cells("0.8", "-", "4")]
    built = to_page(Table("title", columns("run", "DI", "HD95 (px)", "cases"), [[Cell("a"), *row] for row in rows]))
    assert [column.title for column in built.columns] == ["run", "Dice", "HD95 (px)", "cases"]
    assert [[cell.best for cell in row] for row in built.rows] == [
        [False, False, False, False],
        [False, True, True, False],
        [False, True, False, False],
    ]


def test_no_mean_is_the_best_where_cases_are_left_out() -> None:
    rows = [cells("0.9", "1.0"), [*cells("0.2"), *cells("0.0", left_out=3)]]
    built = to_page(Table("title", columns("run", "DI", "HD95 (px)"), [[Cell("a"), *row] for row in rows]))
    assert [[cell.best for cell in row] for row in built.rows] == [[False, True, False], [False, False, False]]


def test_means_over_one_fold_are_left_out_and_quotes_stand_alone() -> None:
    over_folds = Table(
        "over folds",
        columns("run", "DI", "SP", "folds"),
        [[Cell("a"), *cells("0.7", "0.9", "1")]],
        [[Cell("x"), *cells("0.8"), Cell("-"), Cell("-")]],
    )
    over_cases = Table("over cases", columns("run", "DI", "cases"), [[Cell("long"), *cells("0.7", "9")]])
    built = list(page_tables([over_folds, over_cases], {"long": "short"}))
    assert [one.title for one in built] == ["over cases", "Quoted from the paper. over folds"]
    assert built[0].rows[0][0].text == "short"
    assert [column.title for column in built[1].columns] == ["method", "Dice"]
    assert [cell.text for cell in built[1].rows[0]] == ["x", "0.8"]


# Figures


def svg(chart: Chart) -> ElementTree.Element:
    head, _, content = chart.picture.partition(";base64,")
    assert head == "data:image/svg+xml"
    return ElementTree.fromstring(base64.b64decode(content))


def texts(chart: Chart) -> list[str]:
    return ["".join(element.itertext()) for element in svg(chart).iter() if element.tag.endswith("}text")]


@pytest.fixture
def dice() -> pd.DataFrame:
    columns = {"first <1> $x$": [0.2, 0.5, 0.7, 0.8], "other": [0.4, 0.6, 0.9, 0.7]}
    return pd.DataFrame(columns, index=["a", "b", "c", "d"])


def test_box_plots_say_medians(dice: pd.DataFrame) -> None:
    chart = box_plots(dice, "title")
    assert chart.alt == (
        "Box plots of Dice by run. The median is highest for other (0.65) and lowest for first <1> $x$ (0.6)."
    )
    assert {"first <1> $x$", "other"} <= set(texts(chart))


def test_difference_plots_say_means_wins_and_losses(dice: pd.DataFrame) -> None:
    chart = difference_plots(dice, "title")
    assert "other: +0.100 on average, 3 cases better, 1 worse" in chart.alt
    assert "mean +0.100" in texts(chart)


def test_size_plots_say_small_and_large(dice: pd.DataFrame) -> None:
    chart = size_plots(dice, pd.Series({"a": 10, "b": 100, "c": 1000, "d": 9000}), "title")
    assert "first <1> $x$: 0.35 and 0.75; other: 0.50 and 0.80" in chart.alt


def test_figures_of_the_training(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_curves(tmp_path / name)
    (tmp_path / "none").mkdir()
    curves = {name: {"0": read_curves(tmp_path / name)} for name in ("a", "b", "none")}
    charts = {chart.title: chart for chart in curve_charts(curves)}
    assert list(charts) == ["Loss", "Pseudo Dice", "Terms of the loss", "Time and memory"]
    assert "a: 1.000; b: 1.000" in charts["Loss"].alt
    assert "from the easy to the hard" in charts["Loss"].caption
    assert "positive dice" in charts["Terms of the loss"].alt
    assert {"525", "21", "1"} <= set(texts(charts["Time and memory"]))  # 21 s of 40 iterations are 525 ms each
    assert list(curve_charts({"none": curves["none"]})) == []


def test_logs_without_iterations_and_memory_have_no_such_panels() -> None:
    table = read_curves(Path("nowhere")).reindex([0, 1]).assign(epoch=[0, 1], stage="", seconds=[10.0, 30.0])
    chart = list(curve_charts({"a": {"0": table.assign(train_loss=1.0, val_loss=1.0, pseudo_dice=0.5)}}))[-1]
    assert "Time of an epoch (s)" in texts(chart)
    assert not any("GiB" in text for text in texts(chart))
    assert chart.alt == "The time of an epoch (s) is 20."


def test_curves_without_times_and_memory_have_no_figure_of_costs(tmp_path: Path) -> None:
    (tmp_path / "taichi_curves.csv").write_text("epoch,train_loss,val_loss\n0,1.5,1.25\n1,1.0,None\n")
    charts = [chart.title for chart in curve_charts({"a": {"0": read_curves(tmp_path)}})]
    assert charts == ["Loss", "Pseudo Dice"]


def test_figures_do_not_depend_on_the_users_style(dice: pd.DataFrame) -> None:
    before = dict(matplotlib.rcParams)
    plain = box_plots(dice, "title")
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"axes.facecolor": "black", "svg.fonttype": "path", "axes.linewidth": 9}):
        assert box_plots(dice, "title") == plain


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3)), (20, (7, 3))]
)
def test_panels_in_rows(count: int, shape: tuple[int, int]) -> None:
    _, panels = panel_grid(count, 2)
    assert len(panels) == count
    assert panels[0].get_subplotspec().get_gridspec().get_geometry() == shape


def test_many_points_become_a_bitmap() -> None:
    many = pd.DataFrame(np.random.default_rng(0).random((3000, 2)), columns=["a", "b"])
    assert len(box_plots(many, "title").picture) < 300_000


# Explanations


def explanation(folder: Path) -> dict:
    Image.fromarray(np.full((90, 160, 4), (10, 200, 30, 128), np.uint8)).save(folder / "picture.png")
    return {
        **{"trainer": "nnUNetTrainerTaichi", "plans": "nnUNetPlans", "configuration": "2d", "fold": "0"},
        "outputs": {output: {"dice_mean": 0.5, "n": 3} for output in ("fused", "lesion", "background")},
        "auroc": {"pixels": 0.91, "per_case_mean": 0.88},
        "risk_coverage": {"coverage": [0.5, 1], "risk": [0.2, 0.3], "aurc": 0.22, "random": 0.3, "oracle": 0.15},
        "cases": [
            {"case": "<c>", "picture": "picture.png", "dice": {"fused": 0.5}, "auroc": None, "uncertainty": 0.25}
        ],
        "figures": [{"title": "Where paths disagree", "file": "picture.png", "caption": "Bright: unsure."}],
    }


def test_an_explanation_is_a_section_with_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "explanation.json").write_text(json.dumps(explanation(tmp_path)))
    written = write_example(
        tmp_path, ["benign_00"], {"a": RUNS["nnUNetTrainer"]}, 48, explanations=[read_explanation(tmp_path)]
    )
    page = Page(written.read_text(encoding="utf-8"))
    assert "nnUNetTrainerTaichi, fold 0" in page.texts["h3"]
    assert "Dice of each output" in page.texts["caption"]
    for number in ("0.910 over all pixels", "aside: 0.220", "0.300 in random order"):
        assert number in page.texts["main"][0]
    alts = [image["alt"] for image in page.all("img")]
    assert "Where paths disagree. Bright: unsure." in alts
    assert "<c>: Dice: fused 0.500. AUROC -, uncertainty 0.250" in alts


@pytest.mark.parametrize("broken", ["nothing", "torn", "without outputs", "with a list of outputs", "without picture"])
def test_a_folder_without_a_whole_explanation_is_refused(tmp_path: Path, broken: str) -> None:
    content = explanation(tmp_path)
    if broken == "without outputs":
        del content["outputs"]
    if broken == "with a list of outputs":
        content["outputs"] = []
    if broken == "without picture":
        (tmp_path / "picture.png").unlink()
    if broken != "nothing":
        (tmp_path / "explanation.json").write_text(json.dumps(content)[: 50 if broken == "torn" else None])
    with pytest.raises(ValueError, match=r"nnunet_taichi explain.*explanation\.json"):
        read_explanation(tmp_path)
