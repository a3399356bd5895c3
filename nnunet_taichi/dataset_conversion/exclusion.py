"""Lists of images to leave out."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.errors import ConversionError, MissingFileError
from nnunet_taichi.dataset_conversion.findings import Findings, Fold

SHIPPED = Path(__file__).with_name("exclusion_lists")


def shipped_lists() -> list[str]:
    """Return the names of the lists that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.txt"))


def exclude(findings: Findings, name: str) -> Findings:
    """Leave out the cases that a list names.

    Args:
        findings: Findings of a converter.
        name: Text file, or name of a shipped list. It has one entry per line: a case's identifier, or its image's file
            name or path below the source. Case does not matter, and # at the start or after a space begins a comment.

    Raises:
        MissingFileError: There is no such list.
        ConversionError: The list cannot be read, names no case at all, or one entry names several.
    """
    path = _find(name)
    entries = _read(path)
    named = {case.identifier: entries.keys() & _spellings(findings, case) for case in findings.cases}
    if not any(named.values()):
        raise ConversionError(path, f"names none of the {len(named)} cases; give file names such as those of SRC")
    counts = Counter(entry for found in named.values() for entry in found)
    if several := [entries[entry] for entry, count in counts.items() if count > 1]:
        raise ConversionError(path, f"{several[0]} may be several images; give their paths below the source")
    kept = [case for case in findings.cases if not named[case.identifier]]
    left_out = [f"{findings.name(case.image)} (listed)" for case in findings.cases if named[case.identifier]]
    idle = sorted(entries.keys() - set().union(*named.values()))
    note = f"{len(idle)} entries of the list name no case: {', '.join(entries[key] for key in idle)}"
    return replace(
        findings,
        cases=kept,
        folds=_restrict(findings.folds, {case.identifier for case in kept}),
        tables=[*findings.tables, path],
        left_out=[*findings.left_out, *left_out],
        tolerated=[*findings.tolerated, *([note] if idle else [])],
    )


def _read(path: Path) -> dict[str, str]:
    """Map the key of each entry to the entry."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConversionError(path, f"cannot be read ({error}); save it in UTF-8") from error
    lines = (re.split(r"(?:^|\s)#", line)[0].strip() for line in text.splitlines())  # a name may hold a #
    return {_key(line): line for line in lines if line}


def _spellings(findings: Findings, case: Case) -> set[str]:
    """Return the keys by which an entry may name a case."""
    name = findings.name(case.image)
    below = [name.removeprefix(prefix) for prefix in findings.roots if name.startswith(prefix)]
    return {_key(text) for text in (case.identifier, case.image.name, case.image.stem, name, *below)}


def _key(text: str) -> str:
    """Return a spelling of a name that does not depend on the system that wrote it."""
    return normalize("NFC", text).replace("\\", "/").lower()


def _restrict(folds: Sequence[Fold] | None, kept: set[str]) -> list[Fold] | None:
    """Remove from a data set's own folds what is left out. If a fold loses its training or validation, return None."""
    if folds is None:
        return None
    restricted = [{part: [name for name in names if name in kept] for part, names in fold.items()} for fold in folds]
    return restricted if all(names for fold in restricted for names in fold.values()) else None


def _find(name: str) -> Path:
    for path in (Path(name), SHIPPED / f"{name}.txt"):
        if path.is_file():
            return path
    raise MissingFileError(Path(name), f"is no such file, and none of our lists ({', '.join(shipped_lists())})")
