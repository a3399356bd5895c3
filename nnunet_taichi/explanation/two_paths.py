"""The outputs of the two paths and their fusion, by nnU-Net's own inference."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from torch import Tensor, nn

from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.difficulty.levels import true_heads
from nnunet_taichi.evaluation.uncertainty import Array, ambiguity, disagreement
from nnunet_taichi.explanation.cases import CaseFiles
from nnunet_taichi.nnunet.json_files import blamed_on, require_json
from nnunet_taichi.nnunet.predictor import expect_outputs, unwrap


@dataclass(frozen=True)
class PredictedCase:
    """One image and the network's outputs for it, at the size of the image file.

    Attributes:
        name: Name of the case in nnU-Net.
        heads: Names of the K classes or regions.
        image: Image, (C, Z, Y, X); a 2D image has Z = 1.
        spacing: Spacing of Z, Y and X, as nnU-Net's reader gives it.
        truth: True masks, (K, Z, Y, X), boolean.
        valid: Mask (Z, Y, X), false at the ignore label.
        probabilities: Probabilities of the lesion, (K, Z, Y, X), by output; that of the background path is 1 - O_n.
        masks: Predicted masks, (K, Z, Y, X), boolean, by output.
        preprocessed: Image that the network sees, (C, *preprocessed).
        properties: Record that nnU-Net keeps of the preprocessing.
    """

    name: str
    heads: tuple[str, ...]
    image: Array
    spacing: tuple[float, ...]
    truth: Array
    valid: Array
    probabilities: Mapping[str, Array]
    masks: Mapping[str, Array]
    preprocessed: Array
    properties: dict[str, Any]

    @cached_property
    def disagreement(self) -> Array:
        """|O_p - (1 - O_n)|, (K, Z, Y, X)."""
        return disagreement(self.probabilities["lesion"], self.probabilities["background"])

    @cached_property
    def ambiguity(self) -> Array:
        """1 - |2p - 1| of the fused probability, (K, Z, Y, X): what disagreement has to beat."""
        return ambiguity(self.probabilities["fused"])

    @cached_property
    def claimed(self) -> Array:
        """Where any of the three outputs says lesion, (K, Z, Y, X), boolean."""
        return np.any([self.masks[output] for output in OUTPUTS], 0)


class TwoPathModel:
    """A trained TaiChiNet with the settings of its training, mirroring included.

    Args:
        folder: Folder of the trained model, with plans.json and dataset.json.
        fold: Number of the fold, or `all`.
        checkpoint: Name of a file in the fold's folder.
        device: Device on which to predict.

    Raises:
        ValueError: The checkpoint or a JSON file is missing or torn, or the network does not have two paths.
    """

    def __init__(self, folder: Path, fold: str, checkpoint: str, device: torch.device) -> None:
        file = folder / f"fold_{fold}" / checkpoint
        if not file.is_file():
            raise ValueError(f"there is no {file}: train this fold first, or choose another checkpoint by -chk")
        self.predictor = nnUNetPredictor(device=device, allow_tqdm=False)
        require_json(folder / "plans.json", "plans_name", "configurations")
        require_json(folder / "dataset.json", "labels", "channel_names", "file_ending")
        with blamed_on(f"{file}, or plans.json or dataset.json in {folder},", "train again, or choose another by -chk"):
            self.predictor.initialize_from_trained_model_folder(str(folder), (fold,), checkpoint)
        self.plans, self.configuration = self.predictor.plans_manager, self.predictor.configuration_manager
        self.dataset_json, self.labels = self.predictor.dataset_json, self.predictor.label_manager
        self.network = _two_paths(self.predictor.network, self.predictor.trainer_name)
        self.predictor.network = _ThreeOutputs(self.network)
        expect_outputs(self.predictor, len(OUTPUTS))

    @property
    def heads(self) -> dict[str, Any]:
        """Label or labels of the K foreground classes or regions, by name."""
        kept = self.labels.foreground_regions if self.labels.has_regions else self.labels.foreground_labels
        names = {tuple(np.atleast_1d(labels)): name for name, labels in self.dataset_json["labels"].items()}
        return {names[tuple(np.atleast_1d(labels))]: labels for labels in kept}

    def predict(self, files: CaseFiles) -> PredictedCase:
        """Predict a case as nnUNetv2_predict does, but with three outputs from one pass."""
        reader = self.plans.image_reader_writer_class()
        with blamed_on(f"{' or '.join(files.images)} or {files.label}", "replace the file"):
            image, properties = reader.read_images(files.images)
            truth = reader.read_seg(files.label)[0][0]
        preprocessor = self.configuration.preprocessor_class(verbose=False)
        data, _, properties = preprocessor.run_case_npy(
            image, None, properties, self.plans, self.configuration, self.dataset_json
        )
        logits = self.predictor.predict_sliding_window_return_logits(torch.from_numpy(data)).cpu()
        probabilities: dict[str, Array] = {}
        masks: dict[str, Array] = {}
        for output, part in zip(OUTPUTS, logits.chunk(len(OUTPUTS)), strict=True):
            segmentation, all_probabilities = convert_predicted_logits_to_segmentation_with_correct_shape(
                part, self.plans, self.configuration, self.labels, properties, return_probabilities=True
            )
            probabilities[output] = all_probabilities[-len(self.heads) :]  # labels: the background's comes first
            masks[output] = true_heads(segmentation, self.labels)
        return PredictedCase(
            name=files.name,
            heads=tuple(self.heads),
            image=image,
            spacing=tuple(properties["spacing"]),
            truth=true_heads(truth, self.labels),
            valid=truth != (self.labels.ignore_label if self.labels.has_ignore_label else -1),
            probabilities=probabilities,
            masks=masks,
            preprocessed=data,
            properties=properties,
        )


class _ThreeOutputs(nn.Module):
    """A network that returns all outputs among which `prediction` chooses, concatenated: (B, 3 x heads, *spatial)."""

    def __init__(self, network: TaiChiNet) -> None:
        super().__init__()
        self.network = network
        network.return_paths = network.deep_supervision = True

    def forward(self, image: Tensor) -> Tensor:
        _, (negative, positive), *_ = self.network(image)  # fused logits, then both paths' logits at each scale
        return torch.cat([self.network.fuse(negative, positive, output) for output in OUTPUTS], 1)


def _two_paths(network: Any, trainer: str) -> TaiChiNet:
    """Return the plain network inside a compiled one.

    Raises:
        ValueError: The network is not a TaiChiNet, or one with the lesion path alone.
    """
    network = unwrap(network)
    if not isinstance(network, TaiChiNet):
        raise ValueError(
            f"{trainer} trains {type(network).__name__}, which has no two paths to compare. Explain a model of "
            "nnUNetTrainerTaichi, or of a variant of it."
        )
    if network.negative is None:
        raise ValueError(
            f"{trainer} trains the lesion path alone: there is no background path that could disagree with it. Explain "
            "a model with two paths, such as nnUNetTrainerTaichi or its Model2 to Model7."
        )
    return network
