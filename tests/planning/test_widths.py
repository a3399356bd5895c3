"""The search for widths, with costs that are known."""

import math

import pytest

from nnunet_taichi.planning.widths import Widths, scaled, slimmer

STOCK = (32, 64, 128, 256, 512, 512)
WINDOW = 1.0, 1.1


def doubled(widths: Widths, candidate: Widths) -> float:
    """The cost of two networks of squares, each stage a quarter as large as the one before, as if pixels were."""
    cost = [sum(width**2 / 4**stage for stage, width in enumerate(w)) for w in (candidate, widths)]
    return 2 * cost[0] / cost[1]


def best(widths: Widths, least: float = WINDOW[0], most: float = WINDOW[1]) -> Widths | None:
    return next(slimmer(widths, lambda candidate: doubled(widths, candidate), least, most), None)


@pytest.mark.parametrize(
    ("widths", "unit"),
    [
        (STOCK, 8),
        ((32, 64, 128), 8),
        ((64, 128, 256, 512, 1024, 1024, 1024, 1024), 8),
        ((16, 32, 64, 128), 4),
        ((8, 16, 32, 64), 2),
        ((4, 8, 16, 32), 1),
        ((12, 24, 48, 96), 2),
        ((30, 60, 120), 1),
        ((64, 32, 16), 1),  # some have it the other way round
    ],
)
def test_cost_multiples_and_shape(widths: Widths, unit: int) -> None:
    found = best(widths)
    assert found is not None
    assert WINDOW[0] <= doubled(widths, found) <= WINDOW[1]
    assert all(width % unit == 0 for width in found)
    assert found[-1] % 2 == 0
    assert list(found) == sorted(found, reverse=widths[0] > widths[-1])
    shares = [new / old for new, old in zip(found, widths, strict=True)]
    assert max(shares) <= 1
    assert max(shares) < 1.31 * min(shares)


def test_wide_stages_keep_multiples_of_8_beside_thin_ones() -> None:
    assert scaled((8, 16, 32, 64), 0.75, 8) == (6, 12, 24, 48)
    assert scaled((8, 16, 32, 64), 0.7, 8) == (6, 12, 24, 48)  # 5.6, 11.2, 22.4, 44.8
    assert scaled((8, 16, 32, 64), 0.7, 1) == (6, 11, 22, 44)  # the deepest even: 44.8 lies between 44 and 46


def test_the_best_are_nearest_to_the_plans_proportions() -> None:
    """Each stage costs a third of 2, times the square of its share."""
    widths = (32, 64, 128)
    assert best(widths, 1.0, 1.13) == (24, 48, 96)  # three quarters of each: 1.125
    assert best(widths) == (24, 48, 88)  # 2 / 3 (2 (3/4)^2 + (11/16)^2) = 1.07; an 80 would be 1.01


def test_one_stage_is_changed_where_all_together_miss() -> None:
    """Equal widths step together, from 40 to 48: their costs are 0.78 and 1.13."""
    assert best((64, 64), 0.83, 0.87) == (40, 48)  # 2 (40^2 + 48^2 / 4) / (64^2 + 64^2 / 4) = 0.85


def test_smaller_multiples_rather_than_odd_proportions() -> None:
    """(16, 24) costs 0.63 as well, at half of one width and three quarters of the other."""
    assert best((32, 32), 0.6, 0.65) == (18, 18)
    assert best((8, 8), 0.6, 0.65) == (4, 6)  # 4.5 is no width


def test_too_thin_or_too_cheap() -> None:
    assert best((1, 2)) is None
    assert next(slimmer(STOCK, lambda candidate: math.inf, *WINDOW), None) is None
    assert next(slimmer(STOCK, lambda candidate: 0.5, *WINDOW), None) is None
