"""Maps of easy and hard pixels: where they are, what they should be, and how their miner is disturbed."""

from pathlib import Path

import blosc2
import numpy as np
import pytest
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi import trainers


def miner_epochs(num_epochs: int) -> int:
    """Say how long U-Net++ trains for so many epochs of TaiChiNet."""
    return max(1, round(trainers.nnUNetTrainerTaichi.config.miner_fraction * num_epochs))


def read_maps(folder: str | Path) -> dict[str, np.ndarray]:
    return {file.stem: blosc2.open(str(file), mode="r")[:] for file in sorted(Path(folder).glob("*.b2nd"))}


def read_case(dataset: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
    image = blosc2.open(str(dataset / "tiny" / f"{case}.b2nd"), mode="r")[:]  # (1, 1, Y, X)
    return image, blosc2.open(str(dataset / "tiny" / f"{case}_seg.b2nd"), mode="r")[0]  # (1, Y, X)


def times(folder: str | Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in Path(folder).glob("*.b2nd")}


def checkpoint_of(maps: str | Path) -> Path:
    return Path(maps).parent / "checkpoint_final.pth"


def retrain(checkpoint: Path) -> None:
    """Put other weights into a checkpoint, as another training would."""
    content = torch.load(checkpoint, weights_only=False)
    content["network_weights"] = {name: -weight for name, weight in content["network_weights"].items()}
    torch.save(content, checkpoint)


def record_epochs(monkeypatch: pytest.MonkeyPatch, stop_before: int | None = None) -> list[int]:
    """List the epochs as they start; raise before one of them, as if killed."""
    epochs: list[int] = []

    def on_epoch_start(self: nnUNetTrainer) -> None:
        if self.current_epoch == stop_before:
            raise KeyboardInterrupt
        epochs.append(self.current_epoch)
        start(self)

    start = nnUNetTrainer.on_epoch_start
    monkeypatch.setattr(nnUNetTrainer, "on_epoch_start", on_epoch_start)
    return epochs


def compute_expected(dataset: Path, trainer: nnUNetTrainer, checkpoint: Path, case: str) -> tuple[np.ndarray, ...]:
    """Apply equations 23-24 to the two outputs by hand.

    Returns:
        The code of each pixel (Y, X), and where both outputs are clear of a tie, which rounding could break.
    """
    labels = trainer.label_manager
    network = trainers.nnUNetTrainerUNetPlusPlusMiner.build_network_architecture(
        trainer.plans_manager, trainer.configuration_manager, 1, labels.num_segmentation_heads, True
    )
    network.load_state_dict(torch.load(checkpoint, weights_only=False)["network_weights"])
    image, segmentation = read_case(dataset, case)
    with torch.no_grad():
        outputs = [output[0].numpy() for output in network.eval()(torch.from_numpy(image[:, 0])[None])]
    assert len(outputs) == 4  # deepest first
    codes = np.zeros(segmentation.shape[1:], int)
    clear = np.ones(segmentation.shape[1:], bool)
    for pixel in np.ndindex(*codes.shape):
        output1, output4 = (outputs[depth][(slice(None), *pixel)] for depth in (3, 0))
        for output in (output1, output4):
            ordered = np.sort(output)
            clear[pixel] &= (np.abs(output).min() if labels.has_regions else ordered[-1] - ordered[-2]) > 0.02
        truth = int(segmentation[0][pixel])
        for head in range(2):
            if labels.has_regions:  # the lesion is labels 1 and 2, the core is label 2
                inside, found1, found4 = truth > head, output1[head] > 0, output4[head] > 0
            else:
                inside = truth == head + 1
                found1, found4 = output1.argmax() == head + 1, output4.argmax() == head + 1
            easy = inside and found1
            hard = inside and found4 and not easy
            codes[pixel] += 3**head * (1 if easy else 2 if hard else 0)
    return codes, clear
