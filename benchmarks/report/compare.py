"""Two runs on the same rows -> differences with tests, how many rows would tell, and the rows that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.comparison import McNemar, SampleSize, mcnemar, paired_bootstrap, sample_size
from benchmarks.metric_names import PLAIN, format_metric, format_range
from benchmarks.report.content import Example, Grid, Number, Passage, Section
from benchmarks.report.runs import pair_rows, row_scores
from benchmarks.report.source_rows import SourceRow, completion_passage, matched_triplets, prompt_passages, read_places
from benchmarks.run.made_with import unlike
from benchmarks.tables import Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from benchmarks.comparison import Comparison
    from benchmarks.report.content import Cell, Item
    from benchmarks.report.runs import Pairs, RowScores, Run


class Compared(NamedTuple):
    """Two runs compared.

    Attributes:
        names: of the runs.
        scores: of the rows of both.
        pairs: the rows that they share.
        counted: how many of these the numbers are about: those that the benchmark's overall numbers are about.
        means: metric -> means of the first and of the second.
        differences: metric -> second minus first.
        right: right and wrong answers of both.
        advice: rows that the difference in right answers needs.
        changed: places among the pairs of rows that are right in one run only: lost ones, gained ones.
        settings: of the bootstrap.
        unlike: how the runs were made differently: what, and of the first and of the second.
    """

    names: tuple[str, str]
    scores: tuple[RowScores, RowScores]
    pairs: Pairs
    counted: int
    means: dict[str, tuple[float, float]]
    differences: dict[str, Comparison]
    right: McNemar
    advice: SampleSize
    changed: tuple[Sequence[int], Sequence[int]]
    settings: str
    unlike: Sequence[tuple[str, str, str]] = ()


def compare(first: Run, second: Run, *, resamples: int = 10_000, seed: int = 0) -> Compared:
    """Compare two runs on the rows that they share.

    Args:
        first: a run.
        second: another; differences are its numbers minus those of the first.
        resamples: of the paired bootstrap.
        seed: of the paired bootstrap.

    Raises:
        DataError: they share none, or nobody knows what each row scored.
    """
    one, other = row_scores(first), row_scores(second)
    pairs = pair_rows(one, other)
    measures = _shared(one, other, pairs)
    clusters = next(
        (run.clusters[at] for run, at in ((one, pairs.first), (other, pairs.second)) if run.clusters is not None), None
    )
    means, differences = {}, {}
    for metric, (x, y) in measures.items():
        at = np.flatnonzero(x.counts & y.counts)
        before, after = x.values[at], y.values[at]
        means[metric] = float(before.mean()), float(after.mean())
        some = None if clusters is None else clusters[at]
        differences[metric] = paired_bootstrap(before, after, clusters=some, resamples=resamples, seed=seed)
    x, y = next(iter(measures.values()))  # whether a row is right, as it counts in the overall number
    places = np.flatnonzero(x.counts & y.counts)
    counted = None if clusters is None else clusters[places]
    was, is_ = _right(one)[pairs.first], _right(other)[pairs.second]
    groups = len(places) if counted is None else len(np.unique(counted))
    return Compared(
        (first.name, second.name),
        (one, other),
        pairs,
        len(places),
        means,
        differences,
        mcnemar(was[places], is_[places]),
        sample_size(x.values[places], y.values[places], clusters=counted),
        (np.flatnonzero(was & ~is_).tolist(), np.flatnonzero(~was & is_).tolist()),
        f"paired bootstrap|resamples:{resamples}|seed:{seed}|level:0.95|n:{len(places)}|clusters:{groups}",
        [*unlike(first.made_with, second.made_with), *_other_prompts(one, other, pairs)],
    )


def _other_prompts(one: RowScores, other: RowScores, pairs: Pairs) -> list[tuple[str, str, str]]:
    """Return a line that says of how many rows the prompts differ, where any do."""
    if one.asked is None or other.asked is None:
        return []
    x, y = one.asked[pairs.first], other.asked[pairs.second]
    count = int(((x != y) & (x != 0) & (y != 0)).sum())
    return [("prompts", f"{count:,} of {len(x):,} rows", "were asked otherwise")] if count else []


def _shared(one: RowScores, other: RowScores, pairs: Pairs) -> dict[str, tuple[Measure, Measure]]:
    """Return the metrics of both over the pairs; whether a row is right is the first, whatever it is called.

    They are the benchmark's own overall numbers where both runs know them, else plain numbers of each row.
    """
    x = next(iter(one.measures(pairs.first).values()), {}) if one.measures else {}
    y = next(iter(other.measures(pairs.second).values()), {}) if other.measures else {}
    if x and y and next(iter(x)) == next(iter(y)):
        return {
            metric: (x[metric], y[metric])
            for metric in x
            if metric in y and (x[metric].counts & y[metric].counts).any()
        }
    every = np.ones(len(pairs.first), dtype=bool)
    names = [name for name in one.values if name in other.values and not name.startswith("parts/")]
    plain = {next(iter(other.values)): (_right(one), _right(other))}
    plain |= {name: (one.values[name], other.values[name]) for name in names}
    return {
        metric: (Measure(before[pairs.first], every), Measure(after[pairs.second], every))
        for metric, (before, after) in plain.items()
    }


def _right(scores: RowScores) -> npt.NDArray[Any]:
    return next(iter(scores.values.values()))


SHOWN_CHANGES: Final = 24
"""Changed rows that a report shows, half of them gained and half of them lost where there are enough."""


def comparison(first: Run, second: Run, found: Compared) -> list[Section]:
    """Return the sections of a comparison: differences, tests and advice; and the rows that changed."""
    title = f"{found.names[0]} → {found.names[1]}"
    numbers: tuple[Item, ...] = (
        *_unlike(found),
        _differences(found),
        _contingency(found),
        advice(found),
        *_unshared(found),
    )
    return [Section(title, numbers), Section("Changed rows", tuple(changed_rows(first, second, found)))]


def _unlike(found: Compared) -> list[Grid]:
    """Say in what the runs were made differently, where they tell."""
    title = "The runs were not made alike"
    return [Grid(title, ("", *found.names), tuple(found.unlike), words=3)] if found.unlike else []


def _differences(found: Compared) -> Grid:
    rows: list[tuple[Cell, ...]] = []
    for metric, compared in found.differences.items():
        before, after = found.means[metric]
        gap = compared.difference
        bounds = format_range(metric, gap.low, gap.high)
        difference = Number(format_metric(metric, gap.estimate, sign=True), bounds, gap.estimate, gap.low, gap.high)
        means = (Number(format_metric(metric, value), value=value) for value in (before, after))
        rows.append((metric, *means, difference, Number(p_value(compared.p_value), value=compared.p_value)))
    plain = [metric for metric in found.differences if metric in PLAIN]
    title = f"The same {found.counted:,} rows; %{', except ' + ' and '.join(plain) if plain else ''}"
    header = ("metric", *found.names, "difference", "p")
    return Grid(title, header, tuple(rows), note=found.settings)


def p_value(p: float) -> str:
    """Return a p-value as tables show it.

    >>> p_value(0.00001), p_value(0.0312)
    ('< 0.001', '0.031')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _contingency(found: Compared) -> Grid:
    counts, (one, other) = found.right, found.names
    rows = (
        (f"{one} right", f"{counts.both:,}", f"{counts.only_first:,}"),
        (f"{one} wrong", f"{counts.only_second:,}", f"{counts.neither:,}"),
    )
    note = (
        f"McNemar's exact p: {p_value(counts.p_value)}. It takes rows as independent; where they come in clusters, "
        "trust the paired bootstrap."
    )
    return Grid("Rows", ("", f"{other} right", f"{other} wrong"), rows, note=note)


def advice(found: Compared) -> str:
    """Say how many rows the difference needs to be seen."""
    needed, have = found.advice, found.counted
    if needed.paired is None or needed.unpaired is None:
        return "Both runs have equally many right rows: no number of rows would tell a difference of zero."
    shown = format_metric("accuracy", needed.difference, sign=True)
    return (
        f"Power: detecting {shown} points (alpha .05, 80% power) needs ~{needed.paired:,} paired rows, or "
        f"~{needed.unpaired:,} unpaired rows per run; n = {have:,}."
    )


def _unshared(found: Compared) -> list[str]:
    pairs, (one, other) = found.pairs, found.names
    left_out = []
    if pairs.only_first or pairs.only_second:
        left_out.append(
            f"Left out: {pairs.only_first:,} rows that only {one} has, {pairs.only_second:,} that only {other} has."
        )
    if outside := len(pairs.first) - found.counted:
        left_out.append(f"Left out of the numbers, as of the benchmark's own overall ones: {outside:,} rows.")
    return left_out


def changed_rows(first: Run, second: Run, found: Compared) -> list[Item]:
    """Return the rows that are right in one run only, with what is at hand of prompt, images, completions, triplets."""
    lost, gained = found.changed
    half = SHOWN_CHANGES // 2
    some_lost = lost[: max(half, SHOWN_CHANGES - len(gained))]
    some_gained = gained[: SHOWN_CHANGES - len(some_lost)]
    shown = sorted([(at, False) for at in some_lost] + [(at, True) for at in some_gained])
    if not shown:
        return []
    one, other = found.scores
    sides = [
        _rows(first, one, [int(found.pairs.first[at]) for at, _ in shown]),
        _rows(second, other, [int(found.pairs.second[at]) for at, _ in shown]),
    ]
    examples = [_example(found.names, is_gain, *both) for (_, is_gain), *both in zip(shown, *sides, strict=True)]
    examples[0] = examples[0]._replace(unfolded=True)
    count = len(lost) + len(gained)
    return [f"{count:,} rows changed: {len(gained):,} gained, {len(lost):,} lost; {len(shown):,} are shown.", *examples]


class _Row(NamedTuple):
    """What is known of a row: as its file has it, or as `star score --out` has written it."""

    reading: SourceRow | None
    written: dict[str, Any]


def _rows(run: Run, scores: RowScores, rows: Sequence[int]) -> list[_Row]:
    places = [] if scores.places is None else [scores.places[row] for row in rows]
    readings = read_places(run, set(places)) if run.evaluation is not None else {}
    found = [readings.get(place) for place in places] or [None] * len(rows)
    written_rows = [{} if scores.written is None else dict(scores.written[row]) for row in rows]
    titles = [f"line {place[1]}" for place in places] or [""] * len(rows)
    return [
        _Row(reading, {"id": title, **row}) for reading, row, title in zip(found, written_rows, titles, strict=True)
    ]


def _example(names: tuple[str, str], is_gain: bool, one: _Row, other: _Row) -> Example:
    reading = one.reading or other.reading
    passages = list(prompt_passages(reading)) if reading else []
    grids = []
    for name, row in zip(names, (one, other), strict=True):
        if row.reading is not None:
            passages.append(completion_passage(row.reading, name))
            grid = (
                matched_triplets(row.reading, name)
                if isinstance(row.reading.values.get("target"), list | str)
                else None
            )
            grids += [grid] if grid is not None and grid.rows else []
        elif "answer" in row.written:
            passages.append(Passage(f"Answer, {name}", str(row.written["answer"] or row.written.get("fault") or "–")))
    return Example(
        reading.title if reading else str(one.written["id"]),
        "wrong → right" if is_gain else "right → wrong",
        is_gain,
        reading.images if reading else (),
        tuple(passages),
        tuple(grids),
    )
