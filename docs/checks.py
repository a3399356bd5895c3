"""What pages promise is there: commands with their options, trainers, planners, modules, files of this repository.

MkDocs calls `on_page_markdown` for each page; the tests call `find_faults` for the README as well.
"""

import contextlib
import importlib.metadata
import inspect
import io
import os
import pkgutil
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from nnunet_taichi.cli import COMMANDS, build_parser
from nnunet_taichi.nnunet.variables import EXT_FOLDER, EXT_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
ELLIPSIS = "..."  # in a command: and so on


def on_page_markdown(markdown: str, page: Any, **_: Any) -> None:
    """Refuse a page that promises what is not there."""
    if faults := list(find_faults(markdown)):
        from mkdocs.exceptions import PluginError

        raise PluginError(f"{page.file.src_uri}: " + "; ".join(faults))


def find_faults(markdown: str) -> Iterator[str]:
    """Say what a page names that is not there."""
    for command in find_commands(markdown):
        yield from _check_command(command)
    for name in dict.fromkeys(re.findall(r"`(nnUNet(?:Trainer|Planner)\w*)`", markdown)):
        if not _is_class(name):
            yield f"there is no {name}"
    for name in dict.fromkeys(re.findall(r"`(nnunet_taichi(?:\.\w+)+)", markdown)):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            yield f"there is no {name}"
    for path in dict.fromkeys(re.findall(r"`((?:benchmarks|docs|nnunet_taichi|tests)/[\w./-]+)`", markdown)):
        if not (ROOT / path).exists():
            yield f"there is no {path}"


def find_commands(markdown: str) -> Iterator[list[str]]:
    """Yield the words of each command in blocks of shell code."""
    for block in re.findall(r"```bash\n(.*?)```", markdown, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words:
                end = words.index("&&") if "&&" in words else len(words)
                yield words[:end]
                words = words[end + 1 :]


def _check_command(words: list[str]) -> Iterator[str]:
    command, *arguments = words
    if command == "nnunet_taichi":
        yield from _check_ours(arguments)
    elif command.startswith("nnUNetv2_"):
        options = [word for word in arguments if re.match(r"--?[a-z]", word)]
        unknown = [option for option in options if option not in _options_of_nnunet(command)]
        yield from (f"{command} has no option {option}" for option in unknown)
    for trainer in [after for word, after in pairwise(words) if word == "-tr"]:
        if not _is_class(trainer) and trainer != ELLIPSIS:
            yield f"there is no {trainer}"


def _check_ours(arguments: list[str]) -> Iterator[str]:
    """Parse the arguments as the command does; where they are cut short, only the options before are looked at."""
    if arguments[:1] in (["--help"], ["--version"]):
        return
    if not arguments or arguments[0] not in COMMANDS:
        yield f"nnunet_taichi has no command {' '.join(arguments[:1])}"
        return
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
            build_parser(arguments[0]).parse_args([word for word in arguments if word != ELLIPSIS])
    except SystemExit as end:
        if end.code and not (ELLIPSIS in arguments and "required" in output.getvalue()):
            yield f"nnunet_taichi {shlex.join(arguments)}: {output.getvalue().splitlines()[-1]}"


@cache
def _options_of_nnunet(command: str) -> set[str]:
    """Read the options of nnU-Net's command from its source: starting it takes seconds."""
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name=command)
    return set(re.findall(r"['\"](--?[a-zA-Z]\w*)['\"]", inspect.getsource(pkgutil.resolve_name(entry.module))))


@cache
def _is_class(name: str) -> bool:
    """Tell whether nnU-Net finds a trainer, or whether there is such a planner."""
    from nnunetv2.experiment_planning import experiment_planners
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    from nnunet_taichi.matrix.trainer_lookup import find_trainer
    from nnunet_taichi.planning.catalogue import PLANNERS

    os.environ.setdefault(EXT_VARIABLE, EXT_FOLDER)
    if name.startswith("nnUNetPlanner"):
        (folder,) = experiment_planners.__path__
        return name in PLANNERS or bool(recursive_find_python_class(folder, name, experiment_planners.__name__))
    try:
        return bool(find_trainer(name))
    except ValueError:
        return False
