"""What a converter finds in a source, before pictures are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunet_taichi.dataset_conversion.case import Case

Fold = dict[str, list[str]]  # as in splits_final.json: {"train": [identifier, ...], "val": [identifier, ...]}


@dataclass(frozen=True)
class Description:
    """What dataset.json says about a data set.

    Attributes:
        channels: Names of the channels. nnU-Net derives the normalisation from them: a name that it does not know, such
            as "ultrasound" or "R", gives the z-score.
        labels: Value of each label, or values of each region, background first.
        reference: Source of the data, and what to cite.
        licence: Terms of use.
        regions_class_order: For regions, the value that nnU-Net writes for each when predicting, later ones on top.
    """

    channels: tuple[str, ...]
    labels: Mapping[str, int | tuple[int, ...]]
    reference: str
    licence: str
    regions_class_order: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Findings:
    """What a converter hands to the writer.

    Attributes:
        cases: Cases, in the order in which they are converted and listed.
        description: Content of dataset.json.
        roots: Prefix -> folder. All records name a file below the folder by the prefix and its path from there, so that
            they do not depend on where the source lies.
        folds: Partition of the data set itself, if it has one.
        tables: Files that were read in addition to pictures.
        tolerated: Notes on what was tolerated when looking for the cases.
        left_out: Names of what was found but not used.
    """

    cases: Sequence[Case]
    description: Description
    roots: Mapping[str, Path]
    folds: Sequence[Fold] | None = None
    tables: Sequence[Path] = ()
    tolerated: Sequence[str] = ()
    left_out: Sequence[str] = ()

    def name(self, path: Path) -> str:
        """Return the name of a source file, the same on every machine: prefix and path below the root, with slashes."""
        for prefix, root in self.roots.items():
            if path.is_relative_to(root):
                return prefix + path.relative_to(root).as_posix()
        return path.name
