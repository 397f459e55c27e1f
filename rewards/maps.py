"""R_ans of cognitive maps: how things lie to each other and which way they face, in the frame of the first view.

    R_ans = .7 D + .3 F        D over pairs of things, F over facings: (right − c · wrong) / all

A pair is right if the second lies from the first where it truly does, to within an eighth of a turn: of displacements
d and t, d · t > |d × t|. Distances, scale and the place on the grid do not count. c is the penalty, 1/2 by default;
what is left out is worth 0. Where a map has pairs alone, or facings alone, these are all of R_ans.

**Frame.** A map has no north, so both are turned by quarters until the first view of the true one looks up. No
orientation is tried out, as MindCube's own metric does with six of them to take the best, under which any map of two
things is right; and a mirror image stays one. In the simple layout, which has no views, up is where that view looks.
What holds in every scene is not compared: that view's own facing, and where things lie from it, which is ahead.

**Guessing.** A fact that is right with chance p is worth p − (1 − p) c: more than nothing above c / (1 + c), a third.
So one of four directions by chance is worth −1/8, and one of the three quarters in which another camera can stand 0.
Things in one spot lie nowhere from each other, which is wrong of every pair.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from parsers.cognitive_map import CognitiveMap, Thing
from parsers.types import Fault
from rewards.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIRECTIONS, _FACINGS = 0.7, 0.3  # what they weigh in MindCube's overall similarity


class MapScore(NamedTuple):
    """How a map compares with the true one.

    Attributes:
        value: R_ans, in [-penalty, 1].
        wrong: of the facts, those that are wrong or missing: ``"lamp from sofa"``, ``"facing of view 2"``.
        facts: how many there are.
    """

    value: float
    wrong: tuple[str, ...]
    facts: int


def turned(drawn: CognitiveMap, view: str | None) -> CognitiveMap:
    """Return a map turned by quarters until one of its views looks up; as it stands for None.

    >>> print(turned(CognitiveMap({"sofa": Thing(2, 0)}, {"view 1": Thing(0, 0, 1)}), "view 1"))
    sofa [0, -2]; view 1 [0, 0] ↑
    """
    quarters = (drawn.views[view].facing or 0) if view is not None else 0
    return CognitiveMap(*({name: _turn(thing, quarters) for name, thing in each.items()} for each in drawn))


def _turn(thing: Thing, quarters: int) -> Thing:
    x, y, facing = thing
    for _ in range(quarters):  # counter-clockwise, exactly: what was on the right comes to the top
        x, y = y, -x
    return Thing(x, y, None if facing is None else (facing - quarters) % 4)


def without_views(true: CognitiveMap) -> CognitiveMap:
    """Return the objects of a map as the simple layout asks for them: up is where the first view looks.

    >>> print(without_views(CognitiveMap({"sofa": Thing(2, 5), "lamp": Thing(7, 5, 1)}, {"view 1": Thing(0, 5, 1)})))
    sofa [5, 5]; lamp [5, 0] ↑
    """
    objects = turned(true, next(iter(true.views), None)).objects
    # Turned about the corner of the grid, and moved back onto it.
    left = min([0.0, *(thing.x for thing in objects.values())])
    top = min([0.0, *(thing.y for thing in objects.values())])
    return CognitiveMap({name: Thing(x - left, y - top, facing) for name, (x, y, facing) in objects.items()}, {})


def map_fault(drawn: CognitiveMap, true: CognitiveMap) -> Fault | None:
    """Return why a map cannot be compared with the true one: an unknown name, or no frame; else None."""
    for kind, ours, theirs in (("object", drawn.objects, true.objects), ("view", drawn.views, true.views)):
        if unknown := next((name for name in ours if name not in theirs), None):
            told = nearest(unknown[:40], theirs) if theirs else ""
            return Fault(f"unknown_{kind}", f"{unknown[:40]!r} is no {kind} of this scene{told}")
    first = next(iter(true.views), None)
    if first is not None and first not in drawn.views:
        return Fault("no_frame", f"{first!r} is missing, by which maps are turned")
    return None


def score_map(drawn: CognitiveMap, true: CognitiveMap, penalty: float) -> MapScore:
    """Compare a map that has no `map_fault` with the true one. Both may be listed in any order.

    >>> room = CognitiveMap({"sofa": Thing(2, 5), "lamp": Thing(7, 5)}, {"view 1": Thing(5, 9, 0)})
    >>> score_map(room, room, penalty=0.5)
    MapScore(value=1.0, wrong=(), facts=1)
    >>> mirrored = room._replace(objects={"sofa": Thing(7, 5), "lamp": Thing(2, 5)})
    >>> score_map(mirrored, room, penalty=0.5)
    MapScore(value=-0.5, wrong=('lamp from sofa',), facts=1)
    """
    first = next(iter(true.views), None)
    ours, theirs = (turned(each, first).things for each in (drawn, true))
    compared = [name for name in theirs if name != first]
    directions, facings = {}, {}
    for one, other in combinations(compared, 2):
        lies = _apart(theirs, one, other)
        if lies != (0, 0):  # what is truly in one place has no direction
            known = one in ours and other in ours
            directions[f"{other} from {one}"] = _same_way(_apart(ours, one, other), lies) if known else None
    for name in compared:
        if theirs[name].facing is not None:
            said = ours[name].facing if name in ours else None
            facings[f"facing of {name}"] = None if said is None else said == theirs[name].facing
    parts = [(weight, [*group.values()]) for weight, group in ((_DIRECTIONS, directions), (_FACINGS, facings)) if group]
    whole = sum(weight for weight, _ in parts)
    value = sum(weight * _worth(group, penalty) for weight, group in parts) / whole if parts else 0.0
    facts = directions | facings
    return MapScore(value, tuple(name for name, right in facts.items() if not right), len(facts))


def _apart(things: dict[str, Thing], one: str, other: str) -> tuple[float, float]:
    return things[other].x - things[one].x, things[other].y - things[one].y


def _same_way(said: tuple[float, float], true: tuple[float, float]) -> bool:
    """Return whether two displacements are less than an eighth of a turn apart: cos > √½, without a root."""
    return said[0] * true[0] + said[1] * true[1] > abs(said[0] * true[1] - said[1] * true[0])


def _worth(facts: Sequence[bool | None], penalty: float) -> float:
    """Return (right − c · wrong) / all; None is left out."""
    return (facts.count(True) - penalty * facts.count(False)) / len(facts)
