"""Scoring whole files: read a chunk, score it, write its rows, add it to the tally, make a checkpoint.

What a score is, and what is added up, is the caller's: rewards (`benchmarks.rollouts`) and benchmarks share this.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from benchmarks.files.blocks import Block, read_block
from benchmarks.files.columns import find_columns
from benchmarks.files.rows import START, BadRow, Position, is_stream, read_chunks
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.files.columns import Columns
    from benchmarks.files.gold import Gold
    from benchmarks.files.output import Output
    from benchmarks.files.rows import Chunk


class Scored(NamedTuple):
    """A block that was scored.

    Attributes:
        block: the rows that were scored; ``block.errors`` says what is wrong with the chunk's other rows.
        result: what the tally takes.
        rows: makes the output rows, one for each row of the block, without ``id`` and ``error``.
    """

    block: Block
    result: Any
    rows: Callable[[], list[dict[str, Any]]]


class Tally(Protocol):
    """What is added up over all blocks, within bounded memory."""

    def add(self, scored: Scored) -> None:
        """Add a block."""

    def save(self) -> dict[str, Any]:
        """Make what was added so far last, and return the rest of the state, as JSON takes it."""


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        rows: rows read so far, bad ones included.
        errors: bad ones among them.
        share: share of the input that has been read, in [0, 1]; None where its size is unknown.
        dialects: names of the systems whose files were recognised.
    """

    rows: int = 0
    errors: int = 0
    share: float | None = None
    dialects: tuple[str, ...] = ()


def score_files(
    files: Sequence[str],
    score_block: Callable[[Block], Scored],
    tally: Tally,
    *,
    needed: Sequence[str] = ("completion", "target"),
    mapping: Mapping[str, str] | None = None,
    gold: Gold | None = None,
    output: Output | None = None,
    limit: int | None = None,
    strict_input: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_seconds: float = 2.0,
) -> Progress:
    """Score every row of some files.

    Args:
        files: see `benchmarks.files.rows.read_chunks`.
        score_block: what scores a block.
        tally: what adds up the scores.
        needed: roles that the files must have columns for.
        mapping: role -> column, where the user says so.
        gold: where the gold comes from, if not from the files.
        output: where to write a row for each row. Its ``state`` says where to go on, and ``state["tally"]`` is what
            *tally* must have been made from.
        limit: rows to score at most.
        strict_input: whether to stop at the first row that cannot be scored.
        on_error: called with ``file:line: what is wrong`` for each row that cannot be scored.
        on_progress: called after each chunk.
        checkpoint_seconds: time between two checkpoints of the output.

    Raises:
        DataError: for files without the needed columns or without rows, and with *strict_input* for a bad row.
        ConfigError: for an ambiguous column or a wrong *mapping*.
    """
    find = partial(find_columns, needed=needed, mapping=mapping, joined_on=None if gold is None else gold.on)
    columns = {path: _locate(path, find) for path in files if not is_stream(path)}
    done, start_file, start = _restore(output)
    saved = time.monotonic()
    for number, path in enumerate(files[start_file:], start_file):
        first = start if number == start_file else START
        for chunk in _read(path, first, columns.get(path), None if limit is None else limit - done.rows):
            if columns.get(path) is None and not all(isinstance(row, BadRow) for row in chunk.rows):
                columns[path] = find(chunk)
            errors = _score_chunk(
                chunk, columns.get(path), score_block=score_block, tally=tally, gold=gold, output=output
            )
            for message in errors:
                if strict_input:
                    raise DataError(message)
                if on_error is not None:
                    on_error(message)
            done = _advance(done, chunk, len(errors), _share(files, number, chunk), columns.get(path))
            if on_progress is not None:
                on_progress(done)
            if output is not None and time.monotonic() - saved >= checkpoint_seconds:
                output.checkpoint(_state(done, number, chunk.end, tally))
                saved = time.monotonic()
    if not done.rows:
        raise DataError(f"{', '.join(files)}: there are no rows")
    return done


def _locate(path: str, find: Callable[[Chunk], Columns]) -> Columns | None:
    """Find the columns of a file before anything is scored; None where no row can be read."""
    readable = (chunk for chunk in read_chunks(path) if not all(isinstance(row, BadRow) for row in chunk.rows))
    chunk = next(readable, None)
    return None if chunk is None else find(chunk)


def _read(path: str, start: Position, columns: Columns | None, limit: int | None) -> Iterator[Chunk]:
    """Yield chunks with *limit* rows in all."""
    left = limit
    chunks = read_chunks(path, start=start, names=None if columns is None else columns.names)
    while (left is None or left > 0) and (chunk := next(chunks, None)):
        yield chunk if left is None else chunk._replace(rows=chunk.rows[:left])
        left = None if left is None else left - len(chunk.rows)


def _score_chunk(
    chunk: Chunk,
    columns: Columns | None,
    *,
    score_block: Callable[[Block], Scored],
    tally: Tally,
    gold: Gold | None,
    output: Output | None,
) -> list[str]:
    """Score a chunk, add and write it; return what is wrong with its bad rows."""
    if columns is None:
        block = Block(chunk, (), {}, {at: row.message for at, row in enumerate(chunk.rows) if isinstance(row, BadRow)})
        rows: Iterator[dict[str, Any]] = iter(())
    else:
        scored = score_block(read_block(chunk, columns, gold=gold))
        tally.add(scored)
        block, rows = scored.block, iter(scored.rows() if output is not None else ())
    errors = {at: f"{chunk.place(at)}: {message}" for at, message in sorted(block.errors.items())}
    if output is not None:
        blank = dict.fromkeys(name for name in output.schema if name not in ("id", "error"))
        ids = dict(zip(block.at, block.ids(), strict=True))
        output.write(
            {"id": _id(chunk, at, columns), **blank, "error": errors[at]}
            if at in errors
            else {"id": ids[at], **next(rows), "error": None}
            for at in range(len(chunk.rows))
        )
    return list(errors.values())


def _id(chunk: Chunk, at: int, columns: Columns | None) -> Any:
    """Return the id of a row that could not be scored, if it could be read."""
    row = chunk.rows[at]
    if isinstance(row, BadRow) or columns is None or "id" not in columns.roles:
        return None
    return columns.values("id", [row])[0] if columns.roles["id"] in row else None


def _advance(done: Progress, chunk: Chunk, errors: int, share: float | None, columns: Columns | None) -> Progress:
    new = () if columns is None or columns.dialect in (None, *done.dialects) else (columns.dialect,)
    return Progress(done.rows + len(chunk.rows), done.errors + errors, share, (*done.dialects, *new))


def _share(files: Sequence[str], number: int, chunk: Chunk) -> float | None:
    if chunk.read is None or any(is_stream(path) for path in files):
        return None
    sizes = [Path(path).stat().st_size for path in files]
    return (sum(sizes[:number]) + chunk.read * sizes[number]) / (sum(sizes) or 1)


def _state(done: Progress, file: int, end: Position, tally: Tally) -> dict[str, Any]:
    return {"progress": done._asdict(), "file": file, "end": end, "tally": tally.save()}


def _restore(output: Output | None) -> tuple[Progress, int, Position]:
    if output is None or output.state is None:
        return Progress(), 0, START
    state = output.state
    progress = Progress(**{**state["progress"], "dialects": tuple(state["progress"]["dialects"])})
    return progress, state["file"], Position(*state["end"])
