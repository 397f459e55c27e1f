"""How pictures for people look."""

from __future__ import annotations

from typing import Final

HEIGHT: Final = 360  # of each panel, pixels
CAPTION: Final = 26  # height of a line of text, pixels
COLORS: Final = ("#ffd400", "#00e5ff", "#ff5cf4", "#7dff5c")  # of the first, second, third, fourth change
INK, PAPER = "#f0f0f0", "#202124"
