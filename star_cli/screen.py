"""A terminal as rich draws it, on which text is text: no markup, no emoji codes, no control character of the data's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.segment import Segment
from rich.table import Table

from star_cli.console import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.text import Text


class Screen(Console):
    """A console that prints what it is given as it stands.

    Args:
        color: whether styles are shown where the terminal can; ``NO_COLOR`` in the environment also turns them off.
        stderr: whether it prints to standard error.
    """

    def __init__(self, *, color: bool = True, stderr: bool = False) -> None:
        kept: dict[str, Any] = {} if color and not os.environ.get("NO_COLOR") else {"color_system": None}
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, **kept)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return text to be drawn, as wide as it will be."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is drawn; of text, whatever it came by, only what can be seen."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def ruled_table(**options: Any) -> Table:
    """Return an empty table as every command draws them: a rule below the header, and no frame.

    Args:
        **options: of rich's ``Table``.
    """
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold cyan", **options)
