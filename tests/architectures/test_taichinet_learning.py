"""Every parameter of every variant gets a gradient, and host and network fit together."""

import pickle
from copy import deepcopy
from dataclasses import asdict, replace

import pytest
import torch
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from small_unets import images, unet_kwargs
from variants import BARE, CONFIG, NETWORKS, VARIANTS, build

from nnunet_taichi.architectures.taichinet import paper_taichinet
from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.losses.taichi_loss import TaiChiLoss


def training_loss(network, num_heads, dim):
    """One pass through the loss, on a target with a lesion, easy and hard pixels."""
    outputs = network(images(dim))
    targets = []
    for _, positive in outputs[1:]:
        labels = torch.randint(0, num_heads + 1, (2, 1, *positive.shape[2:]))
        targets.append(torch.cat((labels, (labels == 1).long() * 2), 1).float())
    weights = [0.5**i for i in range(len(targets))]
    return TaiChiLoss(num_heads, scale_weights=weights, config=network.config)(outputs, targets)


def open_residual_branches(network):
    """The host starts residual blocks as the identity, with a zero gain: no gradient passes in the first step."""
    for name, parameter in network.named_parameters():
        if name.endswith("norm.weight"):
            torch.nn.init.ones_(parameter)


class TestGradients:
    @NETWORKS
    def test_every_parameter_of_every_variant_learns(self, dim, residual):
        for config in VARIANTS:
            network = build(config, dim=dim, residual=residual)
            open_residual_branches(network)
            training_loss(network, 1, dim).backward()
            for name, parameter in network.named_parameters():
                assert parameter.grad is not None, f"No gradient for {name} in {config}"
                assert parameter.grad.isfinite().all(), f"Gradient of {name} is not finite in {config}"
                assert "weight" not in name or parameter.grad.any(), f"Gradient of {name} is zero in {config}"

    def test_papers_own_network_learns(self):
        network = paper_taichinet(1, config=CONFIG).train()
        outputs = network(images(size=32))
        target = torch.cat((torch.ones(2, 1, 16, 32), torch.zeros(2, 1, 16, 32)), 2)
        TaiChiLoss(1, regions=True, config=CONFIG)(outputs, [target]).backward()
        assert [name for name, p in network.named_parameters() if p.grad is None] == []

    def test_paths_learn_from_each_other(self):
        """Attention and head carry gradients of the positive output into the negative encoder; without, none."""
        for config, linked in ((BARE, False), (replace(BARE, attention=True), True), (replace(BARE, head="mlp"), True)):
            network = build(config)
            network(images())[1][1].sum().backward()
            gradients = [p.grad for p in network.negative.encoder.parameters()]
            assert any(g is not None and g.any() for g in gradients) == linked


class TestInTheHost:
    NAMES = ("conv_op", "norm_op", "nonlin")

    def from_plans(self, network_class="nnunet_taichi.architectures.taichinet.TaiChiNet", **kwargs):
        arguments = unet_kwargs()
        for name in self.NAMES:
            arguments[name] = f"{arguments[name].__module__}.{arguments[name].__qualname__}"
        return get_network_from_plans(network_class, arguments | kwargs, list(self.NAMES), 1, 3, deep_supervision=True)

    def test_stock_loss_takes_its_outputs(self):
        network = self.from_plans(config={"head": "conv", "cpu_bf16": False})
        assert network.config == replace(CONFIG, head="conv")
        outputs = network(images())
        assert [tuple(output.shape) for output in outputs] == [(2, 3, 16, 16), (2, 3, 8, 8)]
        loss = DC_and_CE_loss(
            {"batch_dice": False, "smooth": 1e-5, "do_bg": False}, {}, dice_class=MemoryEfficientSoftDiceLoss
        )
        targets = [torch.randint(0, 3, (2, 1, *output.shape[2:])) for output in outputs]
        DeepSupervisionWrapper(loss, [0.5, 0.5])(outputs, targets).backward()
        assert [name for name, p in network.named_parameters() if p.grad is None] == []

    def test_configuration_survives_json_and_defaults(self):
        assert self.from_plans().config == TaiChiConfig()
        assert self.from_plans(config=asdict(replace(CONFIG, attention=False))).attention is None

    def test_host_leaves_the_weights_alone(self):
        assert not hasattr(self.from_plans(), "initialize")

    @pytest.mark.parametrize("config", VARIANTS[::5])
    def test_trained_weights_load_for_prediction(self, config):
        trained, predicting = build(config), build(config, deep_supervision=False)
        predicting.load_state_dict(trained.state_dict(), strict=True)
        trained.eval().decoder.deep_supervision = False
        torch.testing.assert_close(trained(images()), predicting.eval()(images()))

    @pytest.mark.parametrize("residual", [False, True])
    @pytest.mark.parametrize("config", VARIANTS[::7])
    def test_feature_maps_of_two_paths(self, config, residual):
        network = build(config, residual=residual)
        path = network.positive.compute_conv_feature_map_size((32, 32))
        both = network.compute_conv_feature_map_size((32, 32))
        assert isinstance(both, int)
        assert both > 2 * path or (config.head == "none" and config.attention is False and both == 2 * path)

    @pytest.mark.parametrize("scales", [1, 2])
    def test_feature_maps_that_we_add(self, scales):
        widths = (8, 16, 16) if scales == 1 else (8, 16, 16, 16)
        kwargs = unet_kwargs(widths=widths)
        bare, full = (build(config, **kwargs).compute_conv_feature_map_size((32, 16)) for config in (BARE, CONFIG))
        positions = (32 * 16) // 4 ** (scales + 1)
        attention = 2 * (16 + 8 + 8) * positions + 16 * 16  # Q, K, V of each path; both scores, which are kept once
        head = 3 * sum((32 * 16, 16 * 8)[:scales])  # logits, probabilities, complements of both paths, kept once
        assert full - bare == attention + head

    def test_pickle_and_copy(self):
        network = build().eval()
        for twin in (pickle.loads(pickle.dumps(network)), deepcopy(network)):
            assert twin.config == network.config
            torch.testing.assert_close(twin(images())[0], network(images())[0])


@pytest.mark.parametrize("num_classes", [2, 4])  # one class and several have heads of their own
def test_the_whole_network_compiles_without_a_break(num_classes):
    network = build(num_classes=num_classes, unet_class=None, **unet_kwargs(widths=(8, 8, 8, 8))).train()
    results = []
    for forward in (network, torch.compile(network, backend="aot_eager", fullgraph=True)):
        outputs = [z for pair in forward(images())[1:] for z in pair]
        loss = sum(z.square().sum() for z in outputs)
        results.append([*outputs, *torch.autograd.grad(loss, list(network.parameters()))])
    for plain, compiled in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-3)
