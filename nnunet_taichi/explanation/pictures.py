"""Pictures of one case: outputs, disagreement and features. All but the features have the same scale in all cases."""

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
    """Draw the outputs of a case, one row per class or region, and the paths' mean features below (as in figure 9).

    Args:
        case: Predicted case. Of a volume, the slice with the most lesion is drawn.
        headline: Title of the figure.
        dice: Dice by class or region and by output.
        means: Mean over the channels, (1, Z, Y, X), by path and moment: "before" and, if there is attention, "after".
        largest: Upper end of the scale of the disagreement, which starts at 0.
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
    """Draw the image, and the lesion probabilities of both paths and their fusion."""
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
    """Draw the mean features of both paths, each on a scale of its own, because attention adds much to the values."""
    outline, column = {"truth": np.any(case.truth[:, z], 0)}, 0
    for path, moments in means.items():
        for moment, values in moments.items():
            limits = _limits(values[0, z])
            page.panel(row, column, values[0, z], FEATURES, limits, outline, _title(path, moment, moments))
            page.bar(row + 1, range(column, column + 1), FEATURES, limits, "mean feature")
            column += 1
    page.legend(row, 4, "" if column == 4 else "no attention")


def channel_picture(case: PredictedCase, headline: str, channels: Mapping[str, Sequence[int]], maps: Maps) -> Figure:
    """Draw the strongest channels of both paths, one row per channel, beside the image (as in figure 4).

    Args:
        case: Predicted case. Of a volume, the slice with the most lesion is drawn.
        headline: Title of the figure.
        channels: Numbers of the channels, by path; the same number of them for each path.
        maps: These channels, (channels, Z, Y, X), by path and moment: "before" and, if there is attention, "after".
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
    """Return the name of a path and, if there is attention, whether its map is from before or after it."""
    return f"{OUTPUTS[path]}, {moment}" if len(moments) > 1 else OUTPUTS[path]


def shown_slice(case: PredictedCase) -> int:
    """Return the slice with the most lesion or, in a normal case, with the most pixels that any output calls lesion."""
    return fullest_slice([*case.truth], [*case.claimed])


def format_dice(dice: float) -> str:
    """Write a Dice, which is 0/0 (NaN) where there is nothing to find and nothing was found."""
    return "both empty" if np.isnan(dice) else f"Dice {dice:.2f}"


def _limits(values: Array) -> Limits:
    """Return the smallest and the largest value, NaN left out."""
    return float(np.nanmin(values)), float(np.nanmax(values))
