"""The prompt of a task: a template with the columns of a dataset and the task's own form and vocabulary.

``{question}`` stands for the column ``question``; ``{form}`` for the canonical form of a record, with the fields' names
in it; ``{values[label]}`` for the values of the closed field ``label``. Braces that mean themselves are doubled.
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError, DataError
from rewards.spec import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsers.formats import RecordFormat
    from rewards.tasks import Task
    from rewards.tasks.declared import Declared


def prompt_columns(template: str) -> tuple[str, ...]:
    """Return the columns that a template asks for.

    >>> prompt_columns("{question} Write each change as {form}.")
    ('question',)
    """
    names = [name.partition("[")[0] for _, name, _, _ in Formatter().parse(template) if name is not None]
    return tuple(dict.fromkeys(name for name in names if name not in ("form", "values")))


def fill_prompt(task: Task, row: Mapping[str, Any]) -> str:
    """Return the prompt of a row.

    Raises:
        ConfigError: if the task declares no prompt.
        DataError: if the row lacks a column that it asks for.
    """
    if task.prompt is None:
        raise ConfigError(f"task {task.name!r} declares no prompt")
    for name in prompt_columns(task.prompt):
        if row.get(name) is None:
            raise DataError(f"the prompt of task {task.name!r} needs a column {name!r}; there are {', '.join(row)}")
    return task.prompt.format(**{**row, **_own(task.record_format)})


def check_prompt(declared: Declared, record_format: RecordFormat | None) -> None:
    """Raise a ConfigError unless a prompt can be filled in."""
    template = declared.text()
    own = _own(record_format)
    try:
        for _, name, _, _ in Formatter().parse(template):
            before, bracket, rest = (name or "").partition("[")
            values = own.get("values", {})
            if bracket and (before != "values" or rest.rstrip("]") not in values):
                raise declared.error(f"unknown vocabulary {name!r}{nearest(rest, list(values)) if values else ''}")
            if name is not None and not bracket and not (name.isidentifier() and name != "values"):
                raise declared.error(f"{{{name}}} is no name of a column; write {{{{ and }}}} for braces")
            if name == "form" and record_format is None:
                raise declared.error("a question has no form")
        template.format(**{**dict.fromkeys(prompt_columns(template), ""), **own})
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise declared.error(f"the template cannot be read: {error}") from error


def _own(record_format: RecordFormat | None) -> dict[str, Any]:
    """Return what a template can say of the task itself."""
    if record_format is None:
        return {}
    names = {field.name: field.name for field in record_format.fields}
    values = {field.name: ", ".join(field.values) for field in record_format.fields if field.values}
    for field in record_format.fields:
        if field.by is not None:
            values[field.name] = "; ".join(f"{key}: {', '.join(some)}" for key, some in field.values_by)
    return {"form": record_format.forms[0].format(**names), "values": values}
