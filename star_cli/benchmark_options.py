"""The options of ``star score --benchmark``."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARK_OPTIONS = ("protocol", "interval", "resamples", "seed", "report_data")
"""Names that only count with --benchmark."""

_ONLY_REWARDS = ("task", "preset", "matching", "conflicts", "weights", "mode", "think_prefilled")

_OPTIONS = (
    click.option(
        "--benchmark",
        metavar="NAME",
        help="Evaluate on a benchmark instead: tvr, mindcube, mindcube-cogmap, sparbench, mmsi.",
    ),
    click.option(
        "--protocol",
        type=click.Choice(["strict", "official", "both"]),
        default="strict",
        show_default=True,
        help="strict reads the answer section only; official is the benchmark's own scorer.",
    ),
    click.option(
        "--interval",
        type=click.Choice(["formula", "bootstrap", "bca"]),
        default="formula",
        show_default=True,
        help="Method for the confidence intervals of a benchmark.",
    ),
    click.option(
        "--resamples", type=click.IntRange(min=1), default=1000, show_default=True, help="Bootstrap resamples."
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap."),
    click.option(
        "--report-data",
        metavar="FILE",
        help="Also write JSON with the score of every row, for `star report` without the FILEs.",
    ),
)


def benchmark_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; it takes them by their names."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


def take_benchmark_options(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any] | None:
    """Take the options of a benchmark out of a command's options; None where no benchmark is asked for.

    Raises:
        click.UsageError: an option was given that does not count.
    """
    taken = {name: options.pop(name) for name in ("benchmark", *BENCHMARK_OPTIONS)}
    idle = BENCHMARK_OPTIONS if taken["benchmark"] is None else _ONLY_REWARDS
    for name in idle:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            flag = f"--{name.replace('_', '-')}"
            reason = "only counts with --benchmark" if taken["benchmark"] is None else "is about rewards only"
            raise click.UsageError(f"{flag} {reason}")
    if taken["benchmark"] is None:
        return None
    return taken | {name: value for name, value in options.items() if name not in _ONLY_REWARDS}
