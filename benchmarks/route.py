"""Towns and the shortest ways through them, drawn from a seed: what the task ``route`` asks about.

A town is a grid of places with streets between neighbors, some of them closed. A problem has exactly one shortest way,
so that there is one right answer: where several ways are as short, another goal is drawn.

>>> import numpy as np
>>> route = draw_route(np.random.default_rng(7))
>>> route.start, route.heading, route.goal
('temple', 'north', 'opera')
>>> [" ".join(map(str, step)) for step in route.steps]
['right 1 brewery', 'left 2 cinema', 'left 1 opera']
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from rewards.tasks import load_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

HEADINGS = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}
"""The directions in their order to the right, each as a step in columns and rows; north is up."""

SIDES = (4, 7)
"""The smallest and the largest number of places along a side of a town."""
STEPS = (3, 10)
"""The smallest and the largest number of steps of a route."""
LOOPS = 0.1
"""The chance that a street is open without which all places could be reached as well."""

Step = tuple[str, int, str]
"""The turn before a straight stretch, the blocks that it is long, and the place where it ends."""


class Town(NamedTuple):
    """A town.

    Attributes:
        width: places in a row.
        places: the names of all, row by row, the northernmost first.
        streets: pairs of neighboring places by their numbers, the smaller first.
    """

    width: int
    places: tuple[str, ...]
    streets: tuple[tuple[int, int], ...]

    def at(self, number: int) -> tuple[int, int]:
        """Return the column and the row of a place."""
        return number % self.width, number // self.width

    def neighbors(self, number: int) -> dict[str, int]:
        """Return what the streets lead to, by direction."""
        found = {}
        for one, other in self.streets:
            for here, there in ((one, other), (other, one)):
                if here == number:
                    found[direction(self.at(here), self.at(there))] = there
        return {name: found[name] for name in HEADINGS if name in found}


class Route(NamedTuple):
    """A problem and its one right answer.

    Attributes:
        town: the town.
        start: the name of the place where it begins.
        heading: the direction that one faces there.
        goal: the name of the place where it ends.
        steps: the shortest way.
    """

    town: Town
    start: str
    heading: str
    goal: str
    steps: tuple[Step, ...]

    @property
    def columns(self) -> dict[str, str]:
        """What the prompt shows, by column; the map in words."""
        return {"map": map_text(self.town), "start": self.start, "heading": self.heading, "goal": self.goal}


def direction(here: tuple[int, int], there: tuple[int, int]) -> str:
    """Return the direction of a street between neighbors."""
    step = (there[0] - here[0], there[1] - here[1])
    return next(name for name, each in HEADINGS.items() if each == step)


def place_names() -> tuple[str, ...]:
    """Return the landmarks of the task."""
    record_format = load_task("route").record_format
    assert record_format is not None
    return record_format.fields[-1].values


def turn_between(heading: str, other: str) -> str:
    """Return the turn from one direction to another.

    >>> turn_between("north", "west"), turn_between("south", "north")
    ('left', 'back')
    """
    names = [*HEADINGS]
    return ("straight", "right", "back", "left")[(names.index(other) - names.index(heading)) % 4]


# --- drawing ---------------------------------------------------------------------------------------------------------


def draw_town(rng: np.random.Generator) -> Town:
    """Draw a town in which every place can be reached: a random tree of streets, and some more."""
    width, height = rng.integers(SIDES[0], SIDES[1] + 1, size=2).tolist()
    names = place_names()
    places = tuple(names[at] for at in rng.permutation(len(names))[: width * height])
    lines = [(at, at + 1) for at in range(width * height) if (at + 1) % width]
    lines += [(at, at + width) for at in range(width * (height - 1))]
    parts = list(range(width * height))  # places with the same number are joined (Kruskal's tree, of random weights)
    streets = []
    for one, other in (lines[at] for at in rng.permutation(len(lines))):
        joined = parts[one] == parts[other]
        if not joined or rng.random() < LOOPS:
            streets.append((one, other))
            parts = [parts[one] if part == parts[other] else part for part in parts]
    return Town(width, places, tuple(sorted(streets)))


def draw_route(rng: np.random.Generator) -> Route:
    """Draw a problem; towns are drawn until one has a route of so many steps that no other is as short as."""
    while True:
        town = draw_town(rng)
        start = int(rng.integers(len(town.places)))
        heading = [*HEADINGS][int(rng.integers(4))]
        routes = [steps_of(town, way, heading) for way in only_ways(town, start)]
        lengths = sorted({len(steps) for steps in routes} & {*range(STEPS[0], STEPS[1] + 1)})
        if lengths:  # first how many steps, so that long routes are as frequent as short ones
            length = lengths[int(rng.integers(len(lengths)))]
            fit = [steps for steps in routes if len(steps) == length]
            steps = fit[int(rng.integers(len(fit)))]
            return Route(town, town.places[start], heading, steps[-1][2], steps)


def only_ways(town: Town, start: int) -> list[list[int]]:
    """Return the shortest way to each place to which there is only one, as the places that it passes."""
    streets = [[*town.neighbors(place).values()] for place in range(len(town.places))]
    # Breadth first: how far each place is, how many shortest ways lead there, and the place before it on one of them.
    far, ways, before = {start: 0}, {start: 1}, {start: start}
    ahead = deque([start])
    while ahead:
        here = ahead.popleft()
        for there in streets[here]:
            if there not in far:
                far[there], ways[there], before[there] = far[here] + 1, 0, here
                ahead.append(there)
            if far[there] == far[here] + 1:
                ways[there] += ways[here]
    found = []
    for goal, number in ways.items():
        if number == 1 and goal != start:
            way = [goal]
            while way[-1] != start:
                way.append(before[way[-1]])
            found.append(way[::-1])
    return found


def steps_of(town: Town, way: Sequence[int], heading: str) -> tuple[Step, ...]:
    """Return a way as steps: one for each straight stretch."""
    steps: list[Step] = []
    for here, there in itertools.pairwise(way):
        toward = direction(town.at(here), town.at(there))
        if steps and toward == heading:
            turn, blocks, _ = steps[-1]
            steps[-1] = (turn, blocks + 1, town.places[there])
        else:
            steps.append((turn_between(heading, toward), 1, town.places[there]))
        heading = toward
    return tuple(steps)


# --- showing ---------------------------------------------------------------------------------------------------------


def map_text(town: Town) -> str:
    """Return a map in words: from each place, where its streets lead.

    >>> print(map_text(Town(2, ("zoo", "bank", "mill", "pub"), ((0, 1), (1, 3)))))
    The streets of a town, one block each, from place to place:
    zoo: east bank
    bank: south pub, west zoo
    mill: none
    pub: north bank
    """
    lines = ["The streets of a town, one block each, from place to place:"]
    for number, name in enumerate(town.places):
        streets = [f"{toward} {town.places[there]}" for toward, there in town.neighbors(number).items()]
        lines.append(f"{name}: {', '.join(streets) or 'none'}")
    return "\n".join(lines)
