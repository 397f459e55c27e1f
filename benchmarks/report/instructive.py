"""Completions of a run to be read: the clearest ones of each kind, marked by what their records were rewarded for."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from benchmarks.plain_text import plain
from benchmarks.report.content import Example, Passage
from benchmarks.report.source_rows import thumbnails
from benchmarks.view.index import Scoring, open_run, target_text
from benchmarks.view.instructive import kinds
from benchmarks.view.pieces import Explained, text_data
from benchmarks.view.reading import Files
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.report.content import Item
    from benchmarks.report.runs import Run
    from benchmarks.view.index import Row
    from benchmarks.view.index import Run as Opened
    from benchmarks.view.instructive import Kind

MOST_ROWS: Final = 100_000
"""Rows that are scored again to find examples."""
_EACH: Final = 2  # completions of a kind
_LONGEST: Final = 2000  # characters of a completion
_LONGEST_TARGET: Final = 300


def instructive(run: Run) -> list[Item]:
    """Return examples for each kind of `benchmarks.view.instructive` that the rows of a summary of rewards have.

    The rows are read again from the files that the summary names; where these are not here, it says so.
    """
    assert run.rewards is not None
    source = run.rewards.get("source", {})
    if not source.get("files"):
        return []
    try:
        opened = _open(source, Path(run.path).parent, run.rewards["rows"])
        examples: list[Item] = [_example(opened, kind) for kind in kinds(opened)]
    except (DataError, ConfigError, OSError) as error:
        return [f"{run.name}: its completions cannot be shown: {error}."]
    only = f"Of the first {len(opened.total):,} rows. " if len(opened.total) < run.rewards["rows"] else ""
    marks = "Marks in a text say what its records were rewarded for: right, partially right, wrong."
    return [f"{run.name}: of each kind the clearest cases. {only}{marks}", *examples]


def _open(source: Mapping[str, Any], beside: Path, rows: int) -> Opened:
    found = []
    for file in source["files"]:
        places = [place for place in (Path(file), beside / file, beside / Path(file).name) if place.is_file()]
        if not places:
            raise DataError(f"{PurePath(file).name} is not here")
        found.append(str(places[0]))
    if missing := next(
        (name for name in ("mapping", "targets", "on", "limit", *Scoring._fields) if name not in source), None
    ):
        raise DataError(f"its source names no {missing!r}")
    reading = {name: source[name] for name in ("mapping", "targets", "on")}
    scoring = Scoring(**{name: source[name] for name in Scoring._fields})
    most = MOST_ROWS if source["limit"] is None else min(source["limit"], MOST_ROWS)
    opened = open_run("", Files(found, **reading), scoring, most=most)
    if source["limit"] is None and len(opened.total) < min(rows, MOST_ROWS):
        raise DataError(f"{', '.join(opened.files.names)} now has {len(opened.total):,} rows; score it again")
    return opened


def _example(opened: Opened, kind: Kind) -> Example:
    shown: list[Passage] = []
    images: tuple[str, ...] = ()
    for row, beside in zip(kind.rows[:_EACH].tolist(), kind.beside[:_EACH].tolist(), strict=True):
        read = opened.rows([row] if beside < 0 else [row, beside])
        images = images or thumbnails(read[0].get("images"), [Path(), Path(read[0].file).parent])
        shown += [_completion(opened, each) for each in read]
    several = "completion" if len(kind.rows) == 1 else "completions"
    return Example(kind.title, f"{len(kind.rows):,} {several}", None, images, tuple(shown))


def _completion(opened: Opened, row: Row) -> Passage:
    """Return a completion; above it its place, verdict, reward, what is wrong with it, and the target."""
    explained = Explained.of(row, opened.scoring)
    data, score = text_data(explained), explained.shown.score
    pieces = [
        (text, "caret" if caret and mark is None else "" if mark is None else data["marks"][mark]["tone"])
        for text, _, mark, caret in data["pieces"]
    ]
    kept = tuple(_clipped(pieces))
    parts = " ".join(f"{part} {value:+g}" for part, value in score.parts.items() if value) or "no part"
    verdict = "right" if score.correct else "wrong"
    faults = "".join(f"; {fault['code']}: {fault['message']}" for fault in data["faults"][:1])
    target = target_text(row.get("target"), row.task)
    target = target if len(target) <= _LONGEST_TARGET else f"{target[:_LONGEST_TARGET]}…"
    label = f"{PurePath(row.place).name}: {verdict}, {score.total:g} = {parts}{faults}. Target: {target}"
    return Passage(plain(label), "".join(text for text, _ in kept) or "(empty)", kept)


def _clipped(pieces: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the two ends of a text in pieces."""
    length = sum(len(text) for text, _ in pieces)
    head, tail = (length, length) if length <= _LONGEST else (_LONGEST // 2, length - _LONGEST // 2)
    at = 0
    for text, tone in pieces:
        if before := text[: max(head - at, 0)]:
            yield before, tone
        if at < head <= at + len(text) and head < tail:
            yield f"\n[… {tail - head:,} characters …]\n", ""
        if head < tail and (after := text[max(tail - at, 0) :]):
            yield after, tone
        at += len(text)
