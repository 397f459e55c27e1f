"""``star predict``: completions of a trained model, or of one behind a server."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from star_cli.console import echo, resumable, step_bar
from star_cli.options import (
    complete_benchmark,
    complete_file,
    json_fields,
    server_options,
    take_server,
    warn_of_open_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SERVER = ("base_url", "key_env", "concurrency", "rate", "tries", "timeout", "body", "price", "image_roots")


@click.command(short_help="Generate completions with a model, for star score.")
@click.option(
    "--model",
    required=True,
    shell_complete=complete_file,
    help="A model's folder or hub name, a LoRA adapter's folder, or openai:NAME on a server.",
)
@click.option(
    "--data",
    required=True,
    shell_complete=complete_file,
    help="Rows: .jsonl, .parquet, a folder, or a data set on the hub.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="JSON Lines file to write.")
@click.option(
    "--benchmark",
    metavar="NAME",
    shell_complete=complete_benchmark,
    help="--data holds a benchmark as its owners publish it: tvr, mindcube, sparbench, mmsi, vsibench, revsi, blink, "
    "mmsivideo, sitebench, viewspatial.",
)
@click.option(
    "--prompt",
    type=click.Choice(["owners", "star"]),
    default="owners",
    show_default=True,
    help="Of a benchmark: its owners' prompt, or ours, which asks for <think> and <answer>.",
)
@click.option(
    "--images",
    type=click.Choice(["all", "none", "shuffled", "swapped"]),
    default="all",
    show_default=True,
    help="Is it looking? none: no images; shuffled: in another order; swapped: another question's.",
)
@click.option(
    "--frames", type=click.IntRange(min=1), metavar="N", help="Frames of a video.  [default: 32, or the owners']"
)
@click.option("--split", default="test", show_default=True, help="Split of data sets that have several.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N prompts only.")
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Completions per prompt.")
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True, help="0: greedy.")
@click.option("--top-p", type=float, default=1.0, show_default=True)
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=1024, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--system-prompt", help="System prompt for prompts that have none.")
@click.option("--min-pixels", type=click.IntRange(min=1), metavar="N", help="Enlarge smaller images.")
@click.option("--max-pixels", type=click.IntRange(min=1), metavar="N", help="Reduce larger images.")
@click.option("--revision", default="main", show_default=True, help="Revision of a model on the hub.")
@click.option("--backend", type=click.Choice(["auto", "transformers", "vllm"]), default="auto", show_default=True)
@click.option(
    "--dtype", default="auto", show_default=True, help="Data type of the weights: auto, bfloat16, float32, ..."
)
@server_options
@click.option(
    "--body",
    callback=json_fields,
    default="{}",
    show_default=True,
    help="Further fields of a request; null leaves one out.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out, or what an interrupted run left of it.")
@click.pass_context
def predict(ctx: click.Context, /, model: str, data: str, out: Path, *, overwrite: bool, **options: Any) -> None:
    """Write a completion for each prompt of --data.

    An interrupted run resumes when the same command is given again. The same seed and batch size give the same
    completions of a local model on the same machine. With `--model openai:NAME --base-url URL`, a server with OpenAI's
    chat completions API is asked instead; the key comes from the environment and is never written anywhere.
    """
    from trainers.prediction import SERVED, Sampling
    from trainers.prediction import predict as run

    drawn = {
        name: options.pop(name) for name in ("temperature", "top_p", "max_new_tokens", "samples", "seed", "batch_size")
    }
    price = options["price"]
    if model.startswith(SERVED):
        warn_of_open_key(options, lambda line: echo(line, err=True))
        options["endpoint"], options["retry"] = take_server(model.removeprefix(SERVED), options)
        options["on_error"] = lambda line: echo(line, err=True)
    else:
        _refuse_server_options(ctx)
    options = {name: value for name, value in options.items() if name not in _SERVER or name == "image_roots"}
    with step_bar("predictions", lines=True) as advance, resumable():
        path = run(model, data, out, sampling=Sampling(**drawn), overwrite=overwrite, on_progress=advance, **options)
    benchmark = f" --benchmark {options['benchmark']}" if options["benchmark"] else ""
    with path.open(encoding="utf-8") as lines:
        echo(_endings(map(json.loads, lines), price), err=True)
    echo(f"{path}: star score {path}{benchmark}", err=True)


def _refuse_server_options(ctx: click.Context) -> None:
    for name in _SERVER:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.rstrip('s').replace('_', '-')} only counts with --model openai:NAME")


def _endings(rows: Iterable[Mapping[str, Any]], price: tuple[float, float] | None) -> str:
    """Say how completions ended, and what they cost."""
    counts: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    uncounted = 0
    for row in rows:
        counts["completions"] += 1
        counts["cut off at the token limit"] += row.get("finish_reason") == "length"
        counts["refused by the model"] += row.get("refusal") is not None
        counts["refused by the server"] += row.get("error") is not None
        uncounted += "usage" in row and row["usage"] is None and row["error"] is None
        tokens.update(row.get("usage") or {})
    total = counts.pop("completions")
    said = [f"{total:,} completions", *(f"{count:,} {what}" for what, count in counts.items() if count)]
    if tokens:
        apart = f", {tokens['reasoning_tokens']:,} of them reasoning" if tokens["reasoning_tokens"] else ""
        said.append(f"{tokens['prompt_tokens']:,} tokens in, {tokens['completion_tokens']:,} out{apart}")
    if uncounted:
        said.append(f"{uncounted:,} answers came without a count of tokens")
    if price is not None:
        cost = tokens["prompt_tokens"] * price[0] + tokens["completion_tokens"] * price[1]
        said.append(f"cost {cost / 1e6:,.2f}")
    return "; ".join(said)
