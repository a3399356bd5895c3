"""`nnunet_taichi env`: the shell lines that let nnU-Net find the trainers and its folders."""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_VARIABLE, unset_data_variables, with_ext_folder

DEFAULT_ROOT = "nnunet_taichi_data"

USAGE = f"""use:
  bash, zsh:   eval "$(nnunet_taichi env)"
  fish:        nnunet_taichi env --shell fish | source
  PowerShell:  nnunet_taichi env --shell powershell | Out-String | Invoke-Expression

{EXT_VARIABLE} gets the trainers' folder added to whatever it holds. {", ".join(DATA_VARIABLES)}
are set, and their folders made, only where they are unset or empty; a variable of yours is never overwritten.
The command itself changes nothing: it prints lines, and the shell that runs them makes the folders.
"""


class Shell(NamedTuple):
    """How one shell spells an exported variable and a new folder."""

    export: str
    make_folder: str
    quote: Callable[[str], str]


def quote_fish(text: str) -> str:
    """Quote `text` as one fish word: inside single quotes, only the backslash and the quote need an escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_powershell(text: str) -> str:
    """Quote `text` as a PowerShell expression in pure ASCII.

    PowerShell decodes its input with the code page of its console, and reads typographic quotes as quotes. So this
    function spells characters beyond printable ASCII as UTF-16 units: `'Andr'+[char]233+''`.
    """

    def spell(match: re.Match[str]) -> str:
        data = match[0].encode("utf-16-le", "surrogatepass")
        units = (int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2))
        return "'+" + "".join(f"[char]{unit}+" for unit in units) + "'"

    return "'" + re.sub("[^ -~]+", spell, text.replace("'", "''")) + "'"


POSIX = Shell("export {name}={value};", "mkdir -p {value};", shlex.quote)
SHELLS = {
    "bash": POSIX,
    "zsh": POSIX,
    "fish": Shell("set -gx {name} {value};", "mkdir -p {value};", quote_fish),
    "powershell": Shell("$env:{name} = {value};", "[void][IO.Directory]::CreateDirectory({value});", quote_powershell),
}


def shell_lines(shell: Shell, root: str, environ: Mapping[str, str]) -> list[str]:
    """Return shell lines that let nnU-Net find the trainers, and that set the data folders that `environ` lacks.

    Args:
        shell: The shell that will run the lines.
        root: Absolute path of the folder for nnU-Net's data folders.
        environ: Current environment variables.

    Returns:
        Complete statements, each with a semicolon at its end and none with a comment. So the shell still reads them
        correctly if it joins them by blanks (`eval $(...)` without quotes).
    """
    value = shell.quote(with_ext_folder(environ.get(EXT_VARIABLE, "")))
    lines = [shell.export.format(name=EXT_VARIABLE, value=value)]
    for name in unset_data_variables(environ):
        folder = shell.quote(os.path.join(root, name))
        lines += [shell.export.format(name=name, value=folder), shell.make_folder.format(value=folder)]
    return lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi env`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = USAGE
    parser.add_argument(
        "--root",
        metavar="DIR",
        help=f"folder for the data folders that are unset (default: {DEFAULT_ROOT} in the current folder)",
    )
    parser.add_argument(
        "--shell",
        choices=SHELLS,
        default="bash",
        help="syntax to print (default: bash, which sh, dash and zsh read as well; $SHELL is not consulted)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the lines for the shell, and say on standard error where data will go if the user did not choose."""
    root = os.path.abspath(os.path.expanduser(args.root or DEFAULT_ROOT))
    lines = shell_lines(SHELLS[args.shell], root, os.environ)
    # Bytes, not print(): to the shell a path is bytes in any encoding, and on Windows print() would end lines in \r\n.
    sys.stdout.buffer.write(os.fsencode("".join(f"{line}\n" for line in lines)))
    sys.stdout.flush()
    if not args.root and (unset := unset_data_variables(os.environ)):
        print(
            f"nnunet_taichi env: {', '.join(unset)} under {root} (--root DIR chooses another folder)", file=sys.stderr
        )
    return 0
