"""The tables that ``star score --benchmark`` prints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.evaluation.metric_names import MEANINGS, written, written_range
from star_cli.score_table import how_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks import Report
    from benchmarks.statistics import Interval

SHOWN_FAULTS = 8
SHOWN_DIFFERENCES = 12
_WIDE = 100  # columns of a terminal from which meanings are shown
_ACROSS = {"tvr": ("all", "ID", "OOD"), "mindcube-cogmap": ("overall",)}
"""Benchmarks with many metrics -> the groups of rows that have all of them, side by side."""
_DOWN = {"tvr": ("TAcc", "Diff", "NDiff"), "mindcube-cogmap": ("isomorphic", "overall_similarity")}
"""Likewise, the metrics that the other groups are shown with."""


def print_report(report: Report, files: Sequence[str], *, out: str | None, no_color: bool) -> None:
    """Print a report to standard output."""
    plain = no_color or bool(os.environ.get("NO_COLOR"))
    console = Console(color_system=None if plain else "auto", highlight=False)
    console.print(_headline(report, files), soft_wrap=True)
    wide = console.width >= _WIDE
    tables = _side_by_side(report) if len(report.protocols) > 1 else _tables(report, report.protocols[0], wide=wide)
    for protocol in report.protocols:
        tables += _attempts(report, protocol) + _faults(report, protocol)
    for table in tables + _differences(report):
        console.print()
        console.print(table)
    console.print()
    for signature in report.signatures.values():
        console.print(Text(signature, style="dim"), soft_wrap=True)
    if out is not None:
        console.print(Text(f"written to {out}", style="dim"), soft_wrap=True)


def _headline(report: Report, files: Sequence[str]) -> Text:
    named = "standard input" if files[0] == "-" else files[0]
    source = named if len(files) == 1 else f"{len(files)} files"
    text = Text.assemble(
        (how_many(report.rows, "row"), "bold"), f" of {source} on {report.benchmark}, {report.protocol}"
    )
    if report.errors:
        text.append(f"; {report.errors:,} more could not be scored", style="bold red")
    return text


def _table(*headers: str, words: Sequence[int] = (0,), long: bool = False) -> Table:
    """Return a table; columns of words stand to the left, the others to the right.

    Numbers are never cut. With *long* names in the first column there is less space between columns, and a name takes
    several lines where a terminal is narrow.
    """
    gap = (0, 0, 0, 1) if long else (0, 1)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold cyan", padding=gap)
    for number, header in enumerate(headers):
        if number in words:
            folded = long and number == 0
            table.add_column(header, overflow="fold" if folded else "ellipsis", no_wrap=number == 0 and not folded)
        else:
            table.add_column(header, justify="right", no_wrap=True)
    return table


def _tables(report: Report, protocol: str, *, wide: bool) -> list[Table]:
    table = report.tables[protocol]
    if report.benchmark not in _ACROSS:
        return [_by_group(table, list(next(iter(table.values()))))]
    groups = [group for group in _ACROSS[report.benchmark] if group in table]
    others = {group: metrics for group, metrics in table.items() if group not in groups}
    down = [_by_group(others, _DOWN[report.benchmark])] if others else []
    return [_by_metric(table, groups, wide=wide), *down]


def _by_metric(table: Mapping[str, Mapping[str, Interval]], groups: Sequence[str], *, wide: bool) -> Table:
    """A row for each metric, a column for each group of rows."""
    pairs = [header for group in groups for header in (group, "95 %")]
    shown = _table("metric", *pairs, *([""] if wide else []), words=(0, 1 + len(pairs)))
    for metric in table[groups[0]]:
        cells = [cell for group in groups for cell in _cells(metric, table[group].get(metric))]
        meaning = Text(MEANINGS.get(metric, ""), style="dim", no_wrap=True, overflow="ellipsis")
        shown.add_row(metric, *cells, *([meaning] if wide else []))
    return shown


def _by_group(table: Mapping[str, Mapping[str, Interval]], metrics: Sequence[str]) -> Table:
    """A row for each group of rows, a column for each metric; the first with its interval."""
    first, *others = metrics
    shown = _table("rows", "n", first, "95 %", *others, long=True)
    for number, (group, found) in enumerate(table.items()):
        n = str(found[first].n) if first in found else ""
        rest = [written(metric, found[metric].estimate) if metric in found else "–" for metric in others]
        style = "bold" if number == 0 and group == "overall" else None
        shown.add_row(group, n, *_cells(first, found.get(first)), *rest, style=style)
    return shown


def _cells(metric: str, found: Interval | None) -> tuple[str, str]:
    """Return an estimate and its range, which is kept short: three of each have to fit into 80 columns."""
    if found is None:
        return "–", ""
    return written(metric, found.estimate), written_range(metric, found.low, found.high).replace(" to ", "…")


def _side_by_side(report: Report) -> list[Table]:
    """The most important metric of every group under both protocols."""
    one, other = report.protocols
    metric = report.headline
    shown = _table("rows", "n", *(f"{name}, 95 %" for name in report.protocols), "unparsed", long=True)
    for group, found in report.tables[one].items():
        strict = report.tables[other].get(group, {})
        if metric in found:
            unparsed = strict["unparsed"].estimate if "unparsed" in strict else None
            both = (_cells(metric, each) for each in (found[metric], strict.get(metric)))
            cells = (f"{estimate} {bounds:>9}" for estimate, bounds in both)
            shown.add_row(group, str(found[metric].n), *cells, written("unparsed", unparsed))
    return [shown]


def _attempts(report: Report, protocol: str) -> list[Table]:
    if not report.attempts[protocol]:
        return []
    shown = _table(f"several attempts, {protocol}", "", "95 %", "prompts")
    for name, found in report.attempts[protocol].items():
        if found.mean is not None:
            shown.add_row(name, *_cells("accuracy", found.mean), str(found.mean.n))
    return [shown]


def _faults(report: Report, protocol: str) -> list[Table]:
    faults = list(report.faults.get(protocol, {}).items())
    if not faults:
        return []
    shown = _table(f"fault, {protocol}", "rows", "%", "first in", "end of the text", words=(0, 3, 4))
    for code, fault in faults[:SHOWN_FAULTS]:
        example = fault["examples"][0]
        tail = " ".join(example["end_of_text"].split())[-40:]
        place = f"line {example['place'].rpartition(':')[2]}"
        share = written("", fault["rows"] / report.rows)
        text = Text(tail, style="dim", no_wrap=True, overflow="ellipsis")
        shown.add_row(code, f"{fault['rows']:,}", share, place, text)
    if rest := faults[SHOWN_FAULTS:]:
        more = sum(fault["rows"] for _, fault in rest)
        shown.add_row(f"{len(rest)} others", f"{more:,}", written("", more / report.rows), "", "--json shows all")
    return [shown]


def _differences(report: Report) -> list[Table]:
    if not report.differences:
        return []
    one, other = report.protocols
    shown = _table(f"{report.differing:,} rows differ", one, "", other, "", words=(0, 1, 2, 3, 4))
    for row in report.differences[:SHOWN_DIFFERENCES]:
        shown.add_row(Text(str(row["id"])), *_answer(row[one]), *_answer(row[other]))
    if report.differing > SHOWN_DIFFERENCES:
        shown.add_row(f"{report.differing - SHOWN_DIFFERENCES:,} more: see --out")
    return [shown]


def _answer(row: Mapping[str, Any]) -> tuple[Text, str]:
    said = row["fault"] if row["answer"] is None else str(row["answer"])
    mark = "right" if row["correct"] else "unparsed" if row["parsed"] is False else "wrong"
    return Text(said or "", style="dim" if row["answer"] is None else "", no_wrap=True, overflow="ellipsis"), mark
