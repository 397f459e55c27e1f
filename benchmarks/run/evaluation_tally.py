"""The rows of a block -> their scores under every protocol asked for, added up until all rows are scored.

`BlockScorer` scores a block and says which of its rows belong together; `EvaluationTally` adds up what metrics are made
of, the faults, and where two protocols differ.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.benchmark import as_array
from benchmarks.files.blocks import number_of
from benchmarks.files.columns import unwrap
from benchmarks.run.made_with import Makers, asked_numbers
from benchmarks.run.score_files import Scored, wrong_targets
from rewards.errors import DataError
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from benchmarks.benchmark import Benchmark, Protocol, Scores
    from benchmarks.files.blocks import Block

KEPT_ERRORS: Final = 100
"""Rows that could not be scored whose errors are kept."""
SHOWN_DIFFERENCES: Final = 200
"""Rows on which protocols differ that are kept to be shown; all are counted."""
_EXAMPLES: Final = 3  # of a fault
_EXCERPT: Final = 300  # characters of an example
_COMMON: Final = ("cluster", "prompt", "id", "file", "line", "asked")


class RowClusters(NamedTuple):
    """Which rows belong together: 64-bit numbers, ``(rows,)`` each; None for a row on its own.

    Attributes:
        clusters: rows with the same number are not independent.
        kind: what clusters are: ``"scene"``, ``"prompt"`` or ``"id"``; None where no row tells.
        prompts: rows with the same number answer the same prompt.
        ids: rows with the same number have the same id.
        named: whether there are prompt ids, or several attempts on one line: then rows that share a prompt are
            completions of it for certain.
    """

    clusters: Sequence[int | None]
    kind: str | None
    prompts: Sequence[int | None]
    ids: Sequence[int | None]
    named: bool


class Evaluated(NamedTuple):
    """What a tally takes of a block: its scores by protocol, and which rows belong together."""

    scores: Mapping[Protocol, Scores]
    clusters: RowClusters


@dataclass(frozen=True, slots=True)
class BlockScorer:
    """Scores a block, see `benchmarks.run.score_files.score_files`.

    Attributes:
        benchmark: whose rows they are.
        protocols: the first one's columns are written beside the row's id.
    """

    benchmark: Benchmark
    protocols: Sequence[Protocol]

    def __call__(self, block: Block) -> Scored:
        """Score the rows of a block; those with wrong targets become errors."""
        block, rows = self._read(block)
        try:
            scores = self._score(rows)
        except DataError:
            errors: dict[int, str] = {}
            for rules in self._rules().values():
                errors = wrong_targets(rules, rows) | errors
            block, rows = block.without(errors), [row for at, row in enumerate(rows) if at not in errors]
            scores = self._score(rows)
        return Scored(block, Evaluated(scores, row_clusters(block, rows, self.benchmark)), lambda: written_rows(scores))

    def _rules(self) -> dict[Protocol, Callable[..., Scores]]:
        return {protocol: self.benchmark.rules[protocol].score for protocol in self.protocols}

    def _score(self, rows: Sequence[Mapping[str, Any]]) -> dict[Protocol, Scores]:
        return {protocol: score(rows) for protocol, score in self._rules().items()} if rows else {}

    def _read(self, block: Block) -> tuple[Block, list[dict[str, Any]]]:
        """Return the rows as the scorers read them, and the block without those whose completion is no text."""
        names = {name: block.columns[role] for role, name in self.benchmark.reads.items() if role in block.columns}
        completion = self.benchmark.reads["completion"]
        rows: list[dict[str, Any]] = []
        errors: dict[int, str] = {}
        for at, values in enumerate(zip(*names.values(), strict=True)):
            row = dict(zip(names, values, strict=True))
            try:
                row[completion] = _said(row[completion], records=self.benchmark.takes_records)
                rows.append(row)
            except DataError as error:
                errors[at] = str(error)
        return block.without(errors), rows


def _said(value: Any, *, records: bool) -> Any:
    """Return a completion as text, or, where it may be one, as a list of records."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    if records and not _are_messages(value):
        return value
    return completion_text(unwrap(value))


def _are_messages(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and not first.keys().isdisjoint(("role", "content"))


def row_clusters(block: Block, rows: Sequence[Mapping[str, Any]], benchmark: Benchmark) -> RowClusters:
    """Say which rows belong together.

    A row's cluster is its scene: the column ``scene`` or, where there is none, what the benchmark's own columns tell.
    If they do not tell, it is the prompt. A prompt is a ``prompt_id`` (with the step); else the rows with the same id,
    target, view and index.
    The text of a prompt (and its step) stands in for an id only where a row has none: questions about different images
    are often worded alike.
    """
    blank: list[Any] = [None] * len(block)
    ids = _numbers(block.columns.get("id", blank))
    named, asked = blank, blank
    if block.group_key[:1] == ("group",):
        named = block.groups()
    elif "prompt" in block.columns:
        texts = block.numbers([role for role in ("prompt", "step") if role in block.columns])
        asked = [text if own is None else None for own, text in zip(ids, texts, strict=True)]
    details = [block.columns.get(role, blank) for role in (*benchmark.required, "view", "index")]
    by_id, by_text = _questions(ids, details), _questions(asked, details)
    by_line = block.numbers(())
    prompts = _first_known(named, _first_known(by_id, _first_known(by_text, by_line)))
    column = block.columns.get("scene")
    scenes = _numbers(map(benchmark.scene, rows) if column is None else column)
    kinds = {"scene": scenes, "prompt": _first_known(named, _first_known(by_text, by_line)), "id": by_id}
    kind = next((kind for kind, numbers in kinds.items() if any(number is not None for number in numbers)), None)
    told = any(number is not None for number in (*named, *by_line))
    return RowClusters(_first_known(scenes, prompts), kind, prompts, ids, told)


def _questions(names: Sequence[int | None], details: Sequence[Sequence[Any]]) -> list[int | None]:
    """Number what rows ask: the same name and details are the same question; None where a row has no name."""
    return [None if name is None else number_of(key) for name, *key in zip(names, names, *details, strict=True)]


def _first_known(first: Sequence[int | None], second: Sequence[int | None]) -> list[int | None]:
    return [one if one is not None else other for one, other in zip(first, second, strict=True)]


def _numbers(values: Any) -> list[int | None]:
    """Number values; rows that stand together often share one, which is then numbered once."""
    numbers: list[int | None] = []
    last = number = None
    for value in values:
        if value is not last and value != last:
            last, number = value, None if value is None else number_of(value)
        numbers.append(number)
    return numbers


def written_rows(scores: Mapping[Protocol, Scores]) -> list[dict[str, Any]]:
    """Return what is written for each row; under a second protocol below its name."""
    written = [each.rows() for each in scores.values()]
    for name, rows in list(zip(scores, written, strict=True))[1:]:
        for row, other in zip(written[0], rows, strict=True):
            row |= {name: other, "differs": (row["correct"], row["score"]) != (other["correct"], other["score"])}
    return written[0] if written else []


class EvaluationTally:
    """Adds up blocks, see `benchmarks.run.score_files.Tally`.

    Args:
        files: the input's names; a row is found again by the number of its file and its line.
        spool: where a copy of the arrays is kept, for a run that may have to go on; None for nowhere.
        state: what an earlier run's `save` returned, to go on from there.
    """

    def __init__(
        self, files: Sequence[str], *, spool: Path | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        self._files = {path: number for number, path in enumerate(files)}
        self.state: dict[str, Any] = {"rows": 0, "kind": None, "named": False, "faults": {}, "error_messages": []}
        self.state |= {"differing": 0, "differences": []}
        self.state |= state or {}
        self.makers = Makers(self.state.setdefault("made_with", {}))
        self._store = ColumnStore(spool, size=self.state.get("spooled", 0))

    def add(self, scored: Scored) -> None:
        """Add a block."""
        evaluated: Evaluated = scored.result
        block = scored.block
        if not len(block):
            return
        rows, state = len(block), self.state
        alone = np.arange(state["rows"], state["rows"] + rows, dtype=np.uint64)
        clusters = evaluated.clusters
        common = (
            _filled(clusters.clusters, alone),
            _filled(clusters.prompts, alone),
            _filled(clusters.ids, np.zeros(rows, dtype=np.uint64)),
            np.full(rows, self._files[block.chunk.path], dtype=np.int32),
            np.array([block.chunk.lines[at] for at in block.at], dtype=np.int64),
            np.array(asked_numbers(block), dtype=np.uint64),
        )
        columns: dict[str, npt.NDArray[Any]] = dict(zip(_COMMON, common, strict=True))
        for protocol, scores in evaluated.scores.items():
            columns |= {f"{protocol}.{name}": values for name, values in scores.stats.items()}
            said = [0 if answer is None else _answer_number(str(answer)) for answer in scores.answers or ()]
            columns |= {f"{protocol}.said": np.array(said, dtype=np.uint64)} if said else {}
            self._add_faults(protocol, scores.faults, block)
        self._store.add(columns)
        self.makers.add(block)
        state["rows"] += rows
        state["kind"] = state["kind"] or clusters.kind
        state["named"] = state["named"] or clusters.named
        self._add_differences(evaluated, block)

    def add_error(self, message: str) -> None:
        """Add what is wrong with a row that could not be scored."""
        if len(self.state["error_messages"]) < KEPT_ERRORS:
            self.state["error_messages"].append(message)

    def _add_faults(self, protocol: Protocol, faults: Sequence[str | None], block: Block) -> None:
        found = self.state["faults"].setdefault(protocol, {})
        for row, code in enumerate(faults):
            if code is not None:
                fault = found.setdefault(code, {"rows": 0, "examples": []})
                fault["rows"] += 1
                if len(fault["examples"]) < _EXAMPLES:
                    text = str(block.columns["completion"][row])
                    place = block.chunk.place(block.at[row])
                    fault["examples"].append({"place": place, "end_of_text": text[-_EXCERPT:]})

    def _add_differences(self, evaluated: Evaluated, block: Block) -> None:
        if len(evaluated.scores) < 2:
            return
        one, other = (scores.stats for scores in evaluated.scores.values())
        differ = (one["correct"] != other["correct"]) | (np.abs(one["score"] - other["score"]) > 1e-9)
        self.state["differing"] += int(differ.sum())
        left = SHOWN_DIFFERENCES - len(self.state["differences"])
        if left > 0 and differ.any():
            written, ids = written_rows(evaluated.scores), block.ids()
            self.state["differences"] += [
                {"id": ids[row], "place": block.chunk.place(block.at[row]), **_both(written[row], evaluated)}
                for row in np.flatnonzero(differ)[:left].tolist()
            ]

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is kept of the rows: ``cluster``, ``prompt``, ``id``, ``file``, ``line``, ``asked`` and
        ``{protocol}.{statistic}``, ``(rows, ...)`` each. An ``id`` is a number, 0 where a row has none; so are
        ``asked``, shared by rows with the same prompt, and the statistic ``said``, by rows with the same answer.
        """  # noqa: D205
        return self._store.columns()

    def save(self) -> dict[str, Any]:
        """Make what was added last, and return the rest of the state."""
        return {**self.state, "spooled": self._store.save()}

    def close(self, *, remove: bool = True) -> None:
        """Close the file of arrays and, by default, remove it."""
        self._store.close(remove=remove)


@lru_cache(maxsize=4096)
def _answer_number(answer: str) -> int:
    """Number an answer; answers that differ in case or white space alone are the same."""
    return number_of(" ".join(answer.lower().split()))


def _filled(numbers: Sequence[int | None], otherwise: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = [own if own is not None else other for own, other in zip(numbers, otherwise.tolist(), strict=True)]
    return np.array(values, dtype=np.uint64)


def _both(row: Mapping[str, Any], evaluated: Evaluated) -> dict[str, Any]:
    first, second = evaluated.scores
    shown = ("answer", "correct", "score", "parsed", "fault")
    return {first: {name: row[name] for name in shown}, second: {name: row[second][name] for name in shown}}


class ColumnStore:
    """Columns that grow by blocks: what is kept of every row until the end, on disk too where a run may have to go on.

    Args:
        path: a file that holds a copy, for a run that may have to go on; None for none.
        size: bytes of the file that count, the rest being left of a run that was killed.
    """

    def __init__(self, path: Path | None = None, *, size: int = 0) -> None:
        self._path = path
        self._blocks: dict[str, list[npt.NDArray[Any]]] = {}
        self._file: IO[bytes] | None = None
        if path is not None:
            self._file = path.open("a+b")
            self._file.truncate(size)
            self._file.seek(0)
            while self._file.tell() < size:
                self._append({str(name): np.load(self._file) for name in np.load(self._file)})
            self._file.seek(0, os.SEEK_END)

    def add(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Append a block: the same columns each time, ``(rows, ...)``, at least one row."""
        self._append(columns)
        if self._file is not None:
            np.save(self._file, np.array(list(columns)))
            for values in columns.values():
                np.save(self._file, values.astype(str) if values.dtype == object else values)

    def _append(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        for name, values in columns.items():
            plain = as_array(values.tolist()) if values.dtype.kind == "U" else values
            self._blocks.setdefault(name, []).append(plain)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return all columns, ``(rows, ...)`` each."""
        for name, blocks in self._blocks.items():
            self._blocks[name] = [np.concatenate(blocks)]
        return {name: blocks[0] for name, blocks in self._blocks.items()}

    def save(self) -> int:
        """Make what was added last, and return the file's size in bytes."""
        if self._file is None:
            return 0
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)

    def close(self, *, remove: bool = True) -> None:
        """Close the file and, by default, remove it."""
        if self._file is not None and self._path is not None:
            self._file.close()
            if remove:
                self._path.unlink(missing_ok=True)
