"""Whether a multi-view question is true of its scene: for files that someone else wrote, or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import overlaps
from rewards.errors import DataError
from trainers.data.ring_questions import KINDS, LETTERS, after_turn, camera_move, question_texts
from trainers.data.ring_rows import read_ring_record
from trainers.data.ring_scenes import PAIR, direction_from_middle, distance_to_camera, is_clear

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trainers.data.ring_questions import Question
    from trainers.data.ring_scenes import RingScene

RULES: Final = {
    "form": "the record is a multi-view question",
    "gap": "no two objects are nearer than their radii and a gap of one grid unit",
    "names": "an object is called by its color and shape, and no two have the same name",
    "views": "every image shows the pair and one further object, each of them well, and nothing else",
    "answer": "the answer is what the cameras make of the question",
}


def check_question(record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a record, each as ``rule: explanation``; an empty list where nothing is.

    The words of the question are not read: what it asks is taken from the record's own fields.

    Args:
        record: one line of ``data.jsonl`` of ``star data generate --task multiview``.

    >>> check_question({"task": "multiview"})[0].split(":")[0]
    'form'
    """
    try:
        scene, question = read_ring_record(record, "form")
        right = right_answer(scene, question)
    except DataError as error:
        return [str(error)]
    except (LookupError, TypeError, ValueError) as error:
        return [f"form: the question does not fit the scene: {error!r}"]
    wrong = [*_wrong_scene(scene)]
    given = _given_answer(question)
    if given != right:
        wrong.append(f"answer: {question.answer!r} is {given!r}, and right is {right!r}")
    return wrong


def _wrong_scene(scene: RingScene) -> Iterator[str]:
    things = decode_scene(scene.state)
    for index, name in enumerate(scene.names):
        if overlaps(scene.state, index):
            yield f"gap: object {index} stands too near to another"
        called = f"{things[index]['color']} {things[index]['shape']}"
        if name != called:
            yield f"names: object {index} is a {called}, not a {name}"
        elif name in scene.names[:index]:
            yield f"names: there are two of the name {name}"
    if not is_clear(scene):
        yield f"views: {RULES['views']}; one does not"


def right_answer(scene: RingScene, question: Question) -> str:
    """Return the text of the right option, or yes or no, from where objects and cameras stand.

    Raises:
        LookupError: the question is about an object or image that is not there.
        ValueError: its kind is unknown, or nothing is where it asks.
    """
    if question.kind not in KINDS:
        raise ValueError(f"kind {question.kind!r}")
    texts = question_texts()
    if question.kind == "closer":
        one, other = (distance_to_camera(scene, question.view, index) for index in question.objects)
        return "yes" if one < other else "no"
    if question.kind == "moved":
        if question.last is None:
            raise ValueError("it tells no last image")
        return str(texts["moves"][camera_move(scene, question.view, question.last)])
    around = {
        index: after_turn(direction_from_middle(scene, question.view, index), question.turn)
        for index in range(len(PAIR), len(scene.names))
    }
    if question.options is not None and question.options[0] in scene.names:
        (found,) = [scene.names[index] for index, direction in around.items() if direction == question.direction]
        return found
    return str(texts["directions"][around[question.objects[0]]])


def _given_answer(question: Question) -> str | None:
    """Return the text that the record gives as the answer; None where its letter is that of no option."""
    if question.options is None:
        return question.answer
    return dict(zip(LETTERS, question.options, strict=False)).get(question.answer)
