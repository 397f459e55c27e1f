"""Chains of thought about ring scenes, written from the truth: references, mapping, reasoning, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.relations import inverse
from trainers.data.ring_questions import after_turn, camera_move
from trainers.data.ring_scenes import PAIR, direction_from_middle, seen_in, view_relations
from trainers.data.wording import Wording, envelope, view_lines

if TYPE_CHECKING:
    from trainers.data.ring_questions import Question
    from trainers.data.ring_scenes import RingScene

TEXTS: Final = "ring-chain.v1"
_HEADING: Final = {"left": "right", "right": "left", "opposite": "behind"}
"""Where a camera looks that stands so from the first, on the map that the first one draws."""
_SPOKEN: Final = {"front": "in front of"}


def ring_chain(scene: RingScene, question: Question, *, seed: int, key: str) -> str:
    """Return a completion that answers the question in three steps, each true by the cameras.

    Args:
        scene: the scene.
        question: about it.
        seed: of the wordings.
        key: the row's id; seed and key alone decide about the wording.
    """
    wording = Wording(TEXTS, seed, key)
    views = [_triplets(scene, view, wording) for view in range(len(scene.quarters))]
    mapping, reasoning = _mapping(scene, wording), _reasoning(scene, question, wording)
    lines = [*view_lines(views), " ".join(mapping), wording.say("reasoning") + " ".join(reasoning)]
    return envelope(lines, question.answer)


def _triplets(scene: RingScene, view: int, wording: Wording) -> list[tuple[str, str, str]]:
    """Return the relations of a view in random order, some of them told the other way round."""
    found = []
    for subject, other, relation in wording.shuffled(view_relations(scene, view)):
        opposite = inverse(relation)
        assert opposite is not None
        turned = (other, subject, _SPOKEN.get(opposite, opposite))
        found.append(turned if wording.toss() else (subject, other, relation))
    return found


def _pair_relation(scene: RingScene, view: int, wording: Wording) -> str:
    relations: dict[str, str] = wording.words["relations"]
    return relations[view_relations(scene, view)[0].relation]


def _mapping(scene: RingScene, wording: Wording) -> list[str]:
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


def _reasoning(scene: RingScene, question: Question, wording: Wording) -> list[str]:
    steps = {"closer": _closer, "moved": _moved}.get(question.kind, _directions)(scene, question, wording)
    return steps if question.options is None else [*steps, wording.say("option", letter=question.answer)]


def _directions(scene: RingScene, question: Question, wording: Wording) -> list[str]:
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


def _facing(scene: RingScene, view: int, wording: Wording) -> str:
    if view == 0:
        return wording.say("facing_first")
    heading = _HEADING[camera_move(scene, 0, view)]
    return wording.say("facing", view=view + 1, heading=wording.words["headings"][heading])


def _closer(scene: RingScene, question: Question, wording: Wording) -> list[str]:
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


def _moved(scene: RingScene, question: Question, wording: Wording) -> list[str]:
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
