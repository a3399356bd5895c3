"""A status line that says what is going on, for users who wait."""

import shutil
from typing import TextIO

QUIET_SECONDS = 30  # least time between two lines where a line cannot be rewritten


class StatusLine:
    """One line of a terminal, rewritten in place. Anywhere else (a pipe, a file, CI), a plain line now and then.

    As a context manager it clears its line at the end.

    Args:
        stream: Stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.on_terminal = stream, stream.isatty()
        self.printed = 0.0  # time of the last plain line: seconds since the start

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self.on_terminal:
            self._write(_blank(_width()))

    def show(self, text: str, seconds: float) -> None:
        """Show a text. Outside a terminal, skip it if the last line is less than `QUIET_SECONDS` old.

        Args:
            text: Text of one line.
            seconds: Time since the start, seconds.
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
    """Return the number of usable columns: a letter in the last one makes some terminals begin a new line."""
    return shutil.get_terminal_size().columns - 1


def _blank(width: int) -> str:
    """Return text that overwrites a line with spaces and goes back to its start: some Windows terminals need spaces."""
    return f"\r{' ' * width}\r"
