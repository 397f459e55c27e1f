"""True relations per view, ``[object 1, object 2, relation]``, of questions of the real data sets.

These labels are this project's own: the paper does not say how it made its own.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from benchmarks.datasets.marks import marked_names, marks_of
from benchmarks.datasets.mindcube_references import relations_from_map
from benchmarks.mindcube.cogmap_text import extract_map
from parsers.relations import VIEWER, normalise_name
from parsers.values import Relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.datasets.marks import Mark
    from benchmarks.datasets.mindcube_references import Relations
    from benchmarks.sample import Sample

APART: Final = 50.0  # thousandths of the image's side by which two marks must differ
THIRD: Final = 1000 / 3


def relations_of(sample: Sample) -> Relations | None:
    """Return the true relations of each view of a question, or None where the annotation does not tell them.

    *MindCube*: from its cognitive map, where the file has one. *SPAR-7M*: from its marks, in the image: left and right,
    or above and below where they differ only in that; the only marked object of an image stands in front of the
    camera, to its left or right if it is in that third of the image.
    """
    if sample.benchmark == "mindcube":
        written = sample.extra.get("grounded_cogmap")
        cogmap = extract_map(written) if isinstance(written, str) else written
        found = relations_from_map(cogmap) if isinstance(cogmap, dict) else None
    elif sample.benchmark == "spar7m":
        found = _from_marks(sample)
    else:
        found = None
    return found if found is not None and len(found) == len(sample.images) else None


def _from_marks(sample: Sample) -> Relations | None:
    names = marked_names(sample.prompt)
    marks = marks_of({**sample.extra, "type": sample.category}, len(sample.images), sample.place)
    views: list[tuple[Relation, ...]] = []
    for number in range(len(sample.images)):
        here = [mark for mark in marks if mark.image == number and mark.label is None and mark.colour in names]
        found = _in_image({names[mark.colour]: mark for mark in here})
        if len({normalise_name(names[mark.colour]) for mark in here}) < len(here) or (here and not found):
            return None  # two objects of one name, or at one place: no relation tells them apart
        views.append(found)
    return tuple(views) if any(views) else None


def _in_image(marks: Mapping[str, Mark]) -> tuple[Relation, ...]:
    places = {name: _centre(mark) for name, mark in marks.items()}
    if len(places) == 1:
        ((name, (x, _)),) = places.items()
        side = " and left" if x < THIRD else " and right" if x > 2 * THIRD else ""
        return (Relation(name, VIEWER, f"in front of{side}"),)
    found = []
    for (one, (x, y)), (other, (other_x, other_y)) in combinations(places.items(), 2):
        if abs(x - other_x) >= APART:
            found.append(Relation(one, other, "left" if x < other_x else "right"))
        elif abs(y - other_y) >= APART:
            found.append(Relation(one, other, "above" if y < other_y else "below"))
    return tuple(found)


def _centre(mark: Mark) -> tuple[float, float]:
    left, top, right, bottom = (*mark.box, *mark.box)[:4]  # a point is a box without extent
    return (left + right) / 2, (top + bottom) / 2
