"""Files of other kinds than rows come in, told by their first bytes: what they are, and what to do with them."""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import PurePath
from typing import Final

_READ: Final = "rows are read from JSON Lines, gzip of that, or Parquet"
_TABLE: Final = "pandas.{reader}(FILE{options}).to_json('rows.jsonl', orient='records', lines=True) makes rows of it"
_TABLES: Final = {
    ".csv": ("a table with commas", _TABLE.format(reader="read_csv", options="")),
    ".tsv": ("a table with tabs", _TABLE.format(reader="read_csv", options=", sep='\\t'")),
    ".xlsx": ("an Excel workbook", _TABLE.format(reader="read_excel", options="")),
}
_KINDS: Final = (
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"\x89HDF", "an HDF5 file", ""),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it first"),
    (b"BZh", "compressed with bzip2", "decompress it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first"),
)


def foreign_kind(path: str, head: bytes) -> str | None:
    """Say what is wrong with a file that cannot hold rows, or None.

    Args:
        path: the file as it was named; tables of text are told by its suffix.
        head: its first bytes, which are neither those of gzip nor of Parquet.

    >>> foreign_kind("scores.csv", b"id,answer")[:49]
    'this is a table with commas, and rows are read fr'
    >>> foreign_kind("rows.csv", b'{"id": 1}') is None
    True
    """
    table = _TABLES.get(PurePath(path).suffix.lower())
    if table is not None and head and not head.removeprefix(BOM_UTF8).lstrip().startswith(b"{"):
        return _message(*table)
    return next((_message(kind, advice) for magic, kind, advice in _KINDS if head.startswith(magic)), None)


def _message(kind: str, advice: str) -> str:
    return f"this is {kind}, and {_READ}{f'; {advice}' if advice else ''}"
