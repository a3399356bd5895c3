import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.curriculum import Stage, stage, warmup_epochs


def config(fraction, **kwargs):
    return TaiChiConfig(warmup_fraction=fraction, **kwargs)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_single_epoch_is_the_second_stage(fraction):
    assert stage(0, 1, config(fraction)) is Stage.HARD


def test_no_warmup():
    assert {stage(epoch, 40, config(0.0)) for epoch in range(40)} == {Stage.HARD}


@pytest.mark.parametrize("epochs", [2, 3, 40, 1000])
def test_full_warmup_leaves_the_last_epoch(epochs):
    stages = [stage(epoch, epochs, config(1.0)) for epoch in range(epochs)]
    assert stages == [Stage.EASY] * (epochs - 1) + [Stage.HARD]


@pytest.mark.parametrize(
    ("fraction", "epochs", "easy"), [(0.25, 1000, 250), (0.25, 40, 10), (0.3, 5, 2), (0.1, 4, 0), (0.9, 2, 1)]
)
def test_length_of_the_warmup(fraction, epochs, easy):
    assert warmup_epochs(epochs, config(fraction)) == easy
    assert sum(stage(epoch, epochs, config(fraction)) is Stage.EASY for epoch in range(epochs)) == easy


def test_without_easy_to_hard_there_is_one_stage():
    assert {stage(epoch, 10, config(0.5, easy_to_hard=False)) for epoch in range(10)} == {Stage.WHOLE}


@given(st.floats(0, 1), st.integers(1, 300), st.data())
def test_resumed_run_is_exact(fraction, epochs, data):
    """Started at any epoch, in any order, the stages are those of the whole run; easy never follows hard."""
    whole = [stage(epoch, epochs, config(fraction)) for epoch in range(epochs)]
    start = data.draw(st.integers(0, epochs - 1))
    resumed = [stage(epoch, epochs, config(fraction)) for epoch in reversed(range(start, epochs))]
    assert resumed[::-1] == whole[start:]
    assert whole == sorted(whole)
    assert whole[-1] is Stage.HARD


def test_codes_of_the_maps():
    assert (Stage.EASY, Stage.HARD) == (1, 2)
