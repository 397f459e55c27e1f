"""Routes through towns on disk: a line of ``data.jsonl``, the training row, and the map as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, StrictInt, ValidationError

from benchmarks.route import HEADINGS, Route, Town, draw_route
from rewards.errors import ConfigError, DataError
from rewards.tasks import load_task
from rewards.tasks.prompt_template import fill_prompt
from trainers.validation import first_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainers.scenes.render import Image

SHOWN: Final = "The image is the map of a town, whose streets are one block each from place to place; north is up."
"""What takes the place of a map in words where there is an image."""

SMALLEST: Final = 384
"""Pixels of the shorter side of an image in which the names can still be read."""

_PAPER, _STREET, _INK, _START, _GOAL = "#f4f1ea", "#8a8f98", "#1c1d20", "#1f6feb", "#c62828"


def route_item(seed: int, index: int) -> Route:
    """Return problem *index* of a data set; it depends on (seed, index) only."""
    return draw_route(np.random.default_rng([seed, index]))


def map_name(index: int) -> str:
    """Return the file name of a map.

    >>> map_name(7)
    'img_000007-map.png'
    """
    return f"img_{index:06d}-map.png"


def route_row(index: int, route: Route, *, images: bool = True) -> dict[str, Any]:
    """Return the training row of a problem; see `trainers.data.training_rows`. Without an image the map is in words."""
    task = load_task("route")
    assert task.record_format is not None
    columns = route.columns | ({"map": SHOWN} if images else {})
    return {
        "images_file_names": [f"image/{map_name(index)}"],
        "id": f"town-{index}",
        "idx": index,
        "task": "route",
        "category": f"{len(route.steps)} steps",
        "scene": f"town-{index}",
        "prompt": fill_prompt(task, columns),
        "target": ", ".join(map(task.record_format.render, route.steps)),
    }


# --- records ---------------------------------------------------------------------------------------------------------


def route_record(index: int, route: Route, *, images: bool = True) -> dict[str, Any]:
    """Return a problem as one line of ``data.jsonl``; everything that its map is made from."""
    return {
        "idx": index,
        "task": "route",
        **route.town._asdict(),
        "start": route.start,
        "heading": route.heading,
        "goal": route.goal,
        "steps": [list(step) for step in route.steps],
        "images": [map_name(index)] if images else [],
    }


class _RouteRecord(BaseModel):
    width: StrictInt
    places: tuple[str, ...]
    streets: tuple[tuple[StrictInt, StrictInt], ...]
    start: str
    heading: Literal["north", "east", "south", "west"]
    goal: str
    steps: tuple[tuple[str, StrictInt, str], ...]


def read_route_record(record: Mapping[str, Any]) -> Route:
    """Read a line of ``data.jsonl``: the inverse of `route_record`.

    Raises:
        DataError: it is no such line, with the key; or its streets are none of a grid.
    """
    try:
        read = _RouteRecord.model_validate(record)
    except ValidationError as error:
        raise DataError(f"no record of a route: {first_fault(error)}") from None
    town = Town(read.width, read.places, read.streets)
    if town.width < 1 or len(set(town.places)) < len(town.places):
        raise DataError("places: the width is not positive, or two places have one name")
    for one, other in town.streets:
        numbers = range(len(town.places))
        apart: tuple[int, ...] = (0, 0)
        if one in numbers and other in numbers:
            apart = tuple(b - a for a, b in zip(town.at(one), town.at(other), strict=True))
        if apart not in HEADINGS.values():
            raise DataError(f"streets: {[one, other]} is no street between neighbors")
    for name in ("start", "goal"):
        if record[name] not in town.places:
            raise DataError(f"{name}: there is no place {record[name]!r}")
    return Route(town, read.start, read.heading, read.goal, read.steps)


# --- the image -------------------------------------------------------------------------------------------------------


def draw_map(route: Route, size: tuple[int, int]) -> Image:
    """Draw a map: streets as lines, places by name, the start with an arrow where one faces, the goal with a ring.

    Args:
        route: any problem. Its steps are not drawn.
        size: width and height, pixels.

    Raises:
        ConfigError: the names could not be read in an image of that size, or Pillow is not installed.
    """
    try:
        from PIL import Image as Pillow
        from PIL import ImageDraw
    except ImportError:
        raise ConfigError("drawing a map needs Pillow: pip install 'star-r1[report]'") from None
    if min(size) < SMALLEST:
        raise ConfigError(f"a map of {size[0]} x {size[1]} pixels cannot be read; {SMALLEST} are needed: --size 512")
    town = route.town
    rows = len(town.places) // town.width
    apart = (size[0] / town.width, size[1] / rows)

    def place(number: int) -> tuple[float, float]:
        column, row = town.at(number)
        return (column + 0.5) * apart[0], (row + 0.5) * apart[1]

    image = Pillow.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    unit = min(apart)
    for one, other in town.streets:
        draw.line((*place(one), *place(other)), fill=_STREET, width=max(3, round(unit / 14)))
    for number, name in enumerate(town.places):
        x, y = place(number)
        dot = unit / 12
        color = _START if name == route.start else _GOAL if name == route.goal else _STREET
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=color)
        if name == route.goal:
            draw.ellipse((x - 2 * dot, y - 2 * dot, x + 2 * dot, y + 2 * dot), outline=color, width=3)
        if name == route.start:
            across, down = HEADINGS[route.heading]
            tip, left, right = (
                (x + along * across * dot - aside * down * dot, y + along * down * dot + aside * across * dot)
                for along, aside in ((3.2, 0.0), (1.4, -1.0), (1.4, 1.0))
            )
            draw.polygon([tip, left, right], fill=color)
        # A name as wide as its place at most; the paper behind it keeps streets from crossing letters.
        font = min(unit / 6, apart[0] / (0.62 * len(name)))
        draw.text((x, y + unit / 4), name, fill=_INK, font_size=font, anchor="mm", stroke_width=2, stroke_fill=_PAPER)
    return np.asarray(image, dtype=np.uint8)
