import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_unets import images, unet_kwargs

from nnunet_taichi.architectures.unet_plus_plus import UNetPlusPlus
from nnunet_taichi.phantoms import phantom


def build(widths=(8, 16, 16), dim=2, num_classes=2, deep_supervision=True, **kwargs):
    kwargs = {"cpu_bf16": False, **unet_kwargs(dim, widths=widths), **kwargs}
    return UNetPlusPlus(1, num_classes, deep_supervision, **kwargs)


@pytest.mark.parametrize(("stages", "levels"), [(2, 1), (3, 2), (5, 4), (6, 4), (8, 4)])
def test_number_of_levels(stages, levels):
    network = build((4,) * stages, num_classes=3)
    outputs = network(images(size=32))
    assert [tuple(output.shape) for output in outputs] == [(2, 3, 32, 32)] * levels
    assert len({key for key in network.state_dict() if key.startswith("outputs.")}) == 2 * levels  # weight and bias


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("residual", [False, True])
def test_every_parameter_learns(dim, residual):
    network = build(**unet_kwargs(dim, residual, widths=(4, 6, 8)))
    outputs = network(images(dim))
    assert {tuple(output.shape) for output in outputs} == {(2, 2, *[16] * dim)}
    sum(output.square().mean() for output in outputs).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, f"No gradient for {name}"
        assert "weight" not in name or parameter.grad.any(), f"Gradient of {name} is zero"


def test_anisotropic_plan():
    kwargs = unet_kwargs(3, widths=(4, 4, 4)) | {
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    }
    outputs = build(**kwargs)(torch.randn(1, 1, 4, 8, 8))
    assert [tuple(output.shape) for output in outputs] == [(1, 2, 4, 8, 8)] * 2


def test_deepest_first_and_alone_without_deep_supervision():
    network = build((4, 4, 4, 4)).eval()
    deepest = network(images())[0]
    network.decoder.deep_supervision = False
    torch.testing.assert_close(network(images()), deepest)


def test_first_level_is_a_unet_of_depth_one():
    """Each level depends on the nodes of its own depth alone: those (i, j) with i + j at most the level."""
    network = build((4, 4, 4, 4, 4)).eval()
    image = images(size=32)
    before = network(image)[::-1]
    for depth in range(4, 0, -1):  # spoil the nodes of the deepest diagonal, then of the next, ...
        for i in range(depth + 1):
            for parameter in network.nodes[f"{i}_{depth - i}"].parameters():
                parameter.data = parameter.data + torch.randn_like(parameter)
        after = network(image)[::-1]
        for level in range(1, 5):
            same = torch.equal(before[level - 1], after[level - 1])
            assert same == (level < depth), f"level {level} after spoiling depth {depth}"
    assert sorted(name for name in network.nodes if sum(map(int, name.split("_"))) <= 1) == ["0_0", "0_1", "1_0"]


def test_dense_skips():
    """Node (i, j) takes its j earlier neighbours and one upsampled node."""
    network = build((4, 6, 8, 10, 12))
    for name, node in network.nodes.items():
        i, j = map(int, name.split("_"))
        width = (4, 6, 8, 10, 12)[i]
        inputs = node.convs[0].conv.in_channels
        assert inputs == (width * (j + 1) if j else (1, 4, 6, 8, 10)[i])
    assert len(network.nodes) == 5 + 4 + 3 + 2 + 1


@pytest.mark.parametrize(("widths", "strides"), [((4,), [[1, 1]]), ((4, 4), [[2, 2], [2, 2]])])
def test_plans_that_do_not_fit(widths, strides):
    with pytest.raises(ValueError, match=r"two stages or more and full resolution in the first, got"):
        build(**unet_kwargs(widths=widths) | {"strides": strides})


def soft_dice(probability, truth):
    return 2 * (probability * truth).sum() / (probability.sum() + truth.sum())


def test_every_level_learns():
    """The host's own weights would leave level 1 as it was; equal weights teach them all."""
    drawn = [phantom(np.random.default_rng(seed), size=64) for seed in range(4)]
    image = torch.tensor(np.stack([i for i, _ in drawn])[:, None] / 128 - 1, dtype=torch.float32)
    truth = torch.tensor(np.stack([m for _, m in drawn]), dtype=torch.long)
    network = build((8, 8, 16, 16, 16))

    def dice_of_levels():
        with torch.no_grad():
            winners = [output.argmax(1) for output in network(image)]
        return [float(soft_dice(winner, truth)) for winner in winners]

    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(50):
        optimizer.zero_grad()
        outputs = network(image)
        loss = sum(F.cross_entropy(z, truth) - soft_dice(z.softmax(1)[:, 1], truth) for z in outputs) / len(outputs)
        loss.backward()
        optimizer.step()
    dice = dice_of_levels()
    assert len(dice) == 4
    assert dice[0] > 0.8  # the deepest, which the host scores
    assert min(dice) > 0.7
