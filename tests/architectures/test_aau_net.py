import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from network_contract import NetworkContract
from small_unets import count
from torch import Tensor, nn

from nnunet_taichi.architectures.aau_net import AAUNet, ChannelAttention, HybridAdaptiveAttention, SpatialAttention

SMALL = {"features_per_stage": (8, 16, 32)}


class TestAAUNet(NetworkContract):
    network_class = AAUNet
    kwargs = SMALL
    published = {"input_channels": 3, "num_classes": 1}, 29_210_698  # the paper: 29.2 M
    learning_rate = 1e-2

    def test_parameters_by_hand(self) -> None:
        def module(channels_in: int, c: int) -> int:
            branches = sum(k * k * channels_in * c for k in (3, 5, 3))
            fully_connected = (2 * c * c + c) + (c * c + c)
            convs = 2 * c * c + (c * c + c) + (c + 1) + 9 * 2 * c * c  # merge, plain, weight, merge
            return branches + fully_connected + convs + 6 * 2 * c  # norms

        down = module(3, 32) + module(32, 64) + module(64, 128) + module(128, 256) + module(256, 512)
        up = module(768, 256) + module(384, 128) + module(192, 64) + module(96, 32)
        assert count(AAUNet(3, 1)) == down + up + 32 + 1

    def test_pools_by_maximum_and_goes_up_by_repetition(self) -> None:
        network, seen = self.build().eval(), []
        for stage in (*network.encoder, *network.decoder):
            stage.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
        with torch.no_grad():
            network(torch.randn(1, 1, 32, 48))
        (_, e0), (into1, e1), (into2, e2), (into_d1, d1), (into_d0, _) = seen
        for pooled, fine in ((into1, e0), (into2, e1)):
            corners = torch.stack([fine[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])
            torch.testing.assert_close(pooled, corners.amax(0))
        for joined, skip, below in ((into_d1, e1, e2), (into_d0, e0, d1)):
            repeated = below.repeat_interleave(2, 2).repeat_interleave(2, 3)
            torch.testing.assert_close(joined, torch.cat((skip, repeated), 1))

    def test_five_stages_of_a_single_image_in_training(self) -> None:
        network = AAUNet(1, 2, cpu_bf16=False, features_per_stage=(4, 4, 4, 4, 4)).train()
        assert network(torch.randn(1, 1, 20, 32)).shape == (1, 2, 20, 32)


@pytest.fixture
def attention() -> HybridAdaptiveAttention:
    """With norms that do something in evaluation too."""
    torch.manual_seed(3)
    module = HybridAdaptiveAttention(3, 4).eval()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values in (norm.weight.data, norm.bias.data, norm.running_mean):
                values.uniform_(-0.5, 1)
    return module


def norm(x: Tensor, layer: nn.Module) -> Tensor:
    mean, variance, weight, bias = (
        value[:, None, None] for value in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


@torch.no_grad()
def test_module_is_the_papers_formula(attention: HybridAdaptiveAttention) -> None:
    x, channel, spatial = torch.randn(2, 3, 7, 9), attention.channel, attention.spatial

    def conv(x: Tensor, layer: nn.Module, **kwargs: int) -> Tensor:
        return F.conv2d(x, layer.weight, layer.bias, **kwargs)

    a = norm(conv(x, channel.dilated[0], padding=3, dilation=3), channel.dilated[1]).relu()
    b = norm(conv(x, channel.wide[0], padding=2), channel.wide[1]).relu()
    pooled = torch.cat((a, b), 1).mean((2, 3), keepdim=True)
    w = conv(conv(pooled, channel.weight[1]).relu(), channel.weight[3]).sigmoid()
    assert w.shape == (2, 4, 1, 1)
    c = norm(conv(torch.cat((w * a, (1 - w) * b), 1), channel.merge[0]), channel.merge[1]).relu()
    s = norm(conv(x, spatial.plain[0][0], padding=1), spatial.plain[0][1]).relu()
    s = norm(conv(s, spatial.plain[1]), spatial.plain[2])
    g = conv((c + s).relu(), spatial.weight[1]).sigmoid()
    assert g.shape == (2, 1, 7, 9)
    y = norm(conv(torch.cat((g * c, (1 - g) * s), 1), spatial.merge[0], padding=1), spatial.merge[1])
    torch.testing.assert_close(attention(x), y)


@pytest.mark.parametrize(("branch", "offsets"), [("dilated", {0, 3}), ("wide", {0, 1, 2})])
def test_receptive_fields(branch: str, offsets: set[int]) -> None:
    image = torch.zeros(1, 1, 15, 15, requires_grad=True)
    getattr(ChannelAttention(1, 4), branch)[0](image)[0, :, 7, 7].sum().backward()
    rows, columns = image.grad[0, 0].nonzero(as_tuple=True)
    assert set((rows - 7).abs().tolist()) == set((columns - 7).abs().tolist()) == offsets


@pytest.mark.parametrize(("bias", "counts", "ignored"), [(100.0, "dilated", "wide"), (-100.0, "wide", "dilated")])
@torch.no_grad()
def test_channel_weight_chooses_a_branch(bias: float, counts: str, ignored: str) -> None:
    block, x = ChannelAttention(3, 4).eval(), torch.randn(1, 3, 8, 8)
    block.weight[-1].bias.fill_(bias)
    before = block(x)
    getattr(block, ignored)[0].weight.mul_(-2)
    torch.testing.assert_close(block(x), before)
    getattr(block, counts)[0].weight.mul_(-2)
    assert not torch.allclose(block(x), before)


@pytest.mark.parametrize("bias", [100.0, -100.0])
@torch.no_grad()
def test_spatial_weight_chooses_a_source(bias: float) -> None:
    block = SpatialAttention(3, 4).eval()
    x, other = torch.randn(2, 1, 3, 8, 8)
    chosen, another = torch.rand(2, 1, 4, 8, 8)
    block.weight[-1].bias.fill_(bias)
    before = block(x, chosen)
    sees_plain, sees_chosen = (not torch.allclose(y, before) for y in (block(other, chosen), block(x, another)))
    assert (sees_plain, sees_chosen) == (bias < 0, bias > 0)
