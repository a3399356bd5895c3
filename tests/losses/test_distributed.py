"""Two processes on half a batch each must learn what one learns on the whole."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.losses.taichi_loss import TaiChiLoss

CONFIG = TaiChiConfig(cpu_bf16=False)
CASES = {"image": (False, True), "batch": (True, True), "ungathered": (True, False)}  # batch_dice, distributed


def build_network():
    torch.manual_seed(0)
    return TaiChiNet(
        1,
        3,
        True,
        return_paths=True,
        config=CONFIG,
        n_stages=4,
        features_per_stage=[4, 4, 8, 8],
        conv_op=nn.Conv2d,
        kernel_sizes=[[3, 3]] * 4,
        strides=[[1, 1], [2, 2], [2, 2], [2, 2]],
        n_conv_per_stage=[1] * 4,
        n_conv_per_stage_decoder=[1] * 3,
        norm_op=nn.InstanceNorm2d,
        norm_op_kwargs={"affine": True},
        nonlin=nn.LeakyReLU,
    ).double()


def batch():
    """Four images, among them one without a lesion and one with a class missing, at two scales."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 3, (4, 1, 16, 16), generator=generator)
    labels[1] = 0
    labels[2][labels[2] == 2] = 0
    levels = torch.randint(0, 3, labels.shape, generator=generator)
    target = torch.cat((labels, levels * (labels == 1) + 3 * levels * (labels == 2)), 1).double()
    return torch.randn(4, 1, 16, 16, generator=generator).double(), [target, target[..., ::2, ::2]]


def gradients(network, loss, part):
    image, targets = batch()
    loss(network(image[part]), [target[part] for target in targets]).backward()
    return {name.removeprefix("module."): parameter.grad for name, parameter in network.named_parameters()}


def one_rank(rank, folder):
    """Run every case in one pair of processes: starting them is what takes the time."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/rendezvous", rank=rank, world_size=2)
    for name, (batch_dice, gathered) in CASES.items():
        loss = TaiChiLoss(2, scale_weights=[1.0, 0.5], batch_dice=batch_dice, distributed=gathered, config=CONFIG)
        mine = slice(2 * rank, 2 * rank + 2)
        torch.save(gradients(DistributedDataParallel(build_network()), loss, mine), f"{folder}/{name}_{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("ranks"))
    torch.multiprocessing.spawn(one_rank, (folder,), nprocs=2)
    return {name: [torch.load(f"{folder}/{name}_{rank}.pt") for rank in range(2)] for name in CASES}


def whole_batch(batch_dice):
    loss = TaiChiLoss(2, scale_weights=[1.0, 0.5], batch_dice=batch_dice, config=CONFIG)
    return gradients(build_network(), loss, slice(None))


@pytest.mark.parametrize("name", ["image", "batch"])
def test_two_processes_learn_what_one_does(ranks, name):
    expected = whole_batch(CASES[name][0])
    for result in ranks[name]:
        assert result.keys() == expected.keys()
        for parameter, gradient in expected.items():
            assert gradient is not None, parameter
            torch.testing.assert_close(result[parameter], gradient, rtol=1e-9, atol=1e-12, msg=parameter)


def test_batch_dice_needs_the_gathering(ranks):
    """Guard of the test above: averaging the dice of two halves is something else."""
    expected = whole_batch(batch_dice=True)
    gap = max((ranks["ungathered"][0][name] - gradient).abs().max() for name, gradient in expected.items())
    assert gap > 1e-4
