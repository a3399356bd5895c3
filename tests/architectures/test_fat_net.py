from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F  # noqa: N812
import torchvision
from network_contract import NetworkContract
from small_unets import count
from torch import Tensor, nn

from nnunet_taichi.architectures.backbones import load_imagenet_weights
from nnunet_taichi.architectures.fat_net import FATNet, FeatureAdaptation, excitation


class TestFATNet(NetworkContract):
    network_class = FATNet
    published = {"input_channels": 1, "num_classes": 2}, 28_660_546  # 28.7 M

    def test_where_the_parameters_are(self) -> None:
        network = FATNet(3, 1)
        assert count(network.cnn) == 21_797_672 - (512 * 1000 + 1000)  # torchvision's without the classifier
        assert count(network.transformer) == 5_717_416 - (192 * 1000 + 1000)  # DeiT's without the classifier
        assert count(network.widen) == 192 * 512 + 2 * 512
        assert count(network.excitation) == 2 * 1024 * 64 + 64 + 1024
        assert count(network.fuse) == 1024 * 512 + 2 * 512
        assert [count(m) for m in network.adaptations] == [10 * c * c + 2 * c for c in (64, 128, 256)]

    def test_skips_are_adapted_and_added_at_their_scales(self) -> None:
        network = self.build().eval()
        seen = watch(network, torch.randn(1, 1, 64, 96))
        assert [f.shape[1:] for f in seen["cnn"][1]] == [(64, 32, 48), (128, 16, 24), (256, 8, 12), (512, 4, 6)]
        for i, scale in enumerate((2, 1, 0)):  # the coarsest skip comes first
            assert seen[f"adaptations.{scale}"][0] is seen["cnn"][1][scale]
            total = seen[f"ups.{i}"][1] + seen[f"adaptations.{scale}"][1]
            torch.testing.assert_close(seen[f"ups.{i + 1}" if i < 2 else "head"][0], total)
        assert [m.repetitions for m in network.adaptations] == [6, 4, 2]

    def test_cnn_is_resnet34_without_its_max_pool(self) -> None:
        network, image = self.build(3).eval(), torch.randn(1, 3, 32, 48)
        reference = torchvision.models.resnet34().eval()
        assert not reference.load_state_dict(network.cnn.state_dict(), strict=False).unexpected_keys
        with torch.no_grad():
            x = reference.relu(reference.bn1(reference.conv1(image)))
            for i, features in enumerate(network.cnn(image), 1):
                x = getattr(reference, f"layer{i}")(x)
                torch.testing.assert_close(features, x)

    def test_tokens_lie_on_the_grid_without_the_class_token(self) -> None:
        network, image = self.build().eval(), torch.randn(2, 1, 48, 80)
        network.transformer.blocks = nn.Identity()
        network.transformer.pos_embed.data.zero_()
        network.transformer.cls_token.data.fill_(100)
        patches = network.transformer.patch_embed.proj(image).permute(0, 2, 3, 1)  # (2, 3, 5, 192)
        expected = F.layer_norm(patches, (192,), eps=1e-6).permute(0, 3, 1, 2)
        torch.testing.assert_close(watch(network, image)["widen"][0], expected)

    def test_position_and_class_token_matter(self) -> None:
        network = self.build().eval()
        image = torch.randn(1, 1, 16, 16).tile(1, 1, 3, 4)  # the same patch everywhere
        tokens = watch(network, image)["widen"][0]
        assert tokens.flatten(2).std(-1).mean() > 1e-3  # told apart by their positions
        network.transformer.cls_token.data.normal_()
        assert (watch(network, image)["widen"][0] - tokens).abs().max() > 1e-4  # seen by attention, though dropped

    def test_both_encoders_meet_under_the_gate(self) -> None:
        network = self.build().eval()
        seen = watch(network, torch.randn(1, 1, 64, 64))
        both = torch.cat((seen["cnn"][1][3], seen["widen"][1]), 1)
        torch.testing.assert_close(seen["excitation"][0], both)
        torch.testing.assert_close(seen["fuse"][0], both * seen["excitation"][1])
        assert seen["ups.0"][0] is seen["fuse"][1]
        assert seen["fuse"][1].shape == (1, 512, 4, 4)

    def test_starts_from_imagenet(self, tmp_path: Path) -> None:
        network = self.build(3)
        for name, encoder in network.imagenet_encoders.items():
            donor = timm.create_model(name, num_classes=1000)  # with a classifier, as the files have it
            for parameter in donor.parameters():
                parameter.data.fill_(0.5)
            torch.save(donor.state_dict(), tmp_path / f"{name}.pth")
            assert {p.shape for p in encoder.parameters()} <= {p.shape for p in donor.parameters()}
        load_imagenet_weights(network.imagenet_encoders, tmp_path)
        for module in (network.cnn, network.transformer):
            assert all((parameter == 0.5).all() for parameter in module.parameters())

    @pytest.mark.parametrize("size", [(40, 64), (32, 32)])
    def test_small_images(self, size: tuple[int, int]) -> None:
        network = self.build()
        assert network.train()(torch.randn(2, 1, *size)).shape == (2, 2, *size)
        assert network.eval()(torch.randn(1, 1, *size)).shape == (1, 2, *size)


def watch(network: nn.Module, image: Tensor) -> dict[str, tuple[Tensor, Any]]:
    """Run the network, and return each module's (first input, output) by name."""
    seen: dict[str, tuple[Tensor, Any]] = {}

    def note(name: str) -> Any:
        return lambda _, inputs, output: seen.update({name: (inputs[0], output)})

    handles = [module.register_forward_hook(note(name)) for name, module in network.named_modules()]
    with torch.no_grad():
        network(image)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("repetitions", [1, 2, 6])
def test_adaptation_repeats_one_sum_of_two_convolutions(repetitions: int) -> None:
    module = FeatureAdaptation(3, repetitions)
    assert count(module) == (9 + 1) * 3 * 3 + 2 * 3  # for any number of repetitions: the weights are shared
    x = start = torch.randn(2, 3, 5, 6)
    for _ in range(repetitions):
        branches = (F.conv2d(x, c.weight, c.bias, padding=p) for c, p in ((module.wide, 1), (module.narrow, 0)))
        x = sum(branch.clamp(0) for branch in branches)
    torch.testing.assert_close(module(start), x)


def test_excitation_weighs_channels_by_their_means() -> None:
    gate, x = excitation(32), torch.randn(2, 32, 4, 5)
    _, squeeze, _, restore, _ = gate
    inner = F.linear(x.mean((2, 3)), squeeze.weight[:, :, 0, 0], squeeze.bias).clamp(0)
    assert inner.shape == (2, 2)  # a sixteenth
    weight = 1 / (1 + (-F.linear(inner, restore.weight[:, :, 0, 0], restore.bias)).exp())
    torch.testing.assert_close(gate(x), weight[:, :, None, None])
