import pytest
import torch
from network_contract import NetworkContract
from small_unets import count, unet_kwargs

from nnunet_taichi.architectures.attention_unet import AttentionGate, AttentionUNet
from nnunet_taichi.architectures.unet import PaperUNet, UNet

SMALL = {**unet_kwargs(widths=(8, 16, 32)), "norm_op": torch.nn.BatchNorm2d, "norm_op_kwargs": {}}


class PlanSized(NetworkContract):
    """Sized by a plan, whose patches its strides divide."""

    kwargs = SMALL
    odd_size = (44, 68)
    learning_rate = 1e-2

    @pytest.mark.parametrize("residual", [False, True])
    def test_3d_plan_with_unequal_strides(self, residual: bool) -> None:
        kwargs = unet_kwargs(3, residual, widths=(4, 4, 4)) | {
            "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
            "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        }
        network = self.network_class(1, 3, cpu_bf16=False, **kwargs)
        output = network(torch.randn(2, 1, 4, 8, 8))
        assert output.shape == (2, 3, 4, 8, 8)
        output.square().mean().backward()
        assert [name for name, p in network.named_parameters() if p.grad is None] == []


class TestUNet(PlanSized):
    network_class = UNet
    # 3x3 convolutions and their norms as in the paper's U-Net; 2x2 transposed ones and a 1x1 at the end
    published = {"input_channels": 3, "num_classes": 1}, 7_765_985

    def test_pools_by_maximum_and_goes_up_by_transposed_convolutions(self) -> None:
        modules = [type(module).__name__ for module in self.build().modules()]
        assert modules.count("MaxPool2d") == 2
        assert modules.count("ConvTranspose2d") == 2


class TestAttentionUNet(PlanSized):
    network_class = AttentionUNet
    published = {"input_channels": 3, "num_classes": 1}, 8_726_333

    def test_gates_are_all_that_it_adds_to_the_papers_unet(self) -> None:
        paper = count(PaperUNet(3, 1)) - sum(9 * width + 1 for width in (64, 128, 256))  # logits of coarser scales
        gates = 0
        for c in (32, 64, 128, 256):  # two 1x1 to half the channels, one to a single; each with a norm
            gates += 2 * (c * c // 2 + c // 2 + c) + (c // 2 + 1 + 2)
        assert count(AttentionUNet(3, 1)) == paper + gates

    def test_closed_gate_lets_nothing_of_the_skip_through(self) -> None:
        gate = AttentionGate(4, torch.nn.Conv2d).eval()
        skip, gating = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
        assert gate(skip, gating).shape == skip.shape
        gate.psi[0].weight.data.zero_()
        gate.psi[0].bias.data.fill_(-100)
        assert gate(skip, gating).abs().max() < 1e-6
        gate.psi[0].bias.data.fill_(100)
        torch.testing.assert_close(gate(skip, gating), skip)

    def test_gate_weighs_positions_not_channels(self) -> None:
        gate = AttentionGate(4, torch.nn.Conv2d).eval()
        skip = torch.rand(1, 4, 8, 8) + 1
        ratio = gate(skip, torch.randn(1, 4, 8, 8)) / skip
        torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
        assert ratio.std() > 0
