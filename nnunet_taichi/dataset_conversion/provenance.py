"""conversion.json, next to dataset.json: where every case of a data set comes from.

It holds names below the source, digests and arguments, but nothing about the machine. So the same source and arguments
give the same bytes everywhere.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_taichi import __version__
from nnunet_taichi.dataset_conversion.errors import ConversionError
from nnunet_taichi.dataset_conversion.findings import Findings
from nnunet_taichi.runtime.files import digest, write_whole

FILE_NAME = "conversion.json"


def file_digest(path: Path) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256."""
    return path.stat().st_size, digest(path)


def describe(
    findings: Findings,
    command: str,
    arguments: Mapping[str, Any],
    files: Mapping[str, tuple[int, str]],
    tolerated: Mapping[str, Sequence[str]],
    twins: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Return the content of conversion.json.

    Args:
        findings: Findings that were converted.
        command: Name of the converter.
        arguments: Arguments of the converter, without those that name places on a machine.
        files: Source name -> size in bytes and SHA-256.
        tolerated: Note on what was tolerated -> the source files that it is about.
        twins: Identifiers of the cases of each group of twins.
    """
    listed = {name: {"size": size, "sha256": checksum} for name, (size, checksum) in sorted(files.items())}
    whole = hashlib.sha256("".join(f"{name}\n{entry['sha256']}\n" for name, entry in listed.items()).encode())
    return {
        "nnunet_taichi": __version__,
        "converter": command,
        "arguments": dict(sorted(arguments.items())),
        "source": {"sha256": whole.hexdigest(), "files": listed},
        "tolerated": dict(sorted(tolerated.items())),
        "left_out": list(findings.left_out),
        "twins": [list(group) for group in twins],
        "cases": {
            case.identifier: {
                "image": findings.name(case.image),
                "masks": [findings.name(mask) for mask in case.masks],
                **({"class": case.stratum} if case.stratum else {}),
                **({"group": case.group} if case.group else {}),
            }
            for case in findings.cases
        },
    }


def write_json(path: Path, content: Any) -> None:
    """Write JSON that people can read, and that is the same on every system."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text)


def read(dataset: Path) -> dict[str, Any]:
    """Read a data set's conversion.json. The result is empty for a data set that we did not convert.

    Raises:
        ConversionError: The file is not one of ours, or is torn.
    """
    path = dataset / FILE_NAME
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError) as error:
        raise ConversionError(path, f"is none of ours ({error}); convert the data set anew") from error
