"""Checks of a task's declaration, so that a mistake in it is a ConfigError before anything is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsers.formats import fold, template_parts
from parsers.record_grammar import record_grammar
from parsers.records import parse_records
from rewards.errors import ConfigError
from rewards.spec import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from parsers.formats import Field, RecordFormat

_KINDS = ("integer", "closed", "open")


def check_keys(declared: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raise a ConfigError for a key that means nothing."""
    for key in declared:
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {where}{nearest(key, list(known))}")


def words(values: Iterable[Any], where: str) -> tuple[str, ...]:
    """Return the words of a vocabulary. YAML reads a bare ``yes``, ``no``, ``on`` or ``off`` as something else.

    >>> words(["left", 2], "the values")
    ('left', '2')
    """
    if isinstance(values, str):
        raise ConfigError(f"{where} are {values!r}; they are a list")
    found = tuple(values)
    for value in found:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ConfigError(f"{where} hold {value!r}, which YAML reads as no word: write it in quotes")
    return tuple(map(str, found))


def check_fields(fields: tuple[Field, ...]) -> None:
    """Raise a ConfigError unless these can be the fields of a record."""
    if len({field.name for field in fields}) < len(fields) or not fields:
        raise ConfigError(f"the fields {[field.name for field in fields]} must be some, each with a name of its own")
    if sum(field.by is not None for field in fields) > 1:
        raise ConfigError("only one field can depend on another one ('by')")
    vocabulary = {field.name: field.values for field in fields if field.by is None}
    for field in fields:
        if field.kind not in _KINDS:
            raise ConfigError(f"field {field.name!r} is of kind {field.kind!r}; it is one of {', '.join(_KINDS)}")
        if field.by is not None and sorted(vocabulary.get(field.by, ())) != sorted(key for key, _ in field.values_by):
            raise ConfigError(f"field {field.name!r}: values_by must have one entry for each value of {field.by!r}")
        for values in [values for _, values in field.values_by] if field.by is not None else [field.values]:
            if (field.kind == "closed") != bool(values):
                raise ConfigError(f"field {field.name!r}: a closed field has values, and no other does")
            folded = [fold(value) for value in values]
            if len(set(folded)) < len(folded) or "" in folded:
                raise ConfigError(
                    f"field {field.name!r}: the values {', '.join(values)} must differ in letters a-z or digits, "
                    "whatever their case and punctuation"
                )


def check_format(record_format: RecordFormat) -> None:
    """Check that every value, in every form, reads as itself.

    Raises:
        ConfigError: if a form is wrong, or what is written in it is read as something else.
    """
    names = sorted(field.name for field in record_format.fields)
    for form in record_format.forms:
        used = sorted(name for _, name in template_parts(form) if name is not None)
        if used != names:
            raise ConfigError(f"form {form!r} must name each of the fields {', '.join(names)} once")
    if not record_format.forms:
        raise ConfigError("there are no forms; the first one is canonical")
    from lark.exceptions import LarkError  # noqa: PLC0415  lazy, as in `parsers.grammars.build`

    try:
        record_grammar(record_format)
    except (LarkError, ValueError, AssertionError) as error:
        raise ConfigError(f"the forms {record_format.forms} give no grammar: {' '.join(str(error).split())}") from error
    for record in _samples(record_format):
        for form in record_format.forms:
            written = form.format(**dict(zip([field.name for field in record_format.fields], record, strict=True)))
            read = parse_records(written, record_format)
            if read.items != (record,) or read.invalid:
                told = read.invalid[0].message if read.invalid else f"it is read as {read.items}"
                raise ConfigError(f"{written!r}, of the form {form!r}, does not read as itself: {told}")


def _samples(record_format: RecordFormat) -> Iterator[tuple[int | str, ...]]:
    """Yield records that hold each value of each closed field at least once."""
    plain: dict[str, int | str] = {"integer": 7, "open": "x"}
    for vocabulary in record_format.branches():
        closed = {name: values for name, values in vocabulary.items() if values}
        for turn in range(max(map(len, closed.values()), default=1)):
            yield record_format.make(
                closed[field.name][turn % len(closed[field.name])] if field.name in closed else plain[field.kind]
                for field in record_format.fields
            )
