import pytest
import torch
from small_unets import images, unet_kwargs

from nnunet_taichi.architectures import precision
from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.architectures.unet_plus_plus import UNetPlusPlus
from nnunet_taichi.config import TaiChiConfig


def build(name, dim=2, cpu_bf16=True):
    torch.manual_seed(0)
    if name == "UNetPlusPlus":
        return UNetPlusPlus(1, 2, deep_supervision=True, cpu_bf16=cpu_bf16, **unet_kwargs(dim))
    return TaiChiNet(1, 2, True, return_paths=True, config=TaiChiConfig(cpu_bf16=cpu_bf16), **unet_kwargs(dim))


def run(network, image):
    """Return all output tensors, and what the network's convolutions computed in and from."""
    seen = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d):
            module.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    with torch.no_grad():
        return flatten(network(image)), seen


def flatten(output):
    return [output] if isinstance(output, torch.Tensor) else [tensor for part in output for tensor in flatten(part)]


@pytest.fixture(params=["TaiChiNet", "UNetPlusPlus"])
def name(request):
    return request.param


@pytest.mark.parametrize("dim", [2, 3])
def test_bf16_inside_float32_outside(name, dim, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    outputs, seen = run(build(name, dim), images(dim))
    assert {output.dtype for output in outputs} == {torch.float32}
    assert {output.dtype for _, output in seen} == {torch.bfloat16}
    layout = (torch.channels_last, torch.channels_last_3d)[dim - 2]
    wide = [output for _, output in seen if output.shape[1] == 8]
    assert any(output.is_contiguous(memory_format=layout) for output in wide)


def test_off_by_configuration(name, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    outputs, seen = run(build(name, cpu_bf16=False), images())
    assert {tensor.dtype for tensor in outputs} | {output.dtype for _, output in seen} == {torch.float32}


def test_off_where_the_processor_is_slow_at_it(name, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    outputs, seen = run(build(name), images())
    assert {tensor.dtype for tensor in outputs} | {output.dtype for _, output in seen} == {torch.float32}


def test_same_result_within_the_precision(name, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    fast, exact = (run(build(name, cpu_bf16=bf16), images())[0] for bf16 in (True, False))
    assert len(fast) == len(exact) > 1
    for a, b in zip(fast, exact, strict=True):
        assert not torch.equal(a, b)
        torch.testing.assert_close(a, b, rtol=0, atol=0.03 * b.std().item() + 0.03)


def test_nest_of_lists_and_tuples_is_kept(monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    network = build("TaiChiNet")
    output = network(images())
    assert isinstance(output, list)
    assert [type(part) for part in output] == [torch.Tensor, tuple]  # two scales, of which the coarsest has no loss


def test_asking_the_processor_gives_one_answer():
    assert precision.cpu_has_bf16() in (True, False)
    assert precision.cpu_has_bf16() is precision.cpu_has_bf16()
