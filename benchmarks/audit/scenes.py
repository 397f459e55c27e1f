"""Scenes to audit a reward on, drawn from a seed or taken from rows: what is true, and what else could be named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations, pairwise, product
from math import prod
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np

from parsers.cognitive_map import CognitiveMap, Thing, map_entry, map_json
from rewards.errors import ConfigError, DataError
from rewards.spec import QuestionSpec, TieredSpec
from rewards.targets import read_target
from rewards.tasks.prompt_template import fill_prompt, prompt_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsers.formats import RecordFormat
    from rewards.spec import Kind
    from rewards.tasks import Task
    from rewards.tiered import Record

OBJECTS = 10
"""How many numbers an integer field takes in drawn scenes, from its smallest (TRANCE scenes have ten objects)."""

RECORDS = 1000
"""How many records of one branch of a vocabulary can be named in drawn scenes: of eight fields there were millions."""

_NAMES = ("sofa", "lamp", "ball", "table", "window", "plant", "chair", "clock", "shelf", "mirror", "door", "basket")
_OPTIONS = ("to the left", "to the right", "in front", "behind")
_ANSWERS: dict[Kind, tuple[str, ...]] = {
    "choice": tuple(ascii_uppercase[: len(_OPTIONS)]),
    "yes_no": ("yes", "no"),
    "number": ("2", "4", "8", "16", "32", "64"),
    "text": _NAMES[:4],
    "set": ("sofa, lamp", "lamp, ball", "ball, table", "table, sofa", "sofa, ball", "lamp, table"),
}
"""What can be answered to a drawn question; a number is one of metres."""
_DRAWN: tuple[Kind, ...] = ("choice", "yes_no", "number")
"""Kinds of answers that are drawn in turn where the task does not say."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One problem.

    Attributes:
        task: whose answers are asked for.
        target: the true records; of a question one record of one field, e.g. ``(("B",),)``.
        universe: all records that could be named.
        references: of a question, the true reference objects of each view.
        visible: likewise, all objects that can be seen in each view, the references first.
        options: the texts of a choice's options.
        turns: of each view how far it is turned, in quarters: by it objects stand otherwise to each other in each view.
    """

    task: Task
    target: tuple[Record, ...]
    universe: tuple[Record, ...]
    references: tuple[tuple[str, ...], ...] = ()
    visible: tuple[tuple[str, ...], ...] = ()
    options: tuple[str, ...] = ()
    turns: tuple[int, ...] = ()


def in_order(task: Task) -> bool:
    """Return whether the order of a task's records counts."""
    return isinstance(task.spec, TieredSpec) and task.spec.ordered


def spell(task: Task, item: Record | str) -> str:
    """Return how a record is written; text stays as it is."""
    if isinstance(item, str):
        return item
    return str(item[0]) if task.record_format is None else task.record_format.render(item)


def target_text(scene: Scene) -> str:
    """Return the target as a dataset column holds it: ``"2.color.cyan, 0.shape.cube"``, ``"B"``."""
    return ", ".join(spell(scene.task, record) for record in scene.target)


def prompt_text(scene: Scene) -> str:
    """Return a prompt for the scene, as far as the audit needs one."""
    options = " ".join(f"({letter}) {text}" for (letter,), text in zip(scene.universe, scene.options, strict=False))
    if scene.task.prompt is not None:
        return fill_prompt(scene.task, dict.fromkeys(prompt_columns(scene.task.prompt), options or "..."))
    if scene.task.record_format is not None:
        fields = ".".join(field.name for field in scene.task.record_format.fields)
        return f"Name all changes, separated by commas, each as {fields}, e.g. {spell(scene.task, scene.universe[0])}."
    return f"Name the reference objects of each view, then answer. {options}".rstrip()


OPPOSITE = {"left": "right", "right": "left", "front": "behind", "behind": "front"}
"""The relations of two objects in a view, with what holds the other way round."""


def chain(scene: Scene, view: int, names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return triplets that name objects of a view, each with the next, and how they stand to each other there.

    One alone is related to the camera, which is no reference object. How two objects stand to each other follows from
    the view's turn and their places in ``scene.visible``: not the same for all pairs, nor dependent on their names.
    """
    if len(names) == 1:
        return [(names[0], "camera", "front")]
    place = {name: at for at, name in enumerate(scene.visible[view])}
    triplets = []
    for one, other in pairwise(names):
        a, b = (place.get(name, len(place)) for name in (one, other))
        relation = tuple(OPPOSITE)[(a + b + scene.turns[view]) % len(OPPOSITE)]
        triplets.append((one, other, relation if a < b else OPPOSITE[relation]))
    return triplets


def draw_scenes(
    task: Task, number: int = 24, *, seed: int = 0, changes: Sequence[int] = (1, 2, 3, 4)
) -> tuple[Scene, ...]:
    """Draw scenes; the i-th depends on the task, the seed and i only.

    Args:
        task: a list task or a question task.
        number: how many.
        seed: of the draw.
        changes: numbers of true records, taken in turn; of questions they are not looked at.

    Raises:
        ConfigError: if a number is not positive.
    """
    if number < 1 or not changes or min(changes) < 1:
        raise ConfigError(f"{number} scenes with {list(changes)} changes cannot be drawn; all numbers are from 1")
    return tuple(_draw(task, np.random.default_rng([seed, at]), at, changes) for at in range(number))


def _draw(task: Task, rng: np.random.Generator, at: int, changes: Sequence[int]) -> Scene:
    if task.record_format is None:
        return _draw_question(task, rng, at)
    universe = _universe(task.record_format)
    order = [universe[place] for place in rng.permutation(len(universe))]
    one_a_cell = list({record[:-1]: record for record in order}.values())
    return Scene(task, tuple(one_a_cell[: changes[at % len(changes)]]), universe)


def _draw_question(task: Task, rng: np.random.Generator, at: int) -> Scene:
    assert isinstance(task.spec, QuestionSpec)
    kind = task.spec.kind or _DRAWN[at % len(_DRAWN)]
    answers = _regions(task.spec, rng) if kind in _SIZES else _maps(task.spec, rng) if kind == "map" else _ANSWERS[kind]
    if kind == "choice" and task.spec.letters is not None:
        answers = tuple(task.spec.letters[: len(_OPTIONS)])
    options = _OPTIONS[: len(answers)] if kind == "choice" and answers == _ANSWERS[kind][: len(answers)] else ()
    # As in questions about a place that is seen from several sides: some objects are in all views; one is in this one
    # only, and by it the views can be told apart. That of the next view and one of no view can be seen as well.
    names = [_NAMES[place] for place in rng.permutation(len(_NAMES))]
    everywhere, others = names[: 1 + bool(at % 4)], names[2:]
    views = range(2 + int(rng.integers(3)) if task.spec.reference_weight else 0)
    references = [(*everywhere, others[view]) for view in views]
    visible = [(*references[view], others[(view + 1) % len(views)], others[len(views)]) for view in views]
    right = answers[-1] if kind == "map" else answers[int(rng.integers(len(answers)))]
    universe = tuple((answer,) for answer in answers)
    return Scene(task, ((right,),), universe, tuple(references), tuple(visible), options, tuple(views))


_SIZES = {"box": 4, "point": 2}
"""Numbers of an answer that is a place in an image."""


def _regions(spec: QuestionSpec, rng: np.random.Generator) -> tuple[str, ...]:
    """Draw six boxes or points: sides of a tenth to a half of the image, all of it within; of pixels 640 x 480."""
    from benchmarks.audit.constants import region_text  # noqa: PLC0415  that scores what is drawn here

    whole = {"unit": (1.0, 1.0), "thousand": (1000.0, 1000.0)}.get(spec.coordinates or "", (640.0, 480.0))
    sides = rng.uniform(0.1, 0.5, size=(6, 2)) * (spec.kind == "box")
    corners = rng.uniform(size=(6, 2)) * (1 - sides)
    regions = np.concatenate([corners, corners + sides], axis=1) * [*whole, *whole]
    size = _SIZES[spec.kind or "box"]
    return tuple(region_text(tuple(region.tolist()[:size]), spec) for region in regions)


def _maps(spec: QuestionSpec, rng: np.random.Generator, true: CognitiveMap | None = None) -> tuple[str, ...]:
    """Draw a map and what else it could be: others with the same names, then those with two things swapped, then it."""
    names = [_NAMES[place] for place in rng.permutation(len(_NAMES))[: int(rng.integers(3, 6))]]
    views = [f"view {number + 1}" for number in range(int(rng.integers(2, 4)) if spec.layout == "complex" else 0)]
    true = _map(spec, rng, names, views) if true is None else true
    others = [_map(spec, rng, [*true.objects], [*true.views]) for _ in range(3)]
    swapped = []
    for one, other in list(combinations(true.objects, 2))[:3]:
        swapped.append(true._replace(objects={**true.objects, one: true.objects[other], other: true.objects[one]}))
    return tuple(map_text(each, spec) for each in (*others, *swapped, true))


def _map(spec: QuestionSpec, rng: np.random.Generator, names: Sequence[str], views: Sequence[str]) -> CognitiveMap:
    """Draw a map, each thing in a cell of its own as long as there are enough."""
    grid = spec.grid or 2
    cells = np.resize(rng.permutation(grid * grid), len(names) + len(views)).tolist()
    things = [Thing(cell % grid, cell // grid) for cell in cells]
    looks = rng.integers(4, size=len(views)).tolist()
    turned = [thing._replace(facing=look) for thing, look in zip(things[len(names) :], looks, strict=True)]
    return CognitiveMap(dict(zip(names, things, strict=False)), dict(zip(views, turned, strict=True)))


def map_text(drawn: CognitiveMap, spec: QuestionSpec) -> str:
    """Return a map as the task asks for it."""
    if spec.layout == "complex":
        return map_json(drawn.objects, drawn.views, spec.facings)
    return json.dumps({name: map_entry(thing, spec.facings) for name, thing in drawn.objects.items()})


def _universe(record_format: RecordFormat) -> tuple[Record, ...]:
    return tuple(record_format.make(values) for values in _combinations(record_format))


def _combinations(record_format: RecordFormat) -> Iterator[tuple[int | str, ...]]:
    for vocabulary in record_format.branches():
        domains: list[Sequence[int | str]] = []
        for field in record_format.fields:
            low, high = field.limits
            open_words = range(low, min(high + 1, low + OBJECTS)) if field.kind == "integer" else _NAMES[:5]
            domains.append(vocabulary[field.name] if field.kind == "closed" else open_words)
        yield from product(*_few(domains))


def _few(domains: Sequence[Sequence[int | str]]) -> list[Sequence[int | str]]:
    """Return the first values of each field, so many that there are at most `RECORDS` combinations."""
    sizes = [len(domain) for domain in domains]
    while prod(sizes) > RECORDS and max(sizes) > 2:
        sizes[sizes.index(max(sizes))] -= 1
    return [domain[:size] for domain, size in zip(domains, sizes, strict=True)]


def read_scenes(
    task: Task,
    targets: Sequence[Any],
    *,
    references: Sequence[Any] | None = None,
    options: Sequence[Any] | None = None,
) -> tuple[Scene, ...]:
    """Return the scenes of rows; what else could be named is drawn.

    Args:
        task: the task of all rows.
        targets: (rows,).
        references: of questions, the true names per view, or None, (rows,).
        options: of questions, texts of the options, or None, (rows,).

    Raises:
        DataError: for a wrong target; its ``row`` says where.
    """
    names = references or [None] * len(targets)
    texts = options or [None] * len(targets)
    scenes = []
    for row, columns in enumerate(zip(targets, names, texts, strict=True)):
        try:
            scenes.append(_read(task, *columns))
        except DataError as error:
            raise DataError(str(error), row=row) from error
    return tuple(scenes)


def _read(task: Task, target: Any, references: Any, options: Any) -> Scene:
    if task.record_format is not None:
        true = read_target(target, task.record_format)
        universe = _universe(task.record_format)
        return Scene(task, true, tuple(dict.fromkeys((*universe, *true))))
    text = json.dumps(target) if isinstance(target, Mapping) else str(target).strip()
    return _read_question(task, text, references, options)


def _read_question(task: Task, target: str, references: Any, options: Any) -> Scene:
    from rewards.answers import infer_kind, true_map  # noqa: PLC0415  only questions need its grammars
    from rewards.references import reference_names  # noqa: PLC0415

    assert isinstance(task.spec, QuestionSpec)
    texts = tuple(map(str, options.values() if hasattr(options, "values") else options or ()))
    kind = task.spec.kind or infer_kind(target, options=options)
    if kind in _SIZES:
        answers = _regions(task.spec, np.random.default_rng(0))
    elif kind == "map":
        maps = _maps(task.spec, np.random.default_rng(0), true_map(target, task.spec))
        answers, target = maps[:-1], maps[-1]
    else:
        answers = tuple(ascii_uppercase[: len(texts)]) or _ANSWERS[kind]
        if kind == "set":  # what is within the true set adds nothing to it, so it tells nothing
            answers = tuple(each for each in answers if not set(each.split(", ")) & set(target.split(", ")))
    universe = tuple((answer,) for answer in dict.fromkeys((*answers, target)))
    views = (
        [] if references is None else [tuple(sorted(names)) for _, names in sorted(reference_names(references).items())]
    )
    visible = tuple((*true, *[name for name in _NAMES if name not in true][:3]) for true in views)
    return Scene(task, ((target,),), universe, tuple(views), visible, texts, tuple(range(len(views))))


def new_names(scene: Scene, rng: np.random.Generator) -> dict[int | str, int | str]:
    """Return another name for each object of a scene: a permutation under which all that can be named stays so.

    Objects are the first field of a record, with every field that takes the same values, or the names of references.
    Where no permutation will do, each object keeps its name.
    """
    if scene.task.record_format is None:
        names: list[int | str] = sorted({name for view in (*scene.references, *scene.visible) for name in view})
    else:
        names = sorted({record[0] for record in scene.universe}, key=str)
    renamed = {old: names[place] for old, place in zip(names, rng.permutation(len(names)), strict=True)}
    universe = set(scene.universe)
    kept = scene.task.record_format is None or {rename(record, scene, renamed) for record in universe} == universe
    return renamed if kept else dict(zip(names, names, strict=True))


def rename(record: Record, scene: Scene, names: Mapping[int | str, int | str]) -> Record:
    """Return a record with its objects under new names: the first field, and others that take the same values."""
    if scene.task.record_format is None:
        return record
    domains = [{each[at] for each in scene.universe} for at in range(len(record))]
    return tuple(
        names.get(value, value) if domain == domains[0] else value
        for value, domain in zip(record, domains, strict=True)
    )


def renamed_scene(scene: Scene, names: Mapping[int | str, int | str]) -> Scene:
    """Return the same scene with its objects under new names, and its views in the opposite order."""
    references, visible = (rename_views(views, names) for views in (scene.references, scene.visible))
    target = tuple(rename(record, scene, names) for record in scene.target)
    return replace(scene, target=target, references=references, visible=visible, turns=scene.turns[::-1])


def rename_views(views: Sequence[Sequence[str]], names: Mapping[int | str, int | str]) -> tuple[tuple[str, ...], ...]:
    """Return the names of each view under new ones, the last view first."""
    return tuple(tuple(str(names.get(name, name)) for name in view) for view in views[::-1])


def drop(scene: Scene, record: Record) -> Scene:
    """Return the scene without one of its true records."""
    return replace(scene, target=tuple(true for true in scene.target if true != record))


def drop_view(scene: Scene, at: int) -> Scene:
    """Return the scene without one of its views."""
    keep = [place for place in range(len(scene.references)) if place != at]
    return replace(
        scene,
        references=tuple(scene.references[place] for place in keep),
        visible=tuple(scene.visible[place] for place in keep),
        turns=tuple(scene.turns[place] for place in keep),
    )
