"""Scoring whole files: read a chunk, score it, write its rows, add it to the tally, make a checkpoint.

What a score is, and what is added up, is the caller's: `benchmarks.run.rewards` and `benchmarks.run.evaluate` share it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from benchmarks.files.blocks import read_block, spread_attempts
from benchmarks.files.columns import MISSING, ROLES, find_columns
from benchmarks.files.paths import file_size, is_address
from benchmarks.files.sources import START, BadRow, Position, is_stream, read_chunks
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.files.blocks import Block
    from benchmarks.files.columns import Columns, Names
    from benchmarks.files.sources import Chunk
    from benchmarks.files.targets import TargetFile
    from benchmarks.run.output import Output

Row = TypeVar("Row")


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
    required: Sequence[str] = ("target",),
    known: Mapping[str, Names] = ROLES,
    as_text: bool = True,
    one_each: bool = False,
    mapping: Mapping[str, str] | None = None,
    targets: TargetFile | None = None,
    output: Output | None = None,
    limit: int | None = None,
    strict_input: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_seconds: float = 2.0,
) -> Progress:
    """Score every row of some files.

    Args:
        files: see `benchmarks.files.sources.read_chunks`.
        score_block: what scores a block.
        tally: what adds up the scores.
        needed: roles that the files must have columns for.
        required: roles of the target that no row may lack.
        known: the roles that *score_block* makes use of, and the usual names of their columns.
        as_text: whether completions must be text, or messages; otherwise they are taken as they are.
        one_each: whether a list of texts is one completion, and not several attempts, a row each.
        mapping: role -> column, where the user says so.
        targets: where the targets come from, if not from the files.
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
    joined_on = None if targets is None else targets.on
    find = partial(find_columns, needed=needed, mapping=mapping, joined_on=joined_on, known=known)
    done, first, start = _restore(output)
    left = None if limit is None else limit - done.rows
    saved = time.monotonic()
    for file, chunk, columns in _chunks(files, first, start, find, left=left):
        scored, read = None, len(chunk.rows)
        if columns is not None:
            chunk = spread_attempts(chunk, columns, one_each=one_each)  # noqa: PLW2901
            scored = score_block(read_block(chunk, columns, targets=targets, required=required, as_text=as_text))
            tally.add(scored)
        errors = _errors(chunk, scored)
        if output is not None:
            output.write(_output_rows(chunk, columns, scored, errors, output.schema))
        for message in errors.values():
            if strict_input:
                raise DataError(message)
            if on_error is not None:
                on_error(message)
        done = _advance(done, read, len(errors), _share(files, file, chunk), columns)
        if on_progress is not None:
            on_progress(done)
        if output is not None and time.monotonic() - saved >= checkpoint_seconds:
            output.checkpoint({"progress": done._asdict(), "file": file, "end": chunk.end, "tally": tally.save()})
            saved = time.monotonic()
    if not done.rows:
        raise DataError(f"{', '.join(files)}: there are no rows")
    return done


def wrong_targets(
    score: Callable[[Sequence[Row]], object], rows: Sequence[Row], *, in_order: bool = False
) -> dict[int, str]:
    """Return what is wrong with the target of which rows, where scoring refuses all of them for one.

    Args:
        score: scores some rows, or raises a DataError.
        rows: the rows.
        in_order: whether the ``row`` of an error is the first wrong one, so that those before it are known to be good;
            otherwise the rows are halved until each wrong one is alone.

    >>> def score(rows):
    ...     for number, answer in enumerate(rows):
    ...         if answer is None:
    ...             raise DataError("there is no answer", row=number)
    >>> wrong_targets(score, ["B", None, "C"]), wrong_targets(score, ["B", None, "C"], in_order=True)
    ({1: 'there is no answer'}, {1: 'there is no answer'})
    """
    errors: dict[int, str] = {}
    parts = [(0, len(rows))]
    while parts:
        start, end = parts.pop()
        try:
            score(rows[start:end])
        except DataError as error:
            first = start + (error.row or 0)
            if end - start == 1 or in_order:
                errors[first] = str(error.args[0])  # without the number that the row has among these
                parts += [(first + 1, end)] if first + 1 < end else []
            else:
                middle = (start + end) // 2
                parts += [(start, middle), (middle, end)]
    return dict(sorted(errors.items()))


def _chunks(
    files: Sequence[str], first: int, start: Position, find: Callable[[Chunk], Columns], *, left: int | None
) -> Iterator[tuple[int, Chunk, Columns | None]]:
    """Yield the chunks of all files from a place on, with the number of the file and its columns.

    Columns are None as long as no row of a file could be read. They are looked for in all files before anything is
    scored, but for those that can be read only once.
    """
    columns = {path: _locate(path, find) for path in files if not is_stream(path)}
    for number, path in enumerate(files[first:], first):
        names = found.names if (found := columns.get(path)) else None
        for chunk in read_chunks(path, start=start if number == first else START, names=names):
            if left == 0:
                return
            if left is not None:
                chunk = chunk.first(left)  # noqa: PLW2901
                left -= len(chunk.rows)
            if columns.get(path) is None and _readable(chunk):
                columns[path] = find(chunk)
            yield number, chunk, columns.get(path)


def _locate(path: str, find: Callable[[Chunk], Columns]) -> Columns | None:
    chunk = next(filter(_readable, read_chunks(path)), None)
    return None if chunk is None else find(chunk)


def _readable(chunk: Chunk) -> bool:
    return len(chunk.bad_rows()) < len(chunk.rows)


def _errors(chunk: Chunk, scored: Scored | None) -> dict[int, str]:
    """Return ``file:line: what is wrong`` of the rows that were not scored, by their place in the chunk."""
    found = chunk.bad_rows() if scored is None else scored.block.errors
    return {at: f"{chunk.place(at)}: {message}" for at, message in sorted(found.items())}


def _output_rows(
    chunk: Chunk,
    columns: Columns | None,
    scored: Scored | None,
    errors: Mapping[int, str],
    schema: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield a row for each row of the chunk: its scores, or nulls and what is wrong."""
    scores = zip(scored.block.ids(), scored.rows(), strict=True) if scored is not None else iter(())
    blank = dict.fromkeys(name for name in schema if name not in ("id", "error"))
    for at in range(len(chunk.rows)):
        if at in errors:
            yield {"id": _id(chunk, at, columns), **blank, "error": errors[at]}
        else:
            id_, score = next(scores)
            yield {"id": id_, **score, "error": None}


def _id(chunk: Chunk, at: int, columns: Columns | None) -> Any:
    """Return the id of a row that could not be scored, if it could be read."""
    row = chunk.rows[at]
    if isinstance(row, BadRow) or columns is None or "id" not in columns.roles:
        return None
    (id_,) = columns.values("id", [row])
    return None if id_ is MISSING else id_


def _advance(done: Progress, rows: int, errors: int, share: float | None, columns: Columns | None) -> Progress:
    new = () if columns is None or columns.dialect in (None, *done.dialects) else (columns.dialect,)
    return Progress(done.rows + rows, done.errors + errors, share, (*done.dialects, *new))


def _share(files: Sequence[str], number: int, chunk: Chunk) -> float | None:
    if chunk.read is None or any(is_stream(path) or is_address(path) for path in files):
        return None
    sizes = [file_size(path) for path in files]
    return (sum(sizes[:number]) + chunk.read * sizes[number]) / (sum(sizes) or 1)


def _restore(output: Output | None) -> tuple[Progress, int, Position]:
    if output is None or output.state is None:
        return Progress(), 0, START
    state = output.state
    progress = Progress(**{**state["progress"], "dialects": tuple(state["progress"]["dialects"])})
    return progress, state["file"], Position(*state["end"])
