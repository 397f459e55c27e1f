"""``star serve``: the reward over HTTP."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import click

from star_cli.console import echo
from star_cli.options import reward_settings, setting_options

SHORTEST_TOKEN = 16


@click.command(short_help="Serve the reward over HTTP.")
@setting_options(several_tasks=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the token that clients must show; or the environment variable STAR_TOKEN.",
)
@click.option("--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes that score.")
@click.option(
    "--max-mb", type=click.FloatRange(0.001, 1024), default=8.0, show_default=True, help="Largest request, in MiB."
)
@click.option(
    "--waiting",
    type=click.IntRange(1, 1_000_000),
    default=1024,
    show_default=True,
    help="Requests at a time; further ones get 503.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds for a request to arrive, and then to be scored.",
)
def serve(
    *,
    host: str,
    port: int,
    token_file: Path | None,
    workers: int,
    max_mb: float,
    waiting: int,
    timeout: float,
    task: tuple[str, ...],
    **settings: Any,
) -> None:
    """Serve the reward over HTTP.

    POST /get_reward is OpenRLHF's protocol, POST /score takes a batch of completions and targets; GET /health
    and /metrics. Without --task rows are of the task tvr unless they name another; given several times, it names
    the tasks that a data set mixes. SIGTERM ends it when the requests that are there are answered.
    """
    from trainers.serve.answers import LOG_FORMAT, Served
    from trainers.serve.app import Limits
    from trainers.serve.app import serve as run

    logging.basicConfig(format=LOG_FORMAT, level=logging.WARNING)
    overrides = (found := reward_settings(**settings)).pop("overrides")
    limits = Limits(body=int(max_mb * 2**20), waiting=waiting, timeout=timeout)
    run(
        Served(task, {**found, **overrides}),
        host=host,
        port=port,
        token=read_token(token_file),
        workers=workers,
        limits=limits,
        on_start=lambda address: echo(f"star serve: {address}", err=True),
    )


def read_token(file: Path | None) -> str | None:
    """Return the token, which no command line holds: other people see those."""
    token = (os.environ.get("STAR_TOKEN") if file is None else file.read_text("utf-8", "replace")) or None
    if token is None and file is None:
        return None
    token = (token or "").strip()
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        where = "STAR_TOKEN" if file is None else str(file)
        raise click.UsageError(f"{where} holds no token: at least {SHORTEST_TOKEN} characters without white space")
    return token
