"""Pictures of one case: outputs, disagreement and features; all but features on the same scales in all cases."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.explanation.features import Maps
from nnunet_taichi.explanation.two_paths import PredictedCase
from nnunet_taichi.figures.drawing import Array, fullest_slice
from nnunet_taichi.figures.panels import SMALL, Limits, Page

PANELS = ("lesion", "background", "fused")  # from the left
PROBABILITY, DISAGREEMENT, FEATURES = "viridis", "inferno", "magma"  # all perceptually uniform


def case_picture(
    case: PredictedCase,
    headline: str,
    dice: Mapping[str, Mapping[str, float]],
    means: Maps,
    largest: float,
) -> Figure:
    """Draw what the paths say of a case, a row a class or region, and below it their mean features (as in figure 9).

    Args:
        case: of a volume, the slice with the most lesion is drawn.
        headline: above all.
        dice: class or region -> output -> Dice.
        means: path -> "before" and, where there is attention, "after" -> mean over the channels, (1, Z, Y, X).
        largest: end of the disagreement's scale.
    """
    z, heads = shown_slice(case), len(case.heads)
    page = Page(case.image.shape[2:], case.spacing[1:], ["panels"] * heads + ["bars", "panels", "bars"], headline)
    for head, name in enumerate(case.heads):
        _draw_outputs(page, case, head, z, dice[name])
        outline = {"truth": case.truth[head, z]}
        page.panel(head, 4, case.disagreement[head, z], DISAGREEMENT, (0, largest), outline, "disagreement")
    page.bar(heads, range(1, 4), PROBABILITY, (0, 1), "probability of the lesion")
    page.bar(heads, range(4, 5), DISAGREEMENT, (0, largest), "disagreement of the paths")
    _draw_means(page, heads + 1, case, z, means)
    return page.figure


def _draw_outputs(page: Page, case: PredictedCase, head: int, z: int, dice: Mapping[str, float]) -> None:
    """Draw the image, and what both paths and their fusion take for lesion."""
    truth = {"truth": case.truth[head, z]}
    outlines = truth | {"fused mask": case.masks["fused"][head, z]}
    ax = page.panel(head, 0, case.image[0, z], "gray", outlines=outlines, title="image")
    if len(case.heads) > 1:
        ax.set_ylabel(case.heads[head], labelpad=2, **SMALL)
    for column, output in enumerate(PANELS, 1):
        title, probability = OUTPUTS[output], case.probabilities[output][head, z]
        ax = page.panel(head, column, probability, PROBABILITY, (0, 1), truth, title)
        ax.set_xlabel(format_dice(dice[output]), labelpad=2, **SMALL)


def _draw_means(page: Page, row: int, case: PredictedCase, z: int, means: Maps) -> None:
    """Draw the mean features of both paths, each on a scale of its own: attention adds much to them."""
    outline, column = {"truth": np.any(case.truth[:, z], 0)}, 0
    for path, moments in means.items():
        for moment, values in moments.items():
            limits = _limits(values[0, z])
            page.panel(row, column, values[0, z], FEATURES, limits, outline, _title(path, moment, moments))
            page.bar(row + 1, range(column, column + 1), FEATURES, limits, "mean feature")
            column += 1
    page.legend(row, 4, "" if column == 4 else "no attention")


def channel_picture(case: PredictedCase, headline: str, channels: Mapping[str, Sequence[int]], maps: Maps) -> Figure:
    """Draw the strongest channels of both paths, a row a channel, beside the image (as in figure 4).

    Args:
        case: of a volume, the slice with the most lesion is drawn.
        headline: above all.
        channels: path -> numbers of the channels, as many for each.
        maps: path -> "before" and, where there is attention, "after" -> these channels, (channels, Z, Y, X).
    """
    z, count = shown_slice(case), len(next(iter(channels.values())))
    page = Page(case.image.shape[2:], case.spacing[1:], ["panels"] * count + ["bars"], headline)
    outline, column = {"truth": np.any(case.truth[:, z], 0)}, 1
    page.panel(0, 0, case.image[0, z], "gray", outlines=outline, title="image")
    for path, moments in maps.items():
        for moment, values in moments.items():
            limits = _limits(values[:, z])
            for row, channel in enumerate(channels[path]):
                ax = page.panel(row, column, values[row, z], FEATURES, limits, outline, _title(path, moment, moments))
                ax.set_xlabel(f"channel {channel}", labelpad=2, **SMALL)
            page.bar(count, range(column, column + 1), FEATURES, limits, "feature")
            column += 1
    return page.figure


def _title(path: str, moment: str, moments: Mapping[str, Array]) -> str:
    """Name a path, and say whether before or after attention, if there is any."""
    return f"{OUTPUTS[path]}, {moment}" if len(moments) > 1 else OUTPUTS[path]


def shown_slice(case: PredictedCase) -> int:
    """Return the slice with the most lesion or, in a normal case, with the most of what was claimed."""
    return fullest_slice([*case.truth], [*case.claimed])


def format_dice(dice: float) -> str:
    """Write a Dice, which is 0/0 where there is nothing to find and nothing was found."""
    return "both empty" if np.isnan(dice) else f"Dice {dice:.2f}"


def _limits(values: Array) -> Limits:
    """Return the smallest and the largest value."""
    return float(np.nanmin(values)), float(np.nanmax(values))
