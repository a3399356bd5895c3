"""Time and memory of `nnunet_taichi compare` on a whole raw data set, for three trainers.

    nnunet_taichi convert busi SRC -d 101
    nnunet_taichi convert busi SRC -d 128 --resize 128
    python benchmarks/comparison.py $nnUNet_raw/Dataset101_BUSI $nnUNet_raw/Dataset128_BUSI128 --name comparison

The predictions are made from the truth: moved, grown, and lost in every tenth case. That is all the same to the time
that it takes to score and draw them. Writes NAME.csv beside this file, with the peak memory of the largest process
(ru_maxrss) and the size of the page.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from conversion import PEAK
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

PREDICTORS = {
    "moved": lambda mask, number: np.roll(mask, 9, axis=1),
    "grown": lambda mask, number: binary_dilation(mask, iterations=4),
    "lost": lambda mask, number: mask & (number % 10 > 0),
}


def predict(dataset: Path, out: Path) -> list[str]:
    """Write a folder of predictions each, and return the arguments that name them."""
    for name, change in PREDICTORS.items():
        (out / name).mkdir(parents=True)
        shutil.copy(dataset / "dataset.json", out / name)
        for number, path in enumerate(sorted((dataset / "labelsTr").glob("*.png"))):
            mask: NDArray[np.bool_] = np.asarray(Image.open(path)) == 1
            Image.fromarray(change(mask, number).astype(np.uint8)).save(out / name / path.name)
    return [f"{name}={out / name}" for name in PREDICTORS]


def measure(dataset: Path) -> dict[str, object]:
    """Compare once; return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        folders = predict(dataset, Path(folder))
        truth = ["--labels", str(dataset / "labelsTr"), "--images", str(dataset / "imagesTr")]
        command = [sys.executable, "-m", "nnunet_taichi.cli", "compare", "--folder", *folders, *truth]
        start = time.perf_counter()
        arguments = [sys.executable, "-c", PEAK, *command, "-o", f"{folder}/out"]
        output = subprocess.run(arguments, check=True, stdout=subprocess.PIPE)
        return {
            "dataset": dataset.name,
            "cases": len(list((dataset / "labelsTr").glob("*.png"))),
            "trainers": len(PREDICTORS),
            "cores": os.cpu_count(),
            "seconds": round(time.perf_counter() - start, 1),
            "peak_mb": int(output.stdout) // 1024,
            "page_mb": round((Path(folder) / "out" / "report.html").stat().st_size / 1e6, 2),
        }


def main() -> None:
    """Measure and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, nargs="+", help="folders of raw data sets with PNG files")
    parser.add_argument("--name", default="comparison")
    args = parser.parse_args()
    rows = [measure(dataset) for dataset in args.datasets]
    with Path(__file__).with_name(f"{args.name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
