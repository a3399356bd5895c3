"""Lists of images to leave out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nnunet_taichi.dataset_conversion.errors import ConversionError, MissingFileError
from nnunet_taichi.dataset_conversion.findings import Findings, Fold

SHIPPED = Path(__file__).with_name("exclusion_lists")


def shipped_lists() -> list[str]:
    """Name the lists that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.txt"))


def exclude(findings: Findings, name: str) -> Findings:
    """Leave out the cases that a list names.

    Args:
        findings: What was found.
        name: A text file, or the name of a shipped list. One entry a line: a case's identifier, or its image's file
            name or path below the source; case does not matter, and # begins a comment.

    Raises:
        MissingFileError: There is no such list.
        ConversionError: The list names no case at all.
    """
    path = _find(name)
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    entries = {line.lower(): line for line in lines if line}
    spellings = {
        case.identifier: {case.identifier, case.image.name, case.image.stem, findings.name(case.image)}
        for case in findings.cases
    }
    named = {
        identifier: entries.keys() & {spelling.lower() for spelling in spelled}
        for identifier, spelled in spellings.items()
    }
    if not any(named.values()):
        raise ConversionError(path, f"names none of the {len(spellings)} cases; give file names such as those of SRC")
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


def _restrict(folds: Sequence[Fold] | None, kept: set[str]) -> list[Fold] | None:
    """Take from a data set's own folds what is left out."""
    if folds is None:
        return None
    return [{part: [name for name in names if name in kept] for part, names in fold.items()} for fold in folds]


def _find(name: str) -> Path:
    for path in (Path(name), SHIPPED / f"{name}.txt"):
        if path.is_file():
            return path
    raise MissingFileError(Path(name), f"is no such file, and none of our lists ({', '.join(shipped_lists())})")
