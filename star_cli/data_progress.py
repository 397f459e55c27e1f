"""The progress bar of commands that count: so many done, of so many where that is known."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from star_cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainers.data.training_rows import OnProgress


@contextmanager
def counted(*, hidden: bool) -> Iterator[tuple[OnProgress, Callable[[str], None]]]:
    """Show a count, with rate and time left, on standard error if that is a terminal.

    Yields:
        What takes the number done and the total (None where it is unknown), and what prints a line to standard error.
    """
    from benchmarks.files.scoring import Progress

    with progress_bar(hidden=hidden) as (advance, print_line):

        def count(done: int, total: int | None) -> None:
            if advance is not None:
                advance(Progress(done, share=done / total if total else None))

        yield count, print_line
