import numpy as np
import pytest
from hand_made_cases import make_case

from nnunet_taichi.explanation.measures import Measures
from nnunet_taichi.explanation.pictures import case_picture, channel_picture, format_dice, shown_slice
from nnunet_taichi.explanation.uncertainty_curves import uncertainty_figure
from nnunet_taichi.explanation.writing import choose_cases

SQUARE = np.zeros((4, 6))
SQUARE[1:3, 2:4] = 0.75
DICE = {"lesion": 1.0, "background": 0.5, "fused": 0.25}


def maps(moments, count=1):
    return {
        path: {moment: np.random.default_rng(i).random((count, 1, 4, 6)) for i, moment in enumerate(moments)}
        for path in ("lesion", "background")
    }


def panels(figure):
    """The axes with pictures, by title."""
    return [(ax.get_title(), ax) for ax in figure.axes if ax.images]


def test_a_case_shows_outputs_disagreement_and_features():
    case = make_case(truth=SQUARE, lesion=SQUARE, fused=SQUARE)
    figure = case_picture(case, "case: Dice 0.25", {"lesion": DICE}, maps(("before", "after")), 0.8)
    shown = dict(panels(figure))
    assert list(shown)[:5] == ["image", "lesion path", "background path", "fused", "disagreement"]
    assert list(shown)[5:] == [
        f"{path} path, {moment}" for path in ("lesion", "background") for moment in ("before", "after")
    ]
    assert np.array_equal(shown["disagreement"].images[0].get_array(), SQUARE)
    assert shown["disagreement"].images[0].get_clim() == (0, 0.8)
    assert shown["lesion path"].images[0].get_clim() == (0, 1)
    assert [shown[name].get_xlabel() for name in ("lesion path", "background path", "fused")] == [
        "Dice 1.00",
        "Dice 0.50",
        "Dice 0.25",
    ]
    assert figure.get_suptitle() == "case: Dice 0.25"


def test_before_and_after_attention_have_scales_of_their_own():
    means = maps(("before", "after"))
    figure = case_picture(make_case(), "", {"lesion": DICE}, means, 1)
    scales = [ax.images[0].get_clim() for title, ax in panels(figure) if title.startswith("background path, ")]
    assert scales == [(values.min(), values.max()) for values in means["background"].values()]


def test_without_attention_there_is_nothing_after_it_and_the_picture_says_so():
    figure = case_picture(make_case(), "", {"lesion": DICE}, maps(("before",)), 1)
    assert [title for title, _ in panels(figure)][5:] == ["lesion path", "background path"]
    assert "no attention" in [ax.get_legend().get_title().get_text() for ax in figure.axes if ax.get_legend()]


def test_each_class_has_a_row_with_its_name():
    truth = np.stack([SQUARE, np.zeros_like(SQUARE)])
    case = make_case(heads=("disc", "cup"), truth=truth)
    figure = case_picture(case, "", {"disc": DICE, "cup": DICE}, maps(("before",)), 1)
    assert [ax.get_ylabel() for title, ax in panels(figure) if title == "image"] == ["disc", "cup"]


def test_the_strongest_channels_are_drawn_for_both_paths_with_their_numbers():
    channels = {"lesion": [7, 3], "background": [1, 0]}
    figure = channel_picture(make_case(), "case", channels, maps(("before", "after"), 2))
    shown = [(title, ax.get_xlabel()) for title, ax in panels(figure)][1:]
    assert sorted(shown) == sorted(
        (f"{path} path, {moment}", f"channel {channel}")
        for path, numbers in channels.items()
        for channel in numbers
        for moment in ("before", "after")
    )


def test_pixels_of_anisotropic_volumes_keep_their_proportions():
    figure = case_picture(make_case(spacing=(9, 3, 1)), "", {"lesion": DICE}, maps(("before",)), 1)
    image = panels(figure)[0][1]
    box = image.get_position().transformed(figure.transFigure)
    assert image.get_aspect() == 3
    assert box.height / box.width == pytest.approx(4 * 3 / 6, rel=1e-3)


@pytest.mark.parametrize(("given", "expected"), [("truth", 2), ("lesion", 2), (None, 1)])
def test_of_a_volume_the_slice_with_most_of_the_lesion_is_shown_or_else_of_what_was_claimed(given, expected):
    volume = np.zeros((3, 4, 6))
    volume[0, 0, 0] = volume[2, :2] = 1
    assert shown_slice(make_case(shape=(3, 4, 6), **({given: volume} if given else {}))) == expected


def test_empty_truth_and_empty_mask_have_no_dice():
    assert format_dice(float("nan")) == "both empty"
    assert format_dice(0.256) == "Dice 0.26"


@pytest.fixture
def measures():
    measures, rng = Measures(), np.random.default_rng(0)
    for number in range(6):
        arrays = {output: rng.random((4, 6)) for output in ("fused", "lesion", "background")}
        measures.add(make_case(f"case_{number}", truth=SQUARE, **arrays))
    return measures


def test_the_curves_name_their_areas(measures):
    figure = uncertainty_figure(measures.counts, measures.images)
    summary = measures.summary()
    roc, risk, scatter = figure.axes
    texts = [text.get_text() for ax in (roc, risk) for text in ax.get_legend().get_texts()]
    assert texts == [
        f"disagreement: {summary['auroc']['pixels']:.3f}",
        f"fused probability: {summary['auroc_baseline']['pixels']:.3f}",
        f"disagreement: {summary['risk_coverage']['aurc']:.3f}",
        f"fused probability: {summary['risk_coverage']['aurc_baseline']:.3f}",
        f"oracle: {summary['risk_coverage']['oracle']:.3f}",
        f"random: {summary['risk_coverage']['random']:.3f}",
    ]
    assert len(scatter.lines[0].get_xdata()) == 6


def test_the_most_and_the_least_uncertain_images_are_chosen(measures):
    ranked = measures.images["uncertainty"].sort_values(ascending=False).index.tolist()
    assert choose_cases(measures.images, 4) == [*ranked[:2], *ranked[-2:]]
    assert choose_cases(measures.images, 12) == ranked
