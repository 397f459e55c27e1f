"""``star train``: the two stages."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from trainers.check import Finding
    from trainers.stages import Trained

STOPPED_BY_SIGTERM = 143


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
    from trainers.stages import train as run
    from trainers.watch import TrainingFailed

    # transformers 5 warns of a name that TRL 1 still sets by itself; nobody who runs this can do anything about it
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.* is deprecated", category=FutureWarning)
    if dry_run:
        from trainers.check import check_run

        _print_findings(check_run(stage, config, arguments=arguments))
        return
    from star_cli.train_progress import training_bar

    with training_bar(stage, hidden=quiet) as (advance, say):
        try:
            trained = run(stage, config, arguments=arguments, on_progress=advance, on_advice=say)
        except TrainingFailed as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            say("interrupted; --resume_from_checkpoint true goes on from the last complete checkpoint")
            sys.exit(130)
    if trained.first:
        click.echo(_end(trained), err=True)
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
    for finding in findings:
        click.echo(f"{'ok  ' if finding.right else 'FAIL'}  {finding.what:{width}}  {finding.text}")
    if not all(finding.right for finding in findings):
        sys.exit(1)
