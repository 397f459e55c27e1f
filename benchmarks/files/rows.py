"""Rows out of files: JSON Lines, gzip, Parquet or standard input; in chunks, with bounded memory, none skipped."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks.files.chunks import BLOCK, CHUNK_ROWS, END, START, BadRow, Chunk, Position
from benchmarks.files.foreign import foreign_kind
from benchmarks.files.parquet import parquet_chunks
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Stream = io.BufferedReader | gzip.GzipFile

CHUNK_BYTES = 4 * 1024 * 1024
"""Bytes after which a chunk ends, however few rows they hold."""
MAX_LINE = 64 * 1024 * 1024
"""Bytes of a line beyond which it is not read: the bound of the memory that one row can take."""

_OPEN, _CLOSE = b"{}"
_BOM = b"\xef\xbb\xbf"
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_HEAD = 512  # bytes by which files of other kinds are told
_KINDS = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder().decode_lines


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
            yield from parquet_chunks(path, start, names)
            return
        if not magic.startswith(_GZIP) and (wrong := foreign_kind(path, raw.peek()[:_HEAD])):
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
            line = _decode_block(block.removeprefix(_BOM) if line == 0 else block, line, rows, lines)
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
