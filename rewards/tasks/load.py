"""A task's YAML file -> `Task`. The package's own files are checked by its tests, the user's when they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from parsers.first_time import FIRST_TIME
from parsers.formats import FORMATS, LARGEST, Field, RecordFormat
from parsers.types import Transformation
from rewards.errors import ConfigError, did_you_mean
from rewards.spec import QuestionSpec, TieredSpec, preset_spec
from rewards.tasks.cases import Case, read_case
from rewards.yaml_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rewards.yaml_files import YamlFile

HERE = Path(__file__).parent
"""Where the package's own declarations are."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What a model's answer looks like and what it scores.

    Attributes:
        name: what ``--task`` calls it.
        kind: ``"records"``, a list of records under a `TieredSpec`; or ``"question"``, an answer and references.
        spec: the reward.
        record_format: of a list task, what one record looks like.
        about: one line for people.
        prompt: a template of the prompt, see `rewards.tasks.prompt_template`; None where there is none.
        cases: completions and their expected rewards, see `rewards.tasks.cases`.
    """

    name: str
    kind: Literal["records", "question"]
    spec: TieredSpec | QuestionSpec
    record_format: RecordFormat | None = None
    about: str = ""
    prompt: str | None = None
    cases: tuple[Case, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The keys of `Score.parts`, in order, the same on every row."""
        return part_names(self.spec)


def part_names(spec: TieredSpec | QuestionSpec) -> tuple[str, ...]:
    """Return the keys of `Score.parts` under a reward, in order."""
    optional = ("consistency",) if spec.consistency_weight else ()
    if isinstance(spec, TieredSpec):
        return ("format", *spec.parts, "incorrect", "underprediction", *optional)
    return ("format", "answer", "reference", *optional)


def task_names() -> list[str]:
    """Return the names of the declared tasks."""
    return list(_names())


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in HERE.iterdir() if entry.name.endswith(".yaml")))


def task_parts(task: str | Task, preset: str = "default", **overrides: Any) -> tuple[str, ...]:
    """Return the keys of `rewards.Score.parts` of a task, in order: what a framework must know before it scores.

    Args:
        task: a task's name, the path of its YAML file, or the task.
        preset: a named change of its reward.
        **overrides: fields of its spec to change on top.

    Raises:
        ConfigError: for an unknown task, preset or option.

    >>> task_parts("multiview")
    ('format', 'answer', 'reference')
    """
    spec = (load_task(task) if isinstance(task, str) else task).spec
    return part_names(preset_spec(spec, preset, **overrides))


def route_task(reward: Task, name: str) -> Task | None:
    """Return the task under which a reward for one task scores a row that names its own, or None if it cannot.

    A row goes to the task that it names, if that has the parts of the reward's task: the moves of ``trance`` under a
    reward for ``tvr``, the letters of ``mindcube`` under one for ``multiview``. A reward for a task file of the user's
    own scores all such rows as that file says.

    Raises:
        ConfigError: for a name that is no task's.
    """
    if name == reward.name:
        return reward
    named = load_task(name)
    if (named.kind, named.parts) != (reward.kind, reward.parts):
        return None
    return named if reward.name in _names() and load_task(reward.name) is reward else reward


@cache
def load_task(name: str) -> Task:
    """Return a task by name, or by the path of its own YAML file.

    Raises:
        ConfigError: if there is no such task, or its file is wrong: ``my_task.yaml:17: reward.tiers[1].fields[0]:
            unknown field 'soruce' (did you mean 'source'?)``.
    """
    with FIRST_TIME:
        return _load(name)


def _load(name: str) -> Task:
    if name in _names():
        return _build(read_yaml(HERE / f"{name}.yaml"))
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        found = (
            did_you_mean(name, task_names()) or f"; it is one of {', '.join(task_names())}, or the path of a YAML file"
        )
        raise ConfigError(f"unknown task {name!r}{found}")
    if not path.is_file():
        raise ConfigError(f"unknown task {name!r}: there is no such file")
    file = read_yaml(path)
    if path.parent != HERE:
        from rewards.tasks.task_file import check_task_file  # noqa: PLC0415  pydantic takes 80 ms to import

        check_task_file(file)
    return _build(file)


# --- a checked declaration -> values ---------------------------------------------------------------------------------


def _build(file: YamlFile) -> Task:
    declared = file.data
    record_format = read_format(declared) if declared["kind"] == "records" else None
    if record_format is None:
        spec: TieredSpec | QuestionSpec = QuestionSpec(**declared["reward"] | declared.get("answer", {}))
    else:
        spec = read_tiered(declared["reward"], record_format)
        if spec.ordered:
            record_format = replace(record_format, repeats=True)
    cases = enumerate(declared.get("cases", ()))
    return Task(
        name=str(declared["name"]),
        kind=declared["kind"],
        spec=spec,
        record_format=record_format,
        about=str(declared.get("about", "")),
        prompt=str(declared["prompt"]).rstrip("\n") if "prompt" in declared else None,
        cases=tuple(read_case(case, file.place(("cases", at))) for at, case in cases),
    )


def read_format(declared: Mapping[str, Any]) -> RecordFormat:
    """Return what a record looks like: a declaration's key ``format``, or ``fields``, ``forms`` and ``synonyms``."""
    if "format" in declared:
        return FORMATS[declared["format"]]
    fields = tuple(
        Field(
            name=str(each["name"]),
            kind=each["kind"],
            values=_words(each.get("values", ())),
            by=str(each["by"]) if "by" in each else None,
            values_by=tuple((str(key), _words(values)) for key, values in each.get("values_by", {}).items()),
            limits=tuple(each.get("range", (0, LARGEST))),
        )
        for each in declared["fields"]
    )
    return RecordFormat(
        fields=fields,
        forms=_words(declared["forms"]),
        synonyms=tuple((str(spelling), str(value)) for spelling, value in declared.get("synonyms", {}).items()),
        make=Transformation._make if tuple(field.name for field in fields) == Transformation._fields else tuple,
    )


def read_tiered(declared: Mapping[str, Any], record_format: RecordFormat) -> TieredSpec:
    """Return the reward of a list task: the key ``reward`` of a declaration.

    Raises:
        ConfigError: for what is none.
    """
    options = {name: value for name, value in declared.items() if name != "tiers"}
    if "table" in options:
        options["table"] = tuple(map(_words, options["table"]))
    return TieredSpec(
        fields=tuple(field.name for field in record_format.fields),
        tiers={_words(tier["fields"]): float(tier["pays"]) for tier in declared["tiers"]},
        **options,
    )


def _words(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))
