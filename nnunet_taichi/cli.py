"""The one console command, `nnunet_taichi`.

Each subcommand lives in a module of `commands`, which offers `add_arguments(parser)` and `run(args) -> exit code`. A
module is imported only when its command is called, so that `nnunet_taichi env` does not wait for torch. What a command
raises is said here, in a line.
"""

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from nnunet_taichi import __version__

COMMANDS = {  # name: (module, what `nnunet_taichi --help` says)
    "env": ("nnunet_taichi.commands.env", "print the shell lines that let nnU-Net find the trainers"),
    "doctor": ("nnunet_taichi.commands.doctor", "check this machine, and say how to mend what is wrong"),
    "convert": ("nnunet_taichi.commands.convert", "turn a data set or your own images into an nnU-Net raw data set"),
    "audit": ("nnunet_taichi.commands.audit", "find twins among images, and folds that divide them"),
    "plan": ("nnunet_taichi.commands.plan", "plan for two paths, or for the paper's protocol"),
    "plan_and_preprocess": ("nnunet_taichi.commands.plan_and_preprocess", "plan, and preprocess the data as planned"),
    "mine": ("nnunet_taichi.commands.mine", "train the U-Net++ of a fold, and write the fold's easy/hard maps"),
    "compare": ("nnunet_taichi.commands.compare", "score trainers, test their differences, and make a page of it"),
    "explain": ("nnunet_taichi.commands.explain", "look into both paths of a trained TaiChiNet"),
    "benchmark": ("nnunet_taichi.commands.benchmark", "run data sets x trainers x folds, and compare"),
    "demo": ("nnunet_taichi.commands.demo", "run all steps on phantoms, in minutes, on a laptop"),
}


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser, with the arguments of `command` alone (its module is the only one imported)."""
    parser = argparse.ArgumentParser(prog="nnunet_taichi", description="TaiChiNet for nnU-Net.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == command:
            importlib.import_module(module).add_arguments(subparser)
            subparser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no failure
    try:
        args = build_parser(argv[0] if argv else None).parse_args(argv)
        return importlib.import_module(COMMANDS[args.command][0]).run(args)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        if "--debug" in argv:
            raise
        print(f"error: {explain_error(error)}", file=sys.stderr)
        return 1


def explain_error(error: Exception) -> str:
    """Say what went wrong; errors that are not about what the user gave say where to look further."""
    if isinstance(error, MemoryError):
        return "too little memory; try fewer processes (-np), or smaller images (convert: --resize)"
    if isinstance(error, (ValueError, RuntimeError, OSError)) or type(error).__module__.startswith("nnunet_taichi."):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error} (--debug shows where)"


if __name__ == "__main__":
    sys.exit(main())
