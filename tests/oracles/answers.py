"""A slow twin of `parsers.records` for plain lists of an index, an attribute and a value: it goes character by character."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsers.formats import RecordFormat


def _bracketed(text: str, at: int, end: int, *, in_list: bool) -> int:
    """Return where the bracket at *at* has been closed, or *at* itself if it is not kept together."""
    if text[at] == "(":
        for to in range(at + 1, end):
            if text[to] == ")":
                return to + 1
            if text[to] == "(":
                break
        if in_list:
            return at
        # What its line never closes is kept together up to the end of the line.
        line = text.find("\n", at, end)
        line = end if line < 0 else line
        inner = text[at + 1 : line]
        return line if "(" not in inner and ")" not in inner else at
    depth = 0
    for to in range(at, end):
        depth += (text[to] == "[") - (text[to] == "]")
        if depth == 0:
            return to + 1
        if depth > 2:
            break
    return at


def _opens(inner: str) -> bool:
    return re.match(r"""["'\s]*\[""", inner) is not None


def split(text: str) -> list[str | None]:
    """Cut an answer into pieces; None where a piece is missing."""
    text = text.strip()
    if not text or re.fullmatch(r"(?i:none|null|\[\s*\]|\(\s*\))\.?", text):
        return []
    at, inner = 0, text[1:].lstrip()
    head = re.match(r"[^,;\n\[\]]*", inner)[0]
    in_list = len(text) > 1 and text[0] == "[" and text[-1] == "]" and (_opens(inner) or "." in head or "(" in head)
    if in_list:
        at = len(text) - len(inner)
        text = text[:-1].rstrip()
    end = len(text)
    pieces: list[str | None] = []
    while True:
        start = at
        while at < end and text[at] not in ",;\n":
            to = _bracketed(text, at, end, in_list=in_list) if text[at] in "([" else at
            at = to if to > at else at + 1
        pieces.append(text[start:at] if at > start else None)
        if at >= end:
            return pieces
        while at < end and text[at].isspace():
            at += 1
        if at < end and text[at] in ",;":
            at += 1
            while at < end and text[at].isspace():
                at += 1


def read_piece(piece: str, record_format: RecordFormat) -> tuple | None:
    """Return the record that a piece is, or None."""
    text = "".join(" " if char.isspace() else char for char in piece)
    for pattern, attribute, value in _patterns(record_format):
        found = pattern.fullmatch(text)
        if found:
            return record_format.make((int(found[1]), attribute, value))
    return None


@cache
def _patterns(record_format: RecordFormat) -> list[tuple[re.Pattern, str, str]]:
    """Return every way to write every pair of attribute and value, as a pattern of its own."""
    return [
        (re.compile(form, re.IGNORECASE | re.ASCII), attribute, value)
        for attribute, values in record_format.fields[2].values_by
        for value in values
        for spelt_attribute in record_format.spellings(attribute)
        for spelt_value in record_format.spellings(value)
        for form in _forms(spelt_attribute, spelt_value)
    ]


def _forms(attribute: str, value: str) -> list[str]:
    gap, number = r"[\s\"'`*]*", r"([0-9]{1,9})"
    words = re.split(r"[^a-z0-9]+", value)
    body = r"[\s._,\"'-]+".join(words)
    any_value = body if len(words) == 1 else rf"(?:{body}|\[[\s\"']*{body}[\s\"']*\]|\([\s\"']*{body}[\s\"']*\))"
    forms = (
        [number, r"\.", attribute, r"\.", any_value],
        [r"\(", number, ",", attribute, ",", any_value, r"\)"],
        [r"\[", number, ",", attribute, ",", any_value, r"\]"],
        ["change_", attribute, r"\(", number, ",", any_value, r"\)"],
    )
    return [gap + gap.join(form) + gap for form in forms]
