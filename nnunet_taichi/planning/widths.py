"""Slimmer widths for the stages of a U-Net, at which its cost lies within limits."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import product, takewhile

Widths = tuple[int, ...]  # channels of each stage

UNITS = (8, 4, 2, 1)  # widths are multiples of the first unit that fits: processors multiply blocks of 8 fastest
SPREADS = (1.3, 2)  # limits of largest / smallest share of the plan's widths; 2 only if nothing else fits
SHARES = tuple(share / 1000 for share in range(250, 1001))  # shares of the plan's widths to try for all stages together


def slimmer(widths: Widths, ratio: Callable[[Widths], float], least: float, most: float) -> Iterator[Widths]:
    """Yield widths whose cost is within limits, best first.

    Those close to the plan's proportions come first, by the limits in `SPREADS`; then those that are multiples of a
    large unit; then, again, those closest to the plan's proportions.

    Args:
        widths: Widths in the plan.
        ratio: Function that returns the cost of widths, which grows with each width. It is called about 15 times for
            each unit.
        least: Smallest cost, in the unit of `ratio`.
        most: Largest cost, in the unit of `ratio`.
    """
    for spread, unit in product(SPREADS, UNITS):
        ladder = [c for c in dict.fromkeys(scaled(widths, share, unit) for share in SHARES) if _is_sensible(widths, c)]
        start = bisect_left(ladder, least, key=ratio)
        inside = list(takewhile(lambda c: ratio(c) <= most, ladder[start:]))
        if not inside:  # a step of the ladder changes several stages: change one stage instead
            around = {c for middle in ladder[max(0, start - 1) : start + 1] for c in _neighbours(widths, middle, unit)}
            inside = [c for c in sorted(around) if least <= ratio(c) <= most]
        yield from sorted((c for c in inside if _spread(widths, c) <= spread), key=lambda c: _spread(widths, c))


def scaled(widths: Widths, share: float, unit: int) -> Widths:
    """Return a share of each width, rounded to a multiple of the unit, or of a smaller unit where a stage is narrow."""
    steps = _steps(widths, unit)
    return tuple(step * max(1, round(share * width / step)) for width, step in zip(widths, steps, strict=True))


def _steps(widths: Widths, unit: int) -> list[int]:
    """Return the step by which each stage may change: at most a quarter of its width, and even for the deepest stage.

    The deepest width must be even because the attention halves it.
    """
    quarters = [1 << max(0, (width // 4).bit_length() - 1) for width in widths]  # powers of two
    *steps, last = (min(unit, quarter) for quarter in quarters)
    return [*steps, max(2, last)]


def _neighbours(widths: Widths, middle: Widths, unit: int) -> Iterator[Widths]:
    """Yield the sensible widths that differ from `middle` in one stage, by one step."""
    for stage, step in enumerate(_steps(widths, unit)):
        for width in (middle[stage] - step, middle[stage] + step):
            candidate = (*middle[:stage], width, *middle[stage + 1 :])
            if _is_sensible(widths, candidate):
                yield candidate


def _is_sensible(widths: Widths, candidate: Widths) -> bool:
    """Tell whether each stage has 1 to its old number of channels, and widths do not shrink with depth.

    They may shrink where the plan's do.
    """
    grows = list(candidate) == sorted(candidate) or list(widths) != sorted(widths)
    return grows and all(0 < new <= old for new, old in zip(candidate, widths, strict=True))


def _spread(widths: Widths, candidate: Widths) -> float:
    """Return the largest / smallest share of its width that a stage keeps. 1 keeps the plan's proportions."""
    shares = [new / old for new, old in zip(candidate, widths, strict=True)]
    return max(shares) / min(shares)
