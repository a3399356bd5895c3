"""The only writer of nnU-Net raw data sets."""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json
from tqdm import tqdm

from nnunet_taichi import __version__
from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.errors import BadFilesError, ConversionError, DuplicateCaseError
from nnunet_taichi.dataset_conversion.images import write_png
from nnunet_taichi.dataset_conversion.target import appear_complete

FILE_ENDING = ".png"  # lossless, and the host's NaturalImage2DIO reads it


@dataclass(frozen=True)
class Description:
    """What dataset.json says of a data set.

    Attributes:
        channel: The name of the one channel. The host derives the normalisation from it: a name that it does not know,
            such as "ultrasound", gives the z-score.
        labels: The value of each label, background first.
        reference: Where the data come from and what to cite.
        licence: Its terms.
    """

    channel: str
    labels: dict[str, int]
    reference: str
    licence: str


def write_raw_dataset(
    cases: Sequence[Case],
    target: Path,
    description: Description,
    *,
    size: int | None = None,
    num_processes: int | None = None,
) -> None:
    """Write cases as an nnU-Net raw data set, complete or not at all.

    Args:
        cases: What to write, all of it for training.
        target: The folder to make; one that is there is replaced, once the new one is complete.
        description: What dataset.json says.
        size: Resize to this many pixels a side; None keeps the size.
        num_processes: How many processes convert, None for one a core. The files do not depend on it.

    Raises:
        BadFilesError: Everything that is wrong with the source files; nothing is written.
    """
    with appear_complete(target) as folder:
        for subfolder in ("imagesTr", "labelsTr"):
            (folder / subfolder).mkdir()
        errors = _find_duplicates(cases) + _map(partial(_convert, folder, size), cases, num_processes)
        if errors:
            raise BadFilesError(errors)
        generate_dataset_json(
            str(folder),
            channel_names={0: description.channel},
            labels=dict(description.labels),  # the host changes what it is given
            num_training_cases=len(cases),
            file_ending=FILE_ENDING,
            dataset_name=target.name,
            reference=description.reference,
            license=description.licence,
            description=f"resized to {size} x {size} pixels" if size else "in its own pixels",
            converted_by=f"nnunet_taichi {__version__}",
        )


def _find_duplicates(cases: Sequence[Case]) -> list[ConversionError]:
    """Find images that would get the name of an earlier one."""
    first: dict[str, Path] = {}
    return [
        DuplicateCaseError(case.image, f"is {case.identifier}, and so is {first[case.identifier]}; remove one")
        for case in cases
        if first.setdefault(case.identifier, case.image) != case.image
    ]


def _map(
    convert: Callable[[Case], list[ConversionError]], cases: Sequence[Case], num_processes: int | None
) -> list[ConversionError]:
    """Convert all cases and list what went wrong, in the order of the cases."""
    pool = ProcessPoolExecutor(
        num_processes,
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C is for the main process, which then ends the pool and cleans up
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        results = tqdm(pool.map(convert, cases, chunksize=4), total=len(cases), desc="Converting", unit="case")
        return [error for errors in results for error in errors]
    finally:
        pool.shutdown(cancel_futures=True)


def _convert(folder: Path, size: int | None, case: Case) -> list[ConversionError]:
    """Write one case, or say what is wrong with it."""
    try:
        image, label = case.load(size)
    except BadFilesError as error:
        return list(error.errors)
    write_png(folder / "imagesTr" / f"{case.identifier}_0000{FILE_ENDING}", image)
    write_png(folder / "labelsTr" / f"{case.identifier}{FILE_ENDING}", label)
    return []
