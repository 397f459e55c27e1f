"""Files -> parts -> blocks -> output rows and a tally: one pipeline for rewards and for benchmarks.

What a score is, and what is added up, is the caller's (`benchmarks.run.rewards`, `benchmarks.run.evaluate`): a pure
function of a block. Tallies of blocks merge to the same tally whatever the blocks were, so that a file may be cut into
parts, and parts scored anywhere (`benchmarks.run.executors`) and put together (`benchmarks.run.output`).
"""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

import msgspec

from benchmarks.files.blocks import CARRIED, number_of, read_block, row_decoder, spread_attempts
from benchmarks.files.columns import ROLES, find_columns, reasoning_apart
from benchmarks.files.paths import file_size, find_files, given_twice, missing_shards
from benchmarks.files.sources import CHUNK_ROWS, BadRow, Position, column_names, is_stream, read_chunks
from benchmarks.run.executors import Executor
from benchmarks.run.output import (
    check_unchanged,
    describe,
    fingerprint,
    folder_beside,
    is_folder,
    output_file,
    output_folder,
    write_manifest,
)
from benchmarks.run.parts import PART_BYTES, Part, PartTask, plan_parts, unpack
from benchmarks.run.signature import installed_version
from rewards.errors import ConfigError, DataError
from rewards.targets import misspelt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from benchmarks.files.blocks import Block, Digest
    from benchmarks.files.columns import Columns, Names
    from benchmarks.files.sources import Chunk
    from benchmarks.files.targets import TargetFile
    from benchmarks.run.output import Lines
    from benchmarks.run.parts import PartResult

Row = TypeVar("Row")

BLOCK_ROWS = 4 * CHUNK_ROWS
"""Rows of a block, about. No score and no figure depends on it."""


class Tally(Protocol):
    """What is added up over blocks. It is a `msgspec.Struct`, so that it can be written beside a part."""

    def merge(self, later: Self) -> None:
        """Add what was tallied of the rows that follow on those of this one."""


class Scored(NamedTuple):
    """A block that was scored.

    Attributes:
        block: the rows that were scored; ``block.errors`` says what is wrong with the chunk's other rows.
        tally: of the rows of the block.
        lines: makes the output rows, a line of JSON with its line break for each row of the block.
    """

    block: Block
    tally: Any
    lines: Callable[[], Sequence[bytes]]


class Scorer(Protocol):
    """A pure function of a block that can be pickled."""

    def __call__(self, block: Block) -> Scored:
        """Score the rows of a block; those with wrong targets become errors."""

    @property
    def digest(self) -> Digest | None:
        """What makes of completions what is needed of them, the same in batches of any size; None for their text."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """The fields of an output row and their types, see `benchmarks.run.output`."""

    @property
    def tally(self) -> type[Any]:
        """What makes an empty tally."""


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        rows: rows read so far, bad ones included.
        errors: bad ones among them.
        share: share of the input that has been read, in [0, 1]; None where its size is unknown.
        dialects: names of the systems whose files were recognized.
    """

    rows: int = 0
    errors: int = 0
    share: float | None = None
    dialects: tuple[str, ...] = ()


class Reading(NamedTuple):
    """How the columns of files are found and read.

    Attributes:
        needed: roles that the files must have columns for.
        required: roles of the target that no row may lack.
        known: the roles that the scorer makes use of, and the usual names of their columns.
        preferred: role -> names of columns that count before these.
        as_text: whether completions must be text, or messages; otherwise they are taken as they are.
        one_each: whether a list of texts may be one completion, see `benchmarks.files.blocks.spread_attempts`.
        mapping: role -> column, where the user says so.
        targets: where the targets come from, if not from the files.
        hinted: roles that files need not have, of whose columns nearly the right name is told.
    """

    needed: Sequence[str] = ("completion", "target")
    required: Sequence[str] = ("target",)
    known: Mapping[str, Names] = ROLES
    preferred: Mapping[str, Names] | None = None
    as_text: bool = True
    one_each: bool = False
    mapping: Mapping[str, str] | None = None
    targets: TargetFile | None = None
    hinted: Sequence[str] = ()

    def find(self, chunk: Chunk) -> Columns:
        """Say which column is what, see `benchmarks.files.columns.find_columns`."""
        joined_on = None if self.targets is None else self.targets.on
        return find_columns(
            chunk,
            needed=self.needed,
            mapping=self.mapping,
            joined_on=joined_on,
            known=self.known,
            preferred=self.preferred or {},
        )

    def decoder(self, columns: Columns, digest: Digest | None) -> Callable[[bytes], Sequence[Any]] | None:
        """Return a decoder of lines of such a file, see `benchmarks.files.blocks.row_decoder`."""
        return row_decoder(columns, required=() if self.targets else self.required, digest=digest)

    def read(self, chunk: Chunk, columns: Columns, digest: Digest | None) -> Block:
        """Take the columns out of the rows of a chunk."""
        if not chunk.typed:
            chunk = spread_attempts(chunk, columns, one_each=self.one_each)
        return read_block(
            chunk, columns, targets=self.targets, required=self.required, as_text=self.as_text, digest=digest
        )


class Piece(NamedTuple):
    """A chunk that was scored.

    Attributes:
        rows: rows read, bad ones included.
        errors: ``file:line: what is wrong`` of the bad ones.
        scored: rows that were scored; where a line holds several attempts, these and bad ones are more than were read.
        tally: of these; None where no row could be read.
        lines: the output rows as lines of JSON; empty where none were asked for.
        read: share of the file that has been read, see `benchmarks.files.sources.Chunk.read`.
        dialect: the system whose file it was recognized as.
    """

    rows: int
    errors: Sequence[str]
    scored: int
    tally: Any
    lines: bytes
    read: float | None
    dialect: str | None


class Job(NamedTuple):
    """All that scoring a part needs; it can be pickled.

    Attributes:
        scorer: what scores a block.
        reading: how columns are read.
        columns: of each file, where they are known; None where no row of a file can be read.
        strict: whether to stop at the first row that cannot be scored.
    """

    scorer: Scorer
    reading: Reading
    columns: Mapping[str, Columns | None]
    strict: bool = False

    def pieces(self, part: Part, *, write: bool, limit: int | None = None) -> Iterator[Piece]:
        """Score a part, a chunk at a time, *limit* rows at most; with output rows if they are to be written."""
        columns = self.columns.get(part.path)
        decode = None if columns is None else self.reading.decoder(columns, self.scorer.digest)
        chunks = read_chunks(
            part.path,
            start=Position(part.start, part.line),
            stop=part.stop,
            names=columns.names if columns else None,
            decode=decode,
            rows=BLOCK_ROWS,
        )
        return self.score(chunks, columns, limit=limit, write=write)

    def score(
        self, chunks: Iterable[Chunk], columns: Columns | None, *, limit: int | None = None, write: bool
    ) -> Iterator[Piece]:
        """Score chunks of one file; columns are looked for as soon as a row can be read, if they are not known."""
        for chunk in chunks:
            if limit == 0:
                return
            if limit is not None:
                chunk = chunk.first(limit)  # noqa: PLW2901
                limit -= len(chunk.rows)
            if columns is None and _readable(chunk):
                columns = self.reading.find(chunk)
            if columns is None:
                errors = {at: f"{chunk.place(at)}: {message}" for at, message in chunk.bad_rows().items()}
                lines = b"".join(self._blank({}, message) for message in errors.values()) if write else b""
                yield Piece(len(chunk.rows), [*errors.values()], 0, None, lines, chunk.read, None)
            else:
                scored = self.scorer(self.reading.read(chunk, columns, self.scorer.digest))
                errors = _errors(scored.block)
                lines = self._lines(scored, errors) if write else b""
                good = len(scored.block)
                yield Piece(len(chunk.rows), [*errors.values()], good, scored.tally, lines, chunk.read, columns.dialect)

    def _lines(self, scored: Scored, errors: Mapping[int, str]) -> bytes:
        lines = scored.lines()
        if not errors:
            return b"".join(lines)
        given, good = scored.block.given, iter(lines)
        return b"".join(
            self._blank({role: values[at] for role, values in given.items()}, errors[at])
            if at in errors
            else next(good)
            for at in range(len(lines) + len(errors))
        )

    def _blank(self, given: Mapping[str, Any], error: str) -> bytes:
        """Return the output row of a row that could not be scored."""
        blank = dict.fromkeys(name for name in self.scorer.schema if name != "id")
        return encode_line({**named(given), **blank, "error": error})


def named(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an output row begins with: the id, and of `CARRIED` what the row has."""
    return {"id": given.get("id"), **{role: given[role] for role in CARRIED if given.get(role) is not None}}


_encode = msgspec.json.Encoder(enc_hook=str).encode


def encode_line(row: Any) -> bytes:
    """Return a value as a line of JSON; what JSON has no word for as text."""
    return _encode(row) + b"\n"


def _readable(chunk: Chunk) -> bool:
    return len(chunk.bad_rows()) < len(chunk.rows)


def _errors(block: Block) -> dict[int, str]:
    """Return ``file:line: what is wrong`` of the rows that were not scored, by their place in the chunk."""
    return {at: f"{block.chunk.place(at)}: {message}" for at, message in sorted(block.errors.items())}


@dataclass(frozen=True, slots=True)
class Run:
    """How files are scored, whatever is scored.

    Attributes:
        out: where output rows go: a file, ``.jsonl`` or ``.parquet``, or a folder for parts; None for nowhere.
        overwrite: whether what is there may be replaced.
        limit: rows to score at most.
        strict_input: whether to stop at the first row that cannot be scored.
        by: who scores the parts of the files.
        on_error: called with ``file:line: what is wrong`` for each row that cannot be scored, in order.
        on_progress: called now and then.
        on_notice: called with a line for people.
        part_bytes: bytes of a part, about.
    """

    out: str | None = None
    overwrite: bool = False
    limit: int | None = None
    strict_input: bool = False
    by: Executor = field(default_factory=Executor)
    on_error: Callable[[str], None] | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_notice: Callable[[str], None] | None = None
    part_bytes: int = PART_BYTES

    @property
    def folder(self) -> str | None:
        """Where parts go that stay."""
        return self.out if self.out is not None and is_folder(self.out) else None

    def check(self, files: Sequence[str]) -> None:
        """Raise a ConfigError where options do not go together."""
        if self.by.alone and self.folder is None:
            return
        if self.limit is not None:
            raise ConfigError("a limit is for a look at the first rows: it goes without workers and without parts")
        if streams := [path for path in files if is_stream(path)]:
            raise ConfigError(f"{streams[0]} can be read only once, and not in parts; write it to a file first")


class Total:
    """What was scored so far, part by part or chunk by chunk, in the order of the files.

    Attributes:
        tally: of the rows that were scored.
        progress: how many there were.
        given_twice: the files that stand more than once among those that were read, by whatever name, or begin with the
            same rows as one before.
    """

    def __init__(self, run: Run, tally: Any) -> None:
        self.tally = tally
        self.progress = Progress()
        self.given_twice: list[str] = []
        self._run = run

    def add(self, made: Piece | PartResult, share: float | None) -> None:
        """Add what comes next.

        Raises:
            DataError: for a bad row, where that ends the run.
        """
        if made.errors and self._run.strict_input:
            raise DataError(made.errors[0])
        if made.tally is not None:
            self.tally.merge(made.tally)
        rows, errors, _, dialects = self.progress
        new = () if made.dialect in (None, *dialects) else (made.dialect,)
        self.progress = Progress(rows + made.rows, errors + len(made.errors), share, (*dialects, *new))
        if self._run.on_error is not None:
            for message in made.errors:
                self._run.on_error(message)
        if self._run.on_progress is not None:
            self._run.on_progress(self.progress)


def score_files(
    files: Sequence[str], scorer: Scorer, reading: Reading, run: Run, *, settings: Mapping[str, Any]
) -> Total:
    """Score every row of some files.

    Args:
        files: those that `benchmarks.files.paths.find_files` has found.
        scorer: what scores a block.
        reading: how columns are found and read.
        run: how it is done.
        settings: what output rows depend on besides the files.

    Raises:
        DataError: for files without the needed columns or without rows, files that change while they are read, and with
            ``strict_input`` for a bad row.
        ConfigError: for an ambiguous column, options that do not go together, or an output that cannot be written.
    """
    run.check(files)
    inputs = [*files, *(find_files([reading.targets.path]) if reading.targets else [])]
    signed = fingerprint(inputs, {**settings, "limit": run.limit, "version": installed_version()})
    heads = {path: _head(path, reading) for path in files if not is_stream(path)}
    columns = {path: head.columns for path, head in heads.items()}
    twice = given_twice(files, {path: head.start for path, head in heads.items()})
    if run.on_notice is not None:
        for line in _notices(files, heads, twice):
            run.on_notice(line)
    job = Job(scorer, reading, columns, run.strict_input)
    total = Total(run, scorer.tally())
    total.given_twice = [*twice]
    if run.folder is not None:
        _to_folder(total, job, run, files, signed)
        return total
    carried = {role: str for role in CARRIED if _may_have(role, columns, files, reading)}
    schema = {"id": str, **carried, **scorer.schema}
    output = nullcontext() if run.out is None else output_file(run.out, signed, schema, overwrite=run.overwrite)
    with output as rows:
        _to_rows(total, job, run, files, rows)
        _check_end(total, files, signed)
    return total


def _to_folder(total: Total, job: Job, run: Run, files: Sequence[str], signed: Mapping[str, Any]) -> None:
    """Score files into parts that stay."""
    assert run.folder is not None
    plan = partial(plan_parts, files, run.part_bytes)
    with output_folder(run.folder, signed, plan, overwrite=run.overwrite) as parts:
        made = [describe(each.part, each) for each in _parts(total, PartTask(job, run.folder, keep=True), run, parts)]
        _check_end(total, files, signed)
        write_manifest(run.folder, signed, made)


def _to_rows(total: Total, job: Job, run: Run, files: Sequence[str], rows: Lines | None) -> None:
    """Score files; *rows* takes the output rows."""
    if run.by.alone:
        _chunks(total, job, files, rows, run.limit)
    elif run.out is None or rows is None:
        deque(_parts(total, PartTask(job), run, plan_parts(files, run.part_bytes)), maxlen=0)
    else:
        with folder_beside(run.out) as folder:
            for each in _parts(total, PartTask(job, folder), run, plan_parts(files, run.part_bytes)):
                path = Path(folder, each.part.name)
                with path.open("rb") as file:
                    while some := file.read(1 << 20):
                        rows.write(some)
                path.unlink()


def _chunks(total: Total, job: Job, files: Sequence[str], rows: Lines | None, limit: int | None) -> None:
    """Score files in this process, a chunk at a time."""
    sizes = [None if is_stream(path) else file_size(path) for path in files]
    for number, path in enumerate(files):
        for piece in job.pieces(Part(number, path), write=rows is not None, limit=limit):
            if rows is not None:
                rows.write(piece.lines)
            total.add(piece, _share(sizes, number, piece.read))
            limit = None if limit is None else limit - piece.rows


def _parts(total: Total, task: PartTask, run: Run, parts: Sequence[Part]) -> Iterator[PartResult]:
    """Score parts, and yield what was made of each when it has been added."""
    for number, packed in enumerate(run.by.run(task, parts), 1):
        result = unpack(packed, task.job.scorer.tally)
        if result.again and run.on_notice is not None:
            run.on_notice(f"{result.part.name} is not what was written, and is made again")
        total.add(result, number / len(parts))
        yield result


def _share(sizes: Sequence[int | None], number: int, read: float | None) -> float | None:
    """Return the share of all files that has been read, when *read* is that of one of them."""
    known = [size for size in sizes if size is not None]
    if read is None or len(known) < len(sizes):
        return None
    return (sum(known[:number]) + read * known[number]) / (sum(known) or 1)


class _Head(NamedTuple):
    """What the first rows of a file tell.

    Attributes:
        columns: which is what; None where no row can be read.
        empty: whether the file holds no rows.
        start: what two files share iff their first rows are the same; None where none can be read.
        unread: names of columns, each with the role that is nearly called so and that no column has.
    """

    columns: Columns | None
    empty: bool
    start: int | None
    unread: Sequence[tuple[str, str]] = ()


def _head(path: str, reading: Reading) -> _Head:
    """Look at the first rows of a file that can be read."""
    empty = True
    for chunk in read_chunks(path):
        if _readable(chunk):
            columns = reading.find(chunk)
            near = misspelt(tuple(column_names(chunk)))
            unread = [(name, role) for name, role in near if role in reading.hinted and role not in columns.roles]
            rows = [row for row in chunk.rows if not isinstance(row, BadRow)]
            apart = reasoning_apart(columns, rows) if reading.hinted else None
            unread += [] if apart is None else [(apart, "reasoning")]
            return _Head(columns, empty=False, start=number_of(chunk.rows[:_HEAD_ROWS]), unread=unread)
        empty = False
    return _Head(None, empty=empty, start=None)


_HEAD_ROWS = 256
"""Rows by which a copy of a file is told."""


def _notices(files: Sequence[str], heads: Mapping[str, _Head], twice: Mapping[str, str]) -> Iterator[str]:
    """Say what is odd about files that are given together: nobody would see it in the figures."""
    yield from (f"{path}: {known}, and its rows count each time" for path, known in twice.items())
    yield from missing_shards(files)
    for path, head in heads.items():
        for name, role in head.unread:
            yield f"{path}: the column {name!r} is not read; if it holds the {role}: --map {role}={name}"
    if len(heads) > 1:
        yield from (f"{path}: the file holds no rows" for path, head in heads.items() if head.empty)


def _may_have(role: str, columns: Mapping[str, Columns | None], files: Sequence[str], reading: Reading) -> bool:
    """Return whether output rows may have such a value: of a stream nobody knows before it is read."""
    known = [columns.get(path) for path in files]
    told = any(each is not None and role in each.roles for each in known) or any(map(is_stream, files))
    return told or (reading.targets is not None and role in reading.targets.roles)


def _check_end(total: Total, files: Sequence[str], signed: Mapping[str, Any]) -> None:
    if not total.progress.rows:
        raise DataError(f"{', '.join(files)}: there are no rows")
    check_unchanged(signed)


def refused_rows(score: Callable[[Sequence[Row]], object], rows: Sequence[Row]) -> dict[int, str]:
    """Return which rows a benchmark's scorer refuses, and why; it refuses all that it is given for one of them.

    The rows are halved until each wrong one is alone. (`rewards.score.wrong_targets` does this for rewards.)

    Args:
        score: scores some rows, or raises a DataError.
        rows: the rows.

    >>> def score(rows):
    ...     if None in rows:
    ...         raise DataError("there is no answer", row=rows.index(None))
    >>> refused_rows(score, ["B", None, "C"])
    {1: 'there is no answer'}
    """
    errors: dict[int, str] = {}
    parts = [(0, len(rows))]
    while parts:
        start, end = parts.pop()
        try:
            score(rows[start:end])
        except DataError as error:
            if end - start == 1:
                errors[start] = error.message
            else:
                middle = (start + end) // 2
                parts += [(start, middle), (middle, end)]
    return dict(sorted(errors.items()))
