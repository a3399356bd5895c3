"""Pages made from the code: every command with its options, every field of `TaiChiConfig` with its comment."""

import argparse
import ast
import inspect
import os
import re
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from nnunet_taichi.cli import COMMANDS, build_parser
from nnunet_taichi.config import PaperProtocol, TaiChiConfig

os.environ["COLUMNS"] = "84"  # of usage lines
INTRODUCTION = """Options are spelled as nnU-Net's (`-d`, `-c`, `-f`, `-tr`, `-p`, `-device`). Each command takes
`--help`, and `--debug`, which shows the traceback of an error. This page is made from the commands' own parsers."""
METHOD = """Every constant of the method, with its equation, or the reason for its value. This page is made from
`nnunet_taichi/config.py`; equations, figures, tables and sections are the paper's. A trainer of your own changes fields
with `dataclasses.replace`: see [Train](../how-to/train.md#a-variant-of-your-own)."""


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages to those that are written by hand."""
    for path, parts in (
        ("reference/commands.md", describe_commands()),
        ("reference/configuration.md", describe_method()),
    ):
        files.append(File.generated(config, path, content="\n\n".join(parts) + "\n"))


def describe_commands() -> Iterator[str]:
    """Yield the page of the commands."""
    yield "# Commands"
    yield INTRODUCTION
    for name in COMMANDS:
        for sub, parser in find_parsers(name):
            yield from describe(sub, parser)


def describe_method() -> Iterator[str]:
    """Yield the page of the configuration."""
    yield "# Configuration"
    yield METHOD
    yield "## TaiChiConfig"
    yield from describe_fields(TaiChiConfig)
    yield "## PaperProtocol"
    yield "What `_Paper` in a trainer's name does (section V-B), whatever the network."
    yield from describe_fields(PaperProtocol)


def find_parsers(name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield a command's parser, or those of its subcommands."""
    top = build_parser(name)
    parser = _subparsers(top)[name]
    below = _subparsers(parser)
    yield from ((f"{name} {sub}", each) for sub, each in below.items()) if below else [(name, parser)]


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: each for action in actions for name, each in action.choices.items()}


def describe(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a command's heading, usage and table of options."""
    yield f"## nnunet_taichi {name}"
    yield parser.description or ""
    yield f"```text\n{parser.format_usage().removeprefix('usage: ')}```"
    actions = [action for action in parser._actions if "--help" not in action.option_strings]
    rows = [f"| {_spell(action)} | {_help(parser, action)} |" for action in actions]
    yield "\n".join(["| option | meaning |", "|---|---|", *rows])
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```"


def _spell(action: argparse.Action) -> str:
    value = action.metavar or "|".join(map(str, action.choices or ())) or action.dest
    words = [*action.option_strings, *([value] if action.nargs != 0 or not action.option_strings else [])]
    return " ".join(f"`{word}`" for word in words)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


def describe_fields(cls: type) -> Iterator[str]:
    """Yield the sections of a configuration class: a table of fields, defaults and comments."""
    lines = inspect.getsource(cls).splitlines()
    (tree,) = ast.parse("\n".join(lines)).body
    fields = {node.end_lineno: node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)}
    rows: list[str] = []
    for number, line in enumerate(lines, 1):
        section = re.match(r"\s*# --- (.*)", line)
        if section:
            yield from _table(rows)
            rows = []
            yield f"### {section[1][0].upper()}{section[1][1:]}"
        elif number in fields:
            node = fields[number]
            comment = line.partition("  # ")[2]
            rows.append(f"| `{ast.unparse(node.target)}` | `{ast.unparse(node.value)}` | {_choices(node)}{comment}")
        elif rows and (more := re.match(r"\s*# (.*)", line)):
            rows[-1] += f" {more[1]}"
    yield from _table(rows)


def _choices(node: ast.AnnAssign) -> str:
    kind = ast.unparse(node.annotation)
    return f"{kind.removeprefix('Literal').strip('[]').replace(chr(39), '`')}: " if kind.startswith("Literal") else ""


def _table(rows: list[str]) -> Iterator[str]:
    if rows:
        yield "\n".join(["| field | default | meaning |", "|---|---|---|", *(f"{row} |" for row in rows)])
