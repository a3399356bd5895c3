"""A line that says what goes on, for people who wait."""

import shutil
from typing import TextIO

QUIET_SECONDS = 30  # between two lines where nobody can rewrite one


class StatusLine:
    """One line of a terminal, rewritten in place; anywhere else (a pipe, a file, CI) a plain line now and then.

    As a context manager it clears its line at the end.

    Args:
        stream: Stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.on_terminal = stream, stream.isatty()
        self.printed = 0.0  # when: seconds since the start

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self.on_terminal:
            self._write(_blank(_width()))

    def show(self, text: str, seconds: float) -> None:
        """Show a text, or pass it over where a line was printed a short time ago.

        Args:
            text: One line.
            seconds: Seconds since the start.
        """
        if self.on_terminal:
            width = _width()
            self._write(_blank(width) + text[:width])
        elif seconds - self.printed >= QUIET_SECONDS:
            self.printed = seconds
            self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _width() -> int:
    """Give the columns that can be used: a letter in the last one makes some terminals begin another line."""
    return shutil.get_terminal_size().columns - 1


def _blank(width: int) -> str:
    """Overwrite the line with spaces and go back to its start; Windows has terminals that know no other way."""
    return f"\r{' ' * width}\r"
