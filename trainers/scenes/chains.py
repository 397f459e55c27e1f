"""Chains of thought written from the ground truth: references, mapping, comparison or reasoning, answer.

Each step is true by the cameras. The sentences are files of `trainers.scenes.prompts`; which of them is chance.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import ATTRIBUTES, PAIRS, SPOKEN_ORDER, VALUES, VIEWS, visible
from parsers.references import VIEWER, inverse
from trainers.scenes.multiview import PAIR, direction_from_middle, seen_in, view_relations
from trainers.scenes.multiview_questions import after_turn, camera_move
from trainers.scenes.prompts import wordings
from trainers.scenes.solids import Sight, bodies_of, percent_in_image, placed
from trainers.scenes.tvr import targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainers.scenes.multiview import MultiviewScene
    from trainers.scenes.multiview_questions import Question
    from trainers.scenes.solids import Floats
    from trainers.scenes.tvr import Change, Scene

TVR_SENTENCES: Final = "tvr-chain.v1"
MULTIVIEW_SENTENCES: Final = "multiview-chain.v1"


class Wording:
    """Draws wordings for one chain.

    Args:
        sentences: name of the file.
        draw: what alone decides what is drawn: a name of the draw, the seed and the row's id.
    """

    def __init__(self, sentences: str, *draw: str) -> None:
        digest = blake2b("\0".join(draw).encode(), digest_size=8).digest()
        self.rng = np.random.default_rng(int.from_bytes(digest, "little"))
        self.words: Mapping[str, Any] = wordings(sentences)

    def say(self, kind: str, **said: Any) -> str:
        """Return a sentence of a kind."""
        wordings: Sequence[str] = self.words[kind]
        return wordings[int(self.rng.integers(len(wordings)))].format(**said)

    def shuffled(self, things: Sequence[Any]) -> list[Any]:
        """Return things in random order."""
        return [things[at] for at in self.rng.permutation(len(things)).tolist()]

    def toss(self) -> bool:
        """Return true or false."""
        return bool(self.rng.integers(2))


def view_lines(views: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """Return the first step: a line with the triplets of each view.

    >>> view_lines([[("sofa", "ball", "left")], []])
    ['View 1: [sofa, ball, left]', 'View 2: none']
    """
    written = [" ".join(f"[{', '.join(triplet)}]" for triplet in triplets) for triplets in views]
    return [f"View {number}: {triplets or 'none'}" for number, triplets in enumerate(written, start=1)]


def completion(lines: Sequence[str], answer: str) -> str:
    """Return the completion: the reasoning and the answer in their tags."""
    return "<think>\n" + "\n".join(lines) + f"\n</think>\n<answer>{answer}</answer>"


# TVR scenes


def tvr_chain(scene: Scene, view: str, *, size: tuple[int, int], seed: int, key: str) -> str:
    """Return a completion that finds the changes of a scene in three steps, each true by the cameras.

    The first two steps go through all objects, so that they do not tell which ones changed.

    Args:
        scene: the scene.
        view: of the final image: center, left or right.
        size: width and height of the images, which decide where an object's center is in percent.
        seed: of the wordings.
        key: the row's id; seed and key alone decide about the wording.
    """
    wording = Wording(TVR_SENTENCES, "tvr-chain.v1", str(seed), key)
    cameras = scene.stage.cameras[0], scene.stage.cameras[VIEWS.index(view)]
    before, after = bodies_of(scene.initial, scene.rotations), bodies_of(scene.final, scene.rotations)
    sights = [Sight(bodies, [camera]) for bodies, camera in zip((before, after), cameras, strict=True)]
    seen = [sight.seen() for sight in sights]
    order = _order(scene, seen[0] | seen[1] | after.shown, cameras[0], wording)
    views = [
        _tvr_triplets(sight, [index for index in order if shown[index]])
        for sight, shown in zip(sights, seen, strict=True)
    ]
    mapping = _tvr_mapping(scene, order, seen, percent_in_image(after, cameras[1], size), wording)
    comparison = _comparison(scene, [index for index in order if seen[1][index] or before.shown[index]], wording)
    lines = [*view_lines(views), "\n".join(mapping), "\n".join(comparison)]
    return completion(lines, ", ".join(map(str, targets(scene))))


def _order(scene: Scene, known: Any, camera: Floats, wording: Wording) -> list[int]:
    """Return the objects to speak of: by number, or from left to right of the first image."""
    indices: list[int] = np.flatnonzero(known | visible(scene.initial.positions)).tolist()
    if wording.toss():
        return indices
    bodies = bodies_of(scene.initial, scene.rotations)
    columns = percent_in_image(bodies, camera, (100, 100))[:, 0].tolist()
    return sorted(indices, key=lambda index: columns[index])


def _tvr_triplets(sight: Sight, indices: Sequence[int]) -> Sequence[tuple[str, ...]]:
    """Return how each object stands to its nearest neighbor; the only one of an image stands before the camera."""
    if len(indices) == 1:
        return [(f"object {indices[0]}", VIEWER, "in front of")]
    return placed(sight, indices)


def _look(thing: Mapping[str, Any]) -> str:
    return " ".join(str(thing[name]) for name in SPOKEN_ORDER)


def _tvr_mapping(scene: Scene, order: Sequence[int], seen: Sequence[Any], percent: Any, wording: Wording) -> list[str]:
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
            sentences.append(_tvr_moved(change, value, wording))
            continue
        cell = change.obj_idx, ATTRIBUTES.index(attribute)
        old, looks[cell] = VALUES[attribute][looks[cell]], VALUES[attribute].index(value)
        sentences.append(wording.say("attribute", index=change.obj_idx, attribute=attribute, old=old, new=value))
    return [*sentences, wording.say("conclusion", count=wording.words["count"][len(scene.changes)])]


def _tvr_moved(change: Change, value: str, wording: Wording) -> str:
    direction, steps = value.rsplit(".", 1)
    kind = {"out": "left_view", "in": "entered"}.get(change.move or "", "moved")
    return wording.say(kind, index=change.obj_idx, steps=wording.words["steps"][int(steps)], direction=direction)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


# Multi-view scenes

_HEADING: Final = {"left": "right", "right": "left", "opposite": "behind"}
"""Where a camera looks that stands so from the first, on the map that the first one draws."""
_SPOKEN: Final = {"front": "in front of"}


def multiview_chain(scene: MultiviewScene, question: Question, *, seed: int, key: str) -> str:
    """Return a completion that answers the question in three steps, each true by the cameras.

    Args:
        scene: the scene.
        question: about it.
        seed: of the wordings.
        key: the row's id; seed and key alone decide about the wording.
    """
    wording = Wording(MULTIVIEW_SENTENCES, "ring-chain.v1", str(seed), key)
    views = [_multiview_triplets(scene, view, wording) for view in range(len(scene.quarters))]
    mapping, reasoning = _multiview_mapping(scene, wording), _reasoning(scene, question, wording)
    lines = [*view_lines(views), " ".join(mapping), wording.say("reasoning") + " ".join(reasoning)]
    return completion(lines, question.answer)


def _multiview_triplets(scene: MultiviewScene, view: int, wording: Wording) -> list[tuple[str, str, str]]:
    """Return the relations of a view in random order, some of them told the other way round."""
    found = []
    for subject, other, relation in wording.shuffled(view_relations(scene, view)):
        opposite = inverse(relation)
        assert opposite is not None
        turned = (other, subject, _SPOKEN.get(opposite, opposite))
        found.append(turned if wording.toss() else (subject, other, relation))
    return found


def _pair_relation(scene: MultiviewScene, view: int, wording: Wording) -> str:
    relations: dict[str, str] = wording.words["relations"]
    return relations[view_relations(scene, view)[0].relation]


def _multiview_mapping(scene: MultiviewScene, wording: Wording) -> list[str]:
    """Join the images into one map: that of the first image, seen from above."""
    words = wording.words
    pair = {"one": scene.names[PAIR[0]], "other": scene.names[PAIR[1]]}
    across = [scene.names[seen_in(scene, view)[-1]] for view in range(len(scene.quarters))]
    sentences = [
        wording.say("mapping", **pair),
        wording.say("base", relation=_pair_relation(scene, 0, wording), object=across[0], **pair),
    ]
    for view in range(1, len(scene.quarters)):
        move = camera_move(scene, 0, view)
        said = {
            "view": view + 1,
            "relation": _pair_relation(scene, view, wording),
            "move": words["moves"][move],
            "heading": words["headings"][_HEADING[move]],
            "object": across[view],
            "place": words["places"][direction_from_middle(scene, 0, seen_in(scene, view)[-1])],
        }
        sentences.append(wording.say("other_view", **said, **pair))
    return sentences


def _reasoning(scene: MultiviewScene, question: Question, wording: Wording) -> list[str]:
    steps = {"closer": _closer, "moved": _moved}.get(question.kind, _directions)(scene, question, wording)
    return steps if question.options is None else [*steps, wording.say("option", letter=question.answer)]


def _directions(scene: MultiviewScene, question: Question, wording: Wording) -> list[str]:
    words = wording.words
    index = question.objects[0]
    said = {"object": scene.names[index], "place": words["places"][direction_from_middle(scene, 0, index)]}
    direction = direction_from_middle(scene, question.view, index)
    steps = [
        _facing(scene, question.view, wording),
        wording.say("stands", direction=words["directions"][direction], **said),
    ]
    if question.turn is not None:
        after = words["directions"][after_turn(direction, question.turn)]
        steps.append(wording.say("turned", turn=words["turns"][question.turn], direction=after))
    if question.kind == "beside":
        anchor = scene.names[question.objects[1]]
        steps.append(wording.say("beside", direction=direction, anchor=anchor, object=scene.names[index]))
    return steps


def _facing(scene: MultiviewScene, view: int, wording: Wording) -> str:
    if view == 0:
        return wording.say("facing_first")
    heading = _HEADING[camera_move(scene, 0, view)]
    return wording.say("facing", view=view + 1, heading=wording.words["headings"][heading])


def _closer(scene: MultiviewScene, question: Question, wording: Wording) -> list[str]:
    names = [scene.names[index] for index in question.objects]
    places = [
        "middle" if index in PAIR else direction_from_middle(scene, question.view, index) for index in question.objects
    ]
    return [
        wording.say("order", view=question.view + 1),
        *(
            wording.say("where_it_is", object=name, **{"class": wording.words["classes"][place]})
            for name, place in zip(names, places, strict=True)
        ),
        wording.words["closer"][question.answer].format(one=names[0], other=names[1]),
    ]


def _moved(scene: MultiviewScene, question: Question, wording: Wording) -> list[str]:
    assert question.last is not None
    assert question.direction is not None
    said = {
        "first": question.view + 1,
        "last": question.last + 1,
        "one": scene.names[PAIR[0]],
        "other": scene.names[PAIR[1]],
        "before": _pair_relation(scene, question.view, wording),
        "after": _pair_relation(scene, question.last, wording),
        "move": wording.words["paths"][question.direction],
    }
    return [wording.say("moved", **said)]
