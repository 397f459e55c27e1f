"""Flowcharts: a column of boxes, arrows from each to the next, and arrows that jump; drawn as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.examples.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from benchmarks.examples.problem import Triple

STEPS = (
    "read the order", "check stock", "pack the box", "weigh the parcel", "print a label", "call the customer",
    "refund", "ask a colleague", "wait a day", "repair it", "test again", "write a report",
)  # fmt: skip

_WIDTH, _HEIGHT, _APART = 160, 40, 80
_LEFT, _TOP, _LANE = 20, 20, 36


def draw_flowchart(rng: np.random.Generator) -> Problem:
    """Draw a flowchart of three to six boxes; some of them decide, and one of their two arrows may jump."""
    inner = [STEPS[place] for place in rng.permutation(len(STEPS))[: int(rng.integers(1, 5))]]
    boxes = ["start", *inner, "end"]
    arrows: list[Triple] = []
    for at in range(len(boxes) - 1):
        goals = [goal for goal in range(1, len(boxes)) if goal not in (at, at + 1)]
        if at and goals and rng.random() < 0.5:
            arrows += [
                (boxes[at], boxes[at + 1], "yes"),
                (boxes[at], boxes[goals[int(rng.integers(len(goals)))]], "no"),
            ]
        else:
            arrows.append((boxes[at], boxes[at + 1], "next"))
    return Problem(
        {"picture": _picture(boxes, arrows)}, tuple(arrows), (tuple(boxes), tuple(boxes), ("yes", "no", "next"))
    )


def _picture(boxes: Sequence[str], arrows: Sequence[Triple]) -> str:
    place = {box: _TOP + _APART * at for at, box in enumerate(boxes)}
    jumps = [arrow for arrow in arrows if place[arrow[1]] != place[arrow[0]] + _APART]
    width = _LEFT + _WIDTH + _LANE * (len(jumps) + 1)
    drawn = [
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="black"/>'
        f'<text x="{_LEFT + _WIDTH // 2}" y="{top + 25}" text-anchor="middle">{escape(box)}</text>'
        for box, top in place.items()
    ]
    for arrow in arrows:
        lane = jumps.index(arrow) + 1 if arrow in jumps else 0
        drawn.append(_arrow(place[arrow[0]], place[arrow[1]], arrow[2], lane))
    head = (
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="8" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>'
    )
    size = f'width="{width}" height="{_TOP + _APART * len(boxes)}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-size="14">', head, *drawn, "</svg>"])


def _arrow(start: int, goal: int, label: str, lane: int) -> str:
    """Draw an arrow between boxes at two heights: straight down to the next one, or around through a lane."""
    middle, right = _LEFT + _WIDTH // 2, _LEFT + _WIDTH
    if lane == 0:
        points = [(middle, start + _HEIGHT), (middle, goal)]
        at = (middle + 6, (start + _HEIGHT + goal) // 2 + 5)
    else:
        x = right + _LANE * lane
        points = [(right, start + 28), (x, start + 28), (x, goal + 12), (right, goal + 12)]
        at = (x + 3, (start + goal) // 2 + 20)
    line = " ".join(f"{x},{y}" for x, y in points)
    return (
        f'<g><polyline points="{line}" fill="none" stroke="black" marker-end="url(#tip)"/>'
        f'<text x="{at[0]}" y="{at[1]}">{escape(label)}</text></g>'
    )
