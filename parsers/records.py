"""The answer of a list task -> records: ``items.lark`` cuts it into items, `parsers.record_grammar` reads each."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.first_time import FIRST_TIME
from parsers.formats import FIELD_KEYS, TVR
from parsers.grammars import ASCII_LETTERS, ASCII_MARKS, attempt, build, terminals, without_struck, without_tags
from parsers.record_grammar import parse_record, record_grammar
from parsers.types import Fault, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lark import Lark
    from lark.lexer import Token

    from parsers.formats import RecordFormat
    from parsers.record_grammar import RecordGrammar

MAX_ANSWER = 64_000
"""Characters of an answer beyond which it is the fault ``too_long``."""

_CACHED_LENGTH = 512  # longer texts are parsed anew each time, which bounds the caches' memory

_Read = tuple[int | str, ...] | Fault
"""A record, or what is wrong (or odd) where one should be."""


def parse_transformations(text: str, *, record_format: RecordFormat = TVR) -> Records:
    """Parse the changes that an answer names, in linear time. Never raises on any text.

    Accepted are the canonical ``2.color.cyan``, ``(2, color, cyan)``, ``[2, "color", "cyan"]`` and
    ``change_color(2, 'cyan')``, in any case and with quotes, ``colour`` and ``grey``, and JSON lists of these. One
    comma or semicolon, or a run of newlines, or both together, separates them. Empty text, white space and ``none`` are
    the empty list.

    Args:
        text: the answer, at most 64,000 characters.
        record_format: `parsers.formats.TVR`, or ``TRANCE`` to allow moves such as ``4.position.front-left.2``.

    >>> [str(change) for change in parse_transformations("2.colour.cyan; change_shape(0, 'cube')")]
    ['2.color.cyan', '0.shape.cube']
    >>> parse_transformations("3.color.cyna").invalid
    (Fault(code='unknown_value', message="'cyna' is not a color (did you mean 'cyan'?)", offset=8),)
    """
    return parse_records(text, record_format)


def parse_records(text: str, record_format: RecordFormat) -> Records:
    """Parse a list of records, in linear time. Never raises on any text.

    An item that is no valid record is a fault in ``invalid``; the other items are kept. Offsets count from the start
    of *text*.
    """
    if len(text) > MAX_ANSWER:
        message = f"the answer has {len(text):,} characters; {MAX_ANSWER:,} are read"
        return Records(invalid=(Fault("too_long", message, MAX_ANSWER),))
    return _cached(text, record_format) if len(text) <= _CACHED_LENGTH else _parse(text, record_format)


class Item(NamedTuple):
    """One item of an answer, and where it stands in the text.

    Attributes:
        read: the record, or what is wrong with the item; the offset of a fault counts from the start of the text.
        start: of the item as it stands, without bullets and white space around it.
        end: where it ends; *start* itself where an item is missing between two separators.
    """

    read: _Read
    start: int
    end: int


def locate_records(text: str, record_format: RecordFormat) -> tuple[Item, ...]:
    """Return the items of an answer in the order written: what `parse_records` reads, with its place.

    >>> text = "- 2.colour.cyan。"
    >>> [(str(item.read), text[item.start : item.end]) for item in locate_records(text, TVR)]
    [('2.color.cyan', '2.colour.cyan')]
    """
    if len(text) > MAX_ANSWER:
        return (Item(parse_records(text, record_format).invalid[0], 0, len(text)),)
    items = (item for item in _read_items(text, record_format) if not _is_note(item.read))
    return tuple(_trimmed(item, text) for item in items)


def _trimmed(item: Item, text: str) -> Item:
    body = text[item.start : item.end]
    start = item.start + len(body) - len(body.lstrip())
    return item._replace(start=start, end=start + len(body.strip()))


def _parse(text: str, record_format: RecordFormat) -> Records:
    return _as_records(_read_items(text, record_format))


_cached = lru_cache(maxsize=8192)(_parse)

_EMPTY = Fault("empty_piece", "there is nothing here", 0)
_TRAILING = Fault("trailing_separator", "there is a separator at the end", 0)


def _is_note(read: _Read) -> bool:
    """Return whether this costs nothing: the separator at the end."""
    return type(read) is Fault and read.code == _TRAILING.code


def _as_records(items: Sequence[Item]) -> Records:
    valid: list[tuple[int | str, ...]] = []
    invalid: list[Fault] = []
    notes: list[Fault] = []
    for item in items:
        if isinstance(item.read, Fault):
            (notes if _is_note(item.read) else invalid).append(item.read)
        else:
            valid.append(item.read)
    return Records(tuple(valid), tuple(invalid), tuple(notes))


def _read_items(text: str, record_format: RecordFormat) -> list[Item]:
    plain = _plain_items(text, record_format)
    faults = _faults(plain)
    if not faults:
        return plain
    # What is no plain list may be one in a dialect. That counts only where it makes more of the text a record.
    loose = _loose_items(text, record_grammar(record_format))
    if loose is None:
        return plain
    gained = _records(loose) - _records(plain)
    return loose if gained > 0 or (gained == 0 and _faults(loose) < faults) else plain


def _records(items: Sequence[Item]) -> int:
    return sum(type(item.read) is not Fault for item in items)


def _faults(items: Sequence[Item]) -> int:
    return sum(type(item.read) is Fault and not _is_note(item.read) for item in items)


def _plain_items(text: str, record_format: RecordFormat) -> list[Item]:
    items = _split(text)
    trailing = items.pop()[1] if len(items) > 1 and items[-1][0] is None else None
    found = []
    for item, offset in items:
        read = parse_record(item, record_format) if item else _EMPTY
        found.append(Item(_moved(read, offset), offset, offset + len(item or "")))
    if trailing is not None:
        found.append(Item(_TRAILING._replace(offset=trailing), trailing, trailing))
    return found


def _split(text: str) -> list[tuple[str | None, int]]:
    """Return each item and its offset; an item that is missing between separators is None."""
    stripped = text.strip()
    if not stripped:
        return []
    start = len(text) - len(text.lstrip())
    cut = plain_items(stripped)
    if cut is not None:
        return [(item, start + at) for item, at in cut]
    end = start
    items: list[tuple[str | None, int]] = []
    for token in _tokens()(stripped):
        if token is None:
            items.append((None, end))
        else:
            items.append((str(token), start + (token.start_pos or 0)))
            end = start + (token.end_pos or 0)
    return items


def plain_items(text: str) -> list[tuple[str, int]] | None:
    """Return the items of a list and where each begins, if none is missing between separators; otherwise None.

    Patterns composed from the terminals of ``items.lark`` do this, in place of the parser that lark makes of it.

    Args:
        text: an answer without white space at its ends.

    >>> plain_items("(2, color, cyan); 0.shape.cube")
    [('(2, color, cyan)', 0), ('0.shape.cube', 18)]
    """
    plain, each, bracketed, opener, each_inside = _plain()
    if plain(text):
        return [(item[1], item.start()) for item in each(text)]
    if text[:1] != "[" or not bracketed(text):
        return None
    inside = opener(text).end()
    return [(item[1], item.start()) for item in each_inside(text, inside)]


@cache
def _plain() -> tuple[Callable[..., Any], ...]:
    """Return what matches a list, and what finds its items (group 1, with the separator behind).

    First of plain lists; then of those in square brackets, with what opens them in between.
    """
    patterns = terminals("items", "plain", "bracketed", "items")
    separated = [f"({patterns[item]})(?:{patterns['_SEPARATOR']})?" for item in ("ITEM", "LIST_ITEM")]
    return (
        re.compile(patterns["PLAIN"]).fullmatch,
        re.compile(separated[0]).finditer,
        re.compile(patterns["BRACKETED"]).fullmatch,
        re.compile(patterns["LIST_OPEN"]).match,
        re.compile(separated[1]).finditer,
    )


@cache
def _tokens() -> Callable[[str], list[Token | None]]:
    with FIRST_TIME:
        from lark import Transformer  # noqa: PLC0415  lazy, as in `parsers.grammars.build`

    class Children(Transformer):  # type: ignore[type-arg]
        def none(self, _: list[Token]) -> list[Token | None]:
            return []

        def listed(self, children: list[Token | None]) -> list[Token | None]:
            return [child for child in children if child is None or child.type != "LIST_OPEN"]

    parse: Any = build("items", "items", transformer=Children()).parse
    return parse  # type: ignore[no-any-return]


def _moved(read: _Read, offset: int) -> _Read:
    return read._replace(offset=offset + (read.offset or 0)) if isinstance(read, Fault) else read


def _loose_items(text: str, grammar: RecordGrammar) -> list[Item] | None:
    """Read an answer as dialects write lists (the second part of ``items.lark``); None if its brackets do not match."""
    body = _without_noise(text, grammar)
    start = len(body) - len(body.lstrip())
    body = body.strip()
    tree, error = attempt(_loose().parse, body)
    if error is not None or not body:
        return None
    entries = _entries(tree.children[0], grammar, body, 0) if tree.data == "loose" else ()
    return [Item(_moved(read, start), start + begin, start + end) for read, begin, end in entries]


def _without_noise(text: str, grammar: RecordGrammar) -> str:
    """Blank what says nothing, so that all else stays in its place."""
    latex, fence, wrapper, prefix, conjunction = _noise()
    text = without_struck(text.translate(_LINES).translate(ASCII_MARKS))
    text = fence.sub(_blank, latex.sub(_blank, text))
    wrapped = wrapper.match(text)
    if wrapped is not None and text.rstrip().endswith("}"):
        end = text.rindex("}")
        text = f"{_blank(wrapped)}{text[wrapped.end() : end]} {text[end + 1 :]}"
    if not grammar.closed:
        return text
    text = without_tags(text if text.isascii() else text.translate(ASCII_LETTERS))
    text = prefix.sub(_blank, text)
    return conjunction.sub(lambda found: "&".ljust(len(found[0])), text)


_LINES = dict.fromkeys(map(ord, "\r\x0b\x0c"), "\n")


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


@cache
def _noise() -> tuple[re.Pattern[str], ...]:
    patterns = terminals("items", "noise")
    return tuple(re.compile(patterns[name]) for name in ("LATEX", "FENCE", "WRAPPER", "PREFIX", "AND"))


@cache
def _loose() -> Lark:
    return build("items", "loose")


@cache
def _mapping() -> Lark:
    return build("items", "mapping")


_DEEPEST = 8  # lists in lists beyond which nobody means a list


def _entries(tree: Any, grammar: RecordGrammar, body: str, depth: int) -> Iterator[Item]:
    """Yield what the entries of a list are; between each two of them stands a separator."""
    entries, separators = tree.children[::2], [None, *tree.children[1::2]]
    last = len(entries) - 1
    for at, (entry, separator) in enumerate(zip(entries, separators, strict=True)):
        if entry is not None and entry.data == "entry":
            yield from _entry(entry, grammar, body, depth, begins_line=separator is None or "\n" in separator)
        elif at < last or (separator is None and entry is not None):
            yield _missing(_EMPTY, tree.children[2 * at + 1].start_pos if at < last else 0)
        elif separator is not None and not separator.isspace():
            yield _missing(_TRAILING, separator.start_pos)


def _missing(fault: Fault, at: int) -> Item:
    return Item(_moved(fault, at), at, at)


_SPACED = re.compile(r"[\"'`*]*+[0-9]++(?:[\"'`*]*+[^\S\r\n]++[\"'`*]*+[\w-]++)++[\"'`*]*+").fullmatch


def _entry(tree: Any, grammar: RecordGrammar, body: str, depth: int, *, begins_line: bool) -> Iterator[Item]:
    """Yield what an entry is: a record as it stands, or without its bullet and full stop; an object; a list of more."""
    bullet, *parts, stop = tree.children
    tokens: list[Any] = [token for part in parts for token in ([part] if isinstance(part, str) else part.children[::2])]
    starts = [token.start_pos for token in (bullet, tokens[0]) if token is not None]
    ends = [token.end_pos for token in (stop, tokens[-1]) if token is not None]
    # A bullet stands at the start of a line, or where no record begins like one; a full stop is no part of an entry
    # where all vocabularies are closed.
    worded = grammar.closed and grammar.record_format.fields[0].kind == "closed"
    spans = list(product(starts[: 1 + (begins_line or worded)], ends[: 1 + grammar.closed]))
    read = [
        Item(parse_record(body[start:end].translate(marks), grammar.record_format), start, end)
        for start, end in spans
        for marks in (_BRACES, _ROUND)
    ]
    # `2 color cyan`: nothing but the fields, which are read as if there were full stops between
    spaced = [
        Item(parse_record(".".join(body[start:end].split()), grammar.record_format), start, end)
        for start, end in spans
        if grammar.closed and _SPACED(body, start, end)
    ]
    record = next((each for each in (*read, *spaced) if not isinstance(each.read, Fault)), None)
    start, end = spans[-1]
    alone = len(parts) == 1 and (start, end) == (tokens[0].start_pos, tokens[0].end_pos)
    if record is not None:
        yield record
    elif alone and tokens[0].type == "MAPPING":
        yield Item(_moved(_mapped(tokens[0], grammar.record_format), start), start, end)
    elif len(parts) == 1 and tokens[0].type == "LIST_BEGIN" and start == tokens[0].start_pos and depth < _DEEPEST:
        yield from _entries(parts[0].children[1], grammar, body, depth + 1)
    else:
        yield Item(_moved(read[-2].read, start), start, end)


_BRACES = str.maketrans("{}", "  ")  # what is left of LaTeX: `2.\text{color}.\text{cyan}`
_ROUND = str.maketrans("{}[]", "  ()")  # JSON has no tuples: where a form is one, a list stands for it


def _mapped(text: str, record_format: RecordFormat) -> tuple[int | str, ...] | Fault:
    """Read one record whose fields have keys; other keys say nothing."""
    tree, error = attempt(_mapping().parse, text)
    if error is not None:
        return Fault("not_a_record", f"this is not of the form {record_format.forms[0]}", 0)
    given: dict[str, str] = {}
    for pair in tree.children:
        key, value = (child.strip("\"'` \t\n:") for child in pair.children)
        key = key.casefold()
        if key in given:
            return Fault("not_a_record", f"the key {key!r} is there twice", 0)
        given[key] = value
    values = []
    for each in record_format.fields:
        keys = [key for key in FIELD_KEYS.get(each.name, (each.name.casefold(),)) if key in given]
        if not keys:
            return Fault(f"missing_{each.name}", f"the {each.name} is missing: the form is {record_format.forms[0]}", 0)
        value, *others = dict.fromkeys(
            given[key].casefold() for key in keys if each.kind != "integer" or given[key][:1].isdigit()
        ) or (given[keys[0]],)
        if others:
            return Fault("not_a_record", f"two values are given for the {each.name}: {value!r} and {others[0]!r}", 0)
        values.append(re.sub(r"\A([0-9]+)\.0+\Z", r"\1", value) if each.kind == "integer" else value)
    read = parse_record(record_format.render(values), record_format)
    return read._replace(offset=0) if isinstance(read, Fault) else read
