"""Rows out of documents of JSON: arrays, objects with an array inside, and the logs of inspect_ai."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from benchmarks.files.paths import suffix
from benchmarks.files.sources import MAX_LINE, BadRow, SizedRow, constant, mend
from rewards.errors import DataError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Sequence

    from benchmarks.files.sources import Source

_T = TypeVar("_T")
_STEP: Final = 256 * 1024
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")

_HOLDERS: Final = ("samples", "rows", "data", "results", "predictions", "instances", "examples", "records", "logs")
"""Keys of an object under which its rows stand."""


# --- arrays -----------------------------------------------------------------------------------------------------------


class _Text:
    """The text of a stream, a part at a time: what is done with is dropped."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder("utf-8-sig")()
        self.part, self.at = "", 0
        self.read_more()

    def read_more(self) -> bool:
        """Append what comes next, at least as much as is still in use; return whether anything came."""
        data = self._stream.read(max(_STEP, len(self.part) - self.at))
        self.part, self.at = self.part[self.at :] + self._decoder.decode(data, final=not data), 0
        return bool(data)

    def next_character(self) -> str:
        """Pass over blanks, and return what stands behind them; empty at the end."""
        while True:
            blank = _BLANK.match(self.part, self.at)
            assert blank is not None  # it may be empty
            self.at = blank.end()
            if self.at < len(self.part) or not self.read_more():
                return self.part[self.at : self.at + 1]


def array_rows(source: Source) -> Iterator[SizedRow]:
    """Yield the rows of an array; a line is the number of a row. After an error nothing more can be read."""
    line = 0
    try:
        text = _Text(source.stream)
        text.next_character()
        text.at += 1  # the opening bracket
        for line, row in enumerate(_elements(text), 1):
            yield row._replace(line=line)
    except DataError:  # it cannot be read any further, whatever stands in it
        raise
    except (ValueError, RecursionError) as error:
        if source.damage() is None:  # otherwise that is why
            yield SizedRow(line + 1, BadRow(f"{_what(error)}; nothing from here on can be read"), 0)


def _what(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8: byte 0x{error.object[error.start]:02x}"
    return f"broken JSON: {error.msg if isinstance(error, json.JSONDecodeError) else error}"


def _elements(text: _Text) -> Iterator[SizedRow]:
    """Yield the elements up to the closing bracket, behind which nothing may stand."""
    decode = json.JSONDecoder(parse_constant=constant).raw_decode
    if text.next_character() == "]":
        text.at += 1
    else:
        while True:
            if not text.next_character():
                raise ValueError("the array is not closed")
            start = text.at
            try:
                value, end = decode(text.part, start)
            except json.JSONDecodeError:
                if len(text.part) - start <= MAX_LINE and text.read_more():
                    continue
                raise
            if _SURROGATE.search(text.part, start, end):
                value = mend(value)
            text.at = end
            yield SizedRow(0, _as_row(value), end - start)
            closer = text.next_character()
            text.at += 1
            if closer == "]":
                break
            if closer != ",":
                raise ValueError(f"{closer!r} stands where a comma should" if closer else "the array is not closed")
    if text.next_character():
        raise ValueError("there is more behind the end of the array")


def _as_row(value: Any) -> dict[str, Any] | BadRow:
    return value if isinstance(value, dict) else BadRow("a row is a JSON object, and this is none")


# --- objects ----------------------------------------------------------------------------------------------------------


def document_rows(path: str, data: bytes) -> Sequence[SizedRow] | None:
    """Return the rows of a document: those under its key `_HOLDERS`, or the object itself.

    Args:
        path: the file as it was named.
        data: its bytes.

    Returns:
        None where the file is no document but lines, as its suffix allows.

    Raises:
        DataError: it is broken, or holds several lists of rows.
    """
    if (log := _log_rows(data)) is not None:
        return log
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=constant)
    except (ValueError, RecursionError) as error:
        if suffix(path) != ".json":
            return None
        raise DataError(f"{path}: {_what(error)}") from error
    if not isinstance(document, dict):
        return [SizedRow(1, _as_row(document), len(data))]
    holders = [key for key in _HOLDERS if _is_rows(document.get(key))]
    if len(holders) > 1:
        raise DataError(
            f"{path}: rows stand under {' and '.join(holders)}; write those that are meant into a file of their own: "
            f"jq .{holders[0]} FILE"
        )
    held = document[holders[0]] if holders else [document]
    return [SizedRow(number, mend(row), len(data) // len(held)) for number, row in enumerate(held, 1)]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(row, dict) for row in value)


# --- inspect_ai -------------------------------------------------------------------------------------------------------


class _Sample(msgspec.Struct):
    """What is read of a sample; its events, which are most of it, are passed over."""

    id: Any = None
    epoch: Any = None
    input: Any = None
    choices: Any = None
    target: Any = None
    output: Any = None
    metadata: Any = None
    error: Any = None


class _Log(msgspec.Struct):
    eval: Any = None
    status: str = "started"
    error: Any = None
    samples: list[_Sample] | None = None


_BROKEN: Final = (msgspec.DecodeError, ValueError, RecursionError)


def _decode(data: bytes, kind: type[_T]) -> _T:
    """Decode a part of a log; NaN and the like, which it may hold anywhere, are no JSON for the fast decoder."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.convert(mend(json.loads(data, parse_constant=constant)), kind)


def inspect_row(data: bytes, metadata: bytes | None = None) -> dict[str, Any] | BadRow:
    """Return a sample of a log as a row with the fields of `_Sample`; one that failed is a bad row.

    Args:
        data: the sample as JSON.
        metadata: its metadata, where they stand apart.
    """
    try:
        sample = _decode(data, _Sample)
        if metadata is not None:
            sample.metadata = _decode(metadata, dict)
        return _sample_row(sample)
    except _BROKEN as error:
        return BadRow(f"broken JSON: {error}")


def ended(header: bytes | None) -> str | None:
    """Return what is wrong with a log as a whole, whose samples may be only some of all; None for nothing.

    Args:
        header: what its ``header.json`` holds; None where there is none, because the evaluation did not get so far.
    """
    try:
        return _unfinished(_Log() if header is None else _decode(header, _Log))
    except _BROKEN as error:
        return f"the log's header.json is broken: {error}"


def _sample_row(sample: _Sample) -> dict[str, Any] | BadRow:
    if sample.error:
        what = sample.error.get("message", "") if isinstance(sample.error, dict) else sample.error
        return BadRow(f"the sample ended with an error: {what!s:.200}")
    return {name: value for name, value in msgspec.structs.asdict(sample).items() if value is not None}


def _log_rows(data: bytes) -> list[SizedRow] | None:
    """Return the rows of a log in one document, or None where it is another document."""
    try:
        log = _decode(data, _Log)
    except _BROKEN:
        return None
    if log.eval is None:
        return None
    samples = log.samples or []
    rows = [SizedRow(at, _sample_row(each), len(data) // len(samples)) for at, each in enumerate(samples, 1)]
    wrong = _unfinished(log)
    return rows if wrong is None else [*rows, SizedRow(len(rows) + 1, BadRow(wrong), 0)]


def _unfinished(log: _Log) -> str | None:
    if log.status == "success":
        return None
    why = f" ({log.error['message']!s:.200})" if isinstance(log.error, dict) and log.error.get("message") else ""
    return f"the evaluation did not end well: its status is {log.status!r}{why}; samples may be missing"
