"""The results of an audit, as text, as a table and as contact sheets."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nnunetv2.utilities.crossval_split import generate_crossval_split
from PIL import Image as PillowImage

from nnunet_taichi.dataset_conversion import splits
from nnunet_taichi.dataset_conversion.duplicates import Twin, families, group
from nnunet_taichi.dataset_conversion.errors import ConversionError
from nnunet_taichi.dataset_conversion.images import read_any
from nnunet_taichi.figures.contact_sheet import Block, Panel, contact_sheet
from nnunet_taichi.nnunet.json_files import SPLITS
from nnunet_taichi.runtime.files import whole

COLUMNS, ROWS = 8, 6  # pairs per row, and rows of pairs per sheet
SHEETS = 10  # most sheets to draw: frames of a film have thousands of pairs, of which the weakest are drawn
EDGE = 160  # height and width of a picture on a sheet, in pixels


class Image(NamedTuple):
    """An image to compare.

    Attributes:
        name: Name in the output: the case of a data set, or the path below the folder.
        path: File of the image.
        stratum: Class of the image, or empty.
    """

    name: str
    path: Path
    stratum: str


@dataclass(frozen=True)
class Audit:
    """All pairs of a set of images that are twins, or nearly so.

    Attributes:
        images: Images that were compared.
        pairs: Pairs that were found, including some a little below the threshold.
        threshold: Smallest correlation of near twins.
    """

    images: Sequence[Image]
    pairs: Sequence[Twin]
    threshold: float

    @cached_property
    def twins(self) -> list[Twin]:
        """Pairs that count as twins."""
        return [pair for pair in self.pairs if self.counts(pair)]

    def counts(self, pair: Twin) -> bool:
        """Tell whether a pair counts as twins."""
        return pair.kind != "near" or pair.correlation >= self.threshold

    @cached_property
    def groups(self) -> dict[str, int]:
        """Number of each image's group, by the image's name."""
        numbers = group(len(self.images), [(twin.first, twin.second) for twin in self.twins])
        return {image.name: number for image, number in zip(self.images, numbers, strict=True)}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Printed number of the group of each image that has a twin, by the image's name."""
        return {image.name: number for number, family in enumerate(self.families, 1) for image in family}

    @cached_property
    def families(self) -> list[list[Image]]:
        """Groups that have more than one image."""
        return families(self.images, [self.groups[image.name] for image in self.images])


def describe(audit: Audit, folder: Path) -> Iterator[str]:
    """Yield the lines that the command prints."""
    for number, family in enumerate(audit.families, 1):
        classes = _classes(family)
        mixed = f"  [across classes: {', '.join(classes)}]" if len(classes) > 1 else ""
        yield f"{number:4d}  {', '.join(image.name for image in family)}{mixed}"
    kinds = [twin.kind for twin in audit.twins]
    across = sum(len(_classes(family)) > 1 for family in audit.families)
    yield (
        f"{sum(map(len, audit.families))} of {len(audit.images)} images are in {len(audit.families)} groups of twins, "
        f"{across} of them across classes"
    )
    yield f"Pairs: {', '.join(f'{kinds.count(kind)} {kind}' for kind in ('same file', 'same pixels', 'near'))}"
    yield from _describe_leaks(audit, folder)


def _classes(family: Sequence[Image]) -> list[str]:
    return sorted({image.stratum for image in family if image.stratum})


def _describe_leaks(audit: Audit, folder: Path) -> Iterator[str]:
    """Yield how many validation images have a twin in training, for nnU-Net's random folds and the data set's own."""
    path = folder / SPLITS
    names = sorted(image.name for image in audit.images if image.path.parent.name == "imagesTr")
    if len(names) >= splits.FOLDS:
        yield _describe_folds("nnU-Net's random five folds", audit, generate_crossval_split(names))
    if path.is_file():
        try:
            yield _describe_folds(path.name, audit, json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, LookupError, TypeError, AttributeError, ZeroDivisionError) as error:
            cause = f"does not fit the images ({type(error).__name__}: {error}); convert the data set anew"
            raise ConversionError(path, cause) from error


def _describe_folds(title: str, audit: Audit, folds: Sequence[splits.Fold]) -> str:
    leaks = [splits.count_leaks(fold, audit.groups) for fold in folds]
    share = sum(leaks) / sum(len(fold["val"]) for fold in folds)
    counts = " + ".join(map(str, leaks))
    return f"Validation images with a twin in training, {title}: {counts} = {sum(leaks)} ({share:.1%})"


def write_csv(audit: Audit, path: Path) -> Path:
    """Write one row per pair of twins, those of the highest correlation first."""
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "first", "second", "first_class", "second_class", "kind", "correlation"])
        for twin in sorted(audit.twins, key=lambda twin: -twin.correlation):
            first, second = audit.images[twin.first], audit.images[twin.second]
            row = [audit.numbers[first.name], first.name, second.name, first.stratum, second.stratum, twin.kind]
            writer.writerow([*row, f"{twin.correlation:.3f}"])
    return path


def write_sheets(audit: Audit, folder: Path) -> Iterator[Path]:
    """Draw pairs, each as one picture above the other: a row just below the threshold, then twins, weakest first."""
    doubtful = sorted((pair for pair in audit.pairs if not audit.counts(pair)), key=lambda pair: pair.correlation)
    doubtful = doubtful[-COLUMNS:]
    blocks = [Block(f"Just below {audit.threshold}: not counted as twins", *_draw(audit, doubtful))] if doubtful else []
    for stale in folder.glob("twins_*.png"):
        if stale.stem.removeprefix("twins_").isdecimal():  # others are the user's
            stale.unlink()
    twins = sorted(audit.twins, key=lambda twin: (twin.kind != "near", twin.correlation))
    for start in range(0, min(len(twins), SHEETS * ROWS * COLUMNS), COLUMNS):
        pairs = twins[start : start + COLUMNS]
        blocks.append(Block(f"Twins {start + 1} to {start + len(pairs)} of {len(twins)}", *_draw(audit, pairs)))
    for page, start in enumerate(range(0, len(blocks), ROWS), 1):
        path = folder / f"twins_{page:02d}.png"
        title = f"Twins, sheet {page}: group and correlation of each pair, the weakest first"
        with whole(path) as partial:
            contact_sheet(blocks[start : start + ROWS], title).savefig(partial, dpi=100)
        yield path


def _draw(audit: Audit, pairs: Sequence[Twin]) -> tuple[list[str], dict[str, list[Panel]]]:
    """Return what to draw of pairs: their titles, and their first and second pictures."""
    titles = [_title(audit, pair) for pair in pairs]
    first = [_panel(audit.images[pair.first]) for pair in pairs]
    return titles, {"first": first, "second": [_panel(audit.images[pair.second]) for pair in pairs]}


def _title(audit: Audit, pair: Twin) -> str:
    """Return the title of a pair: its kind or correlation, after its group's printed number if it counts as twins."""
    likeness = f"{pair.correlation:.2f}" if pair.kind == "near" else pair.kind
    return f"{audit.numbers[audit.images[pair.first].name]}: {likeness}" if audit.counts(pair) else likeness


def _panel(image: Image) -> Panel:
    pixels = read_any(image.path, channels=1).pixels
    grey = np.asarray(PillowImage.fromarray(pixels).resize((EDGE, EDGE)))
    return Panel(grey, caption=image.name if len(image.name) < 28 else f"...{image.name[-25:]}")
