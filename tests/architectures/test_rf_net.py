from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from network_contract import NetworkContract, Outputs
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from small_unets import count
from torch import Tensor, nn

from nnunet_taichi.architectures.backbones import load_imagenet_weights
from nnunet_taichi.architectures.rf_net import RFNet
from nnunet_taichi.losses.residual_feedback import ResidualFeedbackLoss

SIZE = (64, 96)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


class TestRFNet(NetworkContract):
    """In training with its own loss of all outputs; in evaluation with one."""

    network_class = RFNet
    published = {"input_channels": 3, "num_classes": 1}, 21_951_586  # 22.0 M
    learning_rate = 3e-4

    def loss(self, outputs: Outputs, truth: Tensor) -> Tensor:
        host = DC_and_CE_loss({"batch_dice": False, "do_bg": False}, {}, dice_class=MemoryEfficientSoftDiceLoss)
        return ResidualFeedbackLoss(host, False, None)(outputs, [truth[:, None]])

    def test_every_parameter_gets_a_gradient(self) -> None:
        self.kwargs = {"deep_supervision": True}
        super().test_every_parameter_gets_a_gradient()

    def test_learns_four_phantoms(self) -> None:
        self.kwargs = {"deep_supervision": True}
        super().test_learns_four_phantoms()

    def test_outputs_for_the_loss_and_alone(self) -> None:
        network = self.build(num_classes=3).eval()
        image = torch.randn(1, 1, *self.odd_size)
        with torch.no_grad():
            alone = network(image)
            network.decoder.deep_supervision = True
            second, first, residual = network(image)
        torch.testing.assert_close(second, alone)
        assert first.shape == second.shape == (1, 3, *self.odd_size)
        assert residual.shape == (1, 1, *self.odd_size)
        assert not torch.allclose(first, second)


class TestParts:
    def test_parameters(self) -> None:
        """The encoder is ResNet-34 without its classifier; the residual map sees all 512 of the decoder's channels."""
        network = RFNet(3, 1)
        assert count(network.encoder) == count(timm.create_model("resnet34", num_classes=0))
        inner = [(512, 256), (256, 128), (128, 64), (64, 64)]
        assert [count(block) for block in network.blocks] == [
            c * (c // 4) + 9 * (c // 4) ** 2 + (c // 4) * out + 2 * (c // 4 + c // 4 + out) for c, out in inner
        ]
        assert count(network.residual) == 9 * (256 + 128 + 64 + 64) * 64 + 2 * 64 + 9 * 64 + 1
        assert count(network.head) == 16 * 64 * 32 + 9 * 32 * 32 + 2 * (32 + 32) + 9 * 32 + 1

    def test_decoder_doubles_and_adds(self) -> None:
        network = RFNet(1, 2, cpu_bf16=False).eval()
        features = network._encode(torch.randn(1, 1, *SIZE))
        last = [block[-2] for block in network.blocks]
        for norm in last:
            norm.weight.data.zero_()
            norm.bias.data.fill_(1)
        decoded = network._decode(features)  # blocks that give 1 everywhere
        for found, skip in zip(decoded, features[-2::-1], strict=True):
            torch.testing.assert_close(found, skip + 1)

    def test_imagenet_weights(self, tmp_path: Path) -> None:
        donor = timm.create_model("resnet34")
        torch.save(donor.state_dict(), tmp_path / "resnet34.pth")
        network = RFNet(3, 2)
        load_imagenet_weights(network.imagenet_encoders, tmp_path)
        for name, found in network.encoder.state_dict().items():
            assert torch.equal(found, donor.state_dict()[name])


class TestFeedback:
    @pytest.fixture
    def network(self) -> RFNet:
        return RFNet(1, 2, deep_supervision=True, cpu_bf16=False).eval()

    def test_first_pass_is_the_encoder_as_it_is(self, network: RFNet) -> None:
        image = torch.randn(1, 1, *SIZE)
        for found, expected in zip(network._encode(image), network.encoder(image), strict=True):
            assert torch.equal(found, expected)

    def test_second_pass_multiplies_what_each_stage_returns_and_passes_on(self, network: RFNet) -> None:
        image, residual = torch.randn(1, 1, *SIZE), torch.rand(1, 1, *SIZE)
        encoder = network.encoder
        stem = nn.Sequential(encoder.conv1, encoder.bn1, encoder.act1)
        stages = (stem, nn.Sequential(encoder.maxpool, encoder.layer1), encoder.layer2, encoder.layer3, encoder.layer4)
        found, x = network._encode(image, residual), image
        for i, stage in enumerate(stages):
            x = stage(x)
            x = x * (1 + F.adaptive_max_pool2d(residual, x.shape[2:]))
            assert x.shape[2:] == (SIZE[0] // 2 ** (i + 1), SIZE[1] // 2 ** (i + 1))
            torch.testing.assert_close(found[i], x)

    @pytest.mark.parametrize(("logit", "factor"), [(-100.0, 1.0), (100.0, 2.0)])
    def test_same_weights_in_both_passes(self, network: RFNet, logit: float, factor: float) -> None:
        """No error expected: the same answer again. Errors everywhere: all features of the stem are doubled."""
        network.residual[-1].weight.data.zero_()
        network.residual[-1].bias.data.fill_(logit)
        stems: list[Tensor] = []
        network.encoder.maxpool.register_forward_pre_hook(lambda _, inputs: stems.append(inputs[0]))
        second, first, _ = network(torch.randn(1, 1, *SIZE))
        torch.testing.assert_close(stems[1], factor * stems[0])
        assert torch.allclose(first, second) == (factor == 1)

    def test_layers_run_twice_but_the_residual_maps_once(self, network: RFNet) -> None:
        network.train()(torch.randn(2, 1, *SIZE))
        for name, buffer in network.named_buffers():
            if name.endswith("num_batches_tracked"):
                assert buffer == (1 if name.startswith("residual.") else 2), name

    def test_the_answer_teaches_the_residual_map(self, network: RFNet) -> None:
        network.train()(torch.randn(2, 1, *SIZE))[0].square().mean().backward()
        assert [name for name, p in network.residual.named_parameters() if p.grad is None or not p.grad.any()] == []
