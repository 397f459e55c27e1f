"""Scenes to audit a reward on, drawn from a seed or taken from rows: what is true, and what else could be named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import prod
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np

from rewards.errors import ConfigError, DataError
from rewards.spec import QuestionSpec
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
        visible: likewise, all objects that can be seen in each view.
        options: the texts of a choice's options.
    """

    task: Task
    target: tuple[Record, ...]
    universe: tuple[Record, ...]
    references: tuple[tuple[str, ...], ...] = ()
    visible: tuple[tuple[str, ...], ...] = ()
    options: tuple[str, ...] = ()


def spell(task: Task, item: Record | str) -> str:
    """Return how a record is written; text stays as it is."""
    if isinstance(item, str):
        return item
    return str(item[0]) if task.record_format is None else task.record_format.render(item)


def target_text(scene: Scene) -> str:
    """Return the gold as a dataset column holds it: ``"2.color.cyan, 0.shape.cube"``, ``"B"``."""
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


def chain(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return triplets that name the objects; one alone is related to the camera, which is no reference object.

    >>> chain(["sofa", "lamp", "ball"]), chain(["sofa"])
    ([('sofa', 'lamp', 'left'), ('lamp', 'ball', 'left')], [('sofa', 'camera', 'front')])
    """
    if len(names) == 1:
        return [(names[0], "camera", "front")]
    return [(one, other, "left") for one, other in pairwise(names)]


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
    answers = _ANSWERS[kind]
    if kind == "choice" and task.spec.letters is not None:
        answers = tuple(task.spec.letters[: len(_OPTIONS)])
    options = _OPTIONS[: len(answers)] if kind == "choice" and answers == _ANSWERS[kind][: len(answers)] else ()
    visible, references = [], []
    for _ in range(2 + int(rng.integers(2)) if task.spec.reference_weight else 0):
        seen = [_NAMES[place] for place in rng.permutation(len(_NAMES))[:5]]
        visible.append(tuple(seen))
        references.append(tuple(seen[: 1 + int(rng.integers(3))]))
    right = answers[int(rng.integers(len(answers)))]
    universe = tuple((answer,) for answer in answers)
    return Scene(task, ((right,),), universe, tuple(references), tuple(visible), options)


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
        targets: gold, (rows,).
        references: of questions, the true names per view, or None, (rows,).
        options: of questions, texts of the options, or None, (rows,).

    Raises:
        DataError: for gold that is wrong; its ``row`` says where.
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
    return _read_question(task, str(target).strip(), references, options)


def _read_question(task: Task, target: str, references: Any, options: Any) -> Scene:
    from rewards.answers import infer_kind  # noqa: PLC0415  only questions need its grammars
    from rewards.references import reference_names  # noqa: PLC0415

    assert isinstance(task.spec, QuestionSpec)
    texts = tuple(map(str, options.values() if hasattr(options, "values") else options or ()))
    kind = task.spec.kind or infer_kind(target, options=options)
    answers = tuple(ascii_uppercase[: len(texts)]) or _ANSWERS[kind]
    universe = tuple((answer,) for answer in dict.fromkeys((*answers, target)))
    views = (
        [] if references is None else [tuple(sorted(names)) for _, names in sorted(reference_names(references).items())]
    )
    visible = tuple((*true, *[name for name in _NAMES if name not in true][:3]) for true in views)
    return Scene(task, ((target,),), universe, tuple(views), visible, texts)


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
    )
