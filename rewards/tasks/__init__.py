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
from rewards.tasks.check import check_fields, check_format, check_keys, words

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
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from error
    try:
        task = _task(declared)
        if task.record_format is not None and source.parent != _HERE:  # the package's own are checked by its tests
            check_format(task.record_format)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{source}: the declaration lacks or misuses {error}") from error
    return task


def _task(declared: dict[str, Any]) -> Task:
    check_keys(declared, ("name", "kind", "fields", "synonyms", "forms", "reward"), "the declaration")
    reward = dict(declared["reward"])
    if declared["kind"] == "question":
        return Task(declared["name"], "question", QuestionSpec().change(**reward))
    if declared["kind"] != "records":
        raise ConfigError(f"kind is {declared['kind']!r}; it is 'records' or 'question'")
    record_format = _format(declared)
    tiers = _tiers(reward.pop("tiers"))
    names = tuple(field.name for field in record_format.fields)
    return Task(declared["name"], "records", TieredSpec(fields=names, tiers=tiers).change(**reward), record_format)


def _tiers(declared: list[dict[str, Any]]) -> dict[tuple[str, ...], float]:
    tiers: dict[tuple[str, ...], float] = {}
    for tier in declared:
        check_keys(tier, ("fields", "pays"), "a tier")
        if (key := tuple(tier["fields"])) in tiers:
            raise ConfigError(f"there are two tiers of the fields {', '.join(key)}")
        tiers[key] = float(tier["pays"])
    return tiers


def _field(declared: dict[str, Any]) -> Field:
    check_keys(declared, ("name", "kind", "values", "by", "values_by"), "a field")
    where = f"the values of field {declared['name']!r}"
    values_by = declared.get("values_by", {})
    return Field(
        name=str(declared["name"]),
        kind=declared["kind"],
        values=words(declared.get("values", ()), where),
        by=declared.get("by"),
        values_by=tuple(
            zip(words(values_by, where), (words(values, where) for values in values_by.values()), strict=True)
        ),
    )


def _format(declared: dict[str, Any]) -> RecordFormat:
    fields = tuple(_field(each) for each in declared["fields"])
    check_fields(fields)
    synonyms = declared.get("synonyms", {})
    named_as_transformation = tuple(field.name for field in fields) == Transformation._fields
    return RecordFormat(
        fields=fields,
        forms=words(declared["forms"], "the forms"),
        synonyms=tuple(zip(words(synonyms, "the synonyms"), words(synonyms.values(), "the synonyms"), strict=True)),
        make=Transformation._make if named_as_transformation else tuple,
    )
