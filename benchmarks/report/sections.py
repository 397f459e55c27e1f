"""Runs -> the sections of a report: results, groups, faults, protocols, rewards, training."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.metric_names import LOWER_IS_BETTER, MEANINGS, PLAIN, format_metric, format_range
from benchmarks.registry import find_benchmark
from benchmarks.report.content import (
    Bar,
    Bars,
    Example,
    Figure,
    Figures,
    Grid,
    Histogram,
    Line,
    Lines,
    Number,
    Passage,
    Section,
)
from benchmarks.report.instructive import instructive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.report.content import Cell, Item
    from benchmarks.report.runs import RowScores, Run, Spread, Training

    Found = Mapping[str, Any]  # an interval as JSON has it

_TVR_BARS: Final = {
    "Accuracy by view": (("ID", "ID (center)"), ("OOD", "OOD"), ("left", "left"), ("right", "right")),
    "Accuracy by visible objects": tuple(
        (f"visible_{name}", f"{name.replace('-', '–')} objects") for name in ("1-3", "4-6", "7-8", "9-10")
    ),
    "Accuracy by number of changes": tuple((f"step_{k}", f"{k} change{'s' * (k > 1)}") for k in range(1, 9)),
}
_MOST_EXAMPLES: Final = 3  # of a fault


def number(metric: str, found: Found | None) -> Number:
    """Return a number of a table with its bounds."""
    if found is None:
        return Number("–")
    value, low, high = found["estimate"], found["low"], found["high"]
    return Number(format_metric(metric, value), format_range(metric, low, high), value, low, high)


def results(runs: Sequence[Run]) -> Section:
    """The headline: the most important metrics of each run, with intervals and the signatures they depend on."""
    items: list[Item] = []
    for benchmark in dict.fromkeys(run.evaluation["benchmark"] for run in runs if run.evaluation):
        of_benchmark = [run for run in runs if run.evaluation and run.evaluation["benchmark"] == benchmark]
        one = len(of_benchmark) == 1
        items.append(_headline_figures(of_benchmark[0]) if one else _headline_table(benchmark, of_benchmark))
    return Section("Results", tuple(items))


def _first_group(run: Run) -> Mapping[str, Found]:
    return next(iter(run.table.values()))


def _headline_figures(run: Run) -> Figures:
    assert run.evaluation is not None
    found = _first_group(run)
    metrics = [metric for metric in find_benchmark(run.evaluation["benchmark"]).shown if metric in found]
    shown = [_figure(metric, metric, found[metric]) for metric in metrics]
    if run.evaluation["benchmark"] == "tvr":
        shown[1:1] = [
            _figure(f"TAcc, {group}", "TAcc", run.table[group]["TAcc"]) for group in ("ID", "OOD") if group in run.table
        ]
    title = f"{find_benchmark(run.evaluation['benchmark']).title}: {run.name}, {run.evaluation['rows']:,} rows"
    return Figures(tuple(shown), title, run.evaluation["signatures"][run.protocol])


def _figure(name: str, metric: str, found: Found) -> Figure:
    plain = metric in PLAIN
    value = number(metric, found)
    shown = value if plain else value._replace(text=f"{value.text}%", bounds=value.bounds and f"{value.bounds}%")
    return Figure(name, shown, MEANINGS.get(metric, ""))


def _headline_table(benchmark: str, runs: Sequence[Run]) -> Grid:
    metrics = [metric for metric in find_benchmark(benchmark).shown if any(metric in _first_group(run) for run in runs)]
    groups = [group for group in ("ID", "OOD") if benchmark == "tvr" and any(group in run.table for run in runs)]
    header = ("run", "rows", *metrics, *(f"{group} TAcc" for group in groups))
    rows = []
    for run in runs:
        assert run.evaluation is not None
        cells: list[Cell] = [number(metric, _first_group(run).get(metric)) for metric in metrics]
        cells += [number("TAcc", run.table.get(group, {}).get("TAcc")) for group in groups]
        rows.append((run.name, f"{run.evaluation['rows']:,}", *cells))
    signatures = "; ".join(dict.fromkeys(run.evaluation["signatures"][run.protocol] for run in runs if run.evaluation))
    return Grid(f"{find_benchmark(benchmark).title}, {_units(metrics)}", header, tuple(rows), note=signatures)


def _units(metrics: Iterable[str]) -> str:
    plain = [metric for metric in metrics if metric in PLAIN]
    return f"%, except {' and '.join(plain)}" if plain else "%"


def by_group(runs: Sequence[Run]) -> Section:
    """Accuracy by view, object count and steps, by setting, task or type, with error bars."""
    items: list[Item] = []
    for benchmark in dict.fromkeys(run.evaluation["benchmark"] for run in runs if run.evaluation):
        of_benchmark = [run for run in runs if run.evaluation and run.evaluation["benchmark"] == benchmark]
        assert of_benchmark[0].evaluation is not None
        metric = of_benchmark[0].evaluation["headline"]
        if benchmark == "tvr":
            for title, groups in _TVR_BARS.items():
                items.append(_bars(title, [(label, group, metric) for group, label in groups], of_benchmark))
            attributes = [(name, None, name) for name in ("color", "shape", "size", "material", "position")]
            items.append(_bars("Accuracy by attribute", attributes, of_benchmark))
        else:
            title = f"{find_benchmark(benchmark).title}: {metric} by question type"
            items.append(_bars(title, [(group, group, metric) for group in of_benchmark[0].table], of_benchmark))
    return Section("Breakdown", tuple(item for item in items if not isinstance(item, Bars) or item.labels))


def _bars(title: str, cells: Iterable[tuple[str, str | None, str]], runs: Sequence[Run]) -> Bars:
    """Return bars of (label, group, metric), as far as some run has them; the group None is that of all rows."""

    def found(run: Run, group: str | None, metric: str) -> Found | None:
        return (_first_group(run) if group is None else run.table.get(group, {})).get(metric)

    shown = [cell for cell in cells if any(found(run, *cell[1:]) is not None for run in runs)]
    series = tuple(
        (run.name, tuple(_bar(label, metric, found(run, group, metric)) for label, group, metric in shown))
        for run in runs
    )
    plain = all(metric in PLAIN for _, _, metric in shown)
    return Bars(title, tuple(label for label, _, _ in shown), series, limit=0.0 if plain else 100.0)


def _bar(label: str, metric: str, found: Found | None) -> Bar | None:
    if found is None:
        return None
    scale = 1 if metric in PLAIN else 100
    low, high = (None if found[name] is None else scale * found[name] for name in ("low", "high"))
    value = number(metric, found)
    tip = f"{label}: {value.text}{f' ({value.bounds})' if value.bounds else ''}, {found['n']:,} rows"
    return Bar(scale * found["estimate"], low, high, value, tip)


def all_metrics(runs: Sequence[Run]) -> Section:
    """Every number of every run, as tables; pass@k and mean@k; the rows on which protocols differ."""
    items: list[Item] = []
    for run in runs:
        if run.evaluation is not None:
            items += [*_full_table(run), *_attempts(run)]
    return Section("All numbers", tuple(items))


def _full_table(run: Run) -> list[Item]:
    assert run.evaluation is not None
    groups = list(run.table)
    metrics = list(dict.fromkeys(metric for group in run.table.values() for metric in group))
    title = f"{run.name}: {find_benchmark(run.evaluation['benchmark']).title}, {run.protocol}, {_units(metrics)}"
    if len(metrics) > 4:  # more metrics than fit beside each other: a row for each
        across = [group for group in groups if group in ("all", "ID", "OOD", "overall")]
        rows: list[tuple[Cell, ...]] = [
            (metric, *(number(metric, run.table[group].get(metric)) for group in across), MEANINGS.get(metric, ""))
            for metric in metrics
        ]
        return [Grid(title, ("metric", *across, ""), tuple(rows), note=_lower(metrics), remarks=1)]
    lines: list[tuple[Cell, ...]] = [
        (group, f"{next(iter(found.values()))['n']:,}", *(number(metric, found.get(metric)) for metric in metrics))
        for group, found in run.table.items()
    ]
    return [Grid(title, ("rows", "n", *metrics), tuple(lines), note=_lower(metrics), strong=1)]


def _lower(metrics: Iterable[str]) -> str:
    names = [metric for metric in metrics if metric in LOWER_IS_BETTER]
    return f"Lower is better: {', '.join(names)}." if names else ""


def _attempts(run: Run) -> list[Item]:
    assert run.evaluation is not None
    found = run.evaluation["attempts"][run.protocol]
    if not found:
        return []
    rows = [
        (
            name,
            number("accuracy", at_k) if at_k["estimate"] is not None else "–",
            f"{at_k.get('n', 0):,}",
            f"{at_k['left_out']:,}",
        )
        for name, at_k in found.items()
    ]
    header = ("several attempts", "%", "prompts", "with fewer")
    return [Grid(f"{run.name}: several completions of one prompt", header, tuple(rows))]


def faults(runs: Sequence[Run]) -> Section:
    """What was wrong with the form of completions, how often, with examples."""
    items: list[Item] = []
    for run in runs:
        for code_rows, examples in (_evaluation_faults(run), (_reward_faults(run), [])):
            if code_rows:
                items.append(Grid(f"{run.name}: faults", ("fault", "first in", "rows", "%"), tuple(code_rows), words=2))
                items += examples
    return Section("Faults", tuple(items))


def _evaluation_faults(run: Run) -> tuple[list[tuple[Cell, ...]], list[Example]]:
    if run.evaluation is None:
        return [], []
    rows: list[tuple[Cell, ...]] = []
    examples = []
    total = run.evaluation["rows"]
    for code, fault in run.evaluation["faults"].get(run.protocol, {}).items():
        rows.append(
            (
                code,
                _place(fault["examples"][0]["place"]),
                f"{fault['rows']:,}",
                format_metric("", fault["rows"] / total),
            )
        )
        passages = tuple(
            Passage(f"{_place(each['place'])}, end of the text", each["end_of_text"] or "(empty)")
            for each in fault["examples"][:_MOST_EXAMPLES]
        )
        examples.append(Example(code, f"{fault['rows']:,} rows", None, passages=passages))
    return rows, examples


def _place(place: str) -> str:
    """Return ``file:line`` without the folder, which is nobody's business."""
    return PurePath(place).name


def _reward_faults(run: Run) -> list[tuple[Cell, ...]]:
    if run.rewards is None:
        return []
    total = run.rewards["rows"]
    return [
        (
            each["code"],
            f"{_place(each['example'])}: {each['message']}",
            f"{each['rows']:,}",
            format_metric("", each["rows"] / total),
        )
        for each in run.rewards["faults"]
    ]


def completions(runs: Sequence[Run]) -> Section:
    """Completions of each kind, to be read."""
    return Section("Completions to read", tuple(item for run in runs if run.rewards for item in instructive(run)))


def protocols(runs: Sequence[Run]) -> Section:
    """The two protocols side by side, and rows on which they differ."""
    items: list[Item] = []
    for run in runs:
        if run.evaluation is not None and run.evaluation["protocol"] == "both":
            items += _side_by_side(run)
    return Section("Two protocols", tuple(items))


def _side_by_side(run: Run) -> list[Item]:
    assert run.evaluation is not None
    tables, metric = run.evaluation["tables"], run.evaluation["headline"]
    rows = [
        (
            group,
            f"{found[metric]['n']:,}",
            number(metric, found[metric]),
            number(metric, tables["strict"].get(group, {}).get(metric)),
            number("unparsed", tables["strict"].get(group, {}).get("unparsed")),
        )
        for group, found in tables["official"].items()
        if metric in found
    ]
    header = ("rows", "n", f"{metric}, official", f"{metric}, strict", "unparsed")
    notes = "; ".join(run.evaluation["signatures"].values())
    differing = [
        (str(row["id"]), *_said(row["official"]), *_said(row["strict"])) for row in run.evaluation["differences"][:30]
    ]
    title = f"{run.name}: {run.evaluation['differing']:,} rows that the protocols score differently"
    return [
        Grid(f"{run.name}, %", header, tuple(rows), note=notes, strong=1),
        Grid(title, ("id", "official reads", "", "strict reads", ""), tuple(differing), words=5)
        if differing
        else "Both protocols score every row alike.",
    ]


def _said(row: Mapping[str, Any]) -> tuple[str, str]:
    verdict = "right" if row["correct"] else "unparsed" if row["parsed"] is False else "wrong"
    return str(row["answer"] if row["answer"] is not None else row["fault"] or "–"), verdict


def rewards(runs: Sequence[Run]) -> Section:
    """What completions scored: totals and parts, and how often each value occurs."""
    items: list[Item] = []
    for run in runs:
        if run.rewards is not None:
            items += [
                *_summary(run.name, run.rewards),
                *_histograms(
                    run.name, run.rewards["histograms"], run.rewards["rows"], run.rewards.get("unweighted", ())
                ),
            ]
        elif run.scores is not None and "total" in run.scores.values:
            items += _histograms(run.name, _counted(run.scores), len(run.scores.keys))
    return Section("Rewards", tuple(items))


def _summary(name: str, found: Mapping[str, Any]) -> list[Item]:
    figures = (
        Figure("mean total", _number("total", found["total"])),
        Figure("accuracy", _number("accuracy", found["accuracy"], "%"), "exact match"),
        Figure("parse rate", _number("parse_rate", {"value": found["parse_rate"]}, "%"), "well-formed"),
        Figure("unit", _number("unit", {"value": found["unit"]}), "normalized reward"),
    )
    parts = {**found["parts"], "total": found["total"]["value"]}
    idle = found.get("unweighted", ())  # a mean of 0 would look like a failure
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (part, "weight 0" if part in idle else Number(f"{mean:+.3f}".replace("-", "−"), value=mean))
        for part, mean in parts.items()
    )
    return [
        Figures(figures, f"{name}, {found['rows']:,} rows", found["signature"]),
        Grid(f"{name}: mean of each part", ("part", "mean"), rows),
    ]


def _number(metric: str, found: Mapping[str, Any], sign: str = "") -> Number:
    value, low, high = found["value"], found.get("low"), found.get("high")
    bounds = format_range(metric, low, high)
    return Number(f"{format_metric(metric, value)}{sign}", bounds and f"{bounds}{sign}", value, low, high)


def _counted(scores: RowScores) -> dict[str, list[tuple[float, int]]]:
    """Return how often each value of the total and of each part occurs."""
    columns = {"total": scores.values["total"]}
    columns |= {name[6:]: values for name, values in scores.values.items() if name.startswith("parts/")}
    return {name: sorted(Counter(np.round(values, 6).tolist()).items()) for name, values in columns.items()}


def _histograms(
    name: str, counts: Mapping[str, Sequence[Sequence[float]]], rows: int, idle: Sequence[str] = ()
) -> list[Histogram]:
    """Return how often each value of the total occurs, and of each part in the order of the parts."""
    return [
        Histogram(
            f"{name}: {part}",
            tuple((float(value), int(count)) for value, count in pairs),
            f"{rows:,} rows",
            "total reward" if part == "total" else f"reward of {part}",
        )
        for part, pairs in counts.items()
        if pairs and part != "unit" and part not in idle  # unit is no part
    ]


def training(runs: Sequence[Run]) -> Section:
    """Response length and rewards over the steps of training runs."""
    logged = [(run.name, run.training) for run in runs if run.training is not None]
    if not logged:
        return Section("Training", ())
    lengths = tuple(_line(name, found.steps, found.lengths) for name, found in logged)
    total = sum(found.completions for _, found in logged)
    charts: list[Item] = [
        Lines(
            "Response length over training",
            "step",
            lengths,
            f"Characters: mean, and the 10th to 90th percentile; {total:,} completions.",
        )
    ]
    for column in dict.fromkeys(column for _, found in logged for column in found.rewards):
        curves = [_reward_line(name, found, column) for name, found in logged if column in found.rewards]
        charts.append(Lines(f"{column} over training", "step", tuple(curves), "Mean of each step's completions."))
    return Section("Training", tuple(charts))


def _line(name: str, steps: Sequence[int], spreads: Sequence[Spread]) -> Line:
    return Line(
        name,
        tuple(map(float, steps)),
        tuple(each.mean for each in spreads),
        tuple(each.low for each in spreads),
        tuple(each.high for each in spreads),
    )


def _reward_line(name: str, found: Training, column: str) -> Line:
    points = found.rewards[column]
    return Line(name, tuple(map(float, points)), tuple(each.mean for each in points.values()))
