import pickle
from copy import deepcopy
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
import torch
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from scipy.special import expit, logit, softmax
from small_unets import count, images, unet_kwargs

from nnunet_taichi.architectures.paths import prune_outputs
from nnunet_taichi.architectures.taichinet import TaiChiNet, paper_taichinet
from nnunet_taichi.architectures.unet import PaperUNet
from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.losses.taichi_loss import TaiChiLoss

CONFIG = TaiChiConfig(cpu_bf16=False)
BARE = replace(CONFIG, attention=False, head="none")
HEADS = [{"head": "none"}] + [
    {"head": head, "head_input": head_input, "head_order": order}
    for head, head_input, order in product(
        ("mlp", "conv"), ("logits", "features"), ("negative_first", "positive_first")
    )
]
VARIANTS = [
    replace(CONFIG, attention=attention, deep_supervision=deep, **head)
    for attention, deep, head in product((True, False), (True, False), HEADS)
]

NETWORKS = pytest.mark.parametrize(("dim", "residual"), list(product((2, 3), (False, True))))


def build(config=CONFIG, num_classes=2, deep_supervision=True, dim=2, residual=False, **kwargs):
    kwargs = {"return_paths": True, **unet_kwargs(dim, residual), **kwargs}
    return TaiChiNet(1, num_classes, deep_supervision, config=config, **kwargs)


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


def with_known_logits(negative, positive, config=BARE, **kwargs):
    """A network whose paths say the same logits at every pixel, whatever the image."""
    network = build(config, deep_supervision=False, **kwargs)
    for path, logits in ((network.negative, negative), (network.positive, positive)):
        layer = path.decoder.seg_layers[-1]
        torch.nn.init.zeros_(layer.weight)
        layer.bias.data = torch.tensor(logits, dtype=torch.float32)
    return network.eval()


class TestParameters:
    def test_one_path_of_the_paper(self):
        path = PaperUNet(3, 1)
        prune_outputs([path], 1)
        assert count(path) == 8_637_601  # 8.64 M

    @pytest.mark.parametrize(
        ("attention", "without_head", "printed"), [(False, 17_275_202, "17.28"), (True, 18_325_826, "18.33")]
    )
    def test_the_papers_variants(self, attention, without_head, printed):
        assert count(paper_taichinet(config=replace(BARE, attention=attention))) == without_head
        assert f"{without_head / 1e6:.2f}" == printed
        for head in ("mlp", "conv"):
            total = count(paper_taichinet(config=TaiChiConfig(attention=attention, head=head)))
            assert total > without_head
            assert f"{total / 1e6:.2f}" == printed

    def test_mlp_head_on_one_logit(self):
        grown = count(build(replace(BARE, head="mlp"))) - count(build(BARE))
        assert grown == 2 * (64 + 64 + 64 + 1)  # up, its bias, down, its bias; two paths

    def test_mlp_head_on_features(self):
        grown = count(build(replace(BARE, head="mlp", head_input="features"))) - count(build(BARE))
        assert grown == 2 * (8 * 16 + 16 + 16 * 8 + 8)  # 8 features, expanded twice

    def test_paths_are_separate(self):
        network = build()
        first, second = ({id(p) for p in path.parameters()} for path in (network.negative, network.positive))
        assert not first & second
        pairs = zip(network.negative.parameters(), network.positive.parameters(), strict=True)
        assert any(not torch.equal(a, b) for a, b in pairs)


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


class TestOutputs:
    @pytest.mark.parametrize("config", VARIANTS[::5])
    @NETWORKS
    @pytest.mark.parametrize("regions", [False, True])
    def test_evaluation_shape(self, config, dim, residual, regions):
        network = build(config, 3, deep_supervision=False, dim=dim, residual=residual, regions=regions).eval()
        output = network(images(dim))
        assert output.shape == (2, 3, *[16] * dim)
        assert output.dtype == torch.float32
        assert network.num_heads == (3 if regions else 2)

    def test_training_list(self):
        fused, finest, second = build(unet_class=None, **unet_kwargs(widths=(8, 8, 8, 8))).train()(images())
        assert fused.shape == (2, 2, 16, 16)
        assert [tuple(z.shape) for z in (*finest, *second)] == [(2, 1, 16, 16)] * 2 + [(2, 1, 8, 8)] * 2

    def test_deep_supervision_is_switched_as_the_host_does(self):
        network = build(return_paths=False).eval()
        network.decoder.deep_supervision = True
        assert isinstance(network(images()), list)
        network.decoder.deep_supervision = False
        output = network(images())
        assert isinstance(output, torch.Tensor)
        network.decoder.deep_supervision = True
        torch.testing.assert_close(network(images())[0], output)

    def test_one_class_gives_p_and_its_rest(self):
        network = build().train()
        fused, (negative, positive) = network(images())
        p = expit((positive.detach().double().numpy() - negative.detach().double().numpy()) / 2)
        network.eval().decoder.deep_supervision = False
        for output in (fused, network(images())):
            got = softmax(output.detach().double().numpy(), axis=1)
            np.testing.assert_allclose(got, np.concatenate((1 - p, p), 1), atol=1e-6)

    def test_one_class_stays_finite_far_out(self):
        output = with_known_logits([300.0], [-300.0])(images())
        np.testing.assert_allclose(output[0, :, 0, 0].detach().numpy(), [0, -300], atol=1e-4)

    def test_class_can_win_below_one_half(self):
        claims = np.array([0.4, 0.3, 0.1])
        network = with_known_logits((-logit(claims)).tolist(), logit(claims).tolist(), num_classes=4)
        output = network(images())[0, :, 3, 5].detach().numpy()
        np.testing.assert_allclose(output, np.log([0.2, 0.4, 0.3, 0.1]), atol=1e-6)
        assert output.argmax() == 1

    def test_mean_of_both_logits_decides(self):
        network = with_known_logits([1.0, -2.0, 0.0], [2.0, 1.0, -3.0], num_classes=3, regions=True)
        assert network(images())[0, :, 0, 0].tolist() == [0.5, 1.5, -1.5]

    def test_several_claims_on_one_pixel_stay_finite(self):
        network = with_known_logits([-9.0, -9.0], [9.0, 9.0], num_classes=3)
        output = network(images())
        assert output.isfinite().all()
        assert output[0, :, 0, 0].argmax() > 0

    @pytest.mark.parametrize(("prediction", "z"), [("fused", 0.75), ("lesion", 2.0), ("background", -0.5)])
    def test_one_checkpoint_scored_three_ways(self, prediction, z):
        network = with_known_logits([0.5], [2.0], replace(BARE, prediction=prediction))
        probabilities = softmax(network(images())[0, :, 4, 4].detach().numpy())
        assert probabilities[1] == pytest.approx(expit(z), abs=1e-6)

    def test_papers_network_in_evaluation(self):
        network = paper_taichinet(3, 2, CONFIG).eval()
        with torch.no_grad():
            assert network(torch.randn(1, 3, 32, 48)).shape == (1, 2, 32, 48)


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

    def test_feature_maps_that_we_add(self):
        bare, full = (build(config).compute_conv_feature_map_size((32, 16)) for config in (BARE, CONFIG))
        attention = 2 * (16 + 8 + 8) * (8 * 4)  # Q, K, V of each path at a quarter of the resolution
        head = 2 * (64 + 1) * 32 * 16
        assert full - bare == attention + head

    def test_pickle_and_copy(self):
        network = build().eval()
        for twin in (pickle.loads(pickle.dumps(network)), deepcopy(network)):
            assert twin.config == network.config
            torch.testing.assert_close(twin(images())[0], network(images())[0])


class TestErrors:
    def test_network_without_encoder_and_decoder(self):
        with pytest.raises(ValueError, match=r"doubles U-Nets .* Identity is none.*planners"):
            TaiChiNet(1, 2, unet_class=torch.nn.Identity)

    def test_unknown_name(self):
        with pytest.raises(ValueError, match=r"no network class no\.such\.Net"):
            TaiChiNet(1, 2, unet_class="no.such.Net", **unet_kwargs())

    def test_unknown_choice_in_a_plans_file(self):
        with pytest.raises(ValueError, match="head is one of none, mlp, conv, not 'transformer'"):
            build({"head": "transformer"})
