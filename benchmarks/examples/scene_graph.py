"""Scenes of a few objects, each a step away from the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.examples.problem import Problem

if TYPE_CHECKING:
    import numpy as np

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

STEPS = {
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
    relations = list(STEPS)
    places = [(0, 0, 0)]
    target = []
    while len(places) < len(names):
        relation = relations[int(rng.integers(len(relations)))]
        length = int(rng.integers(1, 4))
        x, y, z = (before + length * step for before, step in zip(places[-1], STEPS[relation], strict=True))
        if (x, y, z) not in places:
            target.append((names[len(places)], names[len(places) - 1], relation))
            places.append((x, y, z))
    lines = [f"{name}: ({x}, {y}, {z})" for name, (x, y, z) in zip(names, places, strict=True)]
    return Problem({"objects": "\n".join(lines)}, tuple(target), (tuple(names), tuple(names), tuple(relations)))
