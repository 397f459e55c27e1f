"""Tables of text: CSV and its like, and Excel workbooks. Every cell is text, as it stands."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from benchmarks.extras import need
from benchmarks.files.sources import MAX_LINE, BadRow, CellRow, DateCell, SizedRow
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.files.compressed import Decompressed

    Row = dict[str, Any]

LONGEST_CELL: Final = 32_767
"""Characters that Excel keeps of a cell."""

_NO_UTF8: Final = re.compile("[\udc80-\udcff]")  # what the error handler "surrogateescape" makes of other bytes
MESSAGES_AS_TEXT: Final = re.compile(r"\[?\s*\{\s*['\"](?:role|content)['\"]")


def table_rows(path: str, stream: io.BufferedReader, packed: Decompressed | None) -> Iterator[SizedRow]:
    """Yield the rows of a table with a header, separated by commas, semicolons, tabs or bars.

    Args:
        path: the file as it was named.
        stream: the table in UTF-8.
        packed: what decompresses it; the row that damaged data cuts is left out.

    Raises:
        DataError: two columns have one name.
    """
    limit = csv.field_size_limit(MAX_LINE)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _rows(path, _whole_lines(text, packed))
    finally:
        csv.field_size_limit(limit)
        text.detach()


def _whole_lines(text: io.TextIOWrapper, packed: Decompressed | None) -> Iterator[str]:
    for line in text:
        if packed is not None and packed.damage is not None and not line.endswith(("\n", "\r")):
            return
        yield line


def _rows(path: str, lines: Iterator[str]) -> Iterator[SizedRow]:
    first, before = "", 0
    for before, first in enumerate(lines):  # noqa: B007  both are used below
        if first.strip():
            break
    # A tab in the header is no part of a name; of the others the one that is there most often.
    mark = "\t" if "\t" in first else max(",;|", key=first.count)
    reader = csv.reader(chain([first], lines), delimiter=mark, strict=True)
    header: list[str] = []
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield SizedRow(line, BadRow(f"broken row of a table: {error}"), 0)
            continue
        if header and cells:
            yield SizedRow(line, _row(header, cells), sum(map(len, cells)))
        elif cells:
            header = _names(path, cells)


def _names(path: str, cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for at, name in enumerate(names) if name and name in names[:at]), None)
    if twice is not None:
        raise DataError(f"{path}: the column {twice!r} is there twice")
    return names


def _row(header: Sequence[str], cells: Sequence[str]) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(f"the row has {len(cells)} cells, and the header {len(header)}")
    for cell in cells:
        if not cell.isascii() and (odd := _NO_UTF8.search(cell)):
            return BadRow(f"invalid UTF-8: byte 0x{ord(odd.group()) - 0xDC00:02x}")
    return CellRow((name, messages_of(cell)) for name, cell in zip(header, cells, strict=True))


def messages_of(cell: str) -> Any:
    """Return a text as it stands; messages, which tables hold as JSON or as Python prints them, as a list."""
    if not MESSAGES_AS_TEXT.match(cell):
        return cell
    for read in (json.loads, ast.literal_eval):
        try:
            return read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return cell


def sheet_rows(path: str, stream: BinaryIO) -> Iterator[SizedRow]:
    """Yield the rows of the one sheet of an Excel workbook that has any; a line is a row of the sheet.

    Raises:
        DataError: several sheets have rows, two columns have one name, or the file is damaged.
        ConfigError: openpyxl is not installed.
    """
    openpyxl = need("openpyxl", package="'star-r1[scale]'", purpose=f"{path}: reading Excel workbooks")

    def sheets(*, stored: bool) -> list[Any]:
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=stored)
        except Exception as error:  # whatever its XML holds
            raise DataError(f"{path}: not a readable Excel workbook: {error}") from error
        return list(book.worksheets)

    typed = sheets(stored=False)
    used = [number for number, sheet in enumerate(typed) if any(_filled(sheet))]
    if len(used) > 1:
        names = ", ".join(typed[number].title for number in used)
        raise DataError(f"{path}: the sheets {names} have rows; keep one of them")
    header: list[str] = []
    for number in used:
        values: Iterator[tuple[int, Sequence[Any]]] | None = None
        for line, found in _filled(typed[number]):
            if any(map(_formula, found)):  # the second look takes as long as the first
                values = values or _filled(sheets(stored=True)[number])
                found = _calculated(found, next((row for at, row in values if at == line), ()))  # noqa: PLW2901
            cells = ["" if value is None else _cell_text(value) for value in found]
            if not header:
                width = max(at for at, cell in enumerate(cells, 1) if cell)
                header = _names(path, cells[:width])
                continue
            yield SizedRow(line, _sheet_row(header, cells), sum(map(len, cells)))


def _cell_text(value: Any) -> str:
    """Return a cell as text. A date is what tables of text have: ``2026-03-04``, with a time only if there is one."""
    if isinstance(value, datetime):
        return DateCell(value.date() if value.time() == time() else value)
    return DateCell(value) if isinstance(value, date | time | timedelta) else str(value)


def _filled(sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield the rows of a sheet that hold anything, with their numbers."""
    sheet.reset_dimensions()  # which some writers state wrongly
    for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
        if any(value not in (None, "") for value in values):
            yield line, values


def _formula(value: Any) -> str:
    """Return a formula as it was typed, and of what is none an empty text."""
    text = getattr(value, "text", value)  # of a formula over several cells
    return text if isinstance(text, str) and text.startswith("=") else ""


def _calculated(typed: Sequence[Any], stored: Sequence[Any]) -> list[Any]:
    """Return cells with the values that a program has stored beside formulas.

    Where it stored none, or an error, this is no formula: pandas writes an answer that begins with ``=`` as one.
    """
    values = [*stored, *[None] * (len(typed) - len(stored))]
    return [
        (formula if value is None or str(value).startswith("#") else value) if (formula := _formula(cell)) else cell
        for cell, value in zip(typed, values, strict=False)
    ]


def _sheet_row(header: Sequence[str], cells: Sequence[str]) -> Row | BadRow:
    if any(len(cell) >= LONGEST_CELL for cell in cells):
        return BadRow(f"a cell is cut off at {LONGEST_CELL:,} characters, which is all that Excel keeps")
    cells = [*cells, *[""] * (len(header) - len(cells))]  # a row ends with its last cell that is filled
    return _row(header, cells[: len(header)] if not any(cells[len(header) :]) else cells)
