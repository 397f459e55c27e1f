"""What kind of file this is, told by its first bytes; the suffix only decides between kinds of text."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE
from typing import Final, Literal

from benchmarks.files.paths import suffix
from rewards.errors import DataError

Kind = Literal["lines", "array", "document", "table", "parquet", "arrow", "zip"]

HEAD: Final = 4096
"""Bytes by which a kind is told, where the file has as many."""

ZSTD: Final = (b"\x28\xb5\x2f\xfd", *(bytes([number]) + b"\x2a\x4d\x18" for number in range(0x50, 0x60)))
"""First bytes of zstd: of a frame, and of those that hold something else and are passed over (pzstd writes some)."""

COMPRESSED: Final = (b"\x1f\x8b", *ZSTD, b"\xfd7zXZ", b"BZh")
"""First bytes of gzip, zstd, xz and bzip2."""

_BINARY: Final[dict[bytes, Kind]] = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow",  # a stream of Arrow, as `datasets` writes it
    b"PK\x03\x04": "zip",
}
_FOREIGN: Final = (
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"\x89HDF", "an HDF5 file", ""),
    (b"%PDF", "a PDF file", ""),
    (b"SQLite format 3", "an SQLite data base", ""),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old kind", "save it as .xlsx"),
    (b"\x80\x02", "a Python pickle", "which may run any program when it is read; write its rows as JSON Lines"),
    (b"\x80\x04", "a Python pickle", "which may run any program when it is read; write its rows as JSON Lines"),
    (b"\x80\x05", "a Python pickle", "which may run any program when it is read; write its rows as JSON Lines"),
    (BOM_UTF32_LE, "text in UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8 FILE"),
    (BOM_UTF16_LE, "text in UTF-16", "convert it with: iconv -f UTF-16 -t UTF-8 FILE"),
    (BOM_UTF16_BE, "text in UTF-16", "convert it with: iconv -f UTF-16 -t UTF-8 FILE"),
)
_TABLES: Final = (".csv", ".tsv", ".tab")
_LINES: Final = (".jsonl", ".ndjson")
_READ: Final = "rows are read from JSON Lines, JSON, CSV, TSV, XLSX, Parquet, Arrow, and inspect_ai's logs"

# Control characters that no text holds; a few in a line are the line's own fault and not a sign of another kind.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ARRAY: Final = re.compile(rb"\[\s*(?:\{|$)")
_OBJECT: Final = re.compile(rb"^[ \t]*\{\s*[\"}]", re.MULTILINE)
# A header: two or more names between commas, semicolons or tabs.
_HEADER: Final = re.compile(rb"\"?[A-Za-z_][\w .:/()-]*\"?(?:[,;\t]\"?[A-Za-z_][\w .:/()-]*\"?)+\r?\n")


def kind_of(path: str, head: bytes) -> Kind:
    """Return of which kind a file is; it is not compressed, or what is compressed in it is meant.

    Args:
        path: the file as it was named; its suffix tells tables of text and whole documents of JSON.
        head: its first bytes, at most `HEAD`.

    Raises:
        DataError: it holds no rows that we can read. The message says what it holds, and what to do.

    >>> kind_of("rows.jsonl", b'{"id": 1}'), kind_of("rows.csv", b"id,target"), kind_of("-", b'[{"id": 1}]')
    ('lines', 'table', 'array')
    """
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            return kind
    for magic, name, advice in _FOREIGN:
        if head.startswith(magic):
            raise DataError(_message(path, name, advice))
    text = head.removeprefix(BOM_UTF8).lstrip()
    _refuse_binary(path, text)
    if text.startswith(b"["):
        return "array" if _is_array(suffix(path), text) else "lines"
    if text.startswith(b"{"):
        return "document" if _is_document(suffix(path), text) else "lines"
    if text and (suffix(path) in _TABLES or (suffix(path) in ("", ".txt") and _HEADER.match(text))):
        return "table"
    if text and suffix(path) not in (*_LINES, "", ".txt") and not _OBJECT.search(text):
        first = text.split(b"\n", 1)[0][:40].decode(errors="replace").strip()
        raise DataError(_message(path, f"text without a JSON object at the start of a line (it begins {first!r})", ""))
    return "lines"


def _refuse_binary(path: str, head: bytes) -> None:
    odd = len(_CONTROL.findall(head))
    if len(head) < 8 or odd * 10 < len(head):
        return
    # Of UTF-16 without its mark, which is mostly ASCII here, every second byte is nothing.
    zeros = (head[0::2].count(0), head[1::2].count(0))
    if max(zeros) > len(head) // 4 and min(zeros) <= max(zeros) // 8:
        order = "BE" if zeros[0] > zeros[1] else "LE"
        raise DataError(_message(path, "text in UTF-16", f"convert it with: iconv -f UTF-16{order} -t UTF-8 FILE"))
    raise DataError(_message(path, "a binary file", ""))


def _is_array(ending: str, head: bytes) -> bool:
    """Return whether this is one array of rows, and not lines of which the first is a list."""
    first, _, rest = head.partition(b"\n")
    if first.rstrip().endswith(b"]") and rest.lstrip()[:1] in (b"{", b"["):
        return False
    return ending not in _LINES or _ARRAY.match(first) is not None


def _is_document(ending: str, head: bytes) -> bool:
    """Return whether this may be one object over many lines: it ends in ``.json``, or the first line only opens it."""
    first, _, rest = head.partition(b"\n")
    if rest.lstrip(b"\r\n")[:1] == b"{":
        return False
    return ending == ".json" or (first.strip() == b"{" and ending not in _LINES)


def _message(path: str, name: str, advice: str) -> str:
    return f"{path}: this is {name}, and {_READ}{f'; {advice}' if advice else ''}"
