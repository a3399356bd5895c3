"""Training from easy to hard (section IV-C): which stage an epoch belongs to."""

from enum import IntEnum

from nnunet_taichi.config import TaiChiConfig


class Stage(IntEnum):
    """Pixels that the lesion path learns beside the ground truth. The value is their code in difficulty maps."""

    WHOLE = 0  # no additional pixels: training without easy-to-hard
    EASY = 1  # easy pixels (equation 21), without the complementary loss
    HARD = 2  # hard pixels (equation 22), with the complementary loss


def warmup_epochs(num_epochs: int, config: TaiChiConfig) -> int:
    """Return the number of epochs in the first stage. At least one epoch is left for the second stage.

    >>> warmup_epochs(1000, TaiChiConfig(warmup_fraction=0.25)), warmup_epochs(1, TaiChiConfig(warmup_fraction=1.0))
    (250, 0)
    """
    return max(0, min(round(config.warmup_fraction * num_epochs), num_epochs - 1))


def stage(epoch: int, num_epochs: int, config: TaiChiConfig) -> Stage:
    """Return the stage of `epoch` (from 0) out of `num_epochs`: a pure function, so that a resumed run is exact.

    >>> [stage(epoch, 4, TaiChiConfig(warmup_fraction=0.5)).name for epoch in range(4)]
    ['EASY', 'EASY', 'HARD', 'HARD']
    """
    if not config.easy_to_hard:
        return Stage.WHOLE
    return Stage.EASY if epoch < warmup_epochs(num_epochs, config) else Stage.HARD
