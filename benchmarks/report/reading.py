"""Rows of a run to be read: prompt, images, completion, answer, and which triplets were matched."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.evaluation.known import COLUMNS, find_benchmark
from benchmarks.evaluation.tvr import read_prediction, written_answer
from benchmarks.files.blocks import read_block
from benchmarks.files.chunks import BadRow
from benchmarks.files.columns import find_columns
from benchmarks.files.gold import read_gold
from benchmarks.files.rows import read_chunks
from benchmarks.report.content import Grid, Passage
from benchmarks.report.pictures import thumbnails
from benchmarks.report.runs import source_files
from rewards.errors import ConfigError, DataError
from rewards.explain import explain_completion
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from benchmarks.files.chunks import Chunk
    from benchmarks.report.runs import Run

_LOOKED_FOR: Final = COLUMNS | {
    "images": ("images", "image", "image_paths", "image_path"),
    "question": ("question", "problem"),
}
_LONGEST: Final = 6000  # characters of a passage that are shown


class Reading(NamedTuple):
    """A row as its file has it.

    Attributes:
        title: its id, or ``file:line``.
        values: role -> value.
        images: data URIs.
    """

    title: str
    values: Mapping[str, Any]
    images: tuple[str, ...]


def read_places(run: Run, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], Reading]:
    """Read rows of an evaluation's files again; those that are not at hand are left out.

    Args:
        run: with an evaluation.
        places: number of the file and line.
    """
    files = source_files(run)
    if files is None or run.evaluation is None:
        return {}
    lines: defaultdict[int, set[int]] = defaultdict(set)
    for file, line in places:
        lines[file].add(line)
    return {
        (file, line): reading
        for file in lines
        if file < len(files)
        for line, reading in _of_file(run, files[file], lines[file])
    }


def _of_file(run: Run, path: str, lines: Collection[int]) -> Iterator[tuple[int, Reading]]:
    assert run.evaluation is not None
    source, benchmark = run.evaluation["source"], find_benchmark(run.evaluation["benchmark"])
    on = source["on"] if source["targets"] else None
    gold = None
    if on is not None:
        joined = [role for role in (*benchmark.reads, "scene") if role not in ("completion", "id")]
        gold = read_gold(source["targets"], on, roles=joined, required=benchmark.required, known=COLUMNS)
    folders = [Path(), Path(path).parent]
    left, columns = set(lines), None
    for chunk in read_chunks(path):
        if columns is None and not all(isinstance(row, BadRow) for row in chunk.rows):
            columns = find_columns(
                chunk, needed=("completion",), mapping=source["mapping"], joined_on=on, known=_LOOKED_FOR
            )
        some = _select(chunk, left)
        if columns is not None and some.rows:
            block = read_block(some, columns, gold=gold, required=(), as_text=False)
            for row, at in enumerate(block.at):
                values = {role: column[row] for role, column in block.columns.items()}
                yield some.lines[at], Reading(str(block.ids()[row]), values, thumbnails(values.get("images"), folders))
        left -= set(some.lines)
        if not left:
            return


def _select(chunk: Chunk, lines: Collection[int]) -> Chunk:
    kept = [at for at, line in enumerate(chunk.lines) if line in lines]
    items = None if chunk.items is None else [chunk.items[at] for at in kept]
    return chunk._replace(rows=[chunk.rows[at] for at in kept], lines=[chunk.lines[at] for at in kept], items=items)


def asked(reading: Reading) -> list[Passage]:
    """Return what the model was asked, and the true answer."""
    values = reading.values
    prompt = values.get("prompt") if values.get("prompt") is not None else values.get("question")
    passages = [] if prompt is None else [Passage("Prompt", _clipped(_text(prompt)))]
    target = values.get("target")
    return passages if target is None else [*passages, Passage("True answer", _clipped(_target(target)))]


def said(reading: Reading, name: str) -> Passage:
    """Return what a run's model wrote."""
    completion = reading.values.get("completion")
    text = "" if completion is None else _text(completion)
    return Passage(f"Completion, {name}", _clipped(text) or "(empty)")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return completion_text(value) or str(written_answer(value))
    except DataError:
        return str(written_answer(value))


def _target(target: Any) -> str:
    return target if isinstance(target, str) else str(written_answer(target))


def _clipped(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"


def matched_triplets(reading: Reading, name: str) -> Grid | None:
    """Return which predicted triplet was matched with which true one, of a row of TVR; None where that cannot be."""
    values = reading.values
    answer = written_answer(read_prediction(values.get("completion")).value)
    target = values.get("target")
    try:
        found = explain_completion(f"<think></think><answer>{answer or ''}</answer>", _true(target), task="trance")
    except (ConfigError, DataError):
        return None
    rows = [
        (
            ".".join(map(str, each.record)) if each.record is not None else "(unreadable)",
            ".".join(map(str, each.matched)) if each.matched is not None else "–",
            each.tier or (each.fault.code if each.fault else "none"),
            f"{each.earned + each.charged:+g}",
        )
        for each in found.predictions
    ]
    rows += [("–", ".".join(map(str, record)), "missing", "") for record in found.missing]
    return Grid(f"Triplets, {name}", ("predicted", "matched with", "tier", "reward"), tuple(rows), words=3)


def _true(target: Any) -> Any:
    """Return a target without exact repeats, which a reward refuses and TRANCE allows."""
    if not isinstance(target, list):
        return target
    return [each for at, each in enumerate(target) if each not in target[:at]]
