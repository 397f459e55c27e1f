"""What a benchmark is to the evaluation: the columns that it reads, how its rows are scored, what is made of that.

A benchmark declares itself as one `Benchmark` in its own folder; `benchmarks.registry` lists them.
"""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from benchmarks.files.columns import ROLES
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.tables import Cell, Stats

    Row = Mapping[str, Any]
    ScoreRows = Callable[[Sequence[Row]], "Scores"]

Protocol = Literal["official", "strict"]

PROTOCOLS: Final[dict[str, tuple[Protocol, ...]]] = {
    "strict": ("strict",),
    "official": ("official",),
    "both": ("official", "strict"),
}
"""What ``--protocol`` takes -> the protocols that it means."""

COLUMNS: Final = ROLES | {
    **{role: (role,) for role in ("view", "attributes", "initial_objects", "final_objects", "n_visible", "index")},
    "id": (*ROLES["id"], "index"),
    "kind": ("task", "category", "question_type"),
    "setting": ("setting",),
    "cogmap": ("grounded_cogmap",),
}
"""What a column can be, and the names it is known by, see `benchmarks.files.columns.ROLES`."""

COMMON_FIELDS: Final[dict[str, type]] = {"correct": bool, "score": float, "parsed": bool, "answer": str, "fault": str}
"""Columns that are written for every row under either protocol, and their types; null where a protocol does not say."""


def known_columns(benchmark: Benchmark) -> Mapping[str, tuple[str, ...]]:
    """Return what a column of a benchmark's rows can be, and the usual names: `COLUMNS`, and its own roles."""
    return {**benchmark.columns, **COLUMNS}


def joined_roles(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the roles that come from a file of targets, where there is one: all that is read but what was written."""
    return tuple(role for role in (*benchmark.reads, "scene") if role not in ("completion", "id"))


class Scores(NamedTuple):
    """Scores of n rows.

    Attributes:
        stats: what is kept of each row until the end, by name, each ``(n,)`` or ``(n, k)``; always with ``correct``
            (bool), ``score`` in [0, 1] and, where the protocol can tell, ``parsed`` (bool).
        faults: code of what is wrong with a row's text, or None, ``(n,)``.
        rows: makes what is written for each row.
        answers: what each row says, ``(n,)``, None for nothing; None where the protocol does not tell.
    """

    stats: Stats
    faults: Sequence[str | None]
    rows: Callable[[], list[dict[str, Any]]]
    answers: Sequence[Any] | None = None


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
        title: what people call it.
        reads: role of a column (`COLUMNS`) -> the name under which its scorers read it.
        required: roles of the target that a row must have.
        rules: by protocol.
        headline: the metric that stands for the whole.
        shown: the metrics that reports show first and comparisons compare, as far as its tables have them.
        columns: role -> names of columns that count before the usual ones, see `COLUMNS`; or of a role of its own.
        tasks: the tasks whose answers it scores -> what a row holds beside its answer; ``star audit`` takes these.
        scene: returns what tells a row's scene from others; None where its columns do not tell.
        takes_records: whether a completion may be a list of records instead of text.
    """

    name: str
    title: str
    reads: Mapping[str, str]
    required: tuple[str, ...]
    rules: Mapping[Protocol, Rules]
    headline: str
    shown: tuple[str, ...] = ("accuracy", "unparsed")
    columns: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    tasks: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    scene: Callable[[Row], Any] = lambda row: None  # noqa: ARG005  its columns do not tell
    takes_records: bool = False


def score_each(
    rows: Sequence[Row],
    score_row: Callable[[Row], dict[str, Any]],
    keep: Callable[[Row, Mapping[str, Any]], dict[str, Any]],
) -> Scores:
    """Score rows one by one.

    Args:
        rows: at least one.
        score_row: returns what is written for a row, with the columns `COMMON_FIELDS`.
        keep: from a row and what is written for it, returns what is kept of it besides ``correct``, ``score`` and
            ``parsed``.
    """
    written, kept = zip(*((found := score_row(row), keep(row, found)) for row in rows), strict=True)
    names = [name for name in ("correct", "score", "parsed") if written[0][name] is not None]
    stats = {name: as_array([each[name] for each in written]) for name in names}
    stats |= {name: as_array([each[name] for each in kept]) for name in kept[0]}
    faults, answers = ([each[name] for each in written] for name in ("fault", "answer"))
    return Scores(stats, faults, lambda: list(written), answers)


def as_array(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Return values as an array; text as objects, each different one kept once.

    >>> as_array(["left", "right"]).dtype, as_array([True, False]).dtype
    (dtype('O'), dtype('bool'))
    """
    if values and isinstance(values[0], str):
        return np.array([sys.intern(str(value)) for value in values], dtype=object)
    return np.array(values)


def identity(*names: str) -> dict[str, str]:
    """Return names that mean themselves."""
    return dict(zip(names, names, strict=True))


def common_fields(
    *, correct: bool, score: float, parsed: bool | None, answer: Any = None, fault: str | None = None
) -> dict[str, Any]:
    """Return the columns `COMMON_FIELDS`."""
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


def column(row: Mapping[str, Any], name: str) -> Any:
    """Return ``row[name]``.

    Raises:
        DataError: the row has no such column.

    >>> column({"answer": "B"}, "answer")
    'B'
    """
    if name not in row:
        raise DataError(f"column {name!r} is missing; the row has {', '.join(map(repr, row)) or 'no columns'}")
    return row[name]


def text_column(row: Mapping[str, Any], name: str) -> str:
    """Return ``row[name]`` as text; None, which stands for a model that wrote nothing, is empty text.

    Raises:
        DataError: the row has no such column.
    """
    value = column(row, name)
    return "" if value is None else str(value)


def mean(values: list[float]) -> float | None:
    """Return the mean, or None where there is nothing to average: a table never holds NaN."""
    return sum(values) / len(values) if values else None


def find_protocols(name: str) -> tuple[Protocol, ...]:
    """Return the protocols that ``strict``, ``official`` or ``both`` means.

    Raises:
        ConfigError: for another name.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"there is no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def output_schema(benchmark: Benchmark, protocols: tuple[Protocol, ...]) -> dict[str, Any]:
    """Return the columns of an output row and their types, see `benchmarks.run.output`.

    Of two protocols the first one's columns stand beside ``id``, and the second one's below its name.
    """
    first, *others = protocols
    fields: dict[str, Any] = {"id": str, **COMMON_FIELDS, **benchmark.rules[first].fields}
    for other in others:
        fields |= {other: {**COMMON_FIELDS, **benchmark.rules[other].fields}, "differs": bool}
    return {**fields, "error": str}
