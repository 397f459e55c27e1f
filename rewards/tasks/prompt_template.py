"""The ``prompt:`` of a task file: a template with the columns of a dataset and the task's own form and vocabulary.

The data that this project makes is asked with prompts of its own, which stand beside the code that makes it.

``{question}`` stands for the column ``question``; ``{form}`` for the canonical form of a record, with the fields' names
in it; ``{values[label]}`` for the values of the closed field ``label``. Braces that mean themselves are doubled.
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsers.formats import RecordFormat
    from rewards.tasks import Task


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


def prompt_error(template: str, record_format: RecordFormat | None) -> str | None:
    """Return why a template cannot be filled in, or None."""
    own = _own(record_format)
    vocabularies = own.get("values", {})
    try:
        for _, name, _, _ in Formatter().parse(template):
            before, bracket, rest = (name or "").partition("[")
            if bracket and (before != "values" or rest.rstrip("]") not in vocabularies):
                return f"unknown vocabulary {name!r}{nearest(rest, vocabularies) if vocabularies else ''}"
            if name is not None and not bracket and not (name.isidentifier() and name != "values"):
                return f"{{{name}}} is no name of a column; write {{{{ and }}}} for braces"
            if name == "form" and record_format is None:
                return "a question has no form"
        template.format(**{**dict.fromkeys(prompt_columns(template), ""), **own})
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        return f"the template cannot be read: {error}"
    return None


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
