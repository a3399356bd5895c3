import re

import pytest

from nnunet_taichi import trainers
from nnunet_taichi.dataset_conversion import busi, dataset_b, refuge, tn_scui
from nnunet_taichi.evaluation.quoted import name_in_paper, quoted_rows, read_tables, remarks


@pytest.fixture(scope="module")
def tables():
    return read_tables()


def number(tables, table, method, metric, condition="", label="lesion"):
    """The mean and the standard deviation of one cell."""
    wanted = {"table": table, "method": method, "metric": metric, "condition": condition, "label": label}
    (found,) = tables[(tables[list(wanted)] == wanted).all(axis=1)].itertuples()
    return found.mean, found.sd


def test_spot_values_typed_from_the_paper(tables):
    without, with_normal = "without normal cases", "with normal cases"
    assert number(tables, "I", "Model 4", "accuracy", without) == (0.975, 0.004)
    assert number(tables, "I", "TaiChiNet", "dice", without) == (0.836, 0.024)
    assert number(tables, "II", "TaiChiNet w Cons-ML", "precision", without) == (0.817, 0.031)
    assert number(tables, "III", "TaiChiNet with (a)", "sensitivity", without) == (0.836, 0.025)
    assert number(tables, "IV", "attention U-Net", "jaccard", without) == (0.624, 0.029)
    assert number(tables, "IV", "CE-Net", "sensitivity", without) == (0.786, 0.02)
    assert number(tables, "IV", "Wang et al.", "sensitivity", with_normal) == (0.682, 0.014)
    assert number(tables, "V", "AAU-Net", "dice") == (0.842, 0.018)
    assert number(tables, "V", "TaiChiNet", "precision", "trained on BUSI") == (0.787, 0.002)
    assert number(tables, "VI", "FAT-Net", "jaccard") == (0.795, 0.019)
    assert number(tables, "VII", "TaiChiNet", "jaccard", label="disc") == (0.941, 0.003)
    assert number(tables, "VII", "AAU-Net", "dice", label="cup") == (0.887, 0.034)


def test_every_table_has_all_its_rows(tables):
    methods = tables.groupby(["table", "condition"])["method"].nunique().to_dict()
    normal = ("with normal cases", "without normal cases")
    assert methods == {
        ("I", normal[1]): 8,
        ("II", normal[1]): 3,
        ("III", normal[1]): 3,
        ("IV", normal[0]): 11,
        ("IV", normal[1]): 11,
        ("V", ""): 11,
        ("V", "trained on BUSI"): 11,
        ("VI", ""): 9,
        ("VII", ""): 9,
    }
    assert len(tables) == 5 * (8 + 3 + 3 + 22 + 22 + 9) + 4 * 9
    assert not tables.duplicated(["table", "condition", "method", "label", "metric"]).any()


def test_numbers_are_shares(tables):
    assert tables["mean"].between(0.5, 1).all()
    assert tables["sd"].between(0.001, 0.04).all()


def test_numbers_that_cannot_be_or_are_out_of_line_say_so(tables):
    means = tables.pivot_table(index=["table", "condition", "method", "label"], columns="metric", values="mean")
    # Jaccard is a convex function of Dice, so its mean is at least that of the mean Dice (here, less rounding)
    impossible = means[means["jaccard"] < means["dice"] / (2 - means["dice"]) - 0.0015].index
    notes = tables[(tables["note"] != "") & (tables["metric"] == "jaccard")]
    assert set(impossible) <= set(notes.set_index(["table", "condition", "method", "label"]).index)
    assert len(impossible) == 1


def test_named_trainers_exist(tables):
    named = set(tables["trainer"]) - {""}
    assert named <= set(trainers.__all__)
    published = "nnUNetTrainerTaichi_Published"  # nnUNetTrainerTaichi stands for the paper's method
    assert named == set(trainers.__all__) - {published}  # the paper is what they are for
    assert set(tables.loc[tables["trainer"] == "", "method"]) == {"X-Net", "DE-ResUnet"}


def test_one_trainer_has_the_same_numbers_in_all_tables_of_the_same_data(tables):
    rows = tables[tables["trainer"] != ""]
    keys = ["dataset", "condition", "trainer", "label", "metric"]
    assert (rows.groupby(keys)["mean"].nunique() == 1).all()
    assert (rows.groupby(keys)["sd"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("converter", "dataset"),
    [(busi, "BUSI"), (dataset_b, "Dataset B"), (tn_scui, "TN-SCUI2020"), (refuge, "REFUGE")],
)
def test_data_sets_of_the_converters_are_known(converter, dataset, tables):
    assert name_in_paper(f"Dataset100_{converter.DEFAULT_NAME}") == dataset
    assert dataset in set(tables["dataset"])
    labels = set(converter.DESCRIPTION.labels) - {"background"}
    assert set(tables.loc[tables["dataset"] == dataset, "label"]) == labels


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("Dataset128_BUSI128", "BUSI"),
        ("Dataset101_BUSI_with_normal", "BUSI"),
        ("Dataset102_UDIAT", "Dataset B"),
        ("Dataset103_TN-SCUI2020", "TN-SCUI2020"),
        ("Dataset104_REFUGE512", "REFUGE"),
        ("Dataset105_BUSIS", ""),
        ("Dataset105_BUS", ""),
        ("Dataset105_BUS-BRA", ""),
        ("Dataset105_REFUGE2", ""),
        ("Dataset105_Mine", ""),
    ],
)
def test_data_sets_are_known_by_name(name, dataset):
    assert name_in_paper(name) == dataset


def test_busi_is_quoted_with_normal_cases_or_without():
    without, with_normal = quoted_rows("Dataset101_BUSI"), quoted_rows("Dataset101_BUSI", with_normal=True)
    assert (len(without), set(without["table"]), set(without["cases"])) == (125, {"I", "II", "III", "IV"}, {"lesion"})
    assert (len(with_normal), set(with_normal["table"]), set(with_normal["cases"])) == (55, {"IV"}, {"all"})


def test_other_data_sets_are_quoted_for_lesions_whatever_there_is():
    for with_normal in (False, True):
        rows = quoted_rows("Dataset102_DatasetB", with_normal=with_normal)
        assert (len(rows), set(rows["condition"]), set(rows["cases"])) == (110, {"", "trained on BUSI"}, {"lesion"})


def test_unknown_data_sets_are_not_quoted():
    rows = quoted_rows("Dataset900_Phantoms")
    assert len(rows) == 0
    assert {"label", "cases", "trainer"} <= set(rows)
    assert remarks(rows) == []


def test_remarks_name_source_and_slips():
    text = "\n".join(remarks(quoted_rows("Dataset101_BUSI")))
    assert "10.1109/JBHI.2024.3352984" in text
    assert re.search(r"table IV, attention U-Net, lesion, jaccard 0.624 ± 0.029: out of line", text)
    assert "empty mask" not in text
    assert "empty mask" in "\n".join(remarks(quoted_rows("Dataset101_BUSI", with_normal=True)))
