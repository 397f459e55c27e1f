"""Rewards and training runs -> the sections of a report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.evaluation.metric_names import written, written_range
from benchmarks.report.content import Figure, Figures, Grid, Histogram, Line, Lines, Number, Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.report.content import Cell, Item
    from benchmarks.report.row_scores import RowScores
    from benchmarks.report.runs import Run
    from benchmarks.report.training import Spread, Training


def rewards(runs: Sequence[Run]) -> Section:
    """What completions earned: totals and parts, and how often each value occurs."""
    items: list[Item] = []
    for run in runs:
        if run.rewards is not None:
            items += [
                *_summary(run.name, run.rewards),
                *_histograms(run.name, run.rewards["histograms"], run.rewards["rows"]),
            ]
        elif run.scores is not None and "total" in run.scores.values:
            items += _histograms(run.name, _counted(run.scores), len(run.scores.keys))
    return Section("Rewards", tuple(items))


def _summary(name: str, found: Mapping[str, Any]) -> list[Item]:
    figures = (
        Figure("mean total", _number("total", found["total"])),
        Figure("accuracy", _number("accuracy", found["accuracy"], " %"), "all right and no more"),
        Figure(
            "parse rate", _number("parse_rate", {"value": found["parse_rate"]}, " %"), "the form is as it should be"
        ),
        Figure("unit", _number("unit", {"value": found["unit"]}), "share of the best reward, from 0"),
    )
    parts = {**found["parts"], "total": found["total"]["value"]}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (part, Number(f"{mean:+.3f}".replace("-", "−"), value=mean)) for part, mean in parts.items()
    )
    return [
        Figures(figures, f"{name}, {found['rows']:,} rows", found["signature"]),
        Grid(f"{name}: mean of each part", ("part", "mean"), rows),
    ]


def _number(metric: str, found: Mapping[str, Any], sign: str = "") -> Number:
    value, low, high = found["value"], found.get("low"), found.get("high")
    bounds = written_range(metric, low, high)
    return Number(f"{written(metric, value)}{sign}", bounds and f"{bounds}{sign}", value, low, high)


def _counted(scores: RowScores) -> dict[str, list[tuple[float, int]]]:
    """Return how often each value of the total and of each part occurs."""
    columns = {"total": scores.values["total"]}
    columns |= {name[6:]: values for name, values in scores.values.items() if name.startswith("parts/")}
    return {name: sorted(Counter(np.round(values, 6).tolist()).items()) for name, values in columns.items()}


def _histograms(name: str, counts: Mapping[str, Sequence[Sequence[float]]], rows: int) -> list[Histogram]:
    return [
        Histogram(f"{name}: {part}", tuple((float(value), int(count)) for value, count in pairs), f"{rows:,} rows")
        for part, pairs in counts.items()
        if pairs and part != "unit"  # which is no part
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
