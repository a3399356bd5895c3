from itertools import permutations

import numpy as np
import pytest
from sklearn import metrics

from nnunet_taichi.evaluation.uncertainty import (
    ambiguity,
    aurc,
    auroc,
    auroc_of_counts,
    count_scores,
    disagreement,
    image_uncertainty,
    risk_coverage,
    roc_curve,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def draw_pixels(rng, pixels, power):
    """Scores that crowd near 0, the more so the higher the power, and errors that are likelier where they are high."""
    scores = rng.random(pixels) ** power
    return scores.astype(np.float32), rng.random(pixels) < 0.02 + 0.3 * scores


def test_disagreement_and_ambiguity_of_single_pixels():
    lesion, background = np.array([0.9, 0.2, 0.5]), np.array([0.6, 0.4, 0.5])
    assert disagreement(lesion, background) == pytest.approx([0.3, 0.2, 0])
    assert ambiguity(np.array([0, 0.1, 0.5, 0.8, 1])) == pytest.approx([0, 0.2, 1, 0.4, 0])


def test_an_image_is_as_uncertain_as_its_claimed_pixels_are_on_average():
    uncertainty = np.array([[0.9, 0.2], [0.4, 0.1]])
    assert image_uncertainty(uncertainty, np.array([[False, True], [True, False]])) == pytest.approx(0.3)


def test_an_image_without_claims_is_as_uncertain_as_its_most_uncertain_pixel():
    assert image_uncertainty(np.array([0.1, 0.4, 0.2]), np.zeros(3, bool)) == 0.4
    assert image_uncertainty(np.array([]), np.zeros(0, bool)) == 0


@pytest.mark.parametrize("levels", [3, 50, None])
def test_auroc_counts_pairs_of_pixels_and_ties_half(rng, levels):
    scores, errors = draw_pixels(rng, 2000, 2)
    if levels:
        scores = np.floor(scores * levels)
    higher = np.subtract.outer(scores[errors], scores[~errors])
    assert auroc(scores, errors) == pytest.approx(np.heaviside(higher, 0.5).mean(), abs=1e-12)


@pytest.mark.parametrize("errors", [[False, False], [True, True], []])
def test_auroc_needs_right_and_wrong_pixels(errors):
    errors = np.array(errors, bool)
    scores = np.linspace(0, 1, len(errors))
    assert np.isnan(auroc(scores, errors))
    assert np.isnan(auroc_of_counts(count_scores(scores, errors)))


@pytest.mark.parametrize("power", [1, 4, 20])
def test_counts_of_images_add_up_to_the_exact_auroc_of_all_their_pixels(rng, power):
    images = [draw_pixels(rng, (40, 50), power) for _ in range(10)]
    pooled = auroc_of_counts(np.sum([count_scores(*image) for image in images], 0))
    scores, errors = (np.concatenate([part.ravel() for part in parts]) for parts in zip(*images, strict=True))
    assert pooled == pytest.approx(metrics.roc_auc_score(errors, scores), abs=1e-3)


def test_counts_hold_the_smallest_and_the_largest_score():
    counts = count_scores(np.array([0.0, 1.0, 1.0, 1e-4]), np.array([False, True, False, True]))
    assert counts.sum(1).tolist() == [2, 2]
    assert counts[:, 0].tolist() == [1, 0]
    assert counts[:, -1].tolist() == [1, 1]


def test_the_roc_curve_is_that_of_scikit_learn(rng):
    scores, errors = draw_pixels(rng, 500, 1)
    scores = np.round(scores * 8) / 8  # each of these has a bin
    right, wrong = roc_curve(count_scores(scores, errors))
    expected_right, expected_wrong, _ = metrics.roc_curve(errors, scores, drop_intermediate=False)
    assert right == pytest.approx(expected_right)
    assert wrong == pytest.approx(expected_wrong)
    assert metrics.auc(right, wrong) == pytest.approx(auroc(scores, errors))


def test_risk_and_coverage_by_hand():
    coverage, risk = risk_coverage(np.array([3, 1, 2, 4]), np.array([0.5, 0.2, 0.4, 0.9]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk == pytest.approx([0.2, (0.2 + 0.4) / 2, (0.2 + 0.4 + 0.5) / 3, (0.2 + 0.4 + 0.5 + 0.9) / 4])
    assert aurc(np.array([3, 1, 2, 4]), np.array([0.5, 0.2, 0.4, 0.9])) == pytest.approx(risk.mean())


def test_images_of_one_uncertainty_are_kept_in_random_order():
    uncertainty, risk = np.array([1, 2, 2, 2, 3]), np.array([0.3, 0.0, 0.6, 0.9, 0.1])
    orders = [(0, *middle, 4) for middle in permutations((1, 2, 3))]
    curves = [np.cumsum(risk[list(order)]) / np.arange(1, 6) for order in orders]
    assert risk_coverage(uncertainty, risk)[1] == pytest.approx(np.mean(curves, 0))


def test_no_uncertainty_beats_the_risk_itself_and_a_constant_one_gets_the_mean(rng):
    risk = rng.random(6)
    areas = [aurc(np.array(order), risk) for order in permutations(range(6))]
    assert aurc(risk, risk) == pytest.approx(min(areas))
    assert aurc(-risk, risk) == pytest.approx(max(areas))
    assert aurc(np.ones(6), risk) == pytest.approx(risk.mean())
    assert np.mean(areas) == pytest.approx(risk.mean())
