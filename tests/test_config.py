import json
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from nnunet_taichi.config import TaiChiConfig


def test_is_frozen_and_hashable():
    config = TaiChiConfig()
    with pytest.raises(FrozenInstanceError):
        config.head = "conv"
    assert len({config, TaiChiConfig(), replace(config, attention=False)}) == 2


@pytest.mark.parametrize(
    ("name", "wrong", "choices"),
    [
        ("attention_scale", "sqrt_channels", "none, sqrt_positions"),
        ("head", "transformer", "none, mlp, conv"),
        ("head", None, "none, mlp, conv"),
        ("head_input", "skips", "logits, features"),
        ("head_order", "both", "negative_first, positive_first"),
        ("prediction", "mean", "fused, lesion, background"),
        ("difficulty_terms", "Masked", "literal, masked"),
    ],
)
def test_unknown_choices_are_refused(name, wrong, choices):
    with pytest.raises(ValueError, match=f"{name} is one of {choices}, not {wrong!r}"):
        TaiChiConfig(**{name: wrong})
    with pytest.raises(ValueError, match=choices):
        replace(TaiChiConfig(), **{name: wrong})


@pytest.mark.parametrize("name", ["warmup_fraction", "miner_fraction"])
@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan")])
def test_fractions_are_fractions(name, wrong):
    with pytest.raises(ValueError, match=f"{name} is a fraction between 0 and 1"):
        TaiChiConfig(**{name: wrong})
    for right in (0, 0.5, 1.0):
        assert getattr(TaiChiConfig(**{name: right}), name) == right


def test_variant_is_a_replace():
    base = TaiChiConfig()
    variant = replace(base, head="conv", attention=False)
    different = {field.name for field in fields(base) if getattr(base, field.name) != getattr(variant, field.name)}
    assert different == {"head", "attention"}


def test_unknown_field():
    with pytest.raises(TypeError, match="heads"):
        TaiChiConfig(heads="mlp")


def test_survives_json():
    config = replace(TaiChiConfig(), head="conv", warmup_fraction=0.1)
    assert TaiChiConfig(**json.loads(json.dumps(asdict(config)))) == config
