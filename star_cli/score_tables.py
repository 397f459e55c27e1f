"""The tables that ``star score`` prints: of rewards, and with ``--benchmark`` of a benchmark."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rich.text import Text

from benchmarks.metric_names import MEANINGS, format_metric, format_range
from star_cli.console import how_many, source_name
from star_cli.screen import Screen, ruled_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import JustifyMethod
    from rich.table import Table

    from benchmarks import Report
    from benchmarks.run.group_counts import GroupCounts
    from benchmarks.run.reward_summary import Summary
    from benchmarks.statistics import Estimate, Interval

SHOWN_FAULTS = 8
SHOWN_DIFFERENCES = 12
_WIDE = 100  # columns of a terminal from which meanings are shown
_ACROSS = {"tvr": ("all", "ID", "OOD"), "mindcube-cogmap": ("overall",)}
"""Benchmarks with many metrics -> the groups of rows that have all of them, side by side."""
_DOWN = {"tvr": ("TAcc", "Diff", "NDiff"), "mindcube-cogmap": ("isomorphic", "overall_similarity")}
"""Likewise, the metrics that the other groups are shown with."""


def _print(
    console: Screen, headline: Text, tables: Iterable[Table], signatures: Iterable[str], out: str | None
) -> None:
    console.print(headline, soft_wrap=True)
    for table in tables:
        console.print()
        console.print(table)
    console.print()
    for signature in signatures:
        console.print(Text(signature, style="dim"), soft_wrap=True)
    if out is not None:
        console.print(Text(f"written to {out}", style="dim"), soft_wrap=True)


# --- rewards ---------------------------------------------------------------------------------------------------------


def print_rewards(
    summary: Summary, files: Sequence[str], *, meanings: Mapping[str, str], out: str | None, no_color: bool
) -> None:
    """Print a summary to standard output; *meanings* says what each part is."""
    tables = [_scores(summary, meanings)]
    if summary.faults:
        tables.append(_faults(summary, several=len(files) > 1))
    if summary.groups is not None and summary.groups.groups:
        tables.append(_groups(summary.groups, summary.grouped_by, compared=summary.compared))
    _print(Screen(color=not no_color), _summary_headline(summary, files), tables, [summary.signature], out)


def _summary_headline(summary: Summary, files: Sequence[str]) -> Text:
    text = Text.assemble((how_many(summary.rows, "row"), "bold"), f" of {source_name(files)}")
    if summary.dialects:
        text.append(f" ({', '.join(summary.dialects)})")
    return _with_ends(text, summary)


def _reward_table(*headers: str, numeric: Sequence[int]) -> Table:
    table = ruled_table()
    for number, header in enumerate(headers):
        last = number == len(headers) - 1
        justify: JustifyMethod = "right" if number in numeric else "left"
        width = 21 if number == 0 else None  # the tables stand below each other
        table.add_column(header, justify=justify, no_wrap=not last, style="dim" if last else "", min_width=width)
    return table


def _note(text: str) -> Text:
    """Return the text of a last column: the only one that gives way on a narrow terminal, over several lines."""
    return Text(text, overflow="fold")


def _scores(summary: Summary, meanings: Mapping[str, str]) -> Table:
    table = _reward_table("reward", "mean", "95% interval", "", numeric=(1, 2))
    table.add_row(
        "total", f"{summary.total.value:.3f}", _interval(summary.total), _note("sum of the parts"), style="bold"
    )
    for part, mean in summary.parts.items():
        counted = part not in summary.unweighted
        table.add_row(
            f"  {part}", f"{mean:.3f}" if counted else "–", "", _note(meanings[part] if counted else "weight 0")
        )
    table.rows[-1].end_section = True
    accuracy = summary.accuracy
    table.add_row("accuracy", _percent(accuracy.value), _interval(accuracy, 100), _note("exact match"), style="bold")
    table.add_row("parse_rate", _percent(summary.parse_rate), "", _note("well-formed"))
    table.add_row("unit", f"{summary.unit:.3f}", "", _note("normalized reward"))
    if summary.prefilled:
        share = _percent(summary.prefilled / summary.rows)
        table.add_row("prefilled", share, "", _note(f"{summary.prefilled:,} without an opening <think>"))
    return table


def _interval(estimate: Estimate, factor: float = 1.0) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    places, sign = (3, "") if factor == 1 else (1, "%")
    return f"{factor * estimate.low:.{places}f} to {factor * estimate.high:.{places}f}{sign}"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _faults(summary: Summary, *, several: bool) -> Table:
    table = _reward_table("fault", "rows", "", "first in", "", numeric=(1, 2))
    for fault in summary.faults[:SHOWN_FAULTS]:
        file, line = fault.example.rsplit(":", 1)
        place = f"{PurePath(file).name}:{line}" if several else f"line {line}"
        table.add_row(fault.code, f"{fault.rows:,}", _percent(fault.rows / summary.rows), place, _note(fault.message))
    if rest := summary.faults[SHOWN_FAULTS:]:
        more = sum(fault.rows for fault in rest)
        table.add_row(f"{len(rest)} others", f"{more:,}", _percent(more / summary.rows), "", _note("--json shows all"))
    return table


def _groups(groups: GroupCounts, grouped_by: Sequence[str], *, compared: bool) -> Table:
    by = f"by {', or '.join(grouped_by)}"
    table = _reward_table(f"{how_many(groups.groups, 'group')} of one prompt", "", "", by, numeric=(1, 2))
    if groups.smallest < groups.largest:
        sizes = f"{groups.smallest:,} to {groups.largest:,}"
        table.add_row("group sizes differ", sizes, "", _note("is it the prompt? --group"), style="yellow")
    zero, outranked = groups.zero_variance, groups.outranked
    table.add_row("zero variance", *_of(zero, groups.groups), _note("equal rewards: nothing to learn"))
    table.add_row(
        "wrong outranks right", *_of(outranked, groups.groups), _note("a wrong answer scores as high as a right one")
    )
    if compared:
        moved, rows = groups.groups_ranked_differently, groups.rows_ranked_differently
        table.add_row("ranking differs", *_of(moved, groups.groups), _note("under `paper` compared with `default`"))
        table.add_row("  rows", *_of(rows, groups.rows), _note("rows affected"))
    return table


def _of(count: int, total: int) -> tuple[str, str]:
    return f"{count:,}", _percent(count / total) if total else ""


# --- a benchmark -----------------------------------------------------------------------------------------------------


def print_report(report: Report, files: Sequence[str], *, out: str | None, no_color: bool) -> None:
    """Print a report to standard output."""
    console = Screen(color=not no_color)
    wide = console.width >= _WIDE
    tables = _side_by_side(report) if len(report.protocols) > 1 else _tables(report, report.protocols[0], wide=wide)
    for protocol in report.protocols:
        tables += _attempts(report, protocol) + _benchmark_faults(report, protocol)
    _print(console, _report_headline(report, files), tables + _differences(report), report.signatures.values(), out)


def _report_headline(report: Report, files: Sequence[str]) -> Text:
    text = Text.assemble(
        (how_many(report.rows, "row"), "bold"), f" of {source_name(files)} on {report.benchmark}, {report.protocol}"
    )
    return _with_ends(text, report)


def _with_ends(text: Text, found: Summary | Report) -> Text:
    """Add to a headline which rows say little about the model."""
    for what, count in found.ended.items():
        text.append(f"; {count:,} {what}", style="yellow")
    if found.errors:
        text.append(f"; {found.errors:,} more could not be scored", style="bold red")
    return text


def _benchmark_table(*headers: str, words: Sequence[int] = (0,), long: bool = False) -> Table:
    """Return a table; columns of words stand to the left, the others to the right.

    Numbers are never cut. With *long* names in the first column there is less space between columns, and a name takes
    several lines where a terminal is narrow.
    """
    gap = (0, 0, 0, 1) if long else (0, 1)
    table = ruled_table(padding=gap)
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
    pairs = [header for group in groups for header in (group, "95%")]
    shown = _benchmark_table("metric", *pairs, *([""] if wide else []), words=(0, 1 + len(pairs)))
    for metric in table[groups[0]]:
        cells = [cell for group in groups for cell in _cells(metric, table[group].get(metric))]
        meaning = Text(MEANINGS.get(metric, ""), style="dim", no_wrap=True, overflow="ellipsis")
        shown.add_row(metric, *cells, *([meaning] if wide else []))
    return shown


def _by_group(table: Mapping[str, Mapping[str, Interval]], metrics: Sequence[str]) -> Table:
    """A row for each group of rows, a column for each metric; the first with its interval."""
    first, *others = metrics
    shown = _benchmark_table("rows", "n", first, "95%", *others, long=True)
    for number, (group, found) in enumerate(table.items()):
        n = str(found[first].n) if first in found else ""
        rest = [format_metric(metric, found[metric].estimate) if metric in found else "–" for metric in others]
        style = "bold" if number == 0 and group == "overall" else None
        shown.add_row(group, n, *_cells(first, found.get(first)), *rest, style=style)
    return shown


def _cells(metric: str, found: Interval | None) -> tuple[str, str]:
    """Return an estimate and its range, which is kept short: three of each have to fit into 80 columns."""
    if found is None:
        return "–", ""
    return format_metric(metric, found.estimate), format_range(metric, found.low, found.high).replace(" to ", "…")


def _side_by_side(report: Report) -> list[Table]:
    """The most important metric of every group under both protocols."""
    one, other = report.protocols
    metric = report.headline
    shown = _benchmark_table("rows", "n", *(f"{name}, 95%" for name in report.protocols), "unparsed", long=True)
    for group, found in report.tables[one].items():
        strict = report.tables[other].get(group, {})
        if metric in found:
            unparsed = strict["unparsed"].estimate if "unparsed" in strict else None
            both = (_cells(metric, each) for each in (found[metric], strict.get(metric)))
            cells = (f"{estimate} {bounds:>9}" for estimate, bounds in both)
            shown.add_row(group, str(found[metric].n), *cells, format_metric("unparsed", unparsed))
    return [shown]


def _attempts(report: Report, protocol: str) -> list[Table]:
    if not report.attempts[protocol]:
        return []
    shown = _benchmark_table(f"several attempts, {protocol}", "", "95%", "prompts")
    for name, found in report.attempts[protocol].items():
        if found.mean is not None:
            shown.add_row(name, *_cells("accuracy", found.mean), str(found.mean.n))
    return [shown]


def _benchmark_faults(report: Report, protocol: str) -> list[Table]:
    faults = list(report.faults.get(protocol, {}).items())
    if not faults:
        return []
    shown = _benchmark_table(f"fault, {protocol}", "rows", "%", "first in", "end of the text", words=(0, 3, 4))
    for code, fault in faults[:SHOWN_FAULTS]:
        example = fault["examples"][0]
        tail = " ".join(example["end_of_text"].split())[-40:]
        place = f"line {example['place'].rpartition(':')[2]}"
        share = format_metric("", fault["rows"] / report.rows)
        text = Text(tail, style="dim", no_wrap=True, overflow="ellipsis")
        shown.add_row(code, f"{fault['rows']:,}", share, place, text)
    if rest := faults[SHOWN_FAULTS:]:
        more = sum(fault["rows"] for _, fault in rest)
        shown.add_row(f"{len(rest)} others", f"{more:,}", format_metric("", more / report.rows), "", "--json shows all")
    return [shown]


def _differences(report: Report) -> list[Table]:
    if not report.differences:
        return []
    one, other = report.protocols
    shown = _benchmark_table(f"{report.differing:,} rows differ", one, "", other, "", words=(0, 1, 2, 3, 4))
    for row in report.differences[:SHOWN_DIFFERENCES]:
        shown.add_row(Text(str(row["id"])), *_answer(row[one]), *_answer(row[other]))
    if report.differing > SHOWN_DIFFERENCES:
        shown.add_row(f"{report.differing - SHOWN_DIFFERENCES:,} more: see --out")
    return [shown]


def _answer(row: Mapping[str, Any]) -> tuple[Text, str]:
    said = row["fault"] if row["answer"] is None else str(row["answer"])
    mark = "right" if row["correct"] else "unparsed" if row["parsed"] is False else "wrong"
    return Text(said or "", style="dim" if row["answer"] is None else "", no_wrap=True, overflow="ellipsis"), mark
