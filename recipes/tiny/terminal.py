"""Curves and pictures of a study as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BARS: Final = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float], width: int = 50) -> str:
    """Return values as a row of bars between their least and their greatest, averaged to a width.

    >>> spark([0.0, 1.0, 2.0, 7.0])
    '0.00 ▁▂▃█ 7.00'
    """
    size = max(1, -(-len(values) // width))
    means = [sum(part) / len(part) for part in (values[at : at + size] for at in range(0, len(values), size))]
    low, high = min(means), max(means)
    bars = "".join(BARS[round((value - low) / ((high - low) or 1) * (len(BARS) - 1))] for value in means)
    return f"{low:.2f} {bars} {high:.2f}"


def pictures(images: Sequence[Any], width: int = 32) -> str:
    """Return pictures side by side in ANSI colors, each character two pixels: one above the other.

    Args:
        images: PIL images.
        width: of each, characters.
    """
    import numpy as np
    from PIL import Image

    small = [np.asarray(image.convert("RGB").resize((width, width), Image.Resampling.BOX)) for image in images]
    lines = []
    for row in range(0, width - 1, 2):
        halves = [
            "".join(_half_block(*pair) for pair in zip(pixels[row].tolist(), pixels[row + 1].tolist(), strict=True))
            for pixels in small
        ]
        lines.append("\x1b[0m  ".join(halves) + "\x1b[0m")
    return "\n".join(lines)


def _half_block(above: Sequence[int], below: Sequence[int]) -> str:
    return "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀".format(*above, *below)
