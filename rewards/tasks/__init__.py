"""Tasks are declared in YAML files: this package's, or the user's own. A declaration is read once, by `load_task`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rewards.errors import ConfigError
from rewards.questions import QuestionSpec
from rewards.spec import TieredSpec
from rewards.tasks.cases import Case, read_case
from rewards.tasks.declared import Declared, read_declared
from rewards.tasks.prompts import check_prompt
from rewards.tasks.records import check_format, read_format, read_tiered

if TYPE_CHECKING:
    from parsers.formats import RecordFormat

_HERE = Path(__file__).parent
_KEYS = {
    "records": ("name", "about", "kind", "fields", "synonyms", "forms", "reward", "prompt", "cases"),
    "question": ("name", "about", "kind", "answer", "reward", "prompt", "cases"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What a model's answer looks like and what it earns.

    Attributes:
        name: what ``--task`` calls it.
        kind: ``"records"``, a list of records under a `TieredSpec`; or ``"question"``, an answer and references.
        spec: the reward.
        record_format: of a list task, what one record looks like.
        about: one line for people.
        prompt: a template of the prompt, see `rewards.tasks.prompts`; None where there is none.
        cases: completions and what they are to earn, see `rewards.tasks.cases`.
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
        if isinstance(self.spec, TieredSpec):
            return ("format", *self.spec.parts, "incorrect", "underprediction")
        return ("format", "answer", "reference")


def task_names() -> list[str]:
    """Return the names of the declared tasks."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _HERE.iterdir() if entry.name.endswith(".yaml"))


@cache
def load_task(name: str) -> Task:
    """Return a task by name, or by the path of its own YAML file.

    Raises:
        ConfigError: if there is no such task, or its file is wrong: ``my_task.yaml:17: reward.tiers[1].fields[0]:
            unknown field 'soruce' (did you mean 'source'?)``.
    """
    if name in task_names():
        return _read(_HERE.joinpath(f"{name}.yaml"))
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return _read(path)
    raise ConfigError(f"unknown task {name!r}; it is one of {', '.join(task_names())}, or the path of a YAML file")


def _read(source: Path) -> Task:
    whole = read_declared(source)
    kind = whole.entries().get("kind")
    if kind is None:
        raise whole.error("the key 'kind' is missing")
    known = _KEYS[kind.choice(tuple(_KEYS))]
    declared = whole.fields(known, needed=("name", "reward"))
    task = _records(whole, declared) if kind.value == "records" else _question(declared)
    if task.record_format is not None and source.parent != _HERE:  # the package's own are checked by its tests
        check_format(task.record_format, declared["forms"])
    return task


def _records(whole: Declared, declared: dict[str, Declared]) -> Task:
    for name in ("fields", "forms"):
        if name not in declared:
            raise whole.error(f"the key {name!r} is missing")
    record_format = read_format(declared)
    spec = read_tiered(declared["reward"], record_format)
    return _finish(declared, Task(declared["name"].text(), "records", spec, record_format))


def _question(declared: dict[str, Declared]) -> Task:
    spec = QuestionSpec()
    options = declared["reward"].entries()
    if "answer" in declared:
        options |= declared["answer"].fields(("kind", "letters"))
    for name, value in options.items():
        try:
            spec = spec.change(**{name: value.value})
        except ConfigError as error:
            raise value.error(error) from error
    return _finish(declared, Task(declared["name"].text(), "question", spec))


def _finish(declared: dict[str, Declared], task: Task) -> Task:
    """Return the task with what every kind can have."""
    prompt = declared.get("prompt")
    if prompt is not None:
        check_prompt(prompt, task.record_format)
    return replace(
        task,
        about=declared["about"].text() if "about" in declared else "",
        prompt=None if prompt is None else prompt.text().rstrip("\n"),
        cases=tuple(read_case(each, task.parts) for each in declared["cases"].items()) if "cases" in declared else (),
    )
