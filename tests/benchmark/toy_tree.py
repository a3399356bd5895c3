"""nnU-Net's folders for a data set that was never trained: files that only say what they would say."""

import json
import os
from pathlib import Path

DATASET = "Dataset900_Toy"
CASES = ("a", "b", "c")

SUMMARY = '{"metric_per_case": [{"prediction_file": "a.png", "metrics": {}}]}'


class ToyTree:
    """Raw data in nnU-Net's folders, and made-up traces of preprocessing and trainings.

    Args:
        root: where the folders are made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.raw, self.preprocessed, self.results = (
            root / f"nnUNet_{name}" / DATASET for name in ("raw", "preprocessed", "results")
        )
        self.raw.mkdir(parents=True)

    def write_plan(self, text: str) -> Path:
        path = self.root / "plan.yaml"
        path.write_text(text)
        return path

    def preprocess(self, plans: str = "nnUNetPlans", configurations: tuple[str, ...] = ("2d",)) -> None:
        """Leave what planning and preprocessing leave, but for the images."""
        content = {name: {"data_identifier": f"{plans}_{name}", "architecture": {}} for name in configurations}
        folders = [self.preprocessed / f"{plans}_{name}" for name in configurations]
        for folder in (*folders, self.preprocessed / "gt_segmentations"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.preprocessed / f"{plans}.json").write_text(json.dumps({"configurations": content}))
        (self.preprocessed / "dataset_fingerprint.json").write_text(json.dumps({"spacings": [[1, 1, 1]] * len(CASES)}))
        for case in CASES:
            (self.preprocessed / "gt_segmentations" / f"{case}.png").touch()
            for folder in folders:
                (folder / f"{case}.pkl").touch()

    def fold(self, trainer: str, fold: int = 0, plans: str = "nnUNetPlans") -> Path:
        folder = self.results / f"{trainer}__{plans}__2d" / f"fold_{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def train(self, trainer: str, *checkpoints: str, fold: int = 0, plans: str = "nnUNetPlans") -> None:
        """Leave the checkpoints of a training, as `best` and `latest` of one that was interrupted."""
        for name in checkpoints:
            (self.fold(trainer, fold, plans) / f"checkpoint_{name}.pth").touch()

    def finish(self, trainer: str, fold: int = 0, plans: str = "nnUNetPlans") -> None:
        """Leave what a training leaves that is over and validated."""
        self.train(trainer, "best", "final", fold=fold, plans=plans)
        summary = self.fold(trainer, fold, plans) / "validation" / "summary.json"
        summary.parent.mkdir(exist_ok=True)
        summary.write_text(SUMMARY)

    def mine(self, miner: str, fold: int = 0) -> None:
        """Leave what a mining leaves that is over."""
        self.train(miner, "final", fold=fold)
        (self.fold(miner, fold) / "difficulty").mkdir()
        (self.fold(miner, fold) / "difficulty" / "difficulty.json").write_text('{"checkpoint": "", "data": ""}')

    def compare(self, *runs: tuple[str, str, int]) -> Path:
        """Leave a report of these trainers, plans and folds, and return its folder."""
        folder = self.root / "plan_output" / f"{DATASET}_2d"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [f"{trainer},{plans},2d,{fold},{case}" for trainer, plans, fold in runs for case in CASES]
        (folder / "per_case.csv").write_text("\n".join(["trainer,plans,configuration,fold,case", *rows]))
        (folder / "report.html").touch()
        return folder


def age(path: Path, seconds: float) -> None:
    """Make a file older."""
    status = path.stat()
    os.utime(path, (status.st_atime - seconds, status.st_mtime - seconds))
