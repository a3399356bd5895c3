"""Finding a data set's folders and files, whatever the case of their names in a copy."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nnunet_taichi.dataset_conversion.errors import SourceNotFoundError, UnexpectedFileError

NO_PICTURES = (
    *(".csv", ".db", ".doc", ".docx", ".htm", ".html", ".ini", ".json", ".log", ".mat", ".md", ".pdf", ".py", ".raw"),
    *(".rtf", ".tsv", ".txt", ".xls", ".xlsx", ".xml", ".yaml", ".yml", ".zip", ".zraw"),
)


def subfolders(folder: Path) -> dict[str, Path]:
    """Map the lower-case name of each subfolder to its path."""
    try:
        return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    except PermissionError:  # a folder of the operating system beside the data set
        return {}


def find_root(source: Path, wanted: Sequence[str], dataset: str) -> Path:
    """Find the folder that holds all wanted subfolders, in the source or one level below. Case does not matter.

    Raises:
        SourceNotFoundError: There is no such folder, or there are several.
    """
    listed = " and ".join(f"{name}/" for name in wanted)
    if not source.is_dir():
        raise SourceNotFoundError(source, f"is not a folder; give the one that holds {listed}, or its parent")
    candidates = (source, *subfolders(source).values())
    found = [folder for folder in candidates if {name.lower() for name in wanted} <= subfolders(folder).keys()]
    if not found:
        raise SourceNotFoundError(source, f"holds no {dataset}: looked for {listed} in it and one level below")
    if len(found) > 1:
        cause = f"holds {dataset} more than once: give one of {' and '.join(map(str, found))}"
        raise SourceNotFoundError(source, cause)
    return found[0]


def files(folder: Path, endings: Sequence[str]) -> list[Path]:
    """List the files of a folder with one of the lower-case endings, in order, without hidden files."""
    paths = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in endings)
    return [path for path in paths if _is_file(path) and not path.name.startswith(".")]  # macOS leaves ._1.png


def pictures(folder: Path, *, recursive: bool = False) -> list[Path]:
    """List files that may be pictures, in order: all but hidden ones and those with endings of other kinds of files."""
    paths = sorted(path for place in (walk(folder) if recursive else [folder]) for path in place.iterdir())
    return [
        path
        for path in paths
        if _is_file(path)
        and path.suffix.lower() not in NO_PICTURES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def walk(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield a folder and all folders below it, in order, without hidden ones. Links are followed, but not in a circle.

    Raises:
        PermissionError: A folder may not be read. What it holds must not be ignored in silence.
    """
    place = os.path.realpath(folder)
    if place in above or (above and folder.name.startswith(".")):
        return
    yield folder
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from walk(path, (*above, place))


def find_doubles(named: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Path, Path]]:
    """Yield each name that an earlier file also has, with both files; case is ignored, as some file systems do."""
    first: dict[str, Path] = {}
    for name, path in named:
        if first.setdefault(name.lower(), path) != path:
            yield name, path, first[name.lower()]


def _is_file(path: Path) -> bool:
    """Tell whether a path is a file or a broken link, which must not be ignored in silence."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise UnexpectedFileError(path.parent / ascii(path.name), "is not named in UTF-8; rename it") from None
    return path.is_file() or (path.is_symlink() and not path.exists())
