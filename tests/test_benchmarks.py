"""Scripts beside the package import only what the package has; most of them run for too long to be tests."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(file for folder in ("benchmarks", "docs") for file in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.relative_to(ROOT).as_posix())
def test_names_of_the_package_are_there(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        for alias in node.names if (node.module or "").startswith("nnunet_taichi") else ():
            try:
                pkgutil.resolve_name(f"{node.module}:{alias.name}")
            except AttributeError:  # a module of a package
                importlib.import_module(f"{node.module}.{alias.name}")
