"""``star data cot``: chains of thought, by the oracle or by a model behind a server."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from star_cli.console import ErrorLines, counted, echo, resumable
from star_cli.options import json_fields, server_options, take_server, warn_of_open_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainers.data.files import Written
    from trainers.data.teacher import Taught
    from trainers.data.training_rows import OnProgress

PREFIX = "openai:"


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")
@click.option("--teacher", required=True, metavar="oracle|labels|openai:MODEL", help="Who writes the chains.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON Lines: the rows with `completion`.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="With oracle: seed of the wordings."
)
@server_options
@click.option(
    "--body",
    callback=json_fields,
    default='{"max_tokens": 4096}',
    show_default=True,
    help="Further fields of the request.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def cot(source: Path, *, teacher: str, out: Path, seed: int, overwrite: bool, as_json: bool, **options: Any) -> None:
    """Write a chain of thought for each row of SOURCE.

    `--teacher oracle` writes them from the ground truth of generated scenes: SOURCE is a folder of `star data
    generate`. `--teacher labels` writes the label alone, without reasoning. `--teacher openai:MODEL` asks a model on
    any server with OpenAI's chat completions API. For both, SOURCE is a file of rows or such a folder. Every answer of
    a server is saved at once: the same command resumes an interrupted run and retries the rows that failed. The key
    comes from the environment and is never written anywhere.
    """
    model = teacher.removeprefix(PREFIX) if teacher.startswith(PREFIX) else ""
    if teacher not in ("oracle", "labels") and not model:
        raise click.UsageError(f"--teacher is 'oracle' or '{PREFIX}MODEL' or 'labels', not {teacher!r}")
    with counted(hidden=as_json) as (on_progress, print_line):
        errors = ErrorLines(print_line)
        done: Written | Taught
        if not model:
            true_seed = seed if teacher == "oracle" else None
            done = _truth(source, out, true_seed, overwrite=overwrite, on_error=errors.add, on_progress=on_progress)
        else:
            warn_of_open_key(options, print_line)
            with resumable(print_line):
                done = _remote(
                    source, out, model, overwrite=overwrite, on_error=errors.add, on_progress=on_progress, **options
                )
        errors.close()
    echo(json.dumps(_summary(done, out)) if as_json else _sentence(done, out))
    if done.failed:
        sys.exit(1)


def _truth(
    source: Path,
    out: Path,
    seed: int | None,
    *,
    overwrite: bool,
    on_error: Callable[[object], None],
    on_progress: OnProgress,
) -> Written:
    """Write chains by the oracle, or without a seed the labels alone."""
    from benchmarks.files.lock import locked
    from benchmarks.files.write import remove_partials
    from trainers.data.files import refuse_existing
    from trainers.data.oracle import write_labels, write_oracle_chains

    write = write_labels if seed is None else partial(write_oracle_chains, seed=seed)
    with locked(out, str(out)):
        refuse_existing(out, source=source, overwrite=overwrite)
        remove_partials(out)
        return write(source, out, on_error=on_error, on_progress=on_progress)


def _remote(
    source: Path,
    out: Path,
    model: str,
    *,
    price: tuple[float, float] | None,
    **options: Any,
) -> Taught:
    from trainers.data.teacher import teach

    endpoint, retry = take_server(model, options)
    return teach(source, out, endpoint, retry=retry, prices=price, **options)


def _summary(done: Written | Taught, out: Path) -> dict[str, Any]:
    found: dict[str, Any] = done._asdict()
    return {**found, **({"cost": found["cost"]._asdict()} if "cost" in found else {}), "out": str(out)}


def _sentence(done: Written | Taught, out: Path) -> str:
    text = f"{out}: {done.written} of {done.read} rows have a chain"
    if done.failed:
        text += f"; {done.failed} failed"
    found = _summary(done, out)
    if "cost" in found:
        cost = found["cost"]
        text += f"\n{cost['prompt_tokens']:,} tokens of prompts, {cost['completion_tokens']:,} of completions"
        text += f", {cost['price']:.2f} at the given prices" if cost["price"] is not None else ""
        text += f"; {cost['untold']} answers came without a count" if cost["untold"] else ""
        text += f"\n{found['resumed']} rows were there from an earlier run" if found["resumed"] else ""
    return text
