"""The writer of nnU-Net raw data sets, which all converters share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json

from nnunet_taichi import __version__
from nnunet_taichi.dataset_conversion import provenance, splits
from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.duplicates import families, find_twins, group, pixel_digest, thumbnail
from nnunet_taichi.dataset_conversion.errors import BadFilesError, ConversionError, DuplicateCaseError
from nnunet_taichi.dataset_conversion.findings import Findings, Fold
from nnunet_taichi.dataset_conversion.images import Pixels, write_png
from nnunet_taichi.dataset_conversion.layout import find_doubles
from nnunet_taichi.dataset_conversion.target import appear_complete
from nnunet_taichi.nnunet.json_files import SPLITS
from nnunet_taichi.runtime.parallel import map_in_processes

FILE_ENDING = ".png"  # lossless, and nnU-Net's NaturalImage2DIO reads it


@dataclass(frozen=True)
class Options:
    """Options for writing a data set.

    Attributes:
        size: Height and width in pixels to resize to; None keeps the size.
        fit_masks: Whether to resize a mask whose size differs from its image's, instead of refusing it.
        test_fraction: Share of the cases to set aside for testing, if the data set has no test cases of its own.
        random_splits: Whether to leave the folds to nnU-Net.
        num_processes: Number of processes that convert; None for one per core. The files do not depend on it.
    """

    size: int | None = None
    fit_masks: bool = False
    test_fraction: float = 0.0
    random_splits: bool = False
    num_processes: int | None = None


@dataclass(frozen=True)
class Written:
    """What a worker reports about a case that it wrote.

    Attributes:
        notes: Notes on what was tolerated.
        files: Size and SHA-256 of the image and of each mask.
        pixels: SHA-256 of the image's pixels.
        thumbnail: Thumbnail for the search for twins.
    """

    notes: tuple[str, ...]
    files: tuple[tuple[int, str], ...]
    pixels: str
    thumbnail: Pixels


@dataclass(frozen=True)
class RawDataset:
    """What was written, to be reported to the user.

    Attributes:
        training: Training cases.
        test: Test cases.
        tolerated: Note on what was tolerated -> the source files that it is about.
        twins: Identifiers of the cases of each group of twins.
        folds: Content of splits_final.json; empty if the folds are left to nnU-Net.
    """

    training: Sequence[Case]
    test: Sequence[Case]
    tolerated: Mapping[str, Sequence[str]]
    twins: Sequence[Sequence[str]]
    folds: Sequence[Fold]


def write_raw_dataset(
    findings: Findings, target: Path, options: Options, *, converter: str, arguments: Mapping[str, Any]
) -> RawDataset:
    """Write cases as an nnU-Net raw data set, completely or not at all.

    Args:
        findings: Findings to write.
        target: Folder to write. An existing folder is replaced once the new one is complete.
        options: Options for writing.
        converter: Name of the converter, for conversion.json.
        arguments: Arguments of the converter, for conversion.json.

    Raises:
        BadFilesError: Source files are bad; it lists everything that is wrong with them. Nothing is written.
        TargetExistsError: Another process is writing the same target.
        NotWrittenError: There is no space or no permission.
        ValueError: No case is left for training.
    """
    with appear_complete(target) as folder:
        written = _write_cases(folder, findings.cases, options)
        dataset = _partition(findings, written, options)
        _move_to_test(folder, dataset.test)
        if dataset.folds:
            provenance.write_json(folder / SPLITS, dataset.folds)
        _write_dataset_json(folder, target.name, findings, len(dataset.training), options.size)
        files = _name_files(findings, written)
        record = provenance.describe(findings, converter, arguments, files, dataset.tolerated, dataset.twins)
        provenance.write_json(folder / provenance.FILE_NAME, record)
    return dataset


def _write_cases(folder: Path, cases: Sequence[Case], options: Options) -> list[Written]:
    """Write all images and labels as if all cases were for training."""
    for subfolder in ("imagesTr", "labelsTr"):
        (folder / subfolder).mkdir()
    results = map_in_processes(partial(_write, folder, options), cases, options.num_processes, "Converting")
    errors: list[ConversionError] = [
        DuplicateCaseError(path, f"is {name}, and so is {first}; remove or rename one")
        for name, path, first in find_doubles((case.identifier, case.image) for case in cases)
    ]
    written = []
    for result in results:
        if isinstance(result, Written):
            written.append(result)
        else:
            errors += result
    if errors:
        raise BadFilesError(errors)
    return written


def _write(folder: Path, options: Options, case: Case) -> Written | Sequence[ConversionError]:
    """Write one case, or return what is wrong with it."""
    try:
        original = case.load(fit_masks=options.fit_masks)
        image, label, notes = case.resize(original, options.size) if options.size else original
        files = tuple(provenance.file_digest(path) for path in (case.image, *case.masks))
    except BadFilesError as error:
        return error.errors
    write_png(folder / "imagesTr" / f"{case.identifier}_0000{FILE_ENDING}", image)
    if label is not None:
        write_png(folder / "labelsTr" / f"{case.identifier}{FILE_ENDING}", label)
    return Written(notes, files, pixel_digest(original.image), thumbnail(original.image))


def _partition(findings: Findings, written: Sequence[Written], options: Options) -> RawDataset:
    """Decide which cases are for training, and make the folds."""
    cases, pairs = findings.cases, _pair_twins(written)
    groups = splits.group_cases(cases, pairs)
    strata = [case.stratum for case in cases]
    test = {index for index, case in enumerate(cases) if case.is_test}
    test = test or splits.set_aside(options.test_fraction, strata, groups)
    training = [index for index in range(len(cases)) if index not in test]
    if not training:
        raise ValueError("no case is left for training; exclude less, or set a smaller share aside")
    folds: Sequence[Fold] = ()
    if not options.random_splits:
        folds = findings.folds or splits.five_folds(
            [cases[index].identifier for index in training],
            [strata[index] for index in training],
            [groups[index] for index in training],
        )
    return RawDataset(
        training=[cases[index] for index in training],
        test=[cases[index] for index in sorted(test)],
        tolerated=_list_tolerated(findings, written),
        twins=families([case.identifier for case in cases], group(len(cases), pairs)),
        folds=folds,
    )


def _pair_twins(written: Sequence[Written]) -> list[tuple[int, int]]:
    """Return the indices of the cases of each pair of twins."""
    files, pixels = [result.files[0][1] for result in written], [result.pixels for result in written]
    twins = find_twins([result.thumbnail for result in written], files, pixels)
    return [(twin.first, twin.second) for twin in twins]


def _list_tolerated(findings: Findings, written: Sequence[Written]) -> dict[str, list[str]]:
    """List under each note the files that it is about."""
    tolerated: dict[str, list[str]] = {note: [] for note in findings.tolerated}
    for case, result in zip(findings.cases, written, strict=True):
        for note in result.notes:
            tolerated.setdefault(note, []).append(findings.name(case.image))
    return tolerated


def _name_files(findings: Findings, written: Sequence[Written]) -> dict[str, tuple[int, str]]:
    """Map the name of each source file to its size and digest."""
    files = {findings.name(table): provenance.file_digest(table) for table in findings.tables}
    for case, result in zip(findings.cases, written, strict=True):
        files |= zip(map(findings.name, (case.image, *case.masks)), result.files, strict=True)
    return files


def _move_to_test(folder: Path, cases: Sequence[Case]) -> None:
    """Move test cases from imagesTr and labelsTr to imagesTs and labelsTs."""
    for kind, ending in (("images", f"_0000{FILE_ENDING}"), ("labels", FILE_ENDING)):
        for case in cases:
            path = folder / f"{kind}Tr" / f"{case.identifier}{ending}"
            if path.exists():  # a test image may have no label
                (folder / f"{kind}Ts").mkdir(exist_ok=True)
                path.rename(folder / f"{kind}Ts" / path.name)


def _write_dataset_json(folder: Path, name: str, findings: Findings, num_training: int, size: int | None) -> None:
    description = findings.description
    generate_dataset_json(
        str(folder),
        channel_names=dict(enumerate(description.channels)),
        labels=dict(description.labels),  # a copy, since nnU-Net changes it
        num_training_cases=num_training,
        file_ending=FILE_ENDING,
        regions_class_order=description.regions_class_order,
        dataset_name=name,
        reference=description.reference,
        license=description.licence,
        description=f"resized to {size} x {size} pixels" if size else "in its own pixels",
        converted_by=f"nnunet_taichi {__version__}",
        resize=size,  # nnU-Net keeps this, also beside models; `convert images` reads it
    )
