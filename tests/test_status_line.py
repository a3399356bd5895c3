import io
import shutil
from contextlib import suppress

import pytest

from nnunet_taichi.runtime.status_line import StatusLine


class Terminal(io.StringIO):
    """A terminal that knows carriage returns and new lines, and wraps what is too long."""

    def isatty(self) -> bool:
        return True

    def screen(self, columns: int) -> list[str]:
        rows, row, column = [""], 0, 0
        for letter in self.getvalue():
            if letter == "\n" or column == columns:
                rows.append("")
                row, column = row + 1, 0
            if letter == "\r":
                column = 0
            elif letter != "\n":
                rows[row] = rows[row][:column].ljust(column) + letter + rows[row][column + 1 :]
                column += 1
        return [text.rstrip() for text in rows]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert shutil.get_terminal_size().columns == 20
    return Terminal()


def test_a_terminal_shows_the_last_text_cut_to_its_width(terminal):
    line = StatusLine(terminal)
    line.show("a text of twenty-five let", 0.5)
    assert terminal.screen(20) == ["a text of twenty-fi"]
    line.show("short", 1.0)
    assert terminal.screen(20) == ["short"]


def test_a_terminals_line_is_cleared_at_the_end_and_after_an_error(terminal):
    print("$ command", file=terminal)
    with suppress(KeyboardInterrupt), StatusLine(terminal) as line:
        line.show("working", 0.5)
        raise KeyboardInterrupt
    print("Interrupted.", file=terminal)
    assert terminal.screen(20) == ["$ command", "Interrupted.", ""]


def test_elsewhere_a_line_comes_every_30_seconds():
    stream = io.StringIO()
    with StatusLine(stream) as line:
        for second in range(100):
            line.show(f"{second} s", second)
    assert stream.getvalue() == "30 s\n60 s\n90 s\n"


def test_elsewhere_short_commands_are_quiet():
    stream = io.StringIO()
    with StatusLine(stream) as line:
        line.show("29 s", 29.9)
    assert stream.getvalue() == ""
