"""New images in the format of a converted data set, so that `nnUNetv2_predict` accepts them."""

import json
import re
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets
from PIL import Image, UnidentifiedImageError

from nnunet_taichi.dataset_conversion.errors import (
    BadFilesError,
    ConversionError,
    DuplicateCaseError,
    SourceNotFoundError,
    TargetExistsError,
)
from nnunet_taichi.dataset_conversion.images import Pixels, read_any, resize, write_png
from nnunet_taichi.dataset_conversion.layout import find_doubles, pictures
from nnunet_taichi.dataset_conversion.pairing import ENDING as ANY_ENDING
from nnunet_taichi.dataset_conversion.pairing import SUFFIX
from nnunet_taichi.dataset_conversion.target import appear_complete, check_apart, check_free
from nnunet_taichi.runtime.parallel import map_in_processes

SUMMARY = "new images, made to fit a converted data set, for nnUNetv2_predict"

ENDING = "_0000.png"


class Fit(NamedTuple):
    """The format of a data set's images.

    Attributes:
        channels: Number of channels: 1 (grey) or 3 (RGB in one file).
        size: Height and width in pixels, or None if each image has its own size.
        is_size_known: Whether dataset.json gives `size`. If not, `size` is assumed to be None.
    """

    channels: int
    size: int | None
    is_size_known: bool


def convert(
    source: Path, target: Path, dataset_id: int, *, overwrite: bool = False, num_processes: int | None = None
) -> tuple[int, dict[str, list[str]]]:
    """Write new images in the format of a data set, completely or not at all.

    Args:
        source: Folder of images (subfolders are ignored), or one image.
        target: Folder to write.
        dataset_id: Number of the data set, 1 to 999.
        overwrite: Whether to replace `target` if it exists.
        num_processes: Number of processes (default: one per core).

    Returns:
        The number of images, and a mapping from each note on what was tolerated to the names of the images.

    Raises:
        BadFilesError: Images cannot be converted; it lists everything that is wrong with them.
        ConversionError: The data set has images of a kind that we cannot write, or `source` or `target` cannot be used.
        ValueError: nnU-Net knows no data set of this ID, or several.
    """
    fit = find_fit(dataset_id)
    _check_target(target.resolve(), source, overwrite=overwrite)
    images, masks = _find_images(source)
    names = {path: _name(path) for path in images}
    with appear_complete(target.resolve()) as folder:
        tolerated = _write_all(folder, fit, names, num_processes)
    if masks:
        tolerated["passed over as a mask, by its name"] = [path.name for path in masks]
    return len(names), tolerated


def find_fit(dataset_id: int) -> Fit:
    """Find the format of a data set's images, in its dataset.json.

    Raises:
        ConversionError: The data set has images of a kind that we cannot write, or its dataset.json is not ours.
        ValueError: nnU-Net knows no data set of this ID, or several.
    """
    path = _find_dataset_json(dataset_id)
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        channels, size = len(description["channel_names"]), description.get("resize")
        if not isinstance(size, int | None):
            raise TypeError(f'"resize" is {size!r}')
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConversionError(path, f"is none of ours ({error}); convert the data set anew") from None
    ending = description.get("file_ending")
    if channels not in (1, 3) or ending != ".png":
        cause = f"expected images of 1 or 3 channels in .png files, found {channels} in {ending} files"
        raise ConversionError(path, f"{cause}; make new images in the way in which the data set's own were made")
    if channels > 1 and any((path.parent / "imagesTr").glob("*_0001.png")):
        cause = "expected RGB in one file, found a file for each channel in imagesTr"
        raise ConversionError(path.parent, f"{cause}; make new images in the same way")
    return Fit(channels, size, is_size_known="resize" in description)


def _find_dataset_json(dataset_id: int) -> Path:
    names = [str(name) for name in find_candidate_datasets(dataset_id)]
    if len(names) != 1:
        raise ValueError(
            f"expected one data set of ID {dataset_id} in nnU-Net's folders, found {' and '.join(names) or 'none'}; "
            'give another ID with -d, or set the folders: eval "$(nnunet_taichi env)"'
        )
    folders = [Path(folder.get()) for folder in (nnUNet_raw, nnUNet_preprocessed) if folder.get()]
    for path in (folder / names[0] / "dataset.json" for folder in folders):
        if path.is_file():
            return path
    cause = "there is none in nnUNet_raw or nnUNet_preprocessed; make one of these folders hold the data set"
    raise SourceNotFoundError(Path(names[0], "dataset.json"), cause)


def _check_target(target: Path, source: Path, *, overwrite: bool) -> None:
    """Refuse a target that is in use. It may be any folder, so also refuse to replace anything but our images."""
    check_apart(target, [source])
    check_free(target, overwrite=overwrite)
    if target.exists():
        found = sorted(target.iterdir()) if target.is_dir() else [target]
        others = [path for path in found if path.is_dir() or not path.name.endswith((ENDING, ".DS_Store"))]
        if others:
            raise TargetExistsError(others[0], f"is no *{ENDING}, and --overwrite would delete it; give another DST")


def _find_images(source: Path) -> tuple[list[Path], list[Path]]:
    """List the images, which must be readable (the file, or what may be a picture in the folder), and the masks."""
    if source.is_file():
        return [source], []
    if not source.is_dir():
        raise SourceNotFoundError(source, "is neither a folder nor a file")
    found = pictures(source)
    masks = [path for path in found if SUFFIX.search(path.stem.lower())]
    if len(masks) == len(found):
        raise SourceNotFoundError(source, "holds no image (its subfolders are not looked into)")
    return [path for path in found if path not in masks], masks


def _name(path: Path) -> str:
    """Return the file name that nnU-Net needs for an image, without characters that trouble shells or other systems."""
    stem = unicodedata.normalize("NFC", ANY_ENDING.sub("", path.name))
    return re.sub(r"[^\w.-]", "_", stem.removesuffix("_0000") or stem) + ENDING


def _write_all(folder: Path, fit: Fit, names: Mapping[Path, str], num_processes: int | None) -> dict[str, list[str]]:
    """Write all images, and return what was tolerated -> in which of them."""
    results = map_in_processes(partial(_write, folder, fit), list(names.items()), num_processes, "Converting")
    errors: list[ConversionError] = [
        DuplicateCaseError(path, f"becomes {name}, and so does {first.name}; rename one")
        for name, path, first in find_doubles((name, path) for path, name in names.items())
    ]
    tolerated = defaultdict(list)
    for path, result in zip(names, results, strict=True):
        if isinstance(result, ConversionError):
            errors.append(result)
        else:
            for note in result:
                tolerated[note].append(path.name)
    if errors:
        raise BadFilesError(errors)
    return tolerated


def _write(folder: Path, fit: Fit, image: tuple[Path, str]) -> tuple[str, ...] | ConversionError:
    """Write one image, unchanged if it fits, and return what was tolerated, or what is wrong."""
    path, name = image
    try:
        pixels, notes = read_any(path, channels=fit.channels)
    except ConversionError as error:
        return error
    if fit.size and pixels.shape[:2] != (fit.size, fit.size):
        write_png(folder / name, resize(pixels, (fit.size, fit.size), is_label=False))
        size = f"{fit.size} x {fit.size} pixels"
        return (*notes, f"resized to {size}, like the data set; predictions have these pixels, not the original size")
    if _is_fitting_png(path, pixels):
        shutil.copyfile(path, folder / name)
    else:
        write_png(folder / name, pixels)
    return notes


def _is_fitting_png(path: Path, pixels: Pixels) -> bool:
    """Tell whether nnU-Net reads exactly these pixels from the file; it ignores orientation tags and palettes."""
    with suppress(UnidentifiedImageError), Image.open(path, formats=["PNG"]) as image:
        is_plain = image.mode != "P" and "transparency" not in image.info
        return is_plain and np.array_equal(np.asarray(image), pixels)
    return False
