r"""Text of models and data on its way to people: nothing in it moves a cursor, sets a title or turns lines around.

Whatever is printed or put into a page passes through `plain`; terminals are drawn by `star_cli.console` and
`star_cli.screen`, pages by `benchmarks.page`.
"""

from __future__ import annotations

import html
import re
from typing import Final

# control characters but newline and tab; separators of lines and paragraphs, and what turns the direction of writing
# around; halves of surrogate pairs, which no encoding writes
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    r"""Return a text in which every control character but newline and tab is written as an escape.

    What is valid JSON stays valid JSON, since that holds none of them below U+007F.

    >>> plain("\x1b]0;title\x07 caf\u00e9\n")
    '\\x1b]0;title\\x07 café\n'
    >>> plain("\x9b31m \u202e")
    '\\u009b31m \\u202e'
    """
    return text if text.isprintable() else _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x20 else f"\\u{code:04x}"


def escape(text: str) -> str:
    """Return a text as HTML shows it, between tags and in attributes."""
    return html.escape(plain(text))
