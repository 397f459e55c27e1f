"""What the readers of files hand over: rows, some at a time, with the place of each in its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK = 64 * 1024
"""Bytes that are decoded at a time. More are slower: from 128 KB on, each block is fetched from the system anew."""
CHUNK_ROWS = 1024
"""Rows after which a chunk ends."""


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
        items: where a line holds several rows (ms-swift's tables), the place of each in its line, from 0; else None.
        end: where the next chunk begins.
        read: share of the file that has been read, in [0, 1]; None where its size is unknown.
    """

    path: str
    rows: Sequence[dict[str, Any] | BadRow]
    lines: Sequence[int]
    items: Sequence[int] | None
    end: Position
    read: float | None

    def place(self, row: int) -> str:
        """Return ``file:line`` of a row."""
        item = "" if self.items is None else f"[{self.items[row]}]"
        return f"{self.path}:{self.lines[row]}{item}"


def column_names(chunk: Chunk) -> list[str]:
    """Return the columns of a chunk's rows, in order of their appearance."""
    seen: dict[str, None] = {}
    for row in chunk.rows:
        if not isinstance(row, BadRow):
            seen.update(dict.fromkeys(row))
    return list(seen)
