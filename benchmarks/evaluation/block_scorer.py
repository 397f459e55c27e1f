"""The rows of a block -> their scores under every protocol asked for, and what tells which rows belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.evaluation.scores import faulty_rows
from benchmarks.files.blocks import number_of
from benchmarks.files.columns import unwrap
from benchmarks.files.scoring import Scored
from rewards.errors import DataError
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.evaluation.benchmark import Benchmark, Protocol
    from benchmarks.evaluation.scores import Scores
    from benchmarks.files.blocks import Block


class Belonging(NamedTuple):
    """Which rows belong together: 64-bit numbers, ``(rows,)`` each; None for a row on its own.

    Attributes:
        clusters: rows with the same number are not independent.
        kind: what clusters are: ``"scene"``, ``"prompt"`` or ``"id"``; None where no row tells.
        prompts: rows with the same number answer the same prompt.
        ids: rows with the same number have the same id.
        named: whether there are prompt ids, so that rows that share one are completions of one prompt for certain.
    """

    clusters: Sequence[int | None]
    kind: str | None
    prompts: Sequence[int | None]
    ids: Sequence[int | None]
    named: bool


class Evaluated(NamedTuple):
    """What a tally takes of a block: its scores by protocol, and which rows belong together."""

    scores: Mapping[Protocol, Scores]
    belonging: Belonging


@dataclass(frozen=True, slots=True)
class BlockScorer:
    """Scores a block, see `benchmarks.files.scoring.score_files`.

    Attributes:
        benchmark: whose rows they are.
        protocols: the first one's columns are written beside the row's id.
    """

    benchmark: Benchmark
    protocols: Sequence[Protocol]

    def __call__(self, block: Block) -> Scored:
        """Score the rows of a block; those with wrong gold become errors."""
        block, rows = self._read(block)
        try:
            scores = self._score(rows)
        except DataError:
            errors: dict[int, str] = {}
            for rules in self._rules().values():
                errors = faulty_rows(rules, rows) | errors
            block, rows = block.without(errors), [row for at, row in enumerate(rows) if at not in errors]
            scores = self._score(rows)
        return Scored(block, Evaluated(scores, belonging(block, rows, self.benchmark)), lambda: written_rows(scores))

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


def belonging(block: Block, rows: Sequence[Mapping[str, Any]], benchmark: Benchmark) -> Belonging:
    """Say which rows belong together.

    A row's cluster is its scene: the column ``scene`` or, where there is none, what the benchmark's own columns tell.
    If they do not tell, it is the prompt. A prompt is a ``prompt_id``; else the rows with the same id, gold, view and
    index.
    The text of a prompt (and its step) stands in for an id only where a row has none: questions about different images
    are often worded alike.
    """
    blank: list[Any] = [None] * len(block)
    ids = _numbers(block.columns.get("id", blank))
    named, asked = block.groups(), blank
    if "group" not in block.columns:
        named, asked = blank, [text if own is None else None for own, text in zip(ids, named, strict=True)]
    details = [block.columns.get(role, blank) for role in (*benchmark.required, "view", "index")]
    by_id, by_text = _questions(ids, details), _questions(asked, details)
    prompts = _first_known(named, _first_known(by_id, by_text))
    column = block.columns.get("scene")
    scenes = _numbers(map(benchmark.scene, rows) if column is None else column)
    kinds = {"scene": scenes, "prompt": _first_known(named, by_text), "id": by_id}
    kind = next((kind for kind, numbers in kinds.items() if any(number is not None for number in numbers)), None)
    return Belonging(_first_known(scenes, prompts), kind, prompts, ids, any(number is not None for number in named))


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
