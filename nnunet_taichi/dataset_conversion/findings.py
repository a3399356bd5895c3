"""What a converter finds in a source, before a picture is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunet_taichi.dataset_conversion.case import Case

Fold = dict[str, list[str]]  # as in splits_final.json: {"train": [identifier, ...], "val": [identifier, ...]}


@dataclass(frozen=True)
class Description:
    """What dataset.json says of a data set.

    Attributes:
        channels: The names of the channels. The host derives the normalisation from them: a name that it does not know,
            such as "ultrasound" or "R", gives the z-score.
        labels: The value of each label, or the values of each region, background first.
        reference: Where the data come from and what to cite.
        licence: Its terms.
        regions_class_order: For regions, the value that is written for each when predicting, later ones on top.
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
        cases: In the order in which they are converted and listed.
        description: What dataset.json says.
        roots: Prefix -> folder. A file below the folder is called by the prefix and its path from there wherever we
            write about it, so that no record depends on where the source lies.
        folds: The data set's own partition, if it has one.
        tables: Files that were read beside pictures.
        tolerated: What was tolerated when looking for the cases.
        left_out: What was found and not taken.
    """

    cases: Sequence[Case]
    description: Description
    roots: Mapping[str, Path]
    folds: Sequence[Fold] | None = None
    tables: Sequence[Path] = ()
    tolerated: Sequence[str] = ()
    left_out: Sequence[str] = ()

    def name(self, path: Path) -> str:
        """Give the name of a source file that holds on every machine: its path below its root, with slashes."""
        for prefix, root in self.roots.items():
            if path.is_relative_to(root):
                return prefix + path.relative_to(root).as_posix()
        return path.name
