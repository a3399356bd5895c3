"""What each path of the finished TaiChi models does, alone and together; in `paths.csv`, one row per training.

    python benchmarks/protocol/paths.py benchmarks/protocol/remedies.yaml -o benchmarks/results/busi/small

* Dice of the three outputs on the fold's validation cases.
* AUROC for finding wrong pixels: by the paths' disagreement (`auroc`), by the fused probability alone (`auroc_plain`).
* `error_correlation`: of the paths' errors over the lesion and the pixels within 8 of it (1: the same errors, 0:
  unrelated), and `gain`: Dice of the fused output less the mean of the paths' own.
* `share`: weight of the lesion path's logits that is best on the training cases, and the Dice that it gives.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from collect import CELL, finished
from nnunetv2.paths import nnUNet_raw
from scipy.ndimage import binary_dilation
from scipy.special import logit

from nnunet_taichi.explanation.cases import find_cases, validation_cases
from nnunet_taichi.explanation.measures import Measures
from nnunet_taichi.explanation.two_paths import PredictedCase, TwoPathModel

SHARES = np.linspace(0, 1, 11)
NEAR = 8  # pixels


def mean_dice(cases: Sequence[PredictedCase], share: float) -> float:
    """Return the mean Dice if the lesion path's logits have the weight `share`."""
    scores = []
    for case in cases:
        lesion, background = (logit(case.probabilities[name].clip(1e-6, 1 - 1e-6)) for name in ("lesion", "background"))
        mask = share * lesion + (1 - share) * background > 0
        both = mask.sum() + case.truth.sum()
        scores.append(2 * (mask & case.truth).sum() / both if both else 1.0)
    return float(np.mean(scores))


def correlate_errors(cases: Sequence[PredictedCase]) -> float:
    """Return the correlation of the paths' errors near the lesions; the region must not depend on the errors."""
    errors = []
    for case in cases:
        wrong = [case.masks[name] != case.truth for name in ("lesion", "background")]
        near = binary_dilation(case.truth[0, 0], iterations=NEAR)
        errors.append(np.stack(wrong)[:, 0, 0, near])
    return float(np.corrcoef(np.concatenate(errors, 1))[0, 1])


def measure(fold_folder: Path) -> dict[str, float]:
    """Measure a model on the validation cases of a fold; a share of its paths is chosen on the training cases."""
    folder, fold = fold_folder.parent, fold_folder.name.removeprefix("fold_")
    raw = Path(str(nnUNet_raw)) / folder.parent.name
    model = TwoPathModel(folder, fold, "checkpoint_final.pth", torch.device("cpu"))
    validated = validation_cases(fold_folder, ".png")
    every = [file.stem for file in sorted((raw / "labelsTr").glob("*.png"))]
    files = find_cases(every, raw, model.dataset_json)
    validation = [model.predict(files[name]) for name in validated]
    training = [model.predict(file) for name, file in files.items() if name not in validated]
    measures = Measures()
    for case in validation:
        measures.add(case)
    summary = measures.summary()
    dice = {f"{name}_dice": scores["dice_mean"] for name, scores in summary["outputs"].items()}
    share = SHARES[int(np.argmax([mean_dice(training, each) for each in SHARES]))]
    return dice | {
        "auroc": summary["auroc"]["pixels"],
        "auroc_plain": summary["auroc_baseline"]["pixels"],
        "error_correlation": correlate_errors(validation),
        "gain": dice["fused_dice"] - (dice["lesion_dice"] + dice["background_dice"]) / 2,
        "share": float(share),
        "share_dice": mean_dice(validation, share),
    }


def main() -> None:
    """Add the finished trainings that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="PLAN.yaml of nnunet_taichi benchmark")
    parser.add_argument("-o", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    file = args.o / "paths.csv"
    for cell, fold_folder in finished(args.plan, file):
        if "Taichi" not in cell[0]:
            continue
        row = dict(zip(CELL, cell, strict=True)) | measure(fold_folder)
        old = [pd.read_csv(file, dtype={"fold": str})] if file.is_file() else []
        table = pd.concat([*old, pd.DataFrame([row])]).sort_values(CELL)
        table.to_csv(file, index=False, float_format="%.4f", lineterminator="\n")
        print(row)


if __name__ == "__main__":
    main()
