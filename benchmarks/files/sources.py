"""Rows out of files of every kind, in chunks, with bounded memory, none skipped.

`read_chunks` is the one way in. A row that cannot be read leaves a `BadRow` in its place, and every row knows its line.
JSON Lines are read here; `benchmarks.files.text_tables`, `benchmarks.files.columnar`, `benchmarks.files.archives` and
`benchmarks.files.documents` read the other kinds. `split` cuts a file into parts that can be read apart.
"""

from __future__ import annotations

import io
import json
import sys
from codecs import BOM_UTF8
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.files.ambiguous import refuse_key_twice, table_fault
from benchmarks.files.kinds import COMPRESSED, HEAD, kind_of
from benchmarks.files.paths import STREAM, client_reason, file_size, is_address, is_data_set, open_address
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from benchmarks.files.compressed import Decompressed

    Decode = Callable[[bytes], Sequence[Any]]

BLOCK = 64 * 1024
"""Bytes that are decoded at a time. More are slower: from 128 KB on, each block is fetched from the system anew."""
CHUNK_ROWS = 1024
"""Rows after which a chunk ends."""
CHUNK_BYTES = 4 * 1024 * 1024
"""Bytes after which a chunk ends, however few rows they hold."""
MAX_LINE = 64 * 1024 * 1024
"""Bytes of a line beyond which it is not read: the bound of the memory that one row can take."""

_OPEN, _CLOSE = b"{}"
(_BREAK,) = b"\n"
_KINDS = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder().decode_lines


class CellRow(dict[str, Any]):
    """A row of cells, in which nobody can write null: an empty target is none."""


class DateCell(str):
    """The text of a cell that is a date or a time: Excel makes one of an answer such as ``3/4`` or ``1:2``."""

    __slots__ = ()


class BadRow(NamedTuple):
    """What takes the place of a row that could not be read."""

    message: str


class Position(NamedTuple):
    """A place between two chunks of a file.

    Attributes:
        offset: bytes before it, after decompression; of other kinds than lines, rows. Or `END`.
        line: lines before it; of Parquet and Arrow, rows.
    """

    offset: int = 0
    line: int = 0


START = Position()
END = -1
"""The offset after which nothing more can be read."""


class Extent(NamedTuple):
    """What is read of a file.

    Attributes:
        start: where reading begins: the end of a chunk, or of a part.
        stop: the offset at which it ends, at the end of a row; None for the end of the file.
        most: rows after which a chunk ends.
    """

    start: Position = START
    stop: int | None = None
    most: int = CHUNK_ROWS


class Chunk(NamedTuple):
    """Some consecutive rows of one file. Where a file is cut into chunks depends on nothing but the file.

    Attributes:
        path: the file as it was named; ``-`` is standard input.
        rows: the rows, (rows,).
        lines: the line of each row, from 1; of Parquet, the number of the row, from 1.
        items: where a line holds several rows (ms-swift's tables, the attempts of one prompt), the place of each in its
            line, from 0, or None for a row that has its line alone; None where all have.
        end: where the next chunk begins.
        read: share of the file that has been read, in [0, 1]; None where its size is unknown.
        attempts: whether the rows of one line are attempts at one prompt.
        typed: whether the rows are what the decoder made of them that `read_chunks` was given.
    """

    path: str
    rows: Sequence[dict[str, Any] | BadRow]
    lines: Sequence[int]
    items: Sequence[int | None] | None
    end: Position
    read: float | None
    attempts: bool = False
    typed: bool = False

    def place(self, row: int) -> str:
        """Return ``file:line`` of a row."""
        item = "" if self.items is None or self.items[row] is None else f"[{self.items[row]}]"
        return f"{self.path}:{self.lines[row]}{item}"

    def first(self, count: int) -> Chunk:
        """Return the chunk without the rows after the first so many."""
        items = None if self.items is None else self.items[:count]
        return self._replace(rows=self.rows[:count], lines=self.lines[:count], items=items)

    def bad_rows(self) -> dict[int, str]:
        """Return what is wrong with the rows that could not be read, by their place in the chunk."""
        return {at: row.message for at, row in enumerate(self.rows) if isinstance(row, BadRow)}


def column_names(chunk: Chunk) -> list[str]:
    """Return the columns of a chunk's rows, in order of their appearance."""
    seen: dict[str, None] = {}
    for row in chunk.rows:
        if not isinstance(row, BadRow):
            seen.update(dict.fromkeys(row))
    return list(seen)


def read_chunks(
    path: str,
    *,
    start: Position = START,
    stop: int | None = None,
    names: Sequence[str] | None = None,
    decode: Decode | None = None,
    rows: int | None = None,
) -> Iterator[Chunk]:
    """Yield the rows of a file, a chunk at a time. What is wrong with a row is in the `BadRow` at its place.

    Blank lines hold no row but count as lines.

    Args:
        path: one of `benchmarks.files.paths.find_files`. Its first bytes tell its kind, see
            `benchmarks.files.kinds.kind_of`; gzip, zstd, xz or bzip2 may be around it.
        start: the end of an earlier chunk, to go on from there.
        stop: the offset at which to stop, where a line ends; of other kinds than lines, the number of rows. None: at
            the end.
        names: columns to read; only Parquet and Arrow make use of it.
        decode: makes rows of lines of JSON, and is quicker than decoding them to mappings; it raises for lines that it
            does not take. Rows of files of other kinds are mappings. Chunks hold rows of one kind, see `Chunk.typed`.
        rows: rows after which a chunk ends; None for `CHUNK_ROWS`.

    Raises:
        DataError: if the file cannot be opened, or holds no rows.
        ConfigError: if a package that reads files of this kind is not installed.
    """
    if start.offset == END:
        return
    extent = Extent(start, stop, rows or CHUNK_ROWS)
    if is_data_set(path):
        from benchmarks.files.columnar import data_set_chunks  # noqa: PLC0415  as all readers of other kinds

        yield from data_set_chunks(path, extent, names)
        return
    with _open(path) as (raw, size):
        stream, packed = _unpack(path, raw)
        kind = kind_of(path, stream.peek(HEAD)[:HEAD])
        source = Source(path, stream, packed, lambda: raw.tell() / size if size else None)
        if kind == "lines":
            chunks = _chunks(source, extent, decode)
        elif kind in ("parquet", "arrow", "zip"):
            chunks = _seeking_chunks(kind, source, extent, names)
        elif kind == "table":
            from benchmarks.files.text_tables import table_rows  # noqa: PLC0415

            chunks = chunk_rows(source, table_rows(path, stream, packed), extent)
        else:
            chunks = _json_chunks(kind, source, extent, decode)
        with closing(chunks):  # before the file that they read
            yield from (chunk for chunk in chunks if chunk.rows)  # a table may have no rows


class Source(NamedTuple):
    """A file that is open.

    Attributes:
        path: the file as it was named.
        stream: what it holds, at its start, after decompression.
        packed: what decompresses it, which says whether the data is damaged; None for a plain file.
        read: returns the share of the file that has been read, in [0, 1]; None where its size is unknown.
    """

    path: str
    stream: io.BufferedReader
    packed: Decompressed | None
    read: Callable[[], float | None]

    def damage(self) -> str | None:
        """Return what is wrong with the compressed data that has been read to its end, or None."""
        if self.packed is None or self.packed.damage is None:
            return None
        return f"the compressed data is damaged, and nothing from here on can be read: {self.packed.damage}"


class SizedRow(NamedTuple):
    """A row with its line, from 1, and about how many bytes of the file it takes."""

    line: int
    row: dict[str, Any] | BadRow
    size: int


def _seeking_chunks(kind: str, source: Source, extent: Extent, names: Sequence[str] | None) -> Generator[Chunk]:
    """Yield the rows of a file that is read from its end, or here and there."""
    if is_stream(source.path) or source.packed is not None:
        where = (
            "a compressed file does not have; decompress it"
            if source.packed
            else "a stream does not have; name the file"
        )
        name = {"parquet": "Parquet", "arrow": "Arrow", "zip": "a zip archive"}[kind]
        raise DataError(f"{source.path}: {name} is read from its end, which {where}")
    if kind == "zip":
        from benchmarks.files.archives import archive_rows  # noqa: PLC0415

        yield from chunk_rows(source, archive_rows(source.path, source.stream), extent)
        return
    from benchmarks.files.columnar import arrow_chunks, parquet_chunks  # noqa: PLC0415

    yield from (parquet_chunks if kind == "parquet" else arrow_chunks)(source, extent, names)


def _json_chunks(kind: str, source: Source, extent: Extent, decode: Decode | None) -> Generator[Chunk]:
    """Yield the rows of a JSON array, or of one document."""
    from benchmarks.files.documents import array_rows, document_rows  # noqa: PLC0415

    if kind == "array":
        yield from chunk_rows(source, array_rows(source), extent)
        return
    data = source.stream.read()
    rows = document_rows(source.path, data) if source.damage() is None else ()
    if rows is None:  # lines, the first of which is broken
        yield from _chunks(source._replace(stream=io.BufferedReader(io.BytesIO(data))), extent, decode)
    else:
        yield from chunk_rows(source, rows, extent)


def chunk_rows(source: Source, rows: Iterable[SizedRow], extent: Extent) -> Generator[Chunk]:
    """Yield rows that were read one by one as chunks; a position among them is their number."""
    some: list[dict[str, Any] | BadRow] = []
    lines: list[int] = []
    count = size = line = 0
    for line, row, bytes_ in rows:
        if count == extent.stop:
            break
        count += 1
        if count > extent.start.offset:
            some.append(row)
            lines.append(line)
            size += bytes_
        if len(some) >= extent.most or size >= CHUNK_BYTES:
            yield _chunk(source.path, some, lines, Position(count, line), source.read())
            some, lines, size = [], [], 0
    damage = source.damage() if count != extent.stop else None
    if damage is not None:
        some.append(BadRow(damage))
        lines.append(line + 1)
    if some:
        yield _chunk(source.path, some, lines, Position(END if damage else count, line), source.read())


def is_stream(path: str) -> bool:
    """Return whether a file can be read only once: standard input or a pipe."""
    if path == STREAM:
        return True
    return not is_address(path) and Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir()


class _Remote(io.RawIOBase):
    """The file at an address. What its client raises while it is read, each in its own way, is a DataError."""

    def __init__(self, path: str) -> None:
        self._path, self._file = path, open_address(path)

    def readinto(self, buffer: Any) -> int | None:
        try:
            return self._file.readinto(buffer)
        except Exception as error:
            raise DataError(f"{self._path}: {client_reason(error)}") from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _open(path: str) -> Iterator[tuple[io.BufferedReader, int | None]]:
    """Open a file, or standard input, and tell its size where it has one."""
    if path == STREAM:
        given: Any = sys.stdin.buffer
        yield given if isinstance(given, io.BufferedReader) else io.BufferedReader(given), None
        return
    if is_address(path):
        with _Remote(path) as remote:
            yield io.BufferedReader(remote, BLOCK), file_size(path)
        return
    try:
        file: Any = Path(path).open("rb", BLOCK)  # noqa: SIM115  closed below; errors in between are not about opening
    except OSError as error:
        folder = isinstance(error, IsADirectoryError)
        reason = "it is a folder, not a file" if folder else error.strerror or str(error)
        raise DataError(f"{path}: {reason}") from error
    with file:
        yield file, None if is_stream(path) else Path(path).stat().st_size


def _unpack(path: str, raw: io.BufferedReader) -> tuple[io.BufferedReader, Decompressed | None]:
    """Return what a file holds, and what decompresses it, where it is compressed."""
    if not raw.peek(HEAD).startswith(COMPRESSED):
        return raw, None
    from benchmarks.files.compressed import decompressed  # noqa: PLC0415

    packed = decompressed(raw, path)
    return io.BufferedReader(packed, BLOCK), packed


def _chunks(source: Source, extent: Extent, decode: Decode | None) -> Generator[Chunk]:
    """Yield the rows of JSON Lines."""
    rows: list[Any] = []
    lines: list[int] = []
    typed = decode is not None
    begin = end = extent.start
    for block, offset in _blocks(source, begin.offset, extent.stop):
        if not (rows or begin.offset or isinstance(block, BadRow)):
            refuse_key_twice(source.path, block.removeprefix(BOM_UTF8).lstrip().partition(b"\n")[0])
        found = _read_block(block, end.line, decode if typed else None)
        if typed is not found.typed and rows:
            yield _chunk(source.path, rows, lines, end, source.read(), typed=typed)
            rows, lines, begin = [], [], end
        typed = found.typed
        rows += found.rows
        lines += found.lines
        end = Position(offset, end.line + found.in_all)
        if len(rows) >= extent.most or end.offset - begin.offset >= CHUNK_BYTES:
            yield _chunk(source.path, rows, lines, end, source.read(), typed=typed)
            rows, lines, begin, typed = [], [], end, decode is not None
    if rows:
        yield _chunk(source.path, rows, lines, end, source.read(), typed=typed)


def _blocks(source: Source, at: int, stop: int | None) -> Iterator[tuple[bytes | BadRow, int]]:
    """Yield blocks of whole lines, and the offset after each.

    Reading stops at multiples of `BLOCK`, counted from the start of the file and not from *at*: the blocks are the same
    wherever reading begins. Of a line that is too long, the start is kept.
    """
    stream = source.stream
    pieces: list[bytes] = []
    kept = 0
    if at:
        _skip(source, at)
    while piece := stream.read(BLOCK - at % BLOCK if stop is None else min(BLOCK - at % BLOCK, stop - at)):
        at += len(piece)
        cut = piece.rfind(b"\n") + 1
        if not cut:
            if kept <= MAX_LINE:
                pieces.append(piece)
                kept += len(piece)
            continue
        first = piece.index(b"\n") if kept > MAX_LINE else 0
        yield b"".join([*pieces, piece[first:cut]]), at - len(piece) + cut
        pieces, kept = [piece[cut:]], len(piece) - cut
    if damage := source.damage():  # the line that it cut is no row
        yield BadRow(damage), END
    elif last := b"".join(pieces):
        yield last + b"\n", at


def _skip(source: Source, count: int) -> None:
    if source.packed is None:
        source.stream.seek(count)
        return
    while count and (piece := source.stream.read(min(count, BLOCK))):
        count -= len(piece)


class _Lines(NamedTuple):
    """The rows of some lines, the line of each, how many lines, and whether the rows are what a `Decode` made."""

    rows: Sequence[Any]
    lines: Sequence[int]
    in_all: int
    typed: bool


def _read_block(block: bytes | BadRow, line: int, decode: Decode | None) -> _Lines:
    """Return the rows of a block; *line* lines come before it."""
    if isinstance(block, BadRow):
        return _Lines([block], [line + 1], 0, typed=False)
    block = block.removeprefix(BOM_UTF8) if line == 0 else block
    count = _count_objects(block)
    if count is not None:
        for each in (decode, _decode_lines):
            if each is not None and (rows := _decode_objects(block, count, each)) is not None:
                return _Lines(rows, range(line + 1, line + count + 1), count, typed=each is decode)
    texts = block.split(b"\n")[:-1]
    numbered = [(number, text) for number, text in enumerate(texts, line + 1) if text and not text.isspace()]
    return _Lines([_decode_row(text) for _, text in numbered], [at for at, _ in numbered], len(texts), typed=False)


def _decode_objects(block: bytes, count: int, decode: Decode) -> Sequence[Any] | None:
    """Return the rows of a block of so many lines where each is one object, otherwise None."""
    try:
        decoded = decode(block)
        if decode is not _decode_lines and not block.isascii():
            block.decode()  # a decoder that skips columns does not look whether they are UTF-8
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return decoded if len(decoded) == count else None


def _count_objects(block: bytes) -> int | None:
    """Return the number of lines if each begins with ``{`` and ends with ``}``, otherwise None.

    If so, a line break can only be between two values, and as many values as lines are one value a line. The decoder
    alone does not look at line breaks.
    """
    count, start, end = 0, 0, block.find(b"\n")
    while end >= 0 and block[start] == _OPEN and block[end - 1] == _CLOSE:
        count, start, end = count + 1, end + 1, block.find(b"\n", end + 1)
    return count if start == len(block) else None


def _count_breaks(block: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == _BREAK))


def _decode_row(text: bytes) -> dict[str, Any] | BadRow:
    if len(text) > MAX_LINE:
        return BadRow(f"the line is longer than {MAX_LINE >> 20} MB")
    try:
        value = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _decode_patiently(text.rstrip())
    if isinstance(value, dict | BadRow):
        return value
    hint = "; convert a JSON array with: jq -c '.[]' FILE" if isinstance(value, list) else ""
    return BadRow(f"a row is a JSON object, and this is {_KINDS.get(type(value), 'a number')}{hint}")


def _decode_patiently(text: bytes) -> Any:
    """Decode what the fast decoder refuses: Python's constants and lone surrogates; or say what is wrong."""
    try:
        return mend(json.loads(text.decode("utf-8"), parse_constant=constant))
    except UnicodeDecodeError as error:
        return BadRow(f"invalid UTF-8: byte 0x{text[error.start]:02x} at column {error.start + 1}")
    except json.JSONDecodeError as error:
        return BadRow(f"broken JSON at column {error.colno}: {error.msg}")
    except RecursionError:
        return BadRow("the JSON is nested too deeply")
    except ValueError as error:
        return BadRow(f"broken JSON: {error}")


def constant(name: str) -> float | None:
    """Return what a word of Python's JSON stands for: ``NaN``, as pandas and numpy write it, for a missing value.

    >>> constant("NaN"), constant("-Infinity")
    (None, -inf)
    """
    return None if name == "NaN" else float(name)


def mend(value: Any) -> Any:
    """Put the replacement character for each half of a surrogate pair: no text that can be written holds one."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [mend(each) for each in value]
    if isinstance(value, dict):
        return {mend(key): mend(each) for key, each in value.items()}
    return value


def _chunk(
    path: str, rows: list[Any], lines: list[int], end: Position, read: float | None, *, typed: bool = False
) -> Chunk:
    if typed:
        return Chunk(path, rows, lines, None, end, read, typed=True)
    rows = [BadRow(wrong) if type(row) is dict and (wrong := table_fault(row)) else row for row in rows]
    tables = [type(row) is dict and type(row.get("step", row.get("gen_step"))) is list for row in rows]
    if True not in tables:
        return Chunk(path, rows, lines, None, end, read)
    spread = [
        (entry, line, item)
        for row, line, is_table in zip(rows, lines, tables, strict=True)
        for item, entry in (enumerate(_entries(row)) if is_table else [(None, row)])
    ]
    entries, numbers, items = zip(*spread, strict=True) if spread else ((), (), ())
    return Chunk(path, entries, numbers, items, end, read)


def _entries(table: dict[str, Any]) -> Sequence[dict[str, Any] | BadRow]:
    """Return the rows of a table that stands on one line, a list for each column: ms-swift writes one for each step."""
    step: Sequence[Any] = table.get("step", table.get("gen_step"))  # type: ignore[assignment]  # it is a list
    lengths = {name: len(column) for name, column in table.items() if isinstance(column, list)}
    if len(set(lengths.values())) > 1:
        return [BadRow(f"the columns of this table differ in length: {lengths}")]
    columns = [(name, column if name in lengths else [column] * len(step)) for name, column in table.items()]
    return [{name: column[at] for name, column in columns} for at in range(len(step))]


# --- parts of a file, which can be read apart ------------------------------------------------------------------------


def split(path: str, size: int) -> list[tuple[int, int]] | None:
    """Return where parts of a file begin and end: offsets between lines, of Parquet rows; None where it has no parts.

    Lines of JSON and Parquet have parts, unless they are compressed or at an address; files of other kinds are read
    from their beginning.

    Args:
        path: see `read_chunks`; no stream.
        size: bytes of a part, about.

    Raises:
        DataError: if the file cannot be read.
    """
    if is_address(path) or is_data_set(path):
        return None
    with _open(path) as (raw, bytes_in_all):
        head = raw.peek(HEAD)[:HEAD]
        kind = None if head.startswith(COMPRESSED) else kind_of(path, head)
        if kind == "parquet":
            from benchmarks.files.columnar import split_parquet  # noqa: PLC0415

            return split_parquet(path, size)
        if kind != "lines":
            return None
        ends, last = [0], bytes_in_all or 0
        while ends[-1] + size < last:
            raw.seek(ends[-1] + size - 1)
            while (piece := raw.readline(BLOCK)) and not piece.endswith(b"\n"):
                pass
            ends.append(raw.tell())
        return list(pairwise(dict.fromkeys([*ends, last])))


def count_lines(path: str, start: int, stop: int) -> int:
    """Return the number of lines in a part of a file of lines, given as by `split`; of Parquet, the number of rows."""
    with _open(path) as (raw, _):
        if kind_of(path, raw.peek(HEAD)[:HEAD]) == "parquet":
            return stop - start
        raw.seek(start)
        count = 0
        while start < stop and (piece := raw.read1(min(1 << 20, stop - start))):
            start += len(piece)
            count += _count_breaks(piece)
        return count
