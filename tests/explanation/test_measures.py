import json
import math

import numpy as np
import pytest
from hand_made_cases import make_case
from sklearn.metrics import roc_auc_score

from nnunet_taichi.explanation.measures import Measures
from nnunet_taichi.runtime.files import without_nan

SHAPE = (1, 1, 4)
LESION = {"truth": [1, 1, 0, 0], "lesion": [0.9, 0.8, 0.7, 0.1], "background": [0.9, 0.4, 0.2, 0.1]}
NORMAL = {"truth": [0, 0, 0, 0], "lesion": [0.6, 0.2, 0.1, 0.1], "background": [0.2, 0.2, 0.1, 0.1]}


def measure(*cases):
    measures = Measures()
    for case in cases:
        measures.add(case)
    return measures


@pytest.fixture
def two():
    """A lesion of which the paths claim three and one pixels, and a normal image where the lesion path claims one."""
    return measure(
        make_case("a", shape=SHAPE, fused=[0.9, 0.6, 0.45, 0.1], **LESION),
        make_case("b", shape=SHAPE, fused=[0.4, 0.2, 0.1, 0.1], **NORMAL),
    )


def test_each_output_is_scored_by_itself(two):
    row = two.table.iloc[0]
    assert row["fused_dice"] == 1
    assert row["lesion_dice"] == pytest.approx(2 * 2 / (3 + 2))
    assert row["lesion_precision"] == pytest.approx(2 / 3)
    assert row["background_sensitivity"] == pytest.approx(1 / 2)
    assert row["background_jaccard"] == pytest.approx(1 / 2)


def test_means_are_over_images_with_a_lesion_and_the_others_are_counted(two):
    outputs = two.summary()["outputs"]
    assert outputs["lesion"]["dice_mean"] == pytest.approx(0.8)
    assert {name: scores["n"] for name, scores in outputs.items()} == dict.fromkeys(outputs, 1)
    assert {name: scores["normal"] for name, scores in outputs.items()} == dict.fromkeys(outputs, 1)
    clean = {name: scores["normal_clean"] for name, scores in outputs.items()}
    assert clean == {"fused": 1, "lesion": 0, "background": 1}


def test_an_image_is_as_uncertain_as_the_paths_disagree_where_any_output_claims(two):
    images = two.images
    assert images["uncertainty"].tolist() == pytest.approx([(0 + 0.4 + 0.5) / 3, 0.4])
    assert images["uncertainty_baseline"].tolist() == pytest.approx([(0.2 + 0.8 + 0.9) / 3, 0.8])
    assert images["risk"].tolist() == [0, 0]  # nothing there and nothing found is no risk
    assert two.largest == pytest.approx(0.5)


def test_auroc_has_the_errors_of_the_fused_mask_as_its_target():
    wrong = make_case("a", shape=SHAPE, fused=[0.9, 0.3, 0.45, 0.1], **LESION)
    also = make_case("b", shape=SHAPE, fused=[0.55, 0.2, 0.1, 0.1], **NORMAL)
    summary = measure(wrong, also).summary()
    errors = [0, 1, 0, 0, 1, 0, 0, 0]
    disagreement = [0, 0.4, 0.5, 0, 0.4, 0, 0, 0]
    ambiguity = [0.2, 0.6, 0.9, 0.2, 0.9, 0.4, 0.2, 0.2]
    assert summary["auroc"]["pixels"] == pytest.approx(roc_auc_score(errors, disagreement))
    assert summary["auroc_baseline"]["pixels"] == pytest.approx(roc_auc_score(errors, ambiguity))
    assert summary["auroc"]["per_case_mean"] == pytest.approx((2 / 3 + 1) / 2)
    assert summary["auroc"]["n"] == 2
    assert summary["auroc"]["better_than_baseline"] == 0  # both tell case b


def test_a_case_without_errors_has_no_auroc(two):
    summary = without_nan(two.summary())
    assert summary["auroc"] == {"pixels": None, "per_case_mean": None, "n": 0, "better_than_baseline": 0}


def test_ignored_pixels_count_nowhere():
    hidden = make_case(shape=SHAPE, fused=[0.9, 0.6, 0.9, 0.1], valid=[1, 1, 0, 1], **LESION)
    row = measure(hidden).table.iloc[0]
    assert row["n_ref"] == 2
    assert row["fused_dice"] == 1
    assert row["uncertainty"] == pytest.approx((0 + 0.4) / 2)
    assert math.isnan(row["auroc"])


def test_several_heads_are_measured_apart_and_averaged():
    case = make_case(
        heads=("disc", "cup"),
        shape=(1, 1, 2),
        truth=[[1, 1], [1, 0]],
        fused=[[0.9, 0.9], [0.2, 0.1]],
        lesion=[[0.9, 0.9], [0.6, 0.1]],
        background=[[0.9, 0.8], [0.1, 0.1]],
    )
    measures = measure(case)
    assert measures.table["label"].tolist() == ["disc", "cup"]
    assert measures.images["risk"].item() == pytest.approx((0 + 1) / 2)
    assert measures.images["uncertainty"].item() == pytest.approx((0.05 + 0.5) / 2)
    labels = measures.summary()["labels"]
    assert [labels[name]["outputs"]["fused"]["dice_mean"] for name in ("disc", "cup")] == [1, 0]
    assert labels["cup"]["auroc"]["pixels"] == 1


def test_risk_and_coverage_order_images_by_their_uncertainty():
    sure = make_case("sure", shape=SHAPE, fused=[0.9, 0.9, 0.1, 0.1], truth=[1, 1, 0, 0], lesion=[0.9, 0.9, 0.1, 0.1])
    unsure = make_case("unsure", shape=SHAPE, fused=[0.6, 0.6, 0.6, 0.6], truth=[0, 0, 1, 0], lesion=[1, 1, 1, 1])
    curve = measure(unsure, sure).summary()["risk_coverage"]
    assert curve["coverage"] == [0.5, 1]
    assert curve["risk"] == pytest.approx([0, 0.3])  # Dice 1, then (1 + 2 / 5) / 2
    assert curve["random"] == pytest.approx(0.3)
    assert curve["aurc"] == curve["oracle"] == pytest.approx(0.15)


def test_what_is_undefined_is_null_in_json():
    assert json.dumps(without_nan({"a": [math.nan, 1.5], "b": {"c": np.float64("nan")}})) == (
        '{"a": [null, 1.5], "b": {"c": null}}'
    )
