"""A progress bar of training with the numbers that matter and the time left, on standard error."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trainers.watch import Progress

SHOWN: Final = ("loss", "mean_token_accuracy", "reward", "frac_reward_zero_std", "completions/mean_length")
SHORT: Final = {
    "mean_token_accuracy": "tokens right",
    "frac_reward_zero_std": "equal groups",
    "completions/mean_length": "length",
}


def numbers(logs: Mapping[str, Any]) -> str:
    """Return the numbers of a logged step in one line.

    >>> numbers({"loss": "0.5", "reward": 1.25, "tvr/accuracy": 0.125, "epoch": 1})
    'loss 0.50, reward 1.25, accuracy 0.12'
    """
    names = [name for name in SHOWN if name in logs]
    names += [name for name in logs if name.endswith(("/accuracy", "/parsed", "/predictions"))]
    return ", ".join(f"{SHORT.get(name, name.rpartition('/')[2])} {float(logs[name]):.2f}" for name in names)


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        TextColumn(stage),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("loading", total=None)

        def advance(done: Progress) -> None:
            bar.update(task, completed=done.step, total=done.total)
            if text := numbers(done.logs):
                bar.update(task, description=text)

        yield advance, lambda line: console.print(line, markup=False, highlight=False)


def _lines(done: Progress) -> None:
    if text := numbers(done.logs):
        click.echo(f"step {done.step}/{done.total}: {text}", err=True)
