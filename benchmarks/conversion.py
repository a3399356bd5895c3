"""Time and memory of `nnunet_taichi convert busi`, on BUSI and on a copy with every case ten times.

    python benchmarks/conversion.py Dataset_BUSI_with_GT --name conversion

Writes NAME.csv beside this file: one row a run, with the peak memory of the largest process (ru_maxrss).
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def copy(source: Path, target: Path, times: int) -> Path:
    """Link every file of the lesion classes `times` times, under numbers of its own."""
    for folder in ("benign", "malignant"):
        (target / folder).mkdir(parents=True)
        for path in (source / folder).glob("*.png"):
            for number in range(times):
                name = path.name.replace("(", f"({number + 1}00")  # benign (1007).png
                (target / folder / name).symlink_to(path.resolve())
    return target


def run(source: Path, arguments: list[str]) -> tuple[float, int]:
    """Convert once; return seconds and the peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {name: folder for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
        command = [sys.executable, "-m", "nnunet_taichi.cli", "convert", "busi", str(source), "-d", "1", *arguments]
        start = time.perf_counter()
        output = subprocess.run(
            [sys.executable, "-c", PEAK, *command], env=environment, check=True, capture_output=True
        )
        return time.perf_counter() - start, int(output.stdout) // 1024


def main() -> None:
    """Measure and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="Dataset_BUSI_with_GT")
    parser.add_argument("--name", default="conversion")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 10):
            source = copy(args.source, Path(folder) / str(times), times)
            for arguments in ([], ["--resize", "128"]):
                seconds, peak = run(source, arguments)
                rows.append([647 * times, " ".join(arguments) or "own size", os.cpu_count(), f"{seconds:.1f}", peak])
                print(*rows[-1])
    with Path(__file__).with_name(f"{args.name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["cases", "arguments", "cores", "seconds", "peak_mb"], *rows])


if __name__ == "__main__":
    main()
