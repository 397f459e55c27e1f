"""Chains of thought about TVR scenes, written from the truth: references, mapping, comparison, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import ATTRIBUTES, PAIRS, VALUES, visible
from parsers.relations import VIEWER
from trainers.data.bodies import bodies_of
from trainers.data.cameras import VIEWS, frame_at, project
from trainers.data.occlusion import MIN_PIXELS, seen_pixels
from trainers.data.records import targets
from trainers.data.relations import placed
from trainers.data.wording import Wording, envelope, view_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainers.data.bodies import Bodies, Floats
    from trainers.data.records import Change, Scene

TEXTS: Final = "tvr-chain.v1"
_LOOK: Final = ("size", "color", "material", "shape")


def tvr_chain(scene: Scene, view: str, *, size: tuple[int, int], seed: int, key: str) -> str:
    """Return a completion that finds the changes of a scene in three steps, each true by the cameras.

    The first two steps go through all objects, so that they do not tell which ones changed.

    Args:
        scene: the scene.
        view: of the final image: center, left or right.
        size: width and height of the images, which decide where an object's centre is in percent.
        seed: of the wordings.
        key: the row's id; seed and key alone decide about the wording.
    """
    wording = Wording(TEXTS, seed, key)
    cameras = scene.stage.cameras[0], scene.stage.cameras[VIEWS.index(view)]
    before, after = bodies_of(scene.initial, scene.rotations), bodies_of(scene.final, scene.rotations)
    seen = [_well_seen(bodies, camera) for bodies, camera in zip((before, after), cameras, strict=True)]
    order = _order(scene, seen[0] | seen[1] | after.shown, cameras[0], wording)
    views = [
        _triplets(bodies, [index for index in order if shown[index]], shown, camera)
        for bodies, camera, shown in zip((before, after), cameras, seen, strict=True)
    ]
    mapping = _mapping(scene, order, seen, _percent(after, cameras[1], size), wording)
    comparison = _comparison(scene, [index for index in order if seen[1][index] or before.shown[index]], wording)
    lines = [*view_lines(views), "\n".join(mapping), "\n".join(comparison)]
    return envelope(lines, ", ".join(map(str, targets(scene))))


def _well_seen(bodies: Bodies, camera: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which objects can be seen in a picture, ``(10,)``: in it, and not hidden by others."""
    return np.array(
        [bool(shown) and seen_pixels(bodies, index, camera) >= MIN_PIXELS for index, shown in enumerate(bodies.shown)]
    )


def _order(scene: Scene, known: Any, camera: Floats, wording: Wording) -> list[int]:
    """Return the objects to speak of: by number, or from left to right of the first picture."""
    indices: list[int] = np.flatnonzero(known | visible(scene.initial.positions)).tolist()
    if wording.toss():
        return indices
    bodies = bodies_of(scene.initial, scene.rotations)
    columns = _percent(bodies, camera, (100, 100))[:, 0].tolist()
    return sorted(indices, key=lambda index: columns[index])


def _percent(bodies: Bodies, camera: Floats, size: tuple[int, int]) -> Any:
    """Return where the centres fall in a picture, ``(10, 2)``, in percent of its width and height."""
    centres = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)
    pixels, _ = project(centres, frame_at(camera), *size)
    return np.rint(100 * pixels / size).astype(int)


def _triplets(bodies: Bodies, indices: Sequence[int], seen: Any, camera: Floats) -> Sequence[tuple[str, ...]]:
    """Return how each object stands to its nearest neighbour; the only one of a picture stands before the camera."""
    if len(indices) == 1:
        return [(f"object {indices[0]}", VIEWER, "in front of")]
    return placed(bodies._replace(shown=seen), indices, camera)


def _look(thing: Mapping[str, Any]) -> str:
    return " ".join(str(thing[name]) for name in _LOOK)


def _mapping(scene: Scene, order: Sequence[int], seen: Sequence[Any], percent: Any, wording: Wording) -> list[str]:
    """Find each object again."""
    first, last = decode_scene(scene.initial), decode_scene(scene.final)
    inside, still = visible(scene.initial.positions), visible(scene.final.positions)
    sentences = [wording.say("mapping")]
    for index in order:
        said = {
            "index": index,
            "look": _look(first[index]),
            "final": _look(last[index]),
            "place": f"({percent[index, 0]}, {percent[index, 1]})",
        }
        if not still[index]:
            kind = "gone"
        elif not seen[1][index]:
            kind = "hidden"
        elif not inside[index]:
            kind = "came"
        else:
            kind = "found_same" if said["look"] == said["final"] else "found"
        sentences.append(wording.say(kind, **said))
    return sentences


def _comparison(scene: Scene, order: Sequence[int], wording: Wording) -> list[str]:
    """Compare what was found: first what is the same, then change after change, in the order of the answer."""
    changed = {change.obj_idx for change in scene.changes}
    same = [f"object {index}" for index in sorted(order) if index not in changed]
    sentences = [wording.say("comparison")]
    if same:
        sentences.append(_capital(wording.say("unchanged", indices=_listed(same))))
    looks = scene.initial.attributes.copy()
    for change in scene.changes:
        attribute, value = PAIRS[change.pair]
        if attribute == "position":
            sentences.append(_moved(change, value, wording))
            continue
        cell = change.obj_idx, ATTRIBUTES.index(attribute)
        old, looks[cell] = VALUES[attribute][looks[cell]], VALUES[attribute].index(value)
        sentences.append(wording.say("attribute", index=change.obj_idx, attribute=attribute, old=old, new=value))
    return [*sentences, wording.say("conclusion", count=wording.words["count"][len(scene.changes)])]


def _moved(change: Change, value: str, wording: Wording) -> str:
    direction, steps = value.rsplit(".", 1)
    kind = {"out": "left_view", "in": "entered"}.get(change.move or "", "moved")
    return wording.say(kind, index=change.obj_idx, steps=wording.words["steps"][int(steps)], direction=direction)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
