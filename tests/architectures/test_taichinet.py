from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, logit, softmax
from small_unets import count, images, unet_kwargs
from variants import BARE, CONFIG, NETWORKS, VARIANTS, build

from nnunet_taichi.architectures.paths import prune_outputs
from nnunet_taichi.architectures.taichinet import TaiChiNet, paper_taichinet
from nnunet_taichi.architectures.unet import PaperUNet
from nnunet_taichi.config import TaiChiConfig


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
