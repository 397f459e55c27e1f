"""A progress bar on a terminal; lines that are printed meanwhile stay above it."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.files.scoring import Progress


def _echo(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def progress_bar(*, hidden: bool) -> Iterator[tuple[Callable[[Progress], None] | None, Callable[[str], None]]]:
    """Show how far a run is, with its rate and the time left, on standard error if that is a terminal.

    Yields:
        What takes the progress (None where nothing is shown), and what prints a line to standard error.
    """
    if hidden or not sys.stderr.isatty():
        yield None, _echo
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    started = time.monotonic()
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        before = 0

        def advance(done: Progress) -> None:
            nonlocal before
            before = before or done.rows - 1  # a resumed run has rows that this process did not score
            rate = (done.rows - before) / max(time.monotonic() - started, 1e-3)
            text = f"{done.rows:,} rows, {rate:,.0f}/s"
            bar.update(task, completed=done.share or 0.0, total=None if done.share is None else 1.0, description=text)

        yield advance, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)
