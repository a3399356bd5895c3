"""conversion.json: where every case of a data set comes from, next to dataset.json.

It holds names below the source, digests and arguments, and nothing of the machine: the same source and arguments give
the same bytes everywhere.
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
    """Give a file's size in bytes and its SHA-256."""
    return path.stat().st_size, digest(path)


def describe(
    findings: Findings,
    command: str,
    arguments: Mapping[str, Any],
    files: Mapping[str, tuple[int, str]],
    tolerated: Mapping[str, Sequence[str]],
    twins: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Assemble what conversion.json says.

    Args:
        findings: What was converted.
        command: The converter's name.
        arguments: Its arguments, less those that name places on a machine.
        files: Source name -> size and SHA-256.
        tolerated: What was tolerated -> in which source files.
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
    """Write JSON that people can read and that does not depend on the system."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text)


def read(dataset: Path) -> dict[str, Any]:
    """Read a data set's conversion.json; empty for a data set that we did not convert."""
    path = dataset / FILE_NAME
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError) as error:
        raise ConversionError(path, f"is none of ours ({error}); convert the data set anew") from error
