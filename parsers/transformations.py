"""The answer of TVR -> transformations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.formats import TVR
from parsers.records import parse_records

if TYPE_CHECKING:
    from parsers.formats import RecordFormat
    from parsers.values import Records


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
