"""Rows out of files: JSON Lines, gzip, Parquet or standard input; in chunks, with bounded memory, none skipped.

`read_chunks` is the one way in. A row that cannot be read leaves a `BadRow` in its place, and every row knows its line.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from codecs import BOM_UTF8
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from benchmarks.extras import need
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Stream = io.BufferedReader | gzip.GzipFile

BLOCK = 64 * 1024
"""Bytes that are decoded at a time. More are slower: from 128 KB on, each block is fetched from the system anew."""
CHUNK_ROWS = 1024
"""Rows after which a chunk ends."""
CHUNK_BYTES = 4 * 1024 * 1024
"""Bytes after which a chunk ends, however few rows they hold."""
MAX_LINE = 64 * 1024 * 1024
"""Bytes of a line beyond which it is not read: the bound of the memory that one row can take."""

_OPEN, _CLOSE = b"{}"
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_HEAD = 512  # bytes by which files of other kinds are told
_KINDS = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder().decode_lines


class BadRow(NamedTuple):
    """What takes the place of a row that could not be read."""

    message: str


class Position(NamedTuple):
    """A place between two chunks of a file.

    Attributes:
        offset: bytes before it, after decompression; of Parquet, rows. Or `END`.
        line: lines before it; of Parquet, rows.
    """

    offset: int = 0
    line: int = 0


START = Position()
END = -1
"""The offset after which nothing more can be read."""


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
    """

    path: str
    rows: Sequence[dict[str, Any] | BadRow]
    lines: Sequence[int]
    items: Sequence[int | None] | None
    end: Position
    read: float | None
    attempts: bool = False

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


def read_chunks(path: str, *, start: Position = START, names: Sequence[str] | None = None) -> Iterator[Chunk]:
    """Yield the rows of a file, a chunk at a time. What is wrong with a row is in the `BadRow` at its place.

    Blank lines hold no row but count as lines.

    Args:
        path: JSON Lines, gzip of that, Parquet (told apart by their first bytes), or ``-`` for standard input.
        start: the end of an earlier chunk, to go on from there.
        names: columns to read; only Parquet makes use of it.

    Raises:
        DataError: if the file cannot be opened, or is no such file.
        ConfigError: if the file is Parquet and pyarrow is not installed.
    """
    if start.offset == END:
        return
    with _open(path) as (raw, size):
        magic = raw.peek(4)
        if magic.startswith(_PARQUET):
            if is_stream(path):
                raise DataError(f"{path}: Parquet is read from its end, which a stream does not have; name the file")
            yield from _parquet_chunks(path, start, names)
            return
        if not magic.startswith(_GZIP) and (wrong := _foreign_kind(path, raw.peek()[:_HEAD])):
            raise DataError(f"{path}: {wrong}")
        with gzip.GzipFile(fileobj=raw) if magic.startswith(_GZIP) else nullcontext(raw) as stream:
            yield from _chunks(path, stream, start, lambda: raw.tell() / size if size else None)


def is_stream(path: str) -> bool:
    """Return whether a file can be read only once: standard input or a pipe."""
    return path == "-" or (Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir())


@contextmanager
def _open(path: str) -> Iterator[tuple[io.BufferedReader, int | None]]:
    """Open a file, or standard input, and tell its size where it has one."""
    if path == "-":
        given: Any = sys.stdin.buffer
        yield given if isinstance(given, io.BufferedReader) else io.BufferedReader(given), None
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115  closed below; errors in between are not about opening
    except OSError as error:
        folder = isinstance(error, IsADirectoryError)
        reason = "it is a folder, not a file" if folder else error.strerror or str(error)
        raise DataError(f"{path}: {reason}") from error
    with file:
        yield file, None if is_stream(path) else Path(path).stat().st_size


def _chunks(path: str, stream: Stream, start: Position, share_read: Callable[[], float | None]) -> Iterator[Chunk]:
    rows: list[dict[str, Any] | BadRow] = []
    lines: list[int] = []
    offset, line, chunk_start = start.offset, start.line, start.offset
    for block, offset in _blocks(stream, start.offset):
        if isinstance(block, BadRow):
            rows.append(block)
            lines.append(line + 1)
        else:
            line = _decode_block(block.removeprefix(BOM_UTF8) if line == 0 else block, line, rows, lines)
        if len(rows) >= CHUNK_ROWS or offset - chunk_start >= CHUNK_BYTES:
            yield _chunk(path, rows, lines, Position(offset, line), share_read())
            rows, lines, chunk_start = [], [], offset
    if rows:
        yield _chunk(path, rows, lines, Position(offset, line), share_read())


def _blocks(stream: Stream, at: int) -> Iterator[tuple[bytes | BadRow, int]]:
    """Yield blocks of whole lines, and the offset after each.

    Reading stops at multiples of `BLOCK`, counted from the start of the file and not from *at*: the blocks are the same
    wherever reading begins. Of a line that is too long, the start is kept.
    """
    pieces: list[bytes] = []
    kept = 0
    try:
        if at:
            stream.seek(at)
        while piece := stream.read(BLOCK - at % BLOCK):
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
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield BadRow(f"the compressed data is damaged, and nothing from here on can be read: {error}"), END
        return
    if last := b"".join(pieces):
        yield last + b"\n", at


def _decode_block(block: bytes, line: int, rows: list[dict[str, Any] | BadRow], lines: list[int]) -> int:
    """Append the rows of a block and their line numbers; *line* lines come before it. Return how many end in it."""
    count = _count_objects(block)
    if count is not None:
        try:
            decoded = _decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            decoded = []
        if len(decoded) == count:
            rows += decoded
            lines += range(line + 1, line + count + 1)
            return line + count
    for number, text in enumerate(block.split(b"\n")[:-1], line + 1):
        line = number
        if text and not text.isspace():
            rows.append(_decode_row(text))
            lines.append(number)
    return line


def _count_objects(block: bytes) -> int | None:
    """Return the number of lines if each begins with ``{`` and ends with ``}``, otherwise None.

    If so, a line break can only be between two values, and as many values as lines are one value a line. The decoder
    alone does not look at line breaks.
    """
    count, start, end = 0, 0, block.find(b"\n")
    while end >= 0 and block[start] == _OPEN and block[end - 1] == _CLOSE:
        count, start, end = count + 1, end + 1, block.find(b"\n", end + 1)
    return count if start == len(block) else None


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
    """Decode what the fast decoder refuses: Python's ``NaN`` and lone surrogates; or say what is wrong."""
    try:
        return _mend(json.loads(text.decode("utf-8")))
    except UnicodeDecodeError as error:
        return BadRow(f"invalid UTF-8: byte 0x{text[error.start]:02x} at column {error.start + 1}")
    except json.JSONDecodeError as error:
        return BadRow(f"broken JSON at column {error.colno}: {error.msg}")
    except RecursionError:
        return BadRow("the JSON is nested too deeply")
    except ValueError as error:
        return BadRow(f"broken JSON: {error}")


def _mend(value: Any) -> Any:
    """Put the replacement character for each half of a surrogate pair: no text that can be written holds one."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(each) for each in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(each) for key, each in value.items()}
    return value


def _chunk(
    path: str, rows: list[dict[str, Any] | BadRow], lines: list[int], end: Position, read: float | None
) -> Chunk:
    tables = [type(row.get("step", row.get("gen_step"))) is list for row in rows if type(row) is dict]
    if True not in tables:
        return Chunk(path, rows, lines, None, end, read)
    spread = [
        (entry, line, item)
        for row, line in zip(rows, lines, strict=True)
        for item, entry in enumerate([row] if isinstance(row, BadRow) else _entries(row))
    ]
    entries, numbers, items = zip(*spread, strict=True)
    return Chunk(path, entries, numbers, items, end, read)


def _entries(table: dict[str, Any]) -> Sequence[dict[str, Any] | BadRow]:
    """Return the rows of a table that stands on one line, a list for each column: ms-swift writes one for each step."""
    step = table.get("step", table.get("gen_step"))
    if not isinstance(step, list):
        return [table]
    lengths = {name: len(column) for name, column in table.items() if isinstance(column, list)}
    if len(set(lengths.values())) > 1:
        return [BadRow(f"the columns of this table differ in length: {lengths}")]
    columns = [(name, column if name in lengths else [column] * len(step)) for name, column in table.items()]
    return [{name: column[at] for name, column in columns} for at in range(len(step))]


# Parquet


def _parquet_chunks(path: str, start: Position, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file, see `read_chunks`."""
    arrow, parquet = (
        need(module, package="'star-r1[scale]'", purpose=f"{path}: reading Parquet")
        for module in ("pyarrow", "pyarrow.parquet")
    )
    try:
        with _open_parquet(path, arrow, parquet) as file:
            total, after = file.metadata.num_rows, 0
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=names, use_threads=False):
                before, after = after, after + batch.num_rows
                if before >= start.offset and batch.num_rows:
                    end = Position(after, after)
                    yield Chunk(path, batch.to_pylist(), range(before + 1, after + 1), None, end, after / total)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {' '.join(str(error).split())}") from error


def _open_parquet(path: str, arrow: Any, parquet: Any) -> Any:
    """Open a file to be read page by page into the system's memory: arrow's own allocator keeps what it once took."""
    usual = arrow.default_memory_pool()
    arrow.set_memory_pool(arrow.system_memory_pool())
    try:
        return parquet.ParquetFile(path, buffer_size=BLOCK, pre_buffer=False)
    finally:
        arrow.set_memory_pool(usual)


# Files of other kinds than rows come in, told by their first bytes: what they are, and what to do with them

_ROWS_COME_FROM: Final = "rows are read from JSON Lines, gzip of that, or Parquet"
_TABLE: Final = "pandas.{reader}(FILE{options}).to_json('rows.jsonl', orient='records', lines=True) makes rows of it"
_TABLES: Final = {
    ".csv": ("a table with commas", _TABLE.format(reader="read_csv", options="")),
    ".tsv": ("a table with tabs", _TABLE.format(reader="read_csv", options=", sep='\\t'")),
    ".xlsx": ("an Excel workbook", _TABLE.format(reader="read_excel", options="")),
}
_MAGIC: Final = (
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"\x89HDF", "an HDF5 file", ""),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it first"),
    (b"BZh", "compressed with bzip2", "decompress it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first"),
)


def _foreign_kind(path: str, head: bytes) -> str | None:
    """Say what is wrong with a file that cannot hold rows, or None.

    Args:
        path: the file as it was named; tables of text are told by its suffix.
        head: its first bytes, which are neither those of gzip nor of Parquet.
    """
    table = _TABLES.get(PurePath(path).suffix.lower())
    if table is not None and head and not head.removeprefix(BOM_UTF8).lstrip().startswith(b"{"):
        return _message(*table)
    return next((_message(kind, advice) for magic, kind, advice in _MAGIC if head.startswith(magic)), None)


def _message(kind: str, advice: str) -> str:
    return f"this is {kind}, and {_ROWS_COME_FROM}{f'; {advice}' if advice else ''}"
