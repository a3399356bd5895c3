"""Would a perceptual hash find the twins that our search finds? Needs `pip install ImageHash`.

    python benchmarks/perceptual_hash.py Dataset_BUSI_with_GT

Prints, for each distance of two 64-bit hashes (phash), how many of our pairs it finds and how many others it reports.
These others need not be false: our search misses twins too, as its threshold was set by eye.
"""

import argparse
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from nnunet_taichi.dataset_conversion.duplicates import find_twins, pixel_digest, thumbnail


def main() -> None:
    """Compare the two searches on all images below a folder, masks left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--distances", type=int, nargs="+", default=[4, 8, 10, 12])
    args = parser.parse_args()
    paths = sorted(path for path in args.folder.rglob("*.png") if "mask" not in path.name)
    images = [np.asarray(Image.open(path).convert("L")) for path in paths]
    digests = [pixel_digest(image) for image in images]
    ours = np.zeros((len(images),) * 2, bool)
    for twin in find_twins([thumbnail(image) for image in images], digests, digests):
        ours[twin.first, twin.second] = True
    hashes = np.stack([imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images])
    distances = (hashes[:, None] != hashes).sum(-1)
    upper = np.triu(np.ones_like(ours), 1)  # each pair once
    print(f"{len(images)} images, {ours.sum()} pairs of twins")
    for distance in args.distances:
        found = (distances <= distance) & upper
        print(f"distance <= {distance}: {(found & ours).sum()} of them, {(found & ~ours).sum()} other pairs")


if __name__ == "__main__":
    main()
