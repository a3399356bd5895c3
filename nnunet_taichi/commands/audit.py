"""`nnunet_taichi audit`: find twins among the images of a folder or data set, and twins that its folds divide."""

import argparse
import re
from pathlib import Path

from nnunetv2.paths import nnUNet_raw

from nnunet_taichi.commands.arguments import add_processes, number
from nnunet_taichi.dataset_conversion import provenance
from nnunet_taichi.dataset_conversion.audit_report import Audit, Image, describe, write_csv, write_sheets
from nnunet_taichi.dataset_conversion.duplicates import THRESHOLD, find_twins, pixel_digest, thumbnail
from nnunet_taichi.dataset_conversion.errors import BadFilesError, ConversionError, SourceNotFoundError
from nnunet_taichi.dataset_conversion.images import Pixels, read_any
from nnunet_taichi.dataset_conversion.layout import pictures
from nnunet_taichi.dataset_conversion.pairing import ENDING
from nnunet_taichi.dataset_conversion.target import explained
from nnunet_taichi.runtime.files import digest
from nnunet_taichi.runtime.parallel import map_in_processes

MASK = re.compile(  # not "with_GT": such a folder holds images as well
    r"(?<!with[_ -])(?<![a-z])(masks?|gts?|labels?|seg|segmentations?|annotations?)(?![a-z])", re.IGNORECASE
)
NEARLY = 0.1  # pairs that miss the threshold by less are shown as well, so that the user can judge the threshold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi audit`."""
    parser.add_argument(
        "source", metavar="SRC_OR_DATASET", help="a folder of images, or a raw data set by ID, name or folder"
    )
    parser.add_argument(
        "-o", dest="output", type=Path, metavar="OUT", help="folder to write to (default: ./audit_NAME)"
    )
    threshold_help = "least correlation of near twins (default: %(default)s)"
    parser.add_argument("--threshold", type=_correlation, default=THRESHOLD, metavar="R", help=threshold_help)
    add_processes(parser)


def _correlation(text: str) -> float:
    return number(text, lambda correlation: 0 < correlation <= 1, "a correlation above 0 and up to 1")


def run(args: argparse.Namespace) -> int:
    """Compare all images, print the groups, write the CSV and the contact sheets, and return the exit code."""
    folder = _find_folder(args.source)
    images = _list_dataset(folder) if (folder / "imagesTr").is_dir() else _list_folder(folder)
    if not images:
        raise SourceNotFoundError(folder, "holds no images; give a folder with pictures in it, or below it")
    audit = _compare(images, args.threshold, args.num_processes)
    print("\n".join(describe(audit, folder)))
    output = args.output or Path(f"audit_{folder.resolve().name}")
    with explained(output):
        output.mkdir(parents=True, exist_ok=True)
        print(f"Wrote {write_csv(audit, output / 'twins.csv')}")
        for path in write_sheets(audit, output):
            print(f"Wrote {path}")
    return 0


def _find_folder(source: str) -> Path:
    """Find a folder, or the raw data set of an ID or a name."""
    if Path(source).is_dir():
        return Path(source)
    raw = nnUNet_raw.get()
    pattern = f"Dataset{int(source):03d}_*" if source.isdecimal() else source
    found = sorted(Path(raw).glob(pattern)) if raw and "/" not in source else []
    if not found:
        cause = f"is neither a folder nor a data set in nnUNet_raw ({raw or 'not set'})"
        raise SourceNotFoundError(Path(source), f"{cause}; check the path or name, and the variable")
    return found[0]


def _list_dataset(folder: Path) -> list[Image]:
    """List the images of a raw data set, training images first. Classes are known only if our converters wrote it."""
    cases = provenance.read(folder).get("cases")
    known = {name: case for name, case in cases.items() if isinstance(case, dict)} if isinstance(cases, dict) else {}
    found = []
    for subfolder in ("imagesTr", "imagesTs"):
        for path in pictures(folder / subfolder) if (folder / subfolder).is_dir() else []:
            name, _, channel = ENDING.sub("", path.name).rpartition("_")
            if channel == "0000":
                found.append(Image(name, path, known.get(name, {}).get("class", "")))
    return found


def _list_folder(folder: Path) -> list[Image]:
    """List the pictures below a folder, without those whose file or folder is named as a mask. Folders are classes."""
    paths = pictures(folder, recursive=True)
    images = [path for path in paths if not MASK.search(path.relative_to(folder).with_suffix("").as_posix())]
    left_out = f"{len(paths) - len(images)} files left out, because they are named as masks"
    print(f"{len(images)} images below {folder}; {left_out}")
    relative = [path.relative_to(folder) for path in images]
    return [Image(short.as_posix(), path, short.parent.name) for short, path in zip(relative, images, strict=True)]


def _compare(images: list[Image], threshold: float, num_processes: int | None) -> Audit:
    """Read all images, and find the pairs that are twins or miss the threshold by less than `NEARLY`."""
    results = list(map_in_processes(_read, [image.path for image in images], num_processes, "Reading"))
    if errors := [result for result in results if isinstance(result, ConversionError)]:
        raise BadFilesError(errors)
    thumbnails, files, pixels = zip(*(result for result in results if isinstance(result, tuple)), strict=True)
    return Audit(images, find_twins(thumbnails, files, pixels, threshold - NEARLY), threshold)


def _read(path: Path) -> tuple[Pixels, str, str] | ConversionError:
    """Return a picture's thumbnail and the digests of its file and of its pixels, or the error that it causes."""
    try:
        pixels = read_any(path, channels=1).pixels
        return thumbnail(pixels), digest(path), pixel_digest(pixels)
    except ConversionError as error:
        return error
