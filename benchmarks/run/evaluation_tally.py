"""The rows of a block -> their scores under every protocol asked for, added up until all rows are scored.

`BlockScorer` scores a block and says which of its rows belong together; `EvaluationTally` adds up what metrics are made
of, the faults, and where two protocols differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.benchmark import as_array, output_schema
from benchmarks.files.blocks import CARRIED, number_of
from benchmarks.files.columns import unwrap
from benchmarks.registry import find_benchmark
from benchmarks.run.made_with import Makers, asked_numbers
from benchmarks.run.score_files import Scored, encode_line, named, refused_rows
from rewards.errors import DataError
from rewards.messages import Rejoined, completion_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.benchmark import Benchmark, Protocol, Scores
    from benchmarks.files.blocks import Block

SHOWN_DIFFERENCES: Final = 200
"""Rows on which protocols differ that are kept to be shown; all are counted."""
_EXAMPLES: Final = 3  # of a fault
_EXCERPT: Final = 300  # characters of an example


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


@dataclass(frozen=True, slots=True)
class BlockScorer:
    """Scores a block, see `benchmarks.run.score_files.Scorer`.

    Attributes:
        name: of the benchmark whose rows they are.
        protocols: the first one's columns are written beside the row's id.
        files: the input's names; a row is found again by the number of its file and its line.
    """

    name: str
    protocols: tuple[Protocol, ...]
    files: tuple[str, ...]

    digest: ClassVar = None

    @property
    def benchmark(self) -> Benchmark:
        """Whose rows they are."""
        return find_benchmark(self.name)

    @property
    def schema(self) -> Mapping[str, Any]:
        """The fields of an output row and their types."""
        return output_schema(self.benchmark, self.protocols)

    @property
    def tally(self) -> type[EvaluationTally]:
        """What makes an empty tally."""
        return EvaluationTally

    def __call__(self, block: Block) -> Scored:
        """Score the rows of a block; those with wrong targets become errors."""
        block, rows = self._read(block)
        try:
            scores = self._score(rows)
        except DataError:
            errors: dict[int, str] = {}
            for rules in self._rules().values():
                errors = refused_rows(rules, rows) | errors
            block, rows = block.without(errors), [row for at, row in enumerate(rows) if at not in errors]
            scores = self._score(rows)
        tally = EvaluationTally()
        if rows:
            clusters = row_clusters(block, rows, self.benchmark)
            tally.add(
                block, scores, clusters, file=max(at for at, path in enumerate(self.files) if path == block.chunk.path)
            )
        return Scored(block, tally, partial(_lines, block, scores))

    def _rules(self) -> dict[Protocol, Callable[..., Scores]]:
        return {protocol: self.benchmark.rules[protocol].score for protocol in self.protocols}

    def _score(self, rows: Sequence[Mapping[str, Any]]) -> dict[Protocol, Scores]:
        return (
            {protocol: score(self._given(protocol, rows)) for protocol, score in self._rules().items()} if rows else {}
        )

    def _given(self, protocol: Protocol, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return rows as a protocol reads them: the owners' programs get an answer without what was kept apart."""
        name = self.benchmark.reads["completion"]
        if protocol != "official" or not any(type(row[name]) is Rejoined for row in rows):
            return rows
        return [{**row, name: row[name].content} if type(row[name]) is Rejoined else row for row in rows]

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


def _lines(block: Block, scores: Mapping[Protocol, Scores]) -> list[bytes]:
    """Return an output row for each row of the block."""
    given = {role: block.columns[role] for role in CARRIED if role in block.columns}
    names = [dict(zip(("id", *given), each, strict=True)) for each in zip(block.ids(), *given.values(), strict=True)]
    return [
        encode_line({**named(name), **row, "error": None})
        for name, row in zip(names, written_rows(scores), strict=True)
    ]


def written_rows(scores: Mapping[Protocol, Scores]) -> list[dict[str, Any]]:
    """Return what is written for each row; under a second protocol below its name."""
    written = [each.rows() for each in scores.values()]
    for name, rows in list(zip(scores, written, strict=True))[1:]:
        for row, other in zip(written[0], rows, strict=True):
            row |= {name: other, "differs": (row["correct"], row["score"]) != (other["correct"], other["score"])}
    return written[0] if written else []


class EvaluationTally(msgspec.Struct):
    """What metrics are made of, row by row, with faults and the rows on which protocols differ.

    Tallies of two stretches of rows merge to that of both, whatever the stretches were.

    Attributes:
        kind: what clusters are, see `RowClusters`.
        named: likewise.
        faults: protocol -> code -> ``rows`` and the first ``examples``.
        differing: rows on which two protocols differ.
        differences: the first of them, each with both scores.
        makers: how the predictions were made.
        blocks: name of a column -> its values, ``(rows of a block, ...)`` each.
    """

    kind: str | None = None
    named: bool = False
    faults: dict[str, dict[str, Any]] = {}
    differing: int = 0
    differences: list[dict[str, Any]] = []
    makers: Makers = msgspec.field(default_factory=Makers)
    blocks: dict[str, list[np.ndarray]] = {}

    def merge(self, later: EvaluationTally) -> None:
        """Add what was tallied of the rows that follow on these."""
        self.kind = self.kind or later.kind
        self.named = self.named or later.named
        self.differing += later.differing
        self.differences += later.differences[: SHOWN_DIFFERENCES - len(self.differences)]
        self.makers.merge(later.makers)
        for name, arrays in later.blocks.items():
            self.blocks.setdefault(name, []).extend(arrays)
        for protocol, found in later.faults.items():
            faults = self.faults.setdefault(protocol, {})
            for code, more in found.items():
                fault = faults.setdefault(code, {"rows": 0, "examples": []})
                fault["rows"] += more["rows"]
                fault["examples"] += more["examples"][: _EXAMPLES - len(fault["examples"])]

    def add(self, block: Block, scores: Mapping[Protocol, Scores], clusters: RowClusters, *, file: int) -> None:
        """Add the rows of a block, which is that of file number *file*."""
        rows = len(block)
        self.kind, self.named = clusters.kind, clusters.named
        columns: dict[str, npt.NDArray[Any]] = {
            "cluster": _filled(clusters.clusters),
            "own cluster": _absent(clusters.clusters),
            "prompt": _filled(clusters.prompts),
            "own prompt": _absent(clusters.prompts),
            "id": _filled(clusters.ids),
            "file": np.full(rows, file, dtype=np.int32),
            "line": np.array([block.chunk.lines[at] for at in block.at], dtype=np.int64),
            "asked": np.array(asked_numbers(block.columns.get("prompt_hash", [None] * rows)), dtype=np.uint64),
        }
        self.makers.add(block.columns)
        for protocol, each in scores.items():
            columns |= {f"{protocol}.{name}": values for name, values in each.stats.items()}
            said = [0 if answer is None else _answer_number(str(answer)) for answer in each.answers or ()]
            columns |= {f"{protocol}.said": np.array(said, dtype=np.uint64)} if said else {}
            self._add_faults(protocol, each.faults, block)
        self.blocks = {
            name: [as_array(values.tolist()) if values.dtype.kind == "U" else values]
            for name, values in columns.items()
        }
        self._add_differences(scores, block)

    def _add_faults(self, protocol: Protocol, faults: Sequence[str | None], block: Block) -> None:
        found = self.faults.setdefault(protocol, {})
        for row, code in enumerate(faults):
            if code is not None:
                fault = found.setdefault(code, {"rows": 0, "examples": []})
                fault["rows"] += 1
                if len(fault["examples"]) < _EXAMPLES:
                    text = str(block.columns["completion"][row])
                    place = block.chunk.place(block.at[row])
                    fault["examples"].append({"place": place, "end_of_text": text[-_EXCERPT:]})

    def _add_differences(self, scores: Mapping[Protocol, Scores], block: Block) -> None:
        if len(scores) < 2:
            return
        one, other = (each.stats for each in scores.values())
        differ = (one["correct"] != other["correct"]) | (np.abs(one["score"] - other["score"]) > 1e-9)
        self.differing = int(differ.sum())
        if self.differing:
            written, ids = written_rows(scores), block.ids()
            self.differences = [
                {"id": ids[row], "place": block.chunk.place(block.at[row]), **_both(written[row], scores)}
                for row in np.flatnonzero(differ)[:SHOWN_DIFFERENCES].tolist()
            ]

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is kept of the rows: ``cluster``, ``prompt``, ``id``, ``file``, ``line``, ``asked`` and
        ``{protocol}.{statistic}``, ``(rows, ...)`` each. An ``id`` is a number, 0 where a row has none; so are
        ``asked``, shared by rows with the same prompt, and the statistic ``said``, by rows with the same answer.
        """  # noqa: D205
        whole = {name: np.concatenate(blocks) for name, blocks in self.blocks.items()}
        for name in ("cluster", "prompt") if whole else ():
            own = whole.pop(f"own {name}")
            whole[name] = np.where(own, np.arange(len(own), dtype=np.uint64), whole[name])
        return whole


@lru_cache(maxsize=4096)
def _answer_number(answer: str) -> int:
    """Number an answer; answers that differ in case or white space alone are the same."""
    return number_of(" ".join(answer.lower().split()))


def _filled(numbers: Sequence[int | None]) -> npt.NDArray[np.uint64]:
    """Return numbers, (rows,); 0 for None."""
    return np.array([number or 0 for number in numbers], dtype=np.uint64)


def _absent(numbers: Sequence[int | None]) -> npt.NDArray[np.bool_]:
    """Return which numbers are None, (rows,)."""
    return np.array([number is None for number in numbers], dtype=np.bool_)


def _both(row: Mapping[str, Any], protocols: Iterable[Protocol]) -> dict[str, Any]:
    first, second = protocols
    shown = ("answer", "correct", "score", "parsed", "fault")
    return {first: {name: row[name] for name in shown}, second: {name: row[second][name] for name in shown}}
