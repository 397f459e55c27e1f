"""What a benchmark is to the evaluation: the columns that it reads, how its rows are scored, what is made of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from benchmarks.evaluation.scores import Row, ScoreRows
    from benchmarks.tables import Cell, Stats

Protocol = Literal["official", "strict"]

USUAL: Final[dict[str, type]] = {"correct": bool, "score": float, "parsed": bool, "answer": str, "fault": str}
"""Columns that are written for every row under either protocol, and their types; null where a protocol does not say."""


class Rules(NamedTuple):
    """A protocol of one benchmark.

    Attributes:
        score: scores some rows.
        cells: the numbers of the tables, the most important group and metric first.
        fields: columns that are written for a row besides the usual ones, and their types.
        aggregate: the benchmark's own summary under its own names; None where it has none under this protocol.
    """

    score: ScoreRows
    cells: Callable[[Stats], Iterator[Cell]]
    fields: Mapping[str, type]
    aggregate: Callable[[Stats], dict[str, Any]] | None = None


class Benchmark(NamedTuple):
    """A benchmark.

    Attributes:
        name: what ``--benchmark`` calls it.
        reads: role of a column (`benchmarks.evaluation.known.COLUMNS`) -> the name under which its scorers read it.
        required: roles of the gold that a row must have.
        rules: by protocol.
        headline: the metric that stands for the whole.
        scene: returns what tells a row's scene from others; None where its columns do not tell.
        takes_records: whether a completion may be a list of records instead of text.
    """

    name: str
    reads: Mapping[str, str]
    required: tuple[str, ...]
    rules: Mapping[Protocol, Rules]
    headline: str
    scene: Callable[[Row], Any] = lambda row: None  # noqa: ARG005  its columns do not tell
    takes_records: bool = False


def same(*names: str) -> dict[str, str]:
    """Return names that mean themselves."""
    return dict(zip(names, names, strict=True))


def usual(
    *, correct: bool, score: float, parsed: bool | None, answer: Any = None, fault: str | None = None
) -> dict[str, Any]:
    """Return the columns `USUAL`."""
    return {"correct": correct, "score": score, "parsed": parsed, "answer": answer, "fault": fault}


def of_rows(
    aggregate: Callable[[Iterable[Mapping[str, Any]]], dict[str, Any]], columns: Mapping[str, str]
) -> Callable[[Stats], dict[str, Any]]:
    """Return an official summary as a function of statistics.

    Args:
        aggregate: takes rows.
        columns: the rows' columns -> the statistic that each is.
    """

    def of_stats(stats: Stats) -> dict[str, Any]:
        values = zip(*(stats[name].tolist() for name in columns.values()), strict=True)
        return aggregate(dict(zip(columns, row, strict=True)) for row in values)

    return of_stats
