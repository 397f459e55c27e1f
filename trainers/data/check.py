"""Whether scenes keep the rules of TRANCE, questions are true, and training rows can be trained on.

For data that someone else made, or changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.files.paths import METADATA
from benchmarks.route import HEADINGS, turn_between
from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import N_OBJECTS, PAIRS, differences, in_world, move_options, overlaps, present
from rewards.errors import ConfigError, DataError
from rewards.tasks import load_task
from rewards.tasks.prompt_template import fill_prompt
from trainers.data.training_rows import (
    COMPLETIONS,
    check_training_row,
    completion_of,
    read_rows,
    row_id,
    score_row,
)
from trainers.scenes.multiview import PAIR, direction_from_middle, distance_to_camera, is_clear
from trainers.scenes.multiview_questions import KINDS, LETTERS, after_turn, camera_move, question_texts
from trainers.scenes.records import DATA, IMAGES, read_lines, read_multiview_record, read_tvr_record
from trainers.scenes.route import read_route_record
from trainers.scenes.tvr import RULES, after, begin, broken_rule, kind_of_move
from trainers.scenes.tvr_plan import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trainers.data.training_rows import Row
    from trainers.scenes.multiview import MultiviewScene
    from trainers.scenes.multiview_questions import Question
    from trainers.scenes.tvr import Change, PartialScene, Scene

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
QUESTION_RULES: Final = {
    "form": "the record is a multi-view question",
    "gap": "no two objects are nearer than their radii and a gap of one grid unit",
    "names": "an object is called by its color and shape, and no two have the same name",
    "views": "every image shows the pair and one further object, each of them well, and nothing else",
    "answer": "the answer is what the cameras make of the question",
}

ROUTE_RULES: Final = {
    "form": "the record is a route through a town",
    "way": "every step goes along streets, turns as it says and ends where it says; the last one at the goal",
    "straight": "a stretch is one step, however long",
    "shortest": "no way to the goal is shorter, and no other is as short",
}


def check_file(path: Path, *, repeats: bool = True, task: str | None = None) -> Iterator[str]:
    """Yield what is wrong in a file of scenes, of questions or of training rows, each as ``file:line: rule: what``.

    Of a training row the id stands before the rule. A line that is wrong costs no other line.

    Args:
        path: ``data.jsonl``, a file of training rows (also gzip or Parquet), or a folder that holds some of them.
        repeats: whether an attribute of an object may change twice; upstream's own scenes do so.
        task: of rows that do not tell.

    Raises:
        DataError: the file cannot be opened.
    """
    if path.is_dir():
        here = [path / name for name in (DATA, METADATA) if (path / name).is_file()]
        for file in here or [path / DATA]:
            yield from check_file(file, repeats=repeats, task=task)
        return
    ids: dict[str, str] = {}
    lines = read_lines(path) if path.suffix == ".jsonl" else read_rows(path)
    for where, record in lines:
        if isinstance(record, DataError):
            yield str(record)
        elif _is_row(record):
            yield from _wrong_row(_prompted(record, task), where, path.parent, task, ids)
        else:
            checks = {"multiview": check_question, "route": check_route}
            check = checks.get(str(record.get("task")))
            wrong = check_scene(record, repeats=repeats) if check is None else check(record)
            yield from (f"{where}: {text}" for text in wrong)
            for name in _image_names(record):
                if not (path.parent / IMAGES / name).is_file():
                    yield f"{where}: image: {IMAGES}/{name} is not there"


def _is_row(record: Mapping[str, Any]) -> bool:
    """Return whether this is a row to train on and no scene; its prompt may be left to its task."""
    return "prompt" in record or ("target" in record and record.keys().isdisjoint(("idx", "states")))


def _prompted(row: Row, task: str | None) -> Row:
    """Return a row with the prompt of its task where it has none, as ``star train`` fills it."""
    name = row.get("task") or task
    if "prompt" in row or not isinstance(name, str):
        return row
    try:
        return {**row, "prompt": fill_prompt(load_task(name), row)}
    except (ConfigError, DataError):
        return row  # which has no prompt, then


def _wrong_row(row: Row, where: str, folder: Path, task: str | None, ids: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with a training row; ``ids`` holds where each id was met first."""
    name = row_id(row, where)

    found = [f"id: it is also that of {ids[name]}"] if ids.setdefault(name, where) != where else []
    for check in (
        lambda: check_training_row(row, where, folder, messages=True),
        # Every target and every label is read as a reward would read it.
        lambda: score_row(row, "", where, task=task, relation_weight=0.0 if row.get("relations") is None else 0.5),
        lambda: _check_completion(row, where),
    ):
        try:
            check()
        except DataError as error:
            found.append(str(error).removeprefix(f"{where}: "))
    yield from (f"{where}: {name}: {text}" for text in dict.fromkeys(found))


def _check_completion(row: Mapping[str, Any], where: str) -> None:
    """Raise where a row has a completion that is no text, or an empty one: nothing is learned from it."""
    name = next((column for column in COMPLETIONS if row.get(column) is not None), None)
    if name is not None and not completion_of(row, where).strip():
        raise DataError(f"{where}: {name}: it is empty")


def _image_names(record: Mapping[str, Any]) -> list[str]:
    states, listed = record.get("states"), record.get("images")
    found = [state.get("images") for state in states if isinstance(state, dict)] if isinstance(states, list) else []
    named = [str(name) for images in found if isinstance(images, dict) for name in images.values()]
    return named + [str(name) for name in listed] if isinstance(listed, list) else named


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
        scene = read_tvr_record(record)
    except DataError as error:
        return [f"form: {error}"]
    wrong = [*_wrong_scene(scene)]
    known = scene.stage if "cameras" in record else None
    partial = begin(scene.initial, scene.rotations, known)
    for number, change in enumerate(scene.changes):
        where = f"transformations[{number}] ({change.obj_idx}.{'.'.join(PAIRS[change.pair])})"
        wrong += [f"{rule}: {where}: {text}" for rule, text in _wrong_change(partial, change, repeats=repeats)]
        partial = after(partial, change.obj_idx, change.pair)
    for index, column in np.argwhere(differences(partial.state, scene.final)).tolist():
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


def _wrong_change(partial: PartialScene, change: Change, *, repeats: bool) -> Iterator[tuple[str, str]]:
    """Rules about one change: (rule, explanation)."""
    rule = broken_rule(partial, change.obj_idx, change.pair, repeats=repeats)
    if rule is not None:
        yield rule, RULES[rule]
    attribute, value = PAIRS[change.pair]
    if attribute != "position":
        if change.options != (value,):
            yield "options", f"{list(change.options)}, not [{value!r}]"
        return
    kind = kind_of_move(partial, change.obj_idx, change.pair)
    if kind is not None and change.move != kind:
        yield "type", f"{change.move!r}, not {kind!r}"
    right = move_options(partial.state.positions[change.obj_idx], value)
    if set(change.options) != set(right):
        yield "options", f"{_written(change.options)}, not {_written(right)}"


def _written(options: Any) -> str:
    return ", ".join(sorted(".".join(map(str, option)) for option in options))


def check_question(record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a record, each as ``rule: explanation``; an empty list where nothing is.

    The words of the question are not read: what it asks is taken from the record's own fields.

    Args:
        record: one line of ``data.jsonl`` of ``star data generate --task multiview``.

    >>> check_question({"task": "multiview"})[0].split(":")[0]
    'form'
    """
    try:
        scene, question = read_multiview_record(record)
        right = right_answer(scene, question)
    except DataError as error:
        return [f"form: {error}"]
    except (LookupError, TypeError, ValueError) as error:
        return [f"form: the question does not fit the scene: {error!r}"]
    wrong = [*_wrong_views(scene)]
    given = _given_answer(question)
    if given != right:
        wrong.append(f"answer: {question.answer!r} is {given!r}, and right is {right!r}")
    return wrong


def _wrong_views(scene: MultiviewScene) -> Iterator[str]:
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
        yield f"views: {QUESTION_RULES['views']}; one does not"


def right_answer(scene: MultiviewScene, question: Question) -> str:
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


def check_route(record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a record, each as ``rule: explanation``; an empty list where nothing is.

    The steps are walked along the streets, and ways are counted as powers of the streets' matrix.

    Args:
        record: one line of ``data.jsonl`` of ``star data generate --task route``.

    >>> check_route({"task": "route"})[0].split(":")[0]
    'form'
    """
    try:
        route = read_route_record(record)
    except DataError as error:
        return [f"form: {error}"]
    town = route.town
    here, heading, blocks = town.places.index(route.start), route.heading, 0
    for number, (turn, length, landmark) in enumerate(route.steps):
        where = f"steps[{number}] ({turn} {length} to {landmark})"
        turned = [name for name in HEADINGS if turn_between(heading, name) == turn]
        if not turned:
            return [f"way: {where}: there is no such turn"]
        if number and turn == "straight":
            return [f"straight: {where}: it goes on as the step before"]
        heading, blocks = turned[0], blocks + length
        for _ in range(min(length, len(town.places))):
            if heading not in town.neighbors(here):
                return [f"way: {where}: no street leads {heading} from the {town.places[here]}"]
            here = town.neighbors(here)[heading]
        if length < 1 or town.places[here] != landmark:
            return [f"way: {where}: it ends at the {town.places[here]}"]
    if town.places[here] != route.goal:
        return [f"way: it ends at the {town.places[here]}, not at the {route.goal}"]
    streets = np.zeros((len(town.places),) * 2)
    for one, other in town.streets:
        streets[one, other] = streets[other, one] = 1
    ways = np.eye(len(town.places))[town.places.index(route.start)]
    for length in range(blocks + 1):
        if ways[here] and length < blocks:
            return [f"shortest: there is a way of {length} blocks, and this has {blocks}"]
        if length == blocks and ways[here] > 1:
            return [f"shortest: there are {ways[here]:g} ways of {blocks} blocks"]
        ways = ways @ streets
    return []
