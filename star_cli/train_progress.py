"""A progress bar of training with the numbers that matter and the time left, on standard error."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trainers.watch import Progress

SHOWN: Final = {
    "reward": "reward",
    "accuracy": "accuracy",
    "loss": "loss",
    "mean_token_accuracy": "tokens right",
    "frac_reward_zero_std": "equal groups",
    "completions/mean_length": "length",
    "parsed": "parsed",
    "predictions": "predictions",
}
"""What trainers and tasks (``tvr/accuracy``) log -> how it is called here, what matters most first."""


def numbers(logs: Mapping[str, Any]) -> str:
    """Return the numbers of a logged step in one line.

    >>> numbers({"loss": "0.5", "reward": 1.25, "tvr/accuracy": 0.125, "epoch": 1})
    'reward 1.25, accuracy 0.12, loss 0.50'
    """
    found = {key if key in SHOWN else key.rpartition("/")[2]: value for key, value in logs.items()}
    return ", ".join(f"{short} {float(found[name]):.2f}" for name, short in SHOWN.items() if name in found)


@contextmanager
def training_bar(
    stage: str, *, hidden: bool
) -> Iterator[tuple[Callable[[Progress], None] | None, Callable[[str], None]]]:
    """Show how far a run is; without a terminal, a line for each logged step.

    Yields:
        What takes the progress (None where nothing is shown), and what prints a line.
    """
    if hidden:
        yield None, lambda line: click.echo(line, err=True)
        return
    if not sys.stderr.isatty():
        yield _lines, lambda line: click.echo(line, err=True)
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    console = Console(stderr=True)
    columns = (TextColumn(stage), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(elapsed_when_finished=True))
    bar, below = Bar(*columns, console=console), Text("loading")  # a line of its own: beside the bar it would hide it
    task = bar.add_task("", total=None)
    with Live(Group(bar, below), console=console):

        def advance(done: Progress) -> None:
            bar.update(task, completed=done.step, total=done.total)
            if text := numbers(done.logs):
                below.plain = text

        yield advance, lambda line: console.print(line, markup=False, highlight=False)


def _lines(done: Progress) -> None:
    if text := numbers(done.logs):
        click.echo(f"step {done.step}/{done.total}: {text}", err=True)
