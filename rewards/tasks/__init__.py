"""Tasks are declared in YAML files: this package's, or the user's own. A declaration is read once, by `load_task`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from parsers.formats import Field, RecordFormat
from parsers.values import Transformation
from rewards.errors import ConfigError
from rewards.questions import QuestionSpec
from rewards.spec import TieredSpec

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What a model's answer looks like and what it earns.

    Attributes:
        name: what ``--task`` calls it.
        kind: ``"records"``, a list of records under a `TieredSpec`; or ``"question"``, an answer and references.
        spec: the reward.
        record_format: of a list task, what one record looks like.
    """

    name: str
    kind: Literal["records", "question"]
    spec: TieredSpec | QuestionSpec
    record_format: RecordFormat | None = None

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
        ConfigError: if there is no such task, or its file is wrong.
    """
    if name in task_names():
        return _read(_HERE.joinpath(f"{name}.yaml"))
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return _read(path)
    raise ConfigError(f"unknown task {name!r}; it is one of {', '.join(task_names())}, or the path of a YAML file")


def _read(source: Path) -> Task:
    import yaml  # noqa: PLC0415  `import rewards` should not pay for it

    try:
        declared = yaml.safe_load(source.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from error
    try:
        return _task(declared)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{source}: the declaration lacks or misuses {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def _task(declared: dict[str, Any]) -> Task:
    reward = dict(declared["reward"])
    if declared["kind"] == "question":
        return Task(declared["name"], "question", QuestionSpec().change(**reward))
    if declared["kind"] != "records":
        raise ConfigError(f"kind is {declared['kind']!r}; it is 'records' or 'question'")
    record_format = _format(declared)
    tiers = {tuple(tier["fields"]): float(tier["pays"]) for tier in reward.pop("tiers")}
    names = tuple(field.name for field in record_format.fields)
    return Task(declared["name"], "records", TieredSpec(fields=names, tiers=tiers).change(**reward), record_format)


def _format(declared: dict[str, Any]) -> RecordFormat:
    fields = tuple(
        Field(
            name=str(each["name"]),
            kind=each["kind"],
            values=tuple(map(str, each.get("values", ()))),
            by=each.get("by"),
            values_by=tuple((str(key), tuple(map(str, values))) for key, values in each.get("values_by", {}).items()),
        )
        for each in declared["fields"]
    )
    named_as_transformation = tuple(field.name for field in fields) == Transformation._fields
    return RecordFormat(
        fields=fields,
        forms=tuple(declared["forms"]),
        synonyms=tuple((str(spelling), str(value)) for spelling, value in declared.get("synonyms", {}).items()),
        make=Transformation._make if named_as_transformation else tuple,
    )
