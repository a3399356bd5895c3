"""nnU-Net's three folders after a tiny data set was trained on: everything that a comparison reads, no training.

    tree = ResultsTree(tmp_path)                    # raw and preprocessed data: 8 cases in 2 folds, some without lesion
    tree.use(monkeypatch)                           # the environment variables
    tree.add_run("nnUNetTrainer", shift=3)          # predictions are the truth, moved along the last axis
    tree.add_run("nnUNetTrainerTaichi", shift=1)
    tree.predict(tmp_path / "predictions", shift=2) # a folder as nnUNetv2_predict leaves it

Labels, regions and an ignore label are given as in dataset.json; the shape decides between 2D and 3D, the ending
between pictures and volumes. Summaries are counted by nnU-Net's own function.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from nnunetv2.evaluation.evaluate_predictions import compute_metrics, save_summary_json
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_file_ending

KINDS = ("benign", "malignant", "normal")
LESION = {"background": 0, "lesion": 1}


def write_image(path: Path, pixels: np.ndarray, spacing: Sequence[float] | None = None) -> None:
    """Write ([Z,] Y, X), with a spacing in the same order, whatever the file's ending."""
    image = SimpleITK.GetImageFromArray(pixels.astype(np.uint8))
    if spacing:
        image.SetSpacing(tuple(spacing)[::-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(image, str(path))


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


class ResultsTree:
    """The folders of one data set.

    Args:
        root: gets nnUNet_raw, nnUNet_preprocessed and nnUNet_results.
        labels: as in dataset.json.
        num_cases: called benign_000, malignant_001, normal_002 (without any foreground), benign_003 and so on.
        num_folds: case i is validated in fold i % num_folds.
        shape: ([Z,] Y, X)
        ending: of images and masks.
        spacing: of the axes of `shape`, for volumes.
        dataset: its name.
    """

    def __init__(
        self,
        root: Path,
        labels: Mapping[str, Any] = LESION,
        num_cases: int = 8,
        num_folds: int = 2,
        shape: Sequence[int] = (24, 32),
        ending: str = ".png",
        spacing: Sequence[float] | None = None,
        dataset: str = "Dataset901_Tiny",
    ) -> None:
        self.root, self.labels, self.ending, self.spacing, self.dataset = root, dict(labels), ending, spacing, dataset
        self.raw, self.preprocessed, self.results = (
            root / f"nnUNet_{name}" / dataset for name in ("raw", "preprocessed", "results")
        )
        self.cases = [f"{KINDS[i % len(KINDS)]}_{i:03d}" for i in range(num_cases)]
        self.folds = {str(fold): self.cases[fold::num_folds] for fold in range(num_folds)}
        self.truth = {case: self._draw(case, shape) for case in self.cases}
        self.results.mkdir(parents=True)
        self._write_data()

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Set nnU-Net's environment variables."""
        for folder in (self.raw, self.preprocessed, self.results):
            monkeypatch.setenv(folder.parent.name, str(folder.parent))

    def model(self, trainer: str, plans: str = "nnUNetPlans", configuration: str = "2d") -> Path:
        return self.results / f"{trainer}__{plans}__{configuration}"

    def add_run(
        self,
        trainer: str,
        shift: int = 1,
        folds: Sequence[str] | None = None,
        plans: str = "nnUNetPlans",
        configuration: str = "2d",
        false_alarms: bool = False,
        **settings: Any,
    ) -> Path:
        """Write what a finished training leaves, and return the model folder.

        Args:
            trainer: its name.
            shift: by how many pixels its predictions are off.
            folds: all by default.
            plans: their name.
            configuration: as "2d".
            false_alarms: predict foreground where there is none at all.
            settings: of the configuration, as batch_size=4.
        """
        model = self.model(trainer, plans, configuration)
        written = self.plans(plans, configuration, **settings)
        write_json(model / "plans.json", written)
        write_json(model / "dataset.json", self.dataset_json)
        write_json(model / "dataset_fingerprint.json", {"spacings": [[1, 1]] * len(self.cases)})
        for fold in self.folds if folds is None else folds:
            folder = model / f"fold_{fold}"
            text = str(written["configurations"][configuration])
            write_json(folder / "debug.json", {"configuration_manager": text, "plans_manager": str(written)})
            (folder / "checkpoint_final.pth").write_bytes(b"weights")
            for case in self.cases if fold == "all" else self.folds[fold]:
                self.write_prediction(folder / "validation", case, shift, false_alarms)
            self.summarise(folder)
        return model

    def predict(
        self, folder: Path, shift: int = 1, cases: Sequence[str] | None = None, false_alarms: bool = False
    ) -> Path:
        """Write a folder of predictions (of all cases by default) as nnUNetv2_predict does, and return it."""
        write_json(folder / "dataset.json", self.dataset_json)
        write_json(folder / "plans.json", self.plans("nnUNetPlans", "2d"))
        write_json(folder / "predict_from_raw_data_args.json", {})
        for case in self.cases if cases is None else cases:
            self.write_prediction(folder, case, shift, false_alarms)
        return folder

    def write_prediction(self, folder: Path, case: str, shift: int, false_alarms: bool = False) -> Path:
        """Write a case's truth moved by `shift` pixels, the ignore label as background."""
        labels = np.roll(self.truth[case], shift, axis=-1)
        labels[labels == self.labels.get("ignore")] = 0
        if false_alarms and not labels.any():
            labels[..., :3, :3] = 1
        write_image(folder / f"{case}{self.ending}", labels, self.spacing)
        return folder / f"{case}{self.ending}"

    def summarise(self, fold_folder: Path) -> None:
        """Write summary.json for the predictions that are there, counted by nnU-Net."""
        folder = fold_folder / "validation"
        reader = determine_reader_writer_from_file_ending(self.ending, verbose=False)()
        labels = self._evaluated()
        results = [
            compute_metrics(str(self.gt / path.name), str(path), reader, labels, self.labels.get("ignore"))
            for path in sorted(folder.glob(f"*{self.ending}"))
        ]
        for result in results:  # as nnU-Net does, for JSON knows no numpy
            result["metrics"] = {
                label: {
                    name: getattr(number, "item", lambda number=number: number)() for name, number in numbers.items()
                }
                for label, numbers in result["metrics"].items()
            }
        mean = {
            label: {name: _mean([result["metrics"][label][name] for result in results]) for name in ("Dice", "IoU")}
            for label in labels
        }
        foreground = {name: _mean([mean[label][name] for label in labels]) for name in ("Dice", "IoU")}
        summary = {"metric_per_case": results, "mean": mean, "foreground_mean": foreground}
        save_summary_json(summary, str(folder / "summary.json"))

    @property
    def gt(self) -> Path:
        return self.preprocessed / "gt_segmentations"

    @property
    def dataset_json(self) -> dict[str, Any]:
        content = {"channel_names": {"0": "ultrasound"}, "labels": self.labels, "numTraining": len(self.cases)}
        if self._has_regions():
            content["regions_class_order"] = self._values()
        return content | {"file_ending": self.ending}

    def plans(self, name: str, configuration: str, **settings: Any) -> dict[str, Any]:
        """Write plans.json, less what no comparison reads."""
        network = {
            "network_class_name": "PlainConvUNet",
            "arch_kwargs": {"n_stages": 3, "features_per_stage": [8, 16, 32]},
        }
        content = {
            "data_identifier": f"{name}_{configuration}",
            "batch_size": 2,
            "patch_size": [32, 32],
            "spacing": [1.0, 1.0],
            "normalization_schemes": ["ZScoreNormalization"],
            "architecture": network,
            "batch_dice": True,
        }
        return {
            "dataset_name": self.dataset,
            "plans_name": name,
            "image_reader_writer": determine_reader_writer_from_file_ending(self.ending, verbose=False).__name__,
            "configurations": {configuration: content | settings},
        }

    def _values(self) -> list[int]:
        """Pixel values of all that is foreground."""
        values = np.hstack([value for name, value in self.labels.items() if name != "ignore"])
        return [int(value) for value in np.unique(values) if value]

    def _has_regions(self) -> bool:
        return any(isinstance(value, list | tuple) and len(value) > 1 for value in self.labels.values())

    def _evaluated(self) -> list[Any]:
        """List what nnU-Net counts."""
        if not self._has_regions():
            return self._values()
        regions = [value for name, value in self.labels.items() if name != "ignore" and value != 0]
        return [tuple(value) if isinstance(value, list) else value for value in regions]

    def _draw(self, case: str, shape: Sequence[int]) -> np.ndarray:
        """Draw a box of the first value, in it one of the next, and so on; the ignore label is a strip below."""
        labels = np.zeros(shape, np.uint8)
        rng = np.random.default_rng(self.cases.index(case))
        if not case.startswith("normal"):
            low = [int(rng.integers(1, 4)) for _ in shape]
            high = [int(edge - rng.integers(2, 6)) for edge in shape]
            for depth, value in enumerate(self._values()):
                inner = [slice(start + 2 * depth, stop - 2 * depth) for start, stop in zip(low, high, strict=True)]
                labels[tuple(inner)] = value
        if "ignore" in self.labels:
            labels[..., -6:, :] = self.labels["ignore"]
        return labels

    def _write_data(self) -> None:
        """Write raw and preprocessed data, less what only training reads."""
        rng = np.random.default_rng(0)
        for case, labels in self.truth.items():
            image = 60 + 80 * (labels > 0) + rng.integers(0, 40, labels.shape)
            write_image(self.raw / "imagesTr" / f"{case}_0000{self.ending}", image, self.spacing)
            for folder in (self.raw / "labelsTr", self.gt):
                write_image(folder / f"{case}{self.ending}", labels, self.spacing)
        for folder in (self.raw, self.preprocessed):
            write_json(folder / "dataset.json", self.dataset_json)
        splits = [{"train": sorted(set(self.cases) - set(held)), "val": held} for held in self.folds.values()]
        write_json(self.preprocessed / "splits_final.json", splits)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
