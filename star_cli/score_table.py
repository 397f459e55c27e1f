"""The table that ``star score`` prints."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import JustifyMethod

    from benchmarks.rollouts.groups import GroupCounts
    from benchmarks.rollouts.intervals import Estimate
    from benchmarks.rollouts.summary import Summary

SHOWN_FAULTS = 8


def print_table(
    summary: Summary, files: Sequence[str], *, meanings: Mapping[str, str], out: str | None, no_color: bool
) -> None:
    """Print a summary to standard output; *meanings* says what each part is."""
    plain = no_color or bool(os.environ.get("NO_COLOR"))
    console = Console(color_system=None if plain else "auto", highlight=False)
    console.print(_headline(summary, files), soft_wrap=True)
    tables = [_scores(summary, meanings)]
    if summary.faults:
        tables.append(_faults(summary, several=len(files) > 1))
    if summary.groups is not None and summary.groups.groups:
        tables.append(_groups(summary.groups, compared=summary.compared))
    for table in tables:
        console.print()
        console.print(table)
    console.print()
    console.print(Text(summary.signature, style="dim"), soft_wrap=True)
    if out is not None:
        console.print(Text(f"written to {out}", style="dim"), soft_wrap=True)


def _headline(summary: Summary, files: Sequence[str]) -> Text:
    named = "standard input" if files[0] == "-" else files[0]
    text = Text.assemble(
        (how_many(summary.rows, "row"), "bold"), f" of {named if len(files) == 1 else f'{len(files)} files'}"
    )
    if summary.dialects:
        text.append(f" ({', '.join(summary.dialects)})")
    if summary.errors:
        text.append(f"; {summary.errors:,} more could not be scored", style="bold red")
    return text


def _table(*headers: str, numeric: Sequence[int] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold cyan")
    for number, header in enumerate(headers):
        last = number == len(headers) - 1
        justify: JustifyMethod = "right" if number in numeric else "left"
        width = 21 if number == 0 else None  # the tables stand below each other
        table.add_column(header, justify=justify, no_wrap=not last, style="dim" if last else "", min_width=width)
    return table


def _note(text: str) -> Text:
    """Return the text of a last column: the only one that gives way on a narrow terminal."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _scores(summary: Summary, meanings: Mapping[str, str]) -> Table:
    table = _table("reward", "mean", "95 % interval", "", numeric=(1, 2))
    table.add_row(
        "total", f"{summary.total.value:.3f}", _interval(summary.total), _note("the parts added up"), style="bold"
    )
    for part, mean in summary.parts.items():
        table.add_row(f"  {part}", f"{mean:.3f}", "", _note(meanings[part]))
    table.rows[-1].end_section = True
    accuracy = summary.accuracy
    table.add_row(
        "accuracy", _percent(accuracy.value), _interval(accuracy, 100), _note("all of it right, no more"), style="bold"
    )
    table.add_row("parse_rate", _percent(summary.parse_rate), "", _note("nothing wrong with the form"))
    table.add_row("unit", f"{summary.unit:.3f}", "", _note("share of the best reward"))
    if summary.prefilled:
        share = _percent(summary.prefilled / summary.rows)
        table.add_row("prefilled", share, "", _note(f"{summary.prefilled:,} without an opening <think>"))
    return table


def _interval(estimate: Estimate, factor: float = 1.0) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    places, sign = (3, "") if factor == 1 else (1, " %")
    return f"{factor * estimate.low:.{places}f} to {factor * estimate.high:.{places}f}{sign}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _faults(summary: Summary, *, several: bool) -> Table:
    table = _table("fault", "rows", "", "first in", "", numeric=(1, 2))
    for fault in summary.faults[:SHOWN_FAULTS]:
        file, line = fault.example.rsplit(":", 1)
        place = f"{PurePath(file).name}:{line}" if several else f"line {line}"
        table.add_row(fault.code, f"{fault.rows:,}", _percent(fault.rows / summary.rows), place, _note(fault.message))
    if rest := summary.faults[SHOWN_FAULTS:]:
        more = sum(fault.rows for fault in rest)
        table.add_row(f"{len(rest)} others", f"{more:,}", _percent(more / summary.rows), "", _note("--json shows all"))
    return table


def _groups(groups: GroupCounts, *, compared: bool) -> Table:
    table = _table(f"{how_many(groups.groups, 'group')} of one prompt", "", "", "", numeric=(1, 2))
    zero, outranked = groups.zero_variance, groups.outranked
    table.add_row("zero variance", *_of(zero, groups.groups), _note("all paid the same: nothing to learn"))
    table.add_row(
        "wrong outranks right", *_of(outranked, groups.groups), _note("a wrong answer earns like a right one")
    )
    if compared:
        moved, rows = groups.groups_ranked_differently, groups.rows_ranked_differently
        table.add_row("paper ranks otherwise", *_of(moved, groups.groups), _note("another order than under default"))
        table.add_row("  rows", *_of(rows, groups.rows), _note("whose place that changes"))
    return table


def how_many(number: int, noun: str) -> str:
    """Return a number of things: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _of(count: int, total: int) -> tuple[str, str]:
    return f"{count:,}", _percent(count / total) if total else ""
