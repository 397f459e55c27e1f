"""One problem of a worked example."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Triple = tuple[str, str, str]


class Problem(NamedTuple):
    """What is asked, and what is true.

    Attributes:
        columns: what the prompt shows, by column.
        target: the true records.
        words: for each field of a record, the words that can stand there.
    """

    columns: Mapping[str, str]
    target: tuple[Triple, ...]
    words: tuple[tuple[str, ...], ...]
