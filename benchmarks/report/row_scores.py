"""What each row of a run scored, and which rows of two runs are the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.files.blocks import number_of
from benchmarks.files.chunks import BadRow
from benchmarks.files.rows import read_chunks
from benchmarks.mindcube.settings import OUTSIDE_OVERALL
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import numpy.typing as npt

_OF_STATS: Final = {"dist": "Diff", "norm_dist": "NDiff", "overall_similarity": "overall_similarity"}


class RowScores(NamedTuple):
    """Scores of n rows.

    Attributes:
        keys: what tells a row from others: its id, or its line, and the how many-th of that it is.
        values: metric -> ``(n,)``; the first is whether a row is right.
        clusters: ``(n,)``, rows with the same number are not independent; None where that is unknown.
        places: ``(n,)``, number of the file and line, where the rows can be read; None where nobody knows.
        written: id, answer and fault of each row where only those are known; None otherwise.
        counted: ``(n,)``, which rows the benchmark's overall numbers are about; None: all.
        tasks: ``(n,)``, the task of each row where these numbers are means over tasks of their means; None elsewhere.
    """

    keys: Sequence[Hashable]
    values: Mapping[str, npt.NDArray[Any]]
    clusters: npt.NDArray[np.uint64] | None = None
    places: Sequence[tuple[int, int]] | None = None
    written: Sequence[Mapping[str, Any]] | None = None
    counted: npt.NDArray[np.bool_] | None = None
    tasks: npt.NDArray[Any] | None = None


def of_evaluation(columns: Mapping[str, Any], protocol: str, headline: str) -> RowScores:
    """Take the scores of rows out of `benchmarks.Report.row_scores`, or what JSON has made of it."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    stats = {name.removeprefix(f"{protocol}."): values for name, values in arrays.items() if "." in name}
    values = {"TAcc" if headline == "TAcc" else "accuracy": stats["correct"].astype(bool)}
    values |= {"score": stats["score"].astype(float)} if headline == "score" else {}
    values |= {metric: stats[name].astype(float) for name, metric in _OF_STATS.items() if name in stats}
    ids, lines = columns["id"], columns["line"]
    places = list(zip(arrays["file"].tolist(), arrays["line"].tolist(), strict=True))
    names = [int(number) or f"line {line}" for number, line in zip(ids, lines, strict=True)]
    settings = stats.get("setting")
    return RowScores(
        _numbered(names),
        values,
        np.array(columns["cluster"], dtype=np.uint64),
        places,
        counted=None if settings is None else ~np.isin(settings.astype(str), sorted(OUTSIDE_OVERALL)),
        tasks=stats.get("task"),
    )


def of_scores_file(path: str) -> RowScores:
    """Read what ``star score --out`` has written, of rewards or of a benchmark. Rows with errors are left out.

    Raises:
        DataError: it is no such file, or holds no scores.
    """
    rows: list[dict[str, Any]] = []
    for chunk in read_chunks(path):
        for at, row in enumerate(chunk.rows):
            if isinstance(row, BadRow) or "correct" not in row:
                reason = row.message if isinstance(row, BadRow) else "there is no column 'correct'"
                raise DataError(f"{chunk.place(at)}: {reason}; star score --out writes such a file")
            if row.get("error") is None:
                rows.append(row)
    if not rows:
        raise DataError(f"{path}: there are no scores in it")
    values: dict[str, npt.NDArray[Any]] = {"accuracy": np.array([bool(row["correct"]) for row in rows])}
    for name in ("score", "total"):
        if name in rows[0]:
            values[name] = np.array([float(row[name]) for row in rows])
    for part in rows[0].get("parts") or ():
        values[f"parts/{part}"] = np.array([float(row["parts"][part]) for row in rows])
    groups = [row.get("group") for row in rows]
    clusters = None if all(group is None for group in groups) else _cluster_numbers(groups)
    return RowScores(_numbered([number_of(row["id"]) for row in rows]), values, clusters, written=rows)


def _cluster_numbers(groups: Iterable[Any]) -> npt.NDArray[np.uint64]:
    numbers = [row if group is None else number_of(group) for row, group in enumerate(groups)]
    return np.array(numbers, dtype=np.uint64)


def _numbered(names: Iterable[Hashable]) -> list[Hashable]:
    """Tell rows of one name apart by the order in which they come."""
    seen: Counter[Hashable] = Counter()
    keys: list[Hashable] = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


class Pairs(NamedTuple):
    """Rows that two runs share: their places in the first and in the second, and how many each has alone."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    only_first: int
    only_second: int


def pair_rows(first: RowScores, second: RowScores) -> Pairs:
    """Find the rows that two runs share, by id (or line).

    Raises:
        DataError: they share none.
    """
    places = {key: at for at, key in enumerate(second.keys)}
    both = [(at, places[key]) for at, key in enumerate(first.keys) if key in places]
    if not both:
        raise DataError("the two runs share no row: no id (or line, where rows have no id) is in both")
    one, other = (np.array(each, dtype=np.int64) for each in zip(*both, strict=True))
    return Pairs(one, other, len(first.keys) - len(both), len(second.keys) - len(both))
