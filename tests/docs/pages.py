"""The pages of the documentation and their fenced blocks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

HOME = Path(__file__).resolve().parent.parent.parent
PAGES = [
    *sorted((HOME / "docs").rglob("*.md")),
    *(HOME / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md") if (HOME / name).is_file()),
]

_FENCE = re.compile(r"^```([\w-]+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')


class Block(NamedTuple):
    """A fenced block: its language, its title (a file's name) or None, its text, and the line of its fence."""

    language: str
    title: str | None
    text: str
    line: int


def read_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in _FENCE.finditer(text):
        title = _TITLE.search(match[2])
        line = text.count("\n", 0, match.start()) + 1
        blocks.append(Block(match[1], title[1] if title else None, match[3], line))
    return blocks


def read_table(page: str, *head: str) -> list[list[str]]:
    """Return the rows of the table of docs/<page> whose first columns are *head*, without the Markdown of code."""
    lines = [line.strip() for line in (HOME / "docs" / page).read_text("utf-8").splitlines()]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] if line.startswith("|") else [] for line in lines]
    start = next(at for at, row in enumerate(cells) if tuple(row[: len(head)]) == head)
    table = []
    for row in cells[start + 2 :]:
        if len(row) < 2:
            return table
        table.append(row)
    return table
