"""The answer of a list task -> records. The grammars are ``pieces.lark`` and ``record.lark``."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from parsers.grammars import build, terminals
from parsers.record_grammar import record_grammar
from parsers.values import Fault, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lark.lexer import Token

    from parsers.formats import RecordFormat
    from parsers.record_grammar import RecordGrammar

MAX_ANSWER = 64_000
"""Characters of an answer beyond which it is the fault ``too_long``."""

_CACHED_LENGTH = 512  # longer texts are parsed anew each time, which bounds the caches' memory


def parse_records(text: str, record_format: RecordFormat) -> Records:
    """Parse a list of records, in linear time. Never raises on any text.

    A piece that is no valid record is a fault in ``invalid``; the other pieces are kept. Offsets count from the start
    of *text*.
    """
    if len(text) > MAX_ANSWER:
        message = f"the answer has {len(text):,} characters; {MAX_ANSWER:,} are read"
        return Records(invalid=(Fault("too_long", message, MAX_ANSWER),))
    return _cached(text, record_format) if len(text) <= _CACHED_LENGTH else _parse(text, record_format)


def _parse(text: str, record_format: RecordFormat) -> Records:
    items: list[tuple[int | str, ...]] = []
    invalid: list[Fault] = []
    notes: list[Fault] = []
    pieces = _cut(text)
    if len(pieces) > 1 and pieces[-1][0] is None:
        notes.append(Fault("trailing_separator", "there is a separator at the end", pieces.pop()[1]))
    for piece, offset in pieces:
        parsed = parse_record(piece, record_format) if piece else Fault("empty_piece", "there is nothing here", 0)
        if isinstance(parsed, Fault):
            invalid.append(parsed._replace(offset=offset + (parsed.offset or 0)))
        else:
            items.append(parsed)
    return Records(tuple(items), tuple(invalid), tuple(notes))


_cached = lru_cache(maxsize=8192)(_parse)


def _cut(text: str) -> list[tuple[str | None, int]]:
    """Return each piece and its offset; a piece that is missing between separators is None."""
    stripped = text.strip()
    if not stripped:
        return []
    start = len(text) - len(text.lstrip())
    whole, each = _plain()
    if whole(stripped):
        return [(piece[1], start + piece.start()) for piece in each(stripped)]
    end = start
    pieces: list[tuple[str | None, int]] = []
    for token in _pieces()(stripped):
        if token is None:
            pieces.append((None, end))
        else:
            pieces.append((str(token), start + (token.start_pos or 0)))
            end = start + (token.end_pos or 0)
    return pieces


@cache
def _plain() -> tuple[Callable[[str], object], Callable[[str], Iterator[re.Match[str]]]]:
    """Return what matches a plain list, and what finds its pieces: group 1, with the separator behind it."""
    patterns = terminals("pieces", "plain", "pieces")
    return (
        re.compile(patterns["PLAIN"]).fullmatch,
        re.compile(f"({patterns['PIECE']})(?:{patterns['_SEPARATOR']})?").finditer,
    )


@cache
def _pieces() -> Callable[[str], list[Token | None]]:
    from lark import Transformer  # noqa: PLC0415  lazy, as in `grammars.build`

    class Children(Transformer):  # type: ignore[type-arg]
        def none(self, _: list[Token]) -> list[Token | None]:
            return []

        def items(self, children: list[Token | None]) -> list[Token | None]:
            return [child for child in children if child is None or child.type != "LIST_OPEN"]

    parse: Any = build("pieces", "pieces", transformer=Children()).parse
    return parse  # type: ignore[no-any-return]


def parse_record(piece: str, record_format: RecordFormat) -> tuple[int | str, ...] | Fault:
    """Parse one record, or name what is wrong with it."""
    grammar = record_grammar(record_format)
    return _cached_record(piece, grammar) if len(piece) <= _CACHED_LENGTH else grammar.parse(piece)


@lru_cache(maxsize=4096)
def _cached_record(piece: str, grammar: RecordGrammar) -> tuple[int | str, ...] | Fault:
    return grammar.parse(piece)
