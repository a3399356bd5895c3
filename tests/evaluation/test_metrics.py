"""Metrics against scikit-learn, MONAI, a brute force written from the definitions, and hand-made cases."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.spatial.distance import cdist
from sklearn import metrics as sklearn_metrics

from nnunet_taichi.evaluation import metrics
from nnunet_taichi.evaluation.metrics import Counts, count_pixels, overlap, surface_distances

FLOAT32 = 1e-5  # SimpleITK measures in it; whole numbers are exact
shapes = array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7)
spacings = st.sampled_from([0.3, 0.5, 1.0, 2.0, 3.7])


@st.composite
def pairs(draw):
    """Two masks of one shape, and a spacing."""
    shape = draw(shapes)
    a, b = draw(arrays(bool, shape)), draw(arrays(bool, shape))
    return a, b, [draw(spacings) for _ in shape]


def square(shape, low, high):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))] = True
    return mask


def percentile_95(values):
    """Interpolate linearly between order statistics."""
    values = sorted(values)
    place = 0.95 * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def brute_force(truth, prediction, spacing):
    """Compare each surface pixel with all others; beyond the image is outside."""
    surfaces = [np.argwhere(mask & ~binary_erosion(mask, border_value=0)) * spacing for mask in (truth, prediction)]
    distances = cdist(*surfaces)
    there, back = distances.min(axis=1), distances.min(axis=0)
    return max(percentile_95(there), percentile_95(back)), (there.sum() + back.sum()) / (len(there) + len(back))


@settings(deadline=None, max_examples=50)
@given(pairs())
def test_overlap_is_that_of_scikit_learn(pair):
    truth, prediction, _ = (np.ravel(array) for array in pair)
    assume(0 < truth.sum() < truth.size)
    assume(prediction.any())
    scores = overlap(count_pixels(truth, prediction))
    assert scores.dice == pytest.approx(sklearn_metrics.f1_score(truth, prediction))
    assert scores.jaccard == pytest.approx(sklearn_metrics.jaccard_score(truth, prediction))
    assert scores.accuracy == pytest.approx(sklearn_metrics.accuracy_score(truth, prediction))
    assert scores.precision == pytest.approx(sklearn_metrics.precision_score(truth, prediction))
    assert scores.sensitivity == pytest.approx(sklearn_metrics.recall_score(truth, prediction))
    assert scores.specificity == pytest.approx(sklearn_metrics.recall_score(~truth, ~prediction))


@settings(deadline=None, max_examples=50)
@given(pairs())
def test_counts_are_the_confusion_matrix(pair):
    truth, prediction, _ = pair
    (tn, fp), (fn, tp) = sklearn_metrics.confusion_matrix(truth.ravel(), prediction.ravel(), labels=[False, True])
    assert count_pixels(truth, prediction) == Counts(tp, fp, fn, tn)


def test_pixels_that_are_not_valid_are_left_out():
    truth = np.array([[1, 1, 0, 0, 1]], bool)
    prediction = np.array([[1, 0, 1, 0, 1]], bool)
    valid = np.array([[1, 1, 1, 1, 0]], bool)
    assert count_pixels(truth, prediction) == Counts(tp=2, fp=1, fn=1, tn=1)
    assert count_pixels(truth, prediction, valid) == Counts(tp=1, fp=1, fn=1, tn=1)
    assert count_pixels(truth, prediction, np.zeros_like(valid)) == Counts(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("counts", "undefined"),
    [
        (Counts(tp=0, fp=0, fn=0, tn=9), {"dice", "jaccard", "precision", "sensitivity"}),  # a normal image, rightly
        (Counts(tp=0, fp=2, fn=0, tn=7), {"sensitivity"}),  # a normal image with a false alarm
        (Counts(tp=0, fp=0, fn=2, tn=7), {"precision"}),  # a missed lesion
        (Counts(tp=9, fp=0, fn=0, tn=0), {"specificity"}),
        (Counts(0, 0, 0, 0), {"dice", "jaccard", "accuracy", "precision", "sensitivity", "specificity"}),
    ],
)
def test_nothing_of_nothing_is_undefined(counts, undefined):
    scores = overlap(counts)._asdict()
    assert {name for name, score in scores.items() if np.isnan(score)} == undefined


@given(st.tuples(*[st.integers(0, 1000)] * 4))
def test_jaccard_follows_from_dice(numbers):
    scores = overlap(Counts(*numbers))
    if np.isnan(scores.dice):
        assert np.isnan(scores.jaccard)
    else:
        assert scores.jaccard == pytest.approx(scores.dice / (2 - scores.dice))


@settings(deadline=None, max_examples=200)
@given(pairs())
def test_distances_are_those_of_the_definition(pair):
    truth, prediction, spacing = pair
    assume(truth.any() and prediction.any())
    expected = brute_force(truth, prediction, spacing)
    assert surface_distances(truth, prediction, spacing) == pytest.approx(expected, rel=1e-6, abs=FLOAT32)


def test_distances_of_large_masks_are_those_of_the_definition():
    rows, columns = np.mgrid[:90, :70]
    for radius in (9, 20, 30):  # cut off by the edge, at last
        truth = (rows - 40) ** 2 + (columns - 30) ** 2 < 20**2
        prediction = (rows - 45) ** 2 + 2 * (columns - 38) ** 2 < radius**2
        spacing = (0.4, 0.7)
        assert surface_distances(truth, prediction, spacing) == pytest.approx(
            brute_force(truth, prediction, spacing), rel=1e-6
        )


@settings(deadline=None, max_examples=50)
@given(pairs())
def test_distances_are_symmetric(pair):
    truth, prediction, spacing = pair
    forth, back = surface_distances(truth, prediction, spacing), surface_distances(prediction, truth, spacing)
    assert forth == pytest.approx(back, rel=1e-6, abs=FLOAT32, nan_ok=True)


@settings(deadline=None, max_examples=50)
@given(pairs())
def test_a_mask_has_no_distance_to_itself(pair):
    mask, _, spacing = pair
    assume(mask.any())
    assert surface_distances(mask, mask, spacing) == pytest.approx((0, 0), abs=FLOAT32)
    assert surface_distances(mask, mask, spacing[:1] * mask.ndim) == (0, 0)


@settings(deadline=None, max_examples=50)
@given(pairs(), st.data())
def test_what_lies_around_the_masks_is_no_matter(pair, data):
    truth, prediction, spacing = pair
    assume(truth.any() and prediction.any())
    margins = data.draw(st.lists(st.tuples(*[st.integers(0, 9)] * 2), min_size=truth.ndim, max_size=truth.ndim))
    distances = surface_distances(truth, prediction, spacing)
    assert surface_distances(np.pad(truth, margins), np.pad(prediction, margins), spacing) == distances


def test_cropping_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    masks = [np.pad(rng.random((4, 9, 8)) < 0.3, ((2, 1), (5, 8), (9, 3))) for _ in range(2)]
    cropped = [surface_distances(*masks, spacing) for spacing in ((0.7, 0.7, 0.7), (2.5, 0.7, 0.6))]
    monkeypatch.setattr(metrics, "_bounding_box", lambda mask: (slice(None),) * mask.ndim)
    assert surface_distances(*masks, (0.7, 0.7, 0.7)) == cropped[0]
    assert surface_distances(*masks, (2.5, 0.7, 0.6)) == pytest.approx(cropped[1], rel=1e-6)


@pytest.mark.parametrize("shift", [1, 2, 5])
def test_a_square_beside_a_square(shift):
    """Squares of 10 x 10, one `shift` rows lower: none of the 36 surface pixels is further than `shift` from the other
    square's surface, and the 10 of the far edge, more than 5% of them, are that far.
    """
    truth, prediction = square((40, 30), (8, 10), (18, 20)), square((40, 30), (8 + shift, 10), (18 + shift, 20))
    hd95, _ = surface_distances(truth, prediction, (1, 1))
    assert hd95 == shift


def test_bars_side_by_side():
    """Bars that are one pixel wide: every distance is that between the bars."""
    truth, prediction = square((20, 20), (3, 4), (17, 5)), square((20, 20), (3, 11), (17, 12))
    assert surface_distances(truth, prediction, (1, 1)) == (7, 7)
    assert surface_distances(truth, prediction, (9, 0.5)) == (3.5, 3.5)


def test_single_pixels_and_the_order_of_the_spacing():
    truth, prediction = square((8, 9), (1, 1), (2, 2)), square((8, 9), (4, 5), (5, 6))
    assert surface_distances(truth, prediction, (1, 1)) == (5, 5)  # 3 rows, 4 columns
    assert surface_distances(truth, prediction, (4, 4)) == (20, 20)
    assert surface_distances(truth, prediction, (4, 1.25)) == pytest.approx((13, 13))  # 12 and 5


def test_single_voxels_and_the_order_of_the_spacing():
    truth, prediction = square((6, 7, 8), (1, 1, 1), (2, 2, 2)), square((6, 7, 8), (2, 3, 4), (3, 4, 5))
    assert surface_distances(truth, prediction, (2, 3, 6)) == pytest.approx((np.hypot(2, np.hypot(6, 18)),) * 2)


def test_a_square_in_a_square():
    """The inner square's border is 2 from the outer's everywhere; of the outer's, only the corners are further away.

    Outer: 9 x 9, 32 surface pixels. Inner: 5 x 5, 16. An outer pixel facing the inner border is 2 away (5 a side), its
    neighbour sqrt(5), the corner sqrt(8).
    """
    outer, inner = square((15, 15), (3, 3), (12, 12)), square((15, 15), (5, 5), (10, 10))
    there = [2.0] * 20 + [5**0.5] * 8 + [8**0.5] * 4
    hd95, assd = surface_distances(outer, inner, (1, 1))
    assert hd95 == pytest.approx(8**0.5)  # place 29.45 of 0 to 31: among the corners
    assert assd == pytest.approx((sum(there) + 16 * 2.0) / 48)


def test_hd95_is_the_greater_of_two_percentiles_not_that_of_all():
    """A bar of 20 pixels against its first pixel: 0 to 19 one way, 0 the other."""
    bar, pixel = square((3, 24), (1, 1), (2, 21)), square((3, 24), (1, 1), (2, 2))
    hd95, assd = surface_distances(bar, pixel, (1, 1))
    assert hd95 == pytest.approx(0.95 * 19)
    assert hd95 != pytest.approx(percentile_95([0, *range(20)]))
    assert assd == pytest.approx(sum(range(20)) / 21)


def test_a_mask_that_fills_the_image_has_its_surface_at_the_edge():
    full, centre = np.ones((9, 9), bool), square((9, 9), (4, 4), (5, 5))
    hd95, _ = surface_distances(full, centre, (1, 1))
    assert hd95 == pytest.approx(32**0.5)  # four corners of 32 pixels: more than 5%


def test_diagonal_neighbours_do_not_make_a_surface():
    """A square that lacks one corner: the pixel diagonal to the hole has four neighbours inside, and is no surface."""
    mask = square((9, 9), (2, 2), (7, 7))
    mask[2, 2] = False
    inside = square((9, 9), (3, 3), (4, 4))
    _, assd = surface_distances(mask, inside, (1, 1))
    surface = [(row, column) for row in range(2, 7) for column in range(2, 7) if {row, column} & {2, 6}]
    surface.remove((2, 2))
    distances = [np.hypot(row - 3, column - 3) for row, column in surface]
    assert assd == pytest.approx((sum(distances) + 1) / (len(distances) + 1))


@pytest.mark.parametrize("filled", [(False, False), (True, False), (False, True)])
def test_no_distance_to_an_empty_mask(filled):
    masks = [np.full((4, 5), value) for value in filled]
    assert np.isnan(surface_distances(*masks, (1, 1))).all()


@pytest.fixture
def monai_scores():
    """Score two masks by MONAI: Dice, HD95 and the average symmetric surface distance."""
    monai = pytest.importorskip("monai.metrics", reason="pip install monai>=1.6")
    torch = pytest.importorskip("torch")

    def score(truth, prediction, spacing):
        y, y_pred = (torch.from_numpy(mask)[None, None].float() for mask in (truth, prediction))  # (B, C, [Z,] Y, X)
        options = {"include_background": True, "spacing": list(spacing)}
        hd95 = monai.compute_hausdorff_distance(y_pred, y, percentile=95, **options)
        assd = monai.compute_average_surface_distance(y_pred, y, symmetric=True, **options)
        return monai.compute_dice(y_pred, y, include_background=True).item(), hd95.item(), assd.item()

    return score


def our_scores(truth, prediction, spacing):
    return overlap(count_pixels(truth, prediction)).dice, *surface_distances(truth, prediction, spacing)


@pytest.mark.parametrize("smoothness", [1, 2.5])
@pytest.mark.parametrize("share", [0.3, 0.8])
@pytest.mark.parametrize(
    ("shape", "spacing"), [((60, 47), (1, 1)), ((60, 47), (0.4, 1.3)), ((9, 25, 22), (3.0, 0.7, 0.5))]
)
def test_masks_get_the_scores_of_monai(monai_scores, shape, spacing, share, smoothness):
    """MONAI's definitions are ours, so all agrees but for rounding: both measure in float32, MONAI averages in it too.

    Surface: the mask less its `binary_erosion`, by faces, and beyond the image is outside. HD95: the greater of two
    directed `torch.quantile`, which is linear. ASSD: the mean over both surfaces, pooled. The masks are blobs, fine
    ones and large ones, cut off by the edge, so that other definitions would show.
    """
    rng = np.random.default_rng(0)
    for _ in range(5):
        noise = [gaussian_filter(rng.random(shape), smoothness) for _ in range(2)]
        truth, prediction = (
            values < np.quantile(values, part) for values, part in zip(noise, (share, 0.4), strict=True)
        )
        assert (binary_erosion(truth, border_value=1) != binary_erosion(truth)).any(), "the edge must cut it off"
        expected = monai_scores(truth, prediction, spacing)
        assert our_scores(truth, prediction, spacing) == pytest.approx(expected, rel=2e-6)


@pytest.mark.filterwarnings("ignore:the (ground truth|prediction) of class")
@pytest.mark.parametrize(
    ("filled", "ours", "theirs"),
    [
        ((False, False), (np.nan, np.nan, np.nan), (np.nan, np.nan, np.nan)),
        ((True, False), (0, np.nan, np.nan), (0, np.nan, np.inf)),  # a missed lesion: infinitely far off
        ((False, True), (0, np.nan, np.nan), (np.nan, np.nan, np.inf)),  # a false alarm: and no Dice
    ],
)
def test_monai_scores_empty_masks_otherwise(monai_scores, filled, ours, theirs):
    masks = [np.full((4, 5), value) for value in filled]
    assert our_scores(*masks, (1, 1)) == pytest.approx(ours, nan_ok=True)
    assert monai_scores(*masks, (1, 1)) == pytest.approx(theirs, nan_ok=True)
