"""Masks from files: nnU-Net reads them, and dataset.json says what their values mean."""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
from nnunetv2.imageio.tif_reader_writer import Tiff3DIO
from numpy.typing import NDArray

from nnunet_taichi.evaluation.metrics import Mask
from nnunet_taichi.evaluation.predictions import ComparisonError, Run, some


class LabelMap(NamedTuple):
    """The labels of an image file, and its spacing.

    Attributes:
        values: Label of each pixel, ([Z,] Y, X).
        spacing: Spacing of the same axes, in the unit that `units` returns.
    """

    values: NDArray[Any]
    spacing: Sequence[float]


@dataclass(frozen=True)
class MaskReader:
    """Reads the masks of one run.

    Attributes:
        host: Reader of nnU-Net.
        labels: Pixel values by the name of a label or region.
        ignore_label: Value of the ignore label, None if there is none.
    """

    host: BaseReaderWriter
    labels: Mapping[str, tuple[int, ...]]
    ignore_label: int | None = None

    @classmethod
    def of(cls, run: Run) -> "MaskReader":
        """Find the reader for a run, which must have predictions: nnU-Net tries its readers on one ground truth.

        Raises:
            ComparisonError: No reader can read the ground truth.
        """
        example = str(run.predictions[0].reference)
        try:
            with redirect_stderr(io.StringIO()):  # hides a traceback of each reader that fails
                host = determine_reader_writer_from_dataset_json(run.dataset_json, example, verbose=False)
        except RuntimeError:
            raise ComparisonError(
                [f"{example} cannot be read by nnU-Net; is it complete, and a {run.dataset_json['file_ending']}?"]
            ) from None
        return cls(host(), run.labels, run.dataset_json["labels"].get("ignore"))

    def read(self, path: Path) -> LabelMap:
        """Read a file.

        Raises:
            ComparisonError: The file cannot be read, or has values that dataset.json does not know.
        """
        try:
            channels, properties = self.host.read_seg(str(path))  # (1, Z, Y, X), Z = 1 in 2D
            (values,), spacing = channels, properties["spacing"]
        except Exception as error:  # whatever the readers' libraries raise
            raise ComparisonError([f"{path} cannot be read as a mask ({error}); is it complete?"]) from error
        known = {0, *chain(*self.labels.values()), *([] if self.ignore_label is None else [self.ignore_label])}
        if sum(np.count_nonzero(values == value) for value in known) < values.size:
            strange = some(f"{value:g}" for value in sorted(set(np.unique(values)) - known))
            what = f"{path} has values that dataset.json does not know ({strange})"
            raise ComparisonError([f"{what}; expected {', '.join(map(str, sorted(known)))}"])
        return LabelMap(values[0], spacing[1:]) if len(values) == 1 else LabelMap(values, spacing)

    def masks(self, values: NDArray[Any]) -> dict[str, Mask]:
        """Return a mask ([Z,] Y, X) of each label or region, by its name."""
        return {
            name: reduce(np.logical_or, [values == value for value in region]) for name, region in self.labels.items()
        }


def read_masks(path: Path, run: Run) -> dict[str, Mask]:
    """Read the masks ([Z,] Y, X) of a run's prediction or ground truth, by the name of the label or region."""
    reader = MaskReader.of(run)
    return reader.masks(reader.read(path).values)


def units(run: Run) -> str:
    """Return the unit of the run's distances: px or mm."""
    reader = MaskReader.of(run)
    spacing = reader.read(run.predictions[0].reference).spacing
    has_none = isinstance(reader.host, NaturalImage2DIO | Tiff3DIO) and set(spacing) == {1}
    return "px" if has_none else "mm"
