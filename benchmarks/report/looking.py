"""Is a model looking? The blind gap: how much better it is with its images than without, or with others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.comparison import paired_bootstrap
from benchmarks.metric_names import format_metric, format_range
from benchmarks.registry import find_benchmark
from benchmarks.report.compare import p_value
from benchmarks.report.content import Grid, Number, Section
from benchmarks.report.runs import pair_rows, row_scores
from benchmarks.run.made_with import unlike
from benchmarks.tables import Measure
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.report.content import Cell, Item
    from benchmarks.report.runs import Pairs, RowScores, Run

_SAME: Final = ("model", "revision")
_WORDS: Final = {
    "none": "without images",
    "shuffled": "images in another order",
    "swapped": "images of other questions",
}


def looking(runs: Sequence[Run], *, resamples: int, seed: int) -> Section:
    """Return the blind gap of each run with its images against each run of the same model without them.

    Runs tell by themselves which images were shown, see `benchmarks.run.made_with`.
    """
    items: list[Item] = []
    for seeing in runs:
        for blind in runs:
            if _is_blind(seeing, blind):
                try:
                    items.append(blind_gap(seeing, blind, resamples=resamples, seed=seed))
                except DataError as error:
                    items.append(f"{seeing.name} and {blind.name} could not be compared: {error}.")
    return Section("Is it looking?", tuple(items))


def _is_blind(seeing: Run, blind: Run) -> bool:
    same = all(seeing.made_with.get(name) == blind.made_with.get(name) for name in _SAME)
    shown = seeing.made_with.get("images") == "all" and blind.made_with.get("images") in _WORDS
    return same and shown and _what_is_asked(seeing) == _what_is_asked(blind)


def _what_is_asked(run: Run) -> tuple[str, str] | None:
    """Return the benchmark and the protocol; None of training data."""
    return None if run.evaluation is None else (run.evaluation["benchmark"], run.protocol)


def blind_gap(seeing: Run, blind: Run, *, resamples: int = 10_000, seed: int = 0) -> Grid:
    """Return a table of the headline metric with images and without, and the gap, by group of rows.

    The gap is of the rows that both runs answer; interval and p-value are those of a paired bootstrap over clusters.

    Args:
        seeing: the run with images.
        blind: the run without, or with others.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DataError: they share no row, or nobody knows what each row scored.
    """
    one, other = row_scores(blind), row_scores(seeing)
    pairs = pair_rows(one, other)
    clusters = None if one.clusters is None else one.clusters[pairs.first]
    lines: list[tuple[Cell, ...]] = []
    metric = find_benchmark(seeing.evaluation["benchmark"]).headline if seeing.evaluation else "accuracy"
    for group, without, with_images in _groups(one, other, pairs, metric):
        at = np.flatnonzero(without.counts & with_images.counts)
        if not len(at):
            continue
        x, y = without.values[at], with_images.values[at]
        found = paired_bootstrap(
            x, y, clusters=None if clusters is None else clusters[at], resamples=resamples, seed=seed
        )
        gap = found.difference
        shown = Number(
            format_metric(metric, gap.estimate, sign=True),
            format_range(metric, gap.low, gap.high),
            gap.estimate,
            gap.low,
            gap.high,
        )
        means = (Number(format_metric(metric, float(each.mean())), value=float(each.mean())) for each in (y, x))
        lines.append((group, f"{len(at):,}", *means, shown, Number(p_value(found.p_value), value=found.p_value)))
    how = _WORDS.get(blind.made_with.get("images", ""), blind.name)
    header = ("rows", "n", "with images", how, "blind gap", "p")
    note = f"paired bootstrap|resamples:{resamples}|seed:{seed}|level:0.95|{blind.name} against {seeing.name}"
    others = [name for name, *_ in unlike(seeing.made_with, blind.made_with) if name != "images"]
    note += f". Besides the images, these differ too: {', '.join(others)}" if others else ""
    return Grid(f"{seeing.name}: {metric}, in percent", header, tuple(lines), note=note, strong=1)


def _groups(blind: RowScores, seeing: RowScores, pairs: Pairs, metric: str) -> Iterator[tuple[str, Measure, Measure]]:
    """Yield each group of rows with the metric of both runs over the pairs; all rows alone, where no more is known."""
    if blind.measures is not None and seeing.measures is not None:
        without, with_images = blind.measures(pairs.first), seeing.measures(pairs.second)
        for group in with_images:
            if metric in with_images[group] and metric in without.get(group, {}):
                yield group, without[group][metric], with_images[group][metric]
        return
    every = np.ones(len(pairs.first), dtype=bool)
    x, y = (next(iter(scores.values.values())) for scores in (blind, seeing))
    yield "overall", Measure(x[pairs.first], every), Measure(y[pairs.second], every)
