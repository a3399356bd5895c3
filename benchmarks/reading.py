"""How far one reads to follow a command: `nnunet_taichi compare` on a made-up data set, call by call.

    python benchmarks/reading.py [--walk]

Counts, for this installation of nnunet_taichi (from its source tree, whose tests make the data set):

* stops: how often a call passes from one file of ours to another. Each pair of caller and called counts once, as a
  reader follows it once. returns: stops in a file that was left before. `--walk` prints them.
* files: of ours that the command runs. rooms: folders of the package. arrows: pairs of rooms of which one imports from
  the other. lines: of the package, blank ones and comments as well.
"""

import argparse
import ast
import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path
from types import FrameType

import nnunet_taichi
from nnunet_taichi.cli import build_parser
from nnunet_taichi.cli import main as command

PACKAGE = Path(nnunet_taichi.__file__).parent
TESTS = PACKAGE.parent / "tests" / "evaluation"


class Walk:
    """What `sys.setprofile` sees of our files."""

    def __init__(self) -> None:
        self.edges: set[tuple[str, str]] = set()
        self.stops: list[str] = []
        self.here, self.left, self.returns = "", set[str](), 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call of one of our functions by another file's."""
        if event != "call" or not _is_ours(frame):
            return
        caller = frame.f_back
        while caller and not _is_ours(caller):
            caller = caller.f_back  # a library that calls us back, a comprehension
        source, target = (_name(each) for each in (caller, frame))
        if (source, target) in self.edges:
            return
        self.edges.add((source, target))
        file = frame.f_code.co_filename
        if file == self.here:
            return
        self.left.add(self.here)
        self.returns += file in self.left
        self.here = file
        self.stops.append(target.removeprefix(str(PACKAGE) + os.sep))


def _is_ours(frame: FrameType) -> bool:
    """Tell whether this is a function in a file of ours; comprehensions belong to the function around them."""
    code = frame.f_code
    return code.co_filename.startswith(str(PACKAGE)) and code.co_filename.endswith(".py") and code.co_name[0] != "<"


def _name(frame: FrameType | None) -> str:
    code = frame and frame.f_code
    return f"{code.co_filename}:{code.co_firstlineno} {code.co_name}" if code else ""


def walk_compare() -> Walk:
    """Follow a comparison of two trainers on two folds."""
    sys.path.insert(0, str(TESTS))
    from results_tree import ResultsTree

    walk = Walk()
    with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(io.StringIO()):
        tree = ResultsTree(Path(root))
        for folder in (tree.raw, tree.preprocessed, tree.results):
            os.environ[folder.parent.name] = str(folder.parent)
        trainers = ["nnUNetTrainer", "nnUNetTrainerTaichi"]
        for shift, trainer in enumerate(trainers, 1):
            tree.add_run(trainer, shift=shift)
        words = ["compare", "-d", "901", "-c", "2d", "-f", "0", "1", "-tr", *trainers, "-o", f"{root}/out", "-np", "1"]
        build_parser("compare")  # imports all modules
        sys.setprofile(walk)
        try:
            code = command(words)
        finally:
            sys.setprofile(None)
    assert code == 0
    return walk


def find_arrows() -> set[tuple[str, str]]:
    """Find which room imports from which; modules of the package's own folder are rooms of their own."""
    arrows = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.startswith(f"{PACKAGE.name}."):
                    arrows.add((file.relative_to(PACKAGE).parts[0].removesuffix(".py"), name.split(".")[1]))
    return {(source, target) for source, target in arrows if source != target}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walk", action="store_true", help="print each stop")
    args = parser.parse_args()
    walk = walk_compare()
    if args.walk:
        print(*walk.stops, sep="\n")
    files = {stop.split(":")[0] for stop in walk.stops}
    sources = list(PACKAGE.rglob("*.py"))
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in sources)
    rooms = {file.parent for file in sources}
    print(f"stops {len(walk.stops)}, returns {walk.returns}, files {len(files)}")
    print(f"package: rooms {len(rooms)}, modules {len(sources)}, arrows {len(find_arrows())}, lines {lines}")


if __name__ == "__main__":
    main()
