"""A place in a text, shown: the text around it on one line, and a caret under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDEST = 10
"""Columns of the longest escape, ``\\U0001f600``: a character that is pointed at is shown whole."""

_ESCAPES = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


def point_at(text: str, offset: int, *, width: int = 78) -> tuple[str, str]:
    r"""Return one line with the text around *offset*, and one with a caret under the character there.

    Line breaks, tabs and whatever else would move the cursor are shown as escapes; wide characters count as the two
    columns that they take; where text is left out there is an ellipsis.

    Args:
        text: any text.
        offset: of a character, or the text's length for its end.
        width: columns to use, at least 20.

    >>> print("\n".join(point_at("2.color.cyna,\n0.shape.cube", 8)))
    2.color.cyna,\n0.shape.cube
            ^
    """
    offset = max(0, min(offset, len(text)))
    room = max(width, 20) - 3  # an ellipsis at either end, and the caret behind the end of the text
    behind, ahead = reversed(text[max(0, offset - room) : offset]), text[offset : offset + room]
    before = _fit(behind, room)
    after = _fit(ahead, max(room // 3, _WIDEST, room - _cells(before)))
    before = _fit(before, room - _cells(after))
    left = "…" if len(before) < offset else ""
    right = "…" if len(after) < len(text) - offset else ""
    head = left + "".join(reversed(before))
    return head + "".join(after) + right, " " * cell_len(head) + "^"


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    r"""Return the line and the column of a character, both from 1.

    >>> line_and_column("ab\ncd", 4)
    (2, 2)
    """
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def visible(char: str) -> str:
    r"""Return a character as it may be printed: what is not printable as an escape, ``\x1b``.

    >>> visible("é"), visible("\x1b")
    ('é', '\\x1b')
    """
    return char if char.isprintable() else _ESCAPES.get(char) or char.encode("unicode_escape").decode("ascii")


def _fit(chars: Iterable[str], room: int) -> list[str]:
    """Return as many of the characters, made visible, as fit into *room* columns."""
    shown: list[str] = []
    for char in chars:
        shown.append(visible(char))
        if _cells(shown) > room:
            return shown[:-1]
    return shown


def _cells(shown: list[str]) -> int:
    return cell_len("".join(shown))
