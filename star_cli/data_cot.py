"""``star data cot``: chains of thought, by the oracle or by a model behind a server."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from star_cli.console import ErrorLines, counted, echo

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainers.data.files import Written
    from trainers.data.teacher import Taught
    from trainers.data.training_rows import OnProgress

DEFAULT_URL = "https://api.openai.com/v1"
PREFIX = "openai:"


def _prices(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Read ``1.25:10``."""
    if value is None:
        return None
    try:
        prompt, completion = (float(part) for part in value.split(":"))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not two prices per million tokens, like 1.25:10") from None
    return prompt, completion


def _fields(_ctx: click.Context, _param: click.Parameter, value: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.BadParameter(f'{value!r} is not a JSON object like {{"max_tokens": 4096}}')
    return found


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")
@click.option("--teacher", required=True, metavar="oracle|labels|openai:MODEL", help="Who writes the chains.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON Lines: the rows with `completion`.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="With oracle: seed of the wordings."
)
@click.option(
    "--base-url", envvar="OPENAI_BASE_URL", default=DEFAULT_URL, show_default=True, help="Base URL of the server."
)
@click.option(
    "--key-env",
    default="OPENAI_API_KEY",
    show_default=True,
    metavar="NAME",
    help="Environment variable that holds the key.",
)
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=8, show_default=True, metavar="N", help="Requests in flight."
)
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Maximum number of requests per minute."
)
@click.option(
    "--tries", type=click.IntRange(min=1), default=6, show_default=True, metavar="N", help="Attempts per row."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="S",
    help="Seconds for a whole answer.",
)
@click.option(
    "--body", callback=_fields, default='{"max_tokens": 4096}', show_default=True, help="Further fields of the request."
)
@click.option(
    "--image-root",
    "image_roots",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    metavar="FOLDER",
    help="Also send images from there, not only from SOURCE's folder; can be given several times.",
)
@click.option("--price", callback=_prices, metavar="IN:OUT", help="Prices per million tokens, to total the cost.")
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
            if options["key_env"] in os.environ and _is_open(options["base_url"]):
                print_line(f"warning: the key goes to {options['base_url']} unencrypted")
            try:
                done = _remote(
                    source, out, model, overwrite=overwrite, on_error=errors.add, on_progress=on_progress, **options
                )
            except KeyboardInterrupt:
                print_line("interrupted; give the same command again to resume")
                sys.exit(130)
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
    on_error: Callable[[str], None],
    on_progress: OnProgress,
) -> Written:
    """Write chains by the oracle, or without a seed the labels alone."""
    from benchmarks.files.lock import locked
    from benchmarks.files.write import remove_partials
    from trainers.data.files import refuse_existing
    from trainers.data.oracle import write_labels, write_oracle_chains

    write = write_labels if seed is None else partial(write_oracle_chains, seed=seed)
    with locked(out, str(out)):
        refuse_existing(out, overwrite=overwrite)
        remove_partials(out)
        return write(source, out, on_error=lambda error: on_error(str(error)), on_progress=on_progress)


def _remote(
    source: Path,
    out: Path,
    model: str,
    *,
    base_url: str,
    key_env: str,
    concurrency: int,
    rate: float | None,
    tries: int,
    timeout: float,
    body: dict[str, Any],
    price: tuple[float, float] | None,
    **options: Any,
) -> Taught:
    from trainers.data.chat_client import Endpoint, RetryPolicy
    from trainers.data.teacher import teach

    key = os.environ.get(key_env)
    endpoint = Endpoint(
        base_url=base_url,
        model=model,
        key=None if key is None else key.strip(),
        key_name=key_env,
        timeout=timeout,
        body=body,
    )
    retry = RetryPolicy(concurrency=concurrency, per_minute=rate, tries=tries)
    return teach(source, out, endpoint, retry=retry, prices=price, **options)


def _is_open(url: str) -> bool:
    """Whether what is sent there can be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}


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
