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
from itertools import accumulate, pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.extras import need
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Stream = io.BufferedReader | gzip.GzipFile
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
) -> Iterator[Chunk]:
    """Yield the rows of a file, a chunk at a time. What is wrong with a row is in the `BadRow` at its place.

    Blank lines hold no row but count as lines.

    Args:
        path: JSON Lines, gzip of that, Parquet (told apart by their first bytes), or ``-`` for standard input.
        start: the end of an earlier chunk, to go on from there.
        stop: the offset at which to stop, where a line ends; of Parquet, the number of rows. None: at the end.
        names: columns to read; only Parquet makes use of it.
        decode: makes rows of lines of JSON, and is quicker than decoding them to mappings; it raises for lines that it
            does not take. Chunks hold rows of one kind, see `Chunk.typed`.

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
            yield from _parquet_chunks(path, start, stop, names)
            return
        if not magic.startswith(_GZIP) and (wrong := _foreign_kind(path, raw.peek()[:_HEAD])):
            raise DataError(f"{path}: {wrong}")
        with gzip.GzipFile(fileobj=raw) if magic.startswith(_GZIP) else nullcontext(raw) as stream:
            blocks = _blocks(stream, start.offset, stop)
            yield from _chunks(path, blocks, start, lambda: raw.tell() / size if size else None, decode)


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


def _chunks(
    path: str,
    blocks: Iterator[tuple[bytes | BadRow, int]],
    start: Position,
    share_read: Callable[[], float | None],
    decode: Decode | None,
) -> Iterator[Chunk]:
    rows: list[Any] = []
    lines: list[int] = []
    typed = decode is not None
    begin = end = start
    for block, offset in blocks:
        found = _read_block(block, end.line, decode if typed else None)
        if typed is not found.typed and rows:
            yield _chunk(path, rows, lines, end, share_read(), typed=typed)
            rows, lines, begin = [], [], end
        typed = found.typed
        rows += found.rows
        lines += found.lines
        end = Position(offset, end.line + found.in_all)
        if len(rows) >= CHUNK_ROWS or end.offset - begin.offset >= CHUNK_BYTES:
            yield _chunk(path, rows, lines, end, share_read(), typed=typed)
            rows, lines, begin, typed = [], [], end, decode is not None
    if rows:
        yield _chunk(path, rows, lines, end, share_read(), typed=typed)


def _blocks(stream: Stream, at: int, stop: int | None = None) -> Iterator[tuple[bytes | BadRow, int]]:
    """Yield blocks of whole lines, and the offset after each.

    Reading stops at multiples of `BLOCK`, counted from the start of the file and not from *at*: the blocks are the same
    wherever reading begins. Of a line that is too long, the start is kept.
    """
    pieces: list[bytes] = []
    kept = 0
    try:
        if at:
            stream.seek(at)
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
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield BadRow(f"the compressed data is damaged, and nothing from here on can be read: {error}"), END
        return
    if last := b"".join(pieces):
        yield last + b"\n", at


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


def _chunk(path: str, rows: list[Any], lines: list[int], end: Position, read: float | None, *, typed: bool) -> Chunk:
    if typed:
        return Chunk(path, rows, lines, None, end, read, typed=True)
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


def _parquet_chunks(path: str, start: Position, stop: int | None, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file, see `read_chunks`."""
    arrow, parquet = _arrow(path)
    try:
        with _open_parquet(path, arrow, parquet) as file:
            total = file.metadata.num_rows
            last = total if stop is None else stop
            starts = _group_starts(file)
            groups = [at for at, end in enumerate(starts[1:]) if end > start.offset and starts[at] < last]
            after = starts[groups[0]] if groups else 0
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, row_groups=groups, columns=names, use_threads=False):
                before, after = after, after + batch.num_rows
                first, end = max(before, start.offset), min(after, last)
                if first < end:
                    rows = batch.slice(first - before, end - first).to_pylist()
                    yield Chunk(path, rows, range(first + 1, end + 1), None, Position(end, end), end / total)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {' '.join(str(error).split())}") from error


def _arrow(path: str) -> list[Any]:
    purpose = f"{path}: reading Parquet"
    return [need(module, package="'star-r1[scale]'", purpose=purpose) for module in ("pyarrow", "pyarrow.parquet")]


def _group_starts(file: Any) -> list[int]:
    """Return the row at which each row group begins, and the number of rows."""
    return list(accumulate((file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)), initial=0))


def _open_parquet(path: str, arrow: Any, parquet: Any) -> Any:
    """Open a file to be read page by page into the system's memory: arrow's own allocator keeps what it once took."""
    usual = arrow.default_memory_pool()
    arrow.set_memory_pool(arrow.system_memory_pool())
    try:
        return parquet.ParquetFile(path, buffer_size=BLOCK, pre_buffer=False)
    finally:
        arrow.set_memory_pool(usual)


# Parts of a file, which can be read apart


def split(path: str, size: int) -> list[tuple[int, int]] | None:
    """Return where parts of a file begin and end: offsets between lines, of Parquet rows; None where it has no parts.

    Args:
        path: see `read_chunks`; no stream.
        size: bytes of a part, about.

    Raises:
        DataError: if the file cannot be read.
    """
    with _open(path) as (raw, bytes_in_all):
        magic = raw.peek(4)
        if magic.startswith(_PARQUET):
            return _split_parquet(path, size)
        if magic.startswith(_GZIP):
            return None
        ends, last = [0], bytes_in_all or 0
        while ends[-1] + size < last:
            raw.seek(ends[-1] + size - 1)
            while (piece := raw.readline(BLOCK)) and not piece.endswith(b"\n"):
                pass
            ends.append(raw.tell())
        return list(pairwise(dict.fromkeys([*ends, last])))


def _split_parquet(path: str, size: int) -> list[tuple[int, int]]:
    """Return parts of whole row groups."""
    arrow, parquet = _arrow(path)
    try:
        with _open_parquet(path, arrow, parquet) as file:
            ends, held = [0], 0
            for at, end in enumerate(_group_starts(file)[1:]):
                held += file.metadata.row_group(at).total_byte_size
                if held >= size or end == file.metadata.num_rows:
                    ends.append(end)
                    held = 0
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {' '.join(str(error).split())}") from error
    return list(pairwise(dict.fromkeys(ends)))


def count_lines(path: str, start: int, stop: int) -> int:
    """Return the number of lines in a part of a file of lines, given as by `split`; of Parquet, the number of rows."""
    with _open(path) as (raw, _):
        if raw.peek(4).startswith(_PARQUET):
            return stop - start
        raw.seek(start)
        count = 0
        while start < stop and (piece := raw.read1(min(1 << 20, stop - start))):
            start += len(piece)
            count += _count_breaks(piece)
        return count


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
