"""Whether scenes keep the rules of TRANCE, and questions are true: for data that someone else made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.world import N_OBJECTS, PAIRS, differences, in_world, move_options, overlaps, present
from rewards.errors import DataError
from trainers.data.layout import IMAGES, read_lines
from trainers.data.plans import STEPS
from trainers.data.records import from_record
from trainers.data.ring_check import check_question
from trainers.data.rules import RULES, Course, after, broken_rule, kind_of_move

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trainers.data.records import Change, Scene

MORE_RULES: Final = {
    "form": "the record is one of TRANCE",
    "objects": "a scene has ten objects",
    "world": "all objects stand in the world",
    "gap": "no two objects are nearer than their radii and a gap of one grid unit",
    "steps": "there are one to four changes",
    "type": "the type of a move is what the move does",
    "options": "the options of a change are all values that answer it",
    "final_state": "the final state is the initial one after the changes",
    "image": "every image that is named is there",
}


def check_scene(record: Mapping[str, Any], *, repeats: bool = True) -> list[str]:
    """Return what is wrong with a record, each as ``rule: explanation``; an empty list where nothing is.

    The two rules about occlusion are tested where the record tells its cameras.

    Args:
        record: one line of ``data.jsonl``.
        repeats: whether an attribute of an object may change twice; upstream's own scenes do so.

    >>> check_scene({"idx": 0})[0].split(":")[0]
    'form'
    """
    try:
        scene = from_record(record)
    except DataError as error:
        return [f"form: {error}"]
    wrong = [*_wrong_scene(scene)]
    known = scene.stage if "cameras" in record else None
    course = Course(scene.initial, scene.initial, scene.rotations, known)
    for number, change in enumerate(scene.changes):
        where = f"transformations[{number}] ({change.obj_idx}.{'.'.join(PAIRS[change.pair])})"
        wrong += [f"{rule}: {where}: {text}" for rule, text in _wrong_change(course, change, repeats=repeats)]
        course = after(course, change.obj_idx, change.pair)
    for index, column in np.argwhere(differences(course.state, scene.final)).tolist():
        name = ("color", "shape", "size", "material", "position")[column]
        wrong.append(f"final_state: the {name} of object {index} is not what the changes make of it")
    return wrong


def _wrong_scene(scene: Scene) -> Iterator[str]:
    """Rules about the initial state and the number of changes."""
    count = int(present(scene.initial).sum())
    if count != N_OBJECTS:
        yield f"objects: {count} objects, not {N_OBJECTS}"
    for index in range(count):
        if not in_world(scene.initial.positions[index]):
            yield f"world: object {index} stands outside, at {scene.initial.positions[index].tolist()}"
        elif overlaps(scene.initial, index):
            yield f"gap: object {index} stands too near to another"
    if len(scene.changes) not in STEPS:
        yield f"steps: {len(scene.changes)} changes, not {STEPS[0]} to {STEPS[-1]}"


def _wrong_change(course: Course, change: Change, *, repeats: bool) -> Iterator[tuple[str, str]]:
    """Rules about one change: (rule, explanation)."""
    rule = broken_rule(course, change.obj_idx, change.pair, repeats=repeats)
    if rule is not None:
        yield rule, RULES[rule]
    attribute, value = PAIRS[change.pair]
    if attribute != "position":
        if change.options != (value,):
            yield "options", f"{list(change.options)}, not [{value!r}]"
        return
    kind = kind_of_move(course, change.obj_idx, change.pair)
    if kind is not None and change.move != kind:
        yield "type", f"{change.move!r}, not {kind!r}"
    right = move_options(course.state.positions[change.obj_idx], value)
    if set(change.options) != set(right):
        yield "options", f"{_written(change.options)}, not {_written(right)}"


def _written(options: Any) -> str:
    return ", ".join(sorted(".".join(map(str, option)) for option in options))


def check_file(path: Path, *, repeats: bool = True) -> Iterator[str]:
    """Yield what is wrong in a ``data.jsonl`` of scenes or of questions, each as ``file:line: rule: explanation``.

    A line that is wrong costs no other line.

    Raises:
        DataError: the file cannot be opened.
    """
    for where, record in read_lines(path):
        if isinstance(record, DataError):
            yield str(record)
            continue
        asks = record.get("task") == "multiview"
        wrong = check_question(record) if asks else check_scene(record, repeats=repeats)
        yield from (f"{where}: {text}" for text in wrong)
        for name in _image_names(record):
            if not (path.parent / IMAGES / name).is_file():
                yield f"{where}: image: {IMAGES}/{name} is not there"


def _image_names(record: Mapping[str, Any]) -> list[str]:
    states, listed = record.get("states"), record.get("images")
    found = [state.get("images") for state in states if isinstance(state, dict)] if isinstance(states, list) else []
    named = [str(name) for images in found if isinstance(images, dict) for name in images.values()]
    return named + [str(name) for name in listed] if isinstance(listed, list) else named
