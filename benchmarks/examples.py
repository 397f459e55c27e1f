"""Small data sets of the worked examples, drawn from a seed: prompts, targets, and answers of all sorts.

>>> row = next(draw_rows("scene_graph", 1))
>>> row["id"], row["target"]
('scene_graph-0-0', '(lamp, above, fork), (mug, left, lamp)')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np

from benchmarks.route import draw_route
from rewards.errors import ConfigError
from rewards.tasks import load_task
from rewards.tasks.prompt_template import fill_prompt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsers.formats import RecordFormat
    from rewards.tiered import Record

Triple = tuple[str, str, str]


class Problem(NamedTuple):
    """What is asked, and what is true.

    Attributes:
        columns: what the prompt shows, by column.
        target: the true records.
        words: for each field of a record, the words that can stand there.
    """

    columns: Mapping[str, str]
    target: tuple[Record, ...]
    words: tuple[tuple[int | str, ...], ...]


# Scene graphs: a few objects, each a step away from the one before it

OBJECTS = (
    "cup",
    "plate",
    "lamp",
    "book",
    "spoon",
    "clock",
    "basket",
    "mug",
    "candle",
    "fork",
    "toy car",
    "picture frame",
)

DIRECTIONS = {
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "front": (0, -1, 0),
    "behind": (0, 1, 0),
    "above": (0, 0, 1),
    "below": (0, 0, -1),
}
"""Relation -> the direction in which the later object stands: x to the right, y away from the viewer, z up."""


def draw_scene_graph(rng: np.random.Generator) -> Problem:
    """Draw a scene of two to five objects, no two of them at one place."""
    names = [OBJECTS[place] for place in rng.permutation(len(OBJECTS))[: int(rng.integers(2, 6))]]
    relations = list(DIRECTIONS)
    places = [(0, 0, 0)]
    target = []
    while len(places) < len(names):
        relation = relations[int(rng.integers(len(relations)))]
        length = int(rng.integers(1, 4))
        x, y, z = (before + length * step for before, step in zip(places[-1], DIRECTIONS[relation], strict=True))
        if (x, y, z) not in places:
            target.append((names[len(places)], names[len(places) - 1], relation))
            places.append((x, y, z))
    lines = [f"{name}: ({x}, {y}, {z})" for name, (x, y, z) in zip(names, places, strict=True)]
    return Problem({"objects": "\n".join(lines)}, tuple(target), (tuple(names), tuple(names), tuple(relations)))


# Flowcharts: a column of boxes, arrows from each to the next, and arrows that jump; drawn as SVG

BOXES = (
    "read the order", "check stock", "pack the box", "weigh the parcel", "print a label", "call the customer",
    "refund", "ask a colleague", "wait a day", "repair it", "test again", "write a report",
)  # fmt: skip

_WIDTH, _HEIGHT, _APART = 160, 40, 80
_LEFT, _TOP, _LANE = 20, 20, 36


def draw_flowchart(rng: np.random.Generator) -> Problem:
    """Draw a flowchart of three to six boxes; some of them decide, and one of their two arrows may jump."""
    inner = [BOXES[place] for place in rng.permutation(len(BOXES))[: int(rng.integers(1, 5))]]
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


# Routes through towns: `benchmarks.route`


def draw_town_route(rng: np.random.Generator) -> Problem:
    """Draw a town, and the only shortest way between two of its places."""
    route = draw_route(rng)
    turns = ("straight", "left", "right", "back")
    return Problem(route.columns, route.steps, (turns, tuple(range(1, 6)), route.town.places))


# Completions of all sorts to a problem: right, written differently, and wrong in one way or another

KINDS = ("right", "other form", "one wrong", "one missing", "one twice", "no tags")
"""What a completion is; half of them are right."""
ORDERED_KINDS = (*KINDS, "one made up", "other order")
"""What it is where order counts."""


def write_answer(record_format: RecordFormat, problem: Problem, rng: np.random.Generator) -> str:
    """Write a completion of a kind that is drawn."""
    kinds = ORDERED_KINDS if record_format.repeats else KINDS
    kind = "right" if rng.random() < 0.4 else kinds[int(rng.integers(len(kinds)))]
    records = list(problem.target)
    at = int(rng.integers(len(records)))
    if kind == "one wrong":
        records[at] = _spoil(records[at], problem, rng)
    elif kind == "one missing":
        del records[at]
    elif kind == "one twice":
        records.append(records[at])
    elif kind == "one made up":
        records.insert(at, _spoil(records[at], problem, rng))
    elif kind == "other order":
        records = [*records[at:], *records[:at]]
    form = record_format.forms[-1 if kind == "other form" else 0]
    names = [field.name for field in record_format.fields]
    answer = ", ".join(form.format(**dict(zip(names, record, strict=True))) for record in records)
    if kind == "no tags":
        return f"I went through it step by step. {answer}"
    return f"<think>I went through it step by step.</think><answer>{answer}</answer>"


def _spoil(record: Record, problem: Problem, rng: np.random.Generator) -> Record:
    """Return the record with another word in one of its fields."""
    fields = [at for at, words in enumerate(problem.words) if set(words) - {record[at]}]
    at = fields[int(rng.integers(len(fields)))]
    others = [word for word in problem.words[at] if word != record[at]]
    spoilt = list(record)
    spoilt[at] = others[int(rng.integers(len(others)))]
    return tuple(spoilt)


# The rows

GENERATORS = {"flowchart": draw_flowchart, "route": draw_town_route, "scene_graph": draw_scene_graph}
"""Name of a task -> what draws one problem of it."""


def draw_rows(name: str, count: int, *, seed: int = 0, samples: int = 1) -> Iterator[dict[str, Any]]:
    """Yield rows of a data set; problem *i* depends on (seed, i) only.

    Args:
        name: one of `GENERATORS`.
        count: how many problems.
        seed: of the data set.
        samples: completions for each problem, right and wrong ones, a row each.

    Raises:
        ConfigError: if the task has no generator.
    """
    if name not in GENERATORS:
        raise ConfigError(f"there is no generator of data for task {name!r}; there are {', '.join(GENERATORS)}")
    task = load_task(name)
    assert task.record_format is not None
    for at in range(count):
        rng = np.random.default_rng([seed, at])
        problem = GENERATORS[name](rng)
        for sample in range(samples):
            yield {
                "id": f"{name}-{at}-{sample}",
                "prompt_id": f"{name}-{at}",
                "prompt": fill_prompt(task, problem.columns),
                "target": ", ".join(map(task.record_format.render, problem.target)),
                "completion": write_answer(task.record_format, problem, rng),
                **problem.columns,
            }
