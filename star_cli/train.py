"""``star train``: the two stages."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from star_cli.console import INTERRUPTED, echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trainers.advice import Progress
    from trainers.check import Finding
    from trainers.stages import Trained

STOPPED_BY_SIGTERM = 143

SHOWN: Final = {
    "reward": "reward",
    "accuracy": "accuracy",
    "loss": "loss",
    "mean_token_accuracy": "tokens right",
    "frac_reward_zero_std": "equal groups",
    "completions/mean_length": "length",
    "completions/clipped_ratio": "cut off",
    "parsed": "parsed",
    "predictions": "predictions",
}
"""What trainers and tasks (``tvr/accuracy``) log -> how it is called here, what matters most first."""


@click.command(
    short_help="Train a model: supervised fine-tuning, then GRPO.",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": False},
)
@click.option("--stage", type=click.Choice(["sft", "rl"]), required=True, help="Supervised fine-tuning, or GRPO.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="A recipe: a YAML file.")
@click.option("--dry-run", is_flag=True, help="Check configuration, data, reward and memory; load no model.")
@click.option("--quiet", is_flag=True, help="Print no progress.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[--FIELD VALUE]...")
def train(stage: Any, config: str | None, *, dry_run: bool, quiet: bool, arguments: tuple[str, ...]) -> None:
    """Train a model by a recipe. Any field can also be given as --FIELD VALUE, which overrides the file.

    Fields are those of TRL's SFTConfig (sft), GRPOConfig (rl) and ModelConfig, and a few more: dataset_name, task,
    preset, reward_funcs, ... Runs under plain python, torchrun (python -m star_cli train) and accelerate launch.
    """
    from trainers.advice import TrainingFailed, first_to_say
    from trainers.stages import train as run

    # transformers 5 warns of a name that TRL 1 still sets by itself; nobody who runs this can do anything about it
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.* is deprecated", category=FutureWarning)
    if dry_run:
        from trainers.check import check_run

        _print_findings(check_run(stage, config, arguments=arguments))
        return
    with training_bar(stage, hidden=quiet) as (advance, say):
        try:
            trained = run(stage, config, arguments=arguments, on_progress=advance, on_advice=say)
        except TrainingFailed as error:
            if error.lost and not first_to_say("lost"):
                sys.exit(1)
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            if os.environ.get("RANK", "0") == "0":  # of several processes the first one speaks
                say("interrupted; --resume_from_checkpoint true goes on from the last complete checkpoint")
            sys.exit(INTERRUPTED)
    if trained.first:
        echo(_end(trained), err=True)
    if trained.stopped:
        sys.exit(STOPPED_BY_SIGTERM)


def _end(trained: Trained) -> str:
    if trained.stopped:
        return (
            f"stopped by SIGTERM after step {trained.step}; saved in {trained.folder}; the same command with "
            "--resume_from_checkpoint true goes on"
        )
    return f"{trained.folder}: trained for {trained.step} steps"


def _print_findings(findings: list[Finding]) -> None:
    width = max(len(finding.what) for finding in findings)
    said: dict[str, str] = {}  # a model that cannot be had is wrong in several ways
    for finding in findings:
        first = said.setdefault(finding.text, finding.what)
        text = " ".join(finding.text.split()) if first == finding.what else f"see {first}"
        echo(f"{'ok  ' if finding.right else 'FAIL'}  {finding.what:{width}}  {text}")
    if not all(finding.right for finding in findings):
        sys.exit(1)


def numbers(logs: Mapping[str, Any]) -> str:
    """Return the numbers of a logged step in one line.

    >>> numbers({"loss": "0.5", "reward": 1.25, "tvr/accuracy": 0.125, "epoch": 1})
    'reward 1.25, accuracy 0.12, loss 0.50'
    >>> numbers({"reward": None, "tvr/parsed": 0.5, "faults/no_answer": 0.4, "faults/missing_value": 0.1})
    'parsed 0.50, no_answer 0.40'
    """
    found = {key if key in SHOWN else key.rpartition("/")[2]: value for key, value in logs.items() if value is not None}
    shown = [f"{short} {float(found[name]):.2f}" for name, short in SHOWN.items() if name in found]
    common = next((key for key in logs if key.startswith("faults/")), None)  # the commonest comes first
    return ", ".join(shown + ([f"{common.removeprefix('faults/')} {logs[common]:.2f}"] if common else []))


@contextmanager
def training_bar(
    stage: str, *, hidden: bool
) -> Iterator[tuple[Callable[[Progress], None] | None, Callable[[str], None]]]:
    """Show how far a run is; without a terminal, a line for each logged step.

    Yields:
        What takes the progress (None where nothing is shown), and what prints a line.
    """
    if hidden:
        yield None, lambda line: echo(line, err=True)
        return
    if not sys.stderr.isatty():
        yield _lines, lambda line: echo(line, err=True)
        return
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    from star_cli.screen import Screen

    console = Screen(stderr=True)
    columns = (TextColumn(stage), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(elapsed_when_finished=True))
    bar, below = Bar(*columns, console=console), Text("loading")  # a line of its own: beside the bar it would hide it
    task = bar.add_task("", total=None)
    with Live(Group(bar, below), console=console):

        def advance(done: Progress) -> None:
            bar.update(task, completed=done.step, total=done.total)
            if text := numbers(done.logs):
                below.plain = text

        yield advance, console.print


def _lines(done: Progress) -> None:
    if text := numbers(done.logs):
        echo(f"step {done.step}/{done.total}: {text}", err=True)
