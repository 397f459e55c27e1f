"""What every command shows on a terminal: how far it is, which rows were wrong, and a place in a text.

Lines for people go to standard error, and so do the bars, which only a terminal gets. rich loads when it draws.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.run.score_files import Progress
    from trainers.data.training_rows import OnProgress

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

SHOWN_ERRORS = 20
"""Bad rows that are shown one by one."""

_WIDEST = 10
"""Columns of the longest escape, ``\\U0001f600``: a character that is pointed at is shown whole."""

_ESCAPES = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


def printable(text: str) -> str:
    """Return text without the control characters that it may hold; see `benchmarks.plain_text`.

    Somebody else's package may be in the way of that one, and `star doctor` has to say so.
    """
    if text.isprintable() or text == "\n":  # nearly everything that is drawn
        return text
    try:
        from benchmarks.plain_text import plain
    except Exception:  # noqa: BLE001  whatever that package does when it is imported
        return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)
    return plain(text)


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text for people, as `printable` makes it."""
    click.echo(printable(str(text)), err=err, nl=nl)


def _echo(line: str) -> None:
    echo(line, err=True)


@contextmanager
def progress_bar(*, hidden: bool) -> Iterator[tuple[Callable[[Progress], None] | None, Callable[[str], None]]]:
    """Show how far a run is, with its rate and the time left, on standard error if that is a terminal.

    Yields:
        What takes the progress (None where nothing is shown), and what prints a line to standard error.
    """
    if hidden or not sys.stderr.isatty():
        yield None, _echo
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from star_cli.screen import Screen

    console = Screen(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    started = time.monotonic()
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def advance(done: Progress) -> None:
            rate = done.rows / max(time.monotonic() - started, 1e-3)
            text = f"{done.rows:,} rows, {rate:,.0f}/s"
            bar.update(task, completed=done.share or 0.0, total=None if done.share is None else 1.0, description=text)

        yield advance, lambda line: console.print(line, soft_wrap=True)


@contextmanager
def counted(*, hidden: bool) -> Iterator[tuple[OnProgress, Callable[[str], None]]]:
    """Show a count, with rate and time left, on standard error if that is a terminal.

    Yields:
        What takes the number done and the total (None where it is unknown), and what prints a line to standard error.
    """
    from benchmarks.run.score_files import Progress

    with progress_bar(hidden=hidden) as (advance, print_line):

        def count(done: int, total: int | None) -> None:
            if advance is not None:
                advance(Progress(done, share=done / total if total else None))

        yield count, print_line


@contextmanager
def step_bar(what: str, *, lines: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the number done and the time left, on standard error if that is a terminal.

    Args:
        what: is counted.
        lines: whether each step is a line where there is no terminal; otherwise nothing is shown there.

    Yields:
        What takes the number done and the total.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from star_cli.screen import Screen

    console = Screen(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: _echo(f"{what} {done}/{total}") if lines else None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def resumable(print_line: Callable[[str], None] = _echo) -> Iterator[None]:
    """After Ctrl-C say that the same command resumes the run, and end."""
    try:
        yield
    except KeyboardInterrupt:
        print_line("interrupted; give the same command again to resume")
        sys.exit(INTERRUPTED)


class ErrorLines:
    """Prints the first errors, and at the end how many more there were."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self.count = 0
        self._print_line = print_line

    def add(self, error: object) -> None:
        """Take one error, or what is said of it."""
        self.count += 1
        if self.count <= SHOWN_ERRORS:
            self._print_line(str(error))

    def close(self) -> None:
        """Say how many were not shown."""
        if self.count > SHOWN_ERRORS:
            self._print_line(f"... and {self.count - SHOWN_ERRORS:,} more")


def how_many(number: int, noun: str) -> str:
    """Return a number of things: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def source_name(files: Sequence[str]) -> str:
    """Return how headlines call the files that were given; at least one.

    >>> source_name(["-"]), source_name(["a.jsonl"]), source_name(["a.jsonl", "b.jsonl"])
    ('standard input', 'a.jsonl', '2 files')
    """
    if len(files) > 1:
        return how_many(len(files), "file")
    return "standard input" if files[0] == "-" else files[0]


def point_at(text: str, offset: int, *, width: int = 78) -> tuple[str, str]:
    r"""Return one line with the text around *offset*, and one with a caret under the character there.

    Line breaks, tabs and whatever else would move the cursor are shown as escapes; wide characters count as the two
    columns that they take; where text is left out there is an ellipsis.

    Args:
        text: any text.
        offset: of a character, or the text's length for its end.
        width: columns to use, at least 20.

    >>> print("\n".join(point_at("2.color.cyna,\n0.shape.cube", 8)))
    2.color.cyna,\n0.shape.cube
            ^
    """
    offset = max(0, min(offset, len(text)))
    room = max(width, 20) - 3  # an ellipsis at either end, and the caret behind the end of the text
    reach = 4 * room  # characters: some take no column
    behind, ahead = reversed(text[max(0, offset - reach) : offset]), text[offset : offset + reach]
    before = _fit(behind, room)
    after = _fit(ahead, max(room // 3, _WIDEST, room - _cells(before)))
    before = _fit(before, room - _cells(after))
    left = "…" if len(before) < offset else ""
    right = "…" if len(after) < len(text) - offset else ""
    head = left + "".join(reversed(before))
    return head + "".join(after) + right, " " * _cells([head]) + "^"


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    r"""Return the line and the column of a character, both from 1.

    >>> line_and_column("ab\ncd", 4)
    (2, 2)
    """
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def visible(char: str) -> str:
    r"""Return a character as it may be printed: what is not printable as an escape, ``\x1b``.

    >>> visible("é"), visible("\x1b")
    ('é', '\\x1b')
    """
    return char if char.isprintable() else _ESCAPES.get(char) or char.encode("unicode_escape").decode("ascii")


def _fit(chars: Iterable[str], room: int) -> list[str]:
    """Return as many of the characters, made visible, as fit into *room* columns."""
    shown: list[str] = []
    for char in chars:
        shown.append(visible(char))
        if _cells(shown) > room:
            return shown[:-1]
    return shown


def _cells(shown: list[str]) -> int:
    from rich.cells import cell_len

    return cell_len("".join(shown))
