"""One record of a list task, read by ``record.lark``, whose fields and forms a `RecordFormat` fills in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from parsers.first_time import FIRST_TIME
from parsers.formats import LARGEST, fold, template_parts
from parsers.grammars import FaultTable, attempt, build, compiled_records, error_offset
from parsers.types import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lark import Lark
    from lark.exceptions import UnexpectedInput
    from lark.lexer import Token

    from parsers.formats import Field, RecordFormat

    Record = tuple[int | str, ...]

_CACHED_LENGTH = 512  # longer items are parsed anew each time, which bounds the cache's memory


def parse_record(item: str, record_format: RecordFormat) -> Record | Fault:
    """Parse one record, or name what is wrong with it."""
    if len(item) > _CACHED_LENGTH:
        return record_grammar(record_format).parse(item)
    return _cached_record(item, record_format)


@lru_cache(maxsize=4096)
def _cached_record(item: str, record_format: RecordFormat) -> Record | Fault:
    found = _read_number(item, record_format)
    return record_grammar(record_format).parse(item) if found is None else found


def forget() -> None:
    """Forget what was read, so that everything is read anew."""
    _cached_record.cache_clear()
    _patterns.cache_clear()


# --- items that differ in a number -----------------------------------------------------------------------------------
#
# `2.color.cyan` and `7.color.cyan` are read alike. The grammar reads the item with 0 as its first number, and with 1 to
# see which field that is; then it is known for all numbers.

_NUMBER = re.compile(r"(?<![0-9])[0-9]{1,9}(?![0-9])").search
_MOST_PATTERNS = 4096

Pattern = tuple["Record", int]
"""The record of an item whose first number is 0, and which of its fields that is."""


def _read_number(item: str, record_format: RecordFormat) -> Record | None:
    """Return the record that an item is; None where it is none, or the grammar has to say."""
    patterns, number = _patterns(record_format), _NUMBER(item)
    if patterns is None or number is None:
        return None
    pattern = f"{item[: number.start()]}0{item[number.end() :]}"
    if pattern not in patterns:
        if len(patterns) >= _MOST_PATTERNS:
            patterns.clear()
        patterns[pattern] = read_pattern(pattern, record_format)
    found = patterns[pattern]
    if found is None:
        return None
    record, at = found
    return record_format.make((*record[:at], int(number[0]), *record[at + 1 :]))


def read_pattern(item: str, record_format: RecordFormat) -> Pattern | None:
    """Let the grammar read an item whose first number is 0; None where it is no record, or the number not one field."""
    grammar, number = record_grammar(record_format), _NUMBER(item)
    read = grammar.parse(item)
    if isinstance(read, Fault) or number is None:
        return None
    other = grammar.parse(f"{item[: number.start()]}1{item[number.end() :]}")
    if isinstance(other, Fault):
        return None
    differ = [at for at, (mine, its) in enumerate(zip(read, other, strict=True)) if mine != its]
    return (read, differ[0]) if len(differ) == 1 and (read[differ[0]], other[differ[0]]) == (0, 1) else None


@cache
def _patterns(record_format: RecordFormat) -> dict[str, Pattern | None] | None:
    """Return the patterns that are known of a format, to be added to; None where numbers are not lexed alike.

    They are if all fields have vocabularies or are numbers of any size, no form and no first letter of a value is a
    digit, and values with digits stand behind the form's first number.
    """
    fields = {field.name: field for field in record_format.fields}
    if any(field.kind == "open" or field.limits != (0, LARGEST) for field in fields.values()):
        return None
    with_digits = set()
    for branch in record_format.branches():
        for name, values in branch.items():
            spellings = [fold(spelling) for value in values for spelling in record_format.spellings(value)]
            if any(spelling[:1].isdigit() for spelling in spellings):
                return None
            if any(char.isdigit() for spelling in spellings for char in spelling):
                with_digits.add(name)
    for form in record_format.forms:
        parts = template_parts(form)
        names = [name for _, name in parts if name is not None]
        numbers = [at for at, name in enumerate(names) if fields[name].kind == "integer"]
        if not numbers or with_digits.intersection(names[: numbers[0]]):
            return None
        if any(char.isdigit() for literal, _ in parts for char in literal):
            return None
    kept = compiled_records(describe(record_format))
    return {item: (record_format.make(record), at) for item, (record, at) in kept.items()}


def describe(record_format: RecordFormat) -> str:
    """Return what tells a format from any other that reads items otherwise."""
    return repr((record_format.fields, record_format.forms, record_format.synonyms))


# --- the grammar -----------------------------------------------------------------------------------------------------

_SHOWN = 40  # characters of a word that a message repeats


@dataclass(frozen=True, slots=True)
class Terminal:
    """What one terminal of the grammar stands for.

    Attributes:
        field: position of its field in the record.
        means: what messages call it: ``"color"`` for the values of color.
        values: folded spelling -> canonical value; empty unless the field is closed.
    """

    field: int
    means: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class RecordGrammar:
    """A parser for one record, with what its terminals stand for and the names of its faults.

    Attributes:
        limited: positions of the integer fields that have limits of their own.
        closed: whether no field takes any words.
    """

    record_format: RecordFormat
    terminals: Mapping[str, Terminal]
    lark: Lark
    limited: tuple[int, ...] = ()
    closed: bool = True

    def parse(self, text: str) -> tuple[int | str, ...] | Fault:
        """Parse one record, or name what is wrong with it. Never raises on any text."""
        tree, error = attempt(self.lark.parse, text)
        if error is not None:
            return self._fault(text, error)
        tokens = tree.children[0]
        for token in tokens.children if self.limited else ():
            if self.terminals[token.type].field in self.limited and (fault := self._outside(token)):
                return fault
        values = {self.terminals[token.type].field: self._value(token) for token in tokens.children}
        return self.record_format.make(values[field] for field in range(len(values)))

    def _outside(self, token: Token) -> Fault | None:
        """Return the fault of a number outside its field's limits."""
        field = self.record_format.fields[self.terminals[token.type].field]
        low, high = field.limits
        if low <= int(token) <= high:
            return None
        message = f"{str(token)!r} is not {_article(field.name)} ({low} to {high})"
        return Fault(f"unknown_{field.name}", message, token.start_pos)

    def _value(self, token: Token) -> int | str:
        terminal = self.terminals[token.type]
        kind = self.record_format.fields[terminal.field].kind
        if kind == "integer":
            return int(token)
        return terminal.values[fold(token)] if kind == "closed" else " ".join(token.split())

    def _fault(self, text: str, error: UnexpectedInput) -> Fault:
        code = _fault_table(self).code(error, "not_a_record")
        token: Any = getattr(error, "token", "")
        expected = [self.terminals[name] for name in sorted(getattr(error, "expected", ())) if name in self.terminals]
        word = str(token) if len(token) <= _SHOWN else f"{token[:_SHOWN]}..."
        return Fault(code, self._message(code, word, expected), error_offset(error, text))

    def _message(self, code: str, word: str, expected: list[Terminal]) -> str:
        kind, _, name = code.partition("_")
        if kind == "unknown":
            means = expected[0].means if expected else name
            return f"{word!r} is not {_article(means)}{_suggestion(word, expected)}"
        if kind == "missing" and name != "separator":
            return f"the {name} is missing: the form is {self.record_format.forms[0]}"
        return {
            "empty_piece": "there is nothing here",
            "missing_separator": f"a separator is missing before {word!r}",
            "trailing_text": f"{word!r} follows where nothing should",
            "unclosed_bracket": "a bracket is not closed",
        }.get(code, f"this is not of the form {self.record_format.forms[0]}")


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _suggestion(word: str, expected: list[Terminal]) -> str:
    with FIRST_TIME:
        from difflib import get_close_matches  # noqa: PLC0415

    spellings = {spelling: value for terminal in expected for spelling, value in terminal.values.items()}
    close = get_close_matches(fold(word), spellings, n=1)
    if close:
        return f" (did you mean {spellings[close[0]]!r}?)"
    values = list(dict.fromkeys(spellings.values()))
    return f" (one of {', '.join(values)})" if 0 < len(values) <= 12 else ""


@cache
def record_grammar(record_format: RecordFormat) -> RecordGrammar:
    """Build the grammar of *record_format*, once."""
    named = dict(_terminals(record_format))
    lark = build("record", "start", more=_grammar_text(record_format, named))
    closed = all(field.kind != "open" for field in record_format.fields)
    limited = tuple(at for at, field in enumerate(record_format.fields) if field.limits != (0, LARGEST))
    return RecordGrammar(record_format, named, lark, limited, closed)


@cache
def _fault_table(grammar: RecordGrammar) -> FaultTable:
    # What is a fault in one form may be a record in another one.
    examples = {
        code: [text for text in texts if attempt(grammar.lark.parse, text)[1] is not None]
        for code, texts in _examples(grammar.record_format).items()
    }
    return FaultTable(grammar.lark, examples)


def _name(record_format: RecordFormat, field: Field, branch: int) -> str:
    """Return a field's terminal; one for each branch where the vocabulary differs between branches."""
    number = record_format.fields.index(field)
    varies = any(other.by and field.name in (other.by, other.name) for other in record_format.fields)
    return f"FIELD{number}_{branch}" if varies else f"FIELD{number}"


def _terminals(record_format: RecordFormat) -> Iterator[tuple[str, Terminal]]:
    for branch, vocabulary in enumerate(record_format.branches()):
        for number, field in enumerate(record_format.fields):
            values = {fold(s): value for value in vocabulary[field.name] for s in record_format.spellings(value)}
            means = vocabulary[field.by][0] if field.by else field.name
            yield _name(record_format, field, branch), Terminal(number, means, values)


def _grammar_text(record_format: RecordFormat, terminals: Mapping[str, Terminal]) -> str:
    """Return the rule ``record`` (one alternative for each branch and form) and the terminals of its fields."""
    fields = {field.name: field for field in record_format.fields}
    alternatives = []
    for branch, _ in enumerate(record_format.branches()):
        for form in record_format.forms:
            symbols: list[str] = []
            for literal, name in template_parts(form):
                symbols += _literal_tokens(literal)
                symbols += [_name(record_format, fields[name], branch)] if name else []
            alternatives.append(" ".join(symbols))
    lines = [f"{name}: {_pattern(record_format, terminal)}" for name, terminal in terminals.items()]
    return "\n".join(["", "record: " + "\n      | ".join(alternatives), *lines, ""])


def _literal_tokens(literal: str) -> list[str]:
    """Return the lark tokens of the text between two fields: words in any case, and single characters.

    What the grammar ignores, quotes and emphasis, is no token.
    """
    words = re.findall(r"[A-Za-z_]+|[^\sA-Za-z_\"'`*]", literal)
    return [f'"{word}"i' if word[0].isalpha() else '"{}"'.format(word.replace("\\", r"\\")) for word in words]


def _pattern(record_format: RecordFormat, terminal: Terminal) -> str:
    kind = record_format.fields[terminal.field].kind
    if kind == "integer":
        return r"/[0-9]{1,9}(?![0-9])/"
    if kind == "open":
        return r"/[^\W_](?:[\w '-]*\w)?/"
    longest_first = sorted(terminal.values, key=lambda spelling: (-len(spelling), spelling))
    # ASCII case only: under Unicode's rules "ſize" would match "size".
    return f"/(?ai:{'|'.join(map(_spelling_pattern, longest_first))})(?!\\w)/"


def _spelling_pattern(folded: str) -> str:
    """Match the words of a spelling with any punctuation between them, and the list or tuple of them."""
    words = folded.split("-")
    if len(words) == 1:
        return words[0]
    run = r"""[\s._,"'-]+""".join(words)
    return rf"""\[[\s"']*{run}[\s"']*\]|\([\s"']*{run}[\s"']*\)|{run}"""


def _examples(record_format: RecordFormat) -> dict[str, list[str]]:
    """Return records that have each fault, cut and mended from the written forms.

    Where two faults share a parser state, the first one also names what no example shows.
    """
    first, *others = record_format.fields
    word, number = ([], []) if first.kind == "open" else (["zzz"], ["7" * 12])
    found: dict[str, list[str]] = {"not_a_record": [*word, "$"], "empty_piece": [""]}
    found |= {f"unknown_{first.name}": ["-1", *number], f"missing_{first.name}": []}
    found |= {f"{what}_{field.name}": [] for what in ("unknown", "missing") for field in others}
    found |= {"unclosed_bracket": [], "trailing_text": [], "missing_separator": []}
    for branch in record_format.branches():
        sample = {
            field.name: (branch[field.name] or ("7" if field.kind == "integer" else "x",))[0]
            for field in record_format.fields
        }
        if others and others[0].kind == "closed":
            found[f"missing_{first.name}"].append(sample[others[0].name])
        for form in record_format.forms:
            _add_examples(found, record_format, form, sample)
    return found


def _add_examples(
    found: dict[str, list[str]], record_format: RecordFormat, form: str, sample: Mapping[str, str]
) -> None:
    fields = {field.name: field for field in record_format.fields}
    parts = template_parts(form)
    tail = parts[-1][0] if parts[-1][1] is None else ""
    written = ""
    open_ended = False
    for literal, name in parts:
        if name is None:
            break
        place = written + literal
        if written:
            if literal.strip():  # otherwise what is wrong here is wrong in the next field
                found["not_a_record"] += [f"{written} $"] + ([] if open_ended else [f"{written} zzz", f"{written} 77"])
            found[f"missing_{name}"] += [written, written + tail]
        if place:
            found[f"unknown_{name}"] += [f"{place} $"] + ([] if fields[name].kind == "open" else [f"{place} zzz"])
            found[f"missing_{name}"].append(place)
        written = place + sample[name]
        open_ended = fields[name].kind == "open"
    whole = written + tail
    found["unclosed_bracket"] += [written] if tail else []
    found["trailing_text"] += [f"{whole} $"] + ([] if open_ended and not tail else [f"{whole} zzz"])
    found["missing_separator"] += (
        [] if open_ended and not tail else [f"{whole} {record_format.forms[0].format(**sample)}"]
    )
