import pytest
import torch
from network_contract import NetworkContract
from small_unets import count
from torch import Tensor, nn

from nnunet_taichi.architectures.backbones import load_imagenet_weights
from nnunet_taichi.architectures.ce_net import CENet, DenseAtrousBlock, ResidualMultiKernelPooling


class TestCENet(NetworkContract):
    network_class = CENet
    published = {"input_channels": 1, "num_classes": 2}, 28_996_116  # 29.0 M

    def test_where_the_parameters_are(self) -> None:
        network = self.build()
        assert count(network.context[0]) == 3 * (9 * 512 * 512 + 512) + 512 * 512 + 512  # a, b, c and d, used again
        assert count(network.context[1]) == 512 + 1  # one 1x1 convolution for four kernels
        for block, (wide, out) in zip(
            (*network.ups, network.head[0]), ((516, 256), (256, 128), (128, 64), (64, 64)), strict=True
        ):
            inner = wide // 4
            convolutions = wide * inner + 9 * inner * inner + inner * out
            assert count(block) == convolutions + 2 * (inner + inner + out)  # weight and bias of the norms

    def test_skips_are_added_at_their_scales(self) -> None:
        network, seen = self.build().eval(), {}

        def watch(name: str, module: nn.Module) -> None:
            module.register_forward_hook(lambda _, inputs, output: seen.update({name: (inputs[0], output)}))

        watch("encoder", network.encoder)
        watch("head", network.head)
        for i, up in enumerate(network.ups):
            watch(f"up{i}", up)
        with torch.no_grad():
            network(torch.randn(1, 1, 64, 96))
        quarter, eighth, sixteenth, deepest = seen["encoder"][1]
        assert [f.shape[1:] for f in seen["encoder"][1]] == [(64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3)]
        torch.testing.assert_close(seen["up1"][0], seen["up0"][1] + sixteenth)
        torch.testing.assert_close(seen["up2"][0], seen["up1"][1] + eighth)
        torch.testing.assert_close(seen["head"][0], seen["up2"][1] + quarter)
        torch.testing.assert_close(seen["up0"][0][:, :512], network.context[0](deepest))
        assert seen["up0"][0].shape == (1, 516, 2, 3)

    def test_head_goes_from_a_quarter_to_the_full_size(self) -> None:
        head = self.build().eval().head
        shapes, x = [], torch.randn(1, 64, 5, 6)
        for layer in head:
            x = layer(x)
            shapes.append(tuple(x.shape[1:]))
        assert shapes == [(64, 10, 12), *[(32, 20, 24)] * 4, (2, 20, 24)]
        kernels = [m.kernel_size[0] for m in head.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
        assert kernels == [1, 3, 1, 4, 3, 3]

    @pytest.mark.parametrize("size", [(40, 64), (32, 32)])  # the deepest map is smaller than the kernels
    def test_small_images(self, size: tuple[int, int]) -> None:
        network = self.build()
        assert network.train()(torch.randn(2, 1, *size)).shape == (2, 2, *size)
        assert network.eval()(torch.randn(1, 1, *size)).shape == (1, 2, *size)

    def test_encoder_starts_from_a_file(self, tmp_path) -> None:
        donor = self.build(3).encoder.state_dict() | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
        torch.save(donor, tmp_path / "resnet34.pth")
        network = self.build(3)
        assert not torch.equal(network.encoder.conv1.weight, donor["conv1.weight"])
        load_imagenet_weights(network.imagenet_encoders, tmp_path)
        for key, value in network.encoder.state_dict().items():
            assert torch.equal(value, donor[key]), key


def atrous_block(*centres: float, around: float = 0) -> DenseAtrousBlock:
    """One channel; a, b, c and d weigh the centre with `centres`, and a, b and c the other pixels with `around`."""
    block = DenseAtrousBlock(1)
    for conv, centre in zip((*block.atrous, block.pointwise), centres, strict=True):
        nn.init.constant_(conv.weight, around * (centre != 0))
        nn.init.zeros_(conv.bias)
        middle = conv.kernel_size[0] // 2
        conv.weight.data[0, 0, middle, middle] = centre
    return block


class TestDenseAtrousBlock:
    @pytest.mark.parametrize(
        ("centres", "x", "expected"),
        [
            ((2, 3, 5, 7), 1, 1 + 2 + 7 * 3 + 7 * 6 + 7 * 30),
            ((2, 3, 5, 7), -1, -1),  # the identity is not rectified, the cascades are
            ((-2, -3, 5, 7), 1, 1 + 0 + 0 + 7 * 6 + 7 * 30),  # but not inside
            ((-2, 3, -5, 7), 1, 1 + 0 + 7 * 3 + 0 + 7 * 30),
            ((2, 3, 5, -7), 1, 1 + 2),
        ],
    )
    def test_sum_of_the_cascades(self, centres: tuple[float, ...], x: float, expected: float) -> None:
        assert (atrous_block(*centres)(torch.full((1, 1, 3, 4), float(x))) == expected).all()

    def test_shared_bias_is_counted_in_every_cascade(self) -> None:
        block = atrous_block(1, 1, 1, 1)
        block.pointwise.bias.data.fill_(10)
        assert (block(torch.ones(1, 1, 2, 2)) == 5 + 30).all()  # in all but the first

    @pytest.mark.parametrize(
        ("centres", "offsets"),
        [
            ((1, 0, 0, 1), range(-1, 2)),  # 3: a
            ((0, 1, 0, 1), (-3, 0, 3)),  # 7: b, then d
            ((1, 1, 0, 1), range(-4, 5)),  # 9: a, b, then d
            ((1, 1, 1, 1), range(-9, 10)),  # 19: a, b, c, then d
        ],
    )
    def test_receptive_fields(self, centres: tuple[float, ...], offsets: range | tuple[int, ...]) -> None:
        x = torch.ones(1, 1, 25, 25, requires_grad=True)
        atrous_block(*centres, around=1)(x)[0, 0, 12, 12].backward()
        rows, columns = x.grad[0, 0].nonzero(as_tuple=True)
        expected = {(12 + i, 12 + j) for i in offsets for j in offsets}
        assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == expected


class TestResidualMultiKernelPooling:
    def pool(self, x: Tensor) -> Tensor:
        """The four maps of x (H, W), with twice the value plus 1 as the 1x1 convolution."""
        block = ResidualMultiKernelPooling(1)
        block.squeeze.weight.data.fill_(2)
        block.squeeze.bias.data.fill_(1)
        output = block(x[None, None])
        assert torch.equal(output[0, 0], x)  # the features come first
        return (output[0, 1:] - 1) / 2

    def test_maxima_at_four_scales(self) -> None:
        corners = self.pool(torch.arange(36.0).reshape(6, 6))[:, [0, 0, 5, 5], [0, 5, 0, 5]]
        expected = [
            [7.0, 11, 31, 35],  # 2 x 2
            [14.0, 17, 32, 35],  # 3 x 3
            [28.0, 28, 28, 28],  # 5 x 5, which leaves a row and a column out
            [35.0, 35, 35, 35],  # 6 x 6
        ]
        torch.testing.assert_close(corners, torch.tensor(expected))

    def test_upsampling_is_bilinear(self) -> None:
        row = self.pool(torch.arange(36.0).reshape(6, 6))[1, 0]  # of 14 and 17, at pixels 1 and 4
        torch.testing.assert_close(row, torch.tensor([14.0, 14, 15, 16, 17, 17]))

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (1, 7)])
    def test_kernels_larger_than_the_map(self, size: tuple[int, int]) -> None:
        x = torch.randn(*size)
        six = self.pool(x)[3]
        torch.testing.assert_close(six, x[:, :6].max().expand(size))
