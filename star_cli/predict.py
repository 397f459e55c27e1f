"""``star predict``: completions of a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from star_cli.console import echo, step_bar


@click.command(short_help="Generate completions with a model, for star score.")
@click.option("--model", required=True, help="A model's folder or hub name, or a LoRA adapter's folder.")
@click.option("--data", required=True, help="Rows: .jsonl, .parquet, a folder, or a data set on the hub.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="JSON Lines file to write.")
@click.option("--split", default="test", show_default=True, help="Split of data sets that have several.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N prompts only.")
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Completions per prompt.")
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True, help="0: greedy.")
@click.option("--top-p", type=float, default=1.0, show_default=True)
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=1024, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--system-prompt", help="System prompt for prompts that have none.")
@click.option("--backend", type=click.Choice(["auto", "transformers", "vllm"]), default="auto", show_default=True)
@click.option(
    "--dtype", default="auto", show_default=True, help="Data type of the weights: auto, bfloat16, float32, ..."
)
@click.option("--overwrite", is_flag=True, help="Replace --out, or what an interrupted run left of it.")
def predict(model: str, data: str, out: Path, *, overwrite: bool, **options: Any) -> None:
    """Write a completion for each prompt of --data.

    An interrupted run resumes when the same command is given again. The same seed and batch size give
    the same completions on the same machine.
    """
    from trainers.prediction import Sampling
    from trainers.prediction import predict as run

    drawn = {
        name: options.pop(name) for name in ("temperature", "top_p", "max_new_tokens", "samples", "seed", "batch_size")
    }
    with step_bar("predictions", lines=True) as advance:
        try:
            path = run(
                model, data, out, sampling=Sampling(**drawn), overwrite=overwrite, on_progress=advance, **options
            )
        except KeyboardInterrupt:
            echo("interrupted; give the same command again to resume", err=True)
            sys.exit(130)
    echo(f"{path}: star score {path}", err=True)
