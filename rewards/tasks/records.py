"""The declaration of a list task -> its format and its reward, or a ConfigError that says where the mistake is."""

from __future__ import annotations

import re
from dataclasses import fields as dataclass_fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from parsers.formats import LARGEST, Field, RecordFormat, fold, template_parts
from parsers.record_grammar import record_grammar
from parsers.records import parse_records
from parsers.values import Transformation
from rewards.errors import ConfigError
from rewards.spec import TieredSpec, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rewards.tasks.declared import Declared

_KINDS = ("integer", "closed", "open")


def read_format(declared: Mapping[str, Declared]) -> RecordFormat:
    """Return what a record looks like: keys ``fields``, ``forms`` and ``synonyms``.

    Raises:
        ConfigError: for what is none.
    """
    read = [(each, _field(each)) for each in declared["fields"].items()]
    if not read:
        raise declared["fields"].error("there are no fields; a record has one or more")
    _check_names(read)
    fields = tuple(field for _, field in read)
    forms = declared["forms"]
    if not forms.items():
        raise forms.error("there are no forms; the first one is canonical")
    return RecordFormat(
        fields=fields,
        forms=tuple(_form(each, fields) for each in forms.items()),
        synonyms=_synonyms(declared["synonyms"], fields) if "synonyms" in declared else (),
        make=Transformation._make if tuple(field.name for field in fields) == Transformation._fields else tuple,
    )


def _field(declared: Declared) -> Field:
    given = declared.fields(("name", "kind", "values", "by", "values_by", "range"), needed=("name", "kind"))
    name, kind = given["name"].text(), given["kind"].choice(_KINDS)
    if not name.isidentifier():
        raise given["name"].error(f"{name!r} is no name; it is made of letters, digits and underscores")
    for key, fits in (("values", "closed"), ("values_by", "closed"), ("by", "closed"), ("range", "integer")):
        if key in given and kind != fits:
            raise given[key].error(f"a field that is {kind} has no {key}")
    depends = "by" in given and "values_by" in given
    if kind == "closed" and (depends == ("values" in given) or ("by" in given) != ("values_by" in given)):
        raise declared.error("a closed field has values, or else by and values_by")
    values_by = given["values_by"].entries() if "values_by" in given else {}
    return Field(
        name=name,
        kind=kind,  # type: ignore[arg-type]  # `choice` has checked it
        values=_vocabulary(given["values"]) if "values" in given else (),
        by=given["by"].text() if "by" in given else None,
        values_by=tuple((key, _vocabulary(values)) for key, values in values_by.items()),
        limits=_limits(given["range"]) if "range" in given else (0, LARGEST),
    )


def _vocabulary(declared: Declared) -> tuple[str, ...]:
    values = declared.words()
    if not values:
        raise declared.error("there are no values")
    seen: dict[str, str] = {}
    for item, value in zip(declared.items(), values, strict=True):
        folded = fold(value)
        if folded in seen or not folded:
            other = f" from {seen[folded]!r}" if folded else ""
            raise item.error(
                f"{value!r} must differ{other} in letters a-z or digits, whatever its case and punctuation"
            )
        seen[folded] = value
    return values


def _limits(declared: Declared) -> tuple[int, int]:
    ends = [item.value for item in declared.items()]
    if len(ends) != 2 or any(type(end) is not int for end in ends) or not 0 <= ends[0] <= ends[1] <= LARGEST:
        raise declared.error(f"this is {ends!r}; it is the smallest and the largest number, from 0 to {LARGEST:,}")
    return (ends[0], ends[1])


def _check_names(read: list[tuple[Declared, Field]]) -> None:
    """Raise a ConfigError unless the fields have names of their own, and what they depend on."""
    known: dict[str, Field] = {}
    for declared, field in read:
        if field.name in known:
            raise declared.error(f"there are two fields {field.name!r}")
        known[field.name] = field
    dependent = [(declared, field) for declared, field in read if field.by is not None]
    for declared, field in dependent:
        by = declared.entries()["by"]
        if field.by not in known:
            raise by.error(f"unknown field {field.by!r}{nearest(str(field.by), list(known))}")
        if sorted(known[field.by].values) != sorted(key for key, _ in field.values_by):
            raise declared.entries()["values_by"].error(f"there must be one entry for each value of {field.by!r}")
    if len(dependent) > 1:
        raise dependent[1][0].error("only one field can depend on another one ('by')")


def _form(declared: Declared, fields: tuple[Field, ...]) -> str:
    form = declared.text()
    names = sorted(field.name for field in fields)
    try:
        parts = template_parts(form)
    except ValueError as error:
        raise declared.error(f"{form!r}: {error}") from error
    used = [name for _, name in parts if name is not None]
    for name in used:
        if name not in names:
            raise declared.error(f"unknown field {name!r}{nearest(name, names)}")
    if sorted(used) != names:
        raise declared.error(f"form {form!r} must name each of the fields {', '.join(names)} once")
    is_open = {field.name for field in fields if field.kind == "open"}
    for (_, before), (literal, following) in pairwise(parts):
        ends = re.search(r"[^\w\s\"'`*-]", literal) or not (following or re.search(r"\w", literal))
        if before in is_open and not ends:
            raise declared.error(f"form {form!r}: {before!r} takes any words, so punctuation must follow it, e.g. ':'")
    return form


def _synonyms(declared: Declared, fields: tuple[Field, ...]) -> tuple[tuple[str, str], ...]:
    vocabularies = [field.values for field in fields] + [some for field in fields for _, some in field.values_by]
    values = {value for some in vocabularies for value in some}
    found = []
    for spelling, given in declared.entries().items():
        value = given.text()
        if value not in values:
            raise given.error(f"{value!r} is no value of a closed field{nearest(value, sorted(values))}")
        if not fold(spelling):
            raise given.error(f"the spelling {spelling!r} has no letters a-z or digits")
        if any(value in some and fold(spelling) in map(fold, some) and spelling != value for some in vocabularies):
            raise given.error(f"{spelling!r} is a value itself, so it is no other spelling of {value!r}")
        found.append((spelling, value))
    return tuple(found)


def read_tiered(declared: Declared, record_format: RecordFormat) -> TieredSpec:
    """Return the reward of a list task; each option is checked in turn, so that an error can name its line.

    Raises:
        ConfigError: for what is none.
    """
    options = [each.name for each in dataclass_fields(TieredSpec) if each.init and each.name != "fields"]
    given = declared.fields(options, needed=("tiers",))
    names = tuple(field.name for field in record_format.fields)
    tiers = _tiers(given["tiers"], names)
    try:
        spec = TieredSpec(fields=names, tiers=tiers)
    except ConfigError as error:
        raise given["tiers"].error(error) from error
    for name, value in given.items():
        if name == "tiers":
            continue
        option = tuple(_names(key, names) for key in value.items()) if name == "table" else value.value
        try:
            spec = spec.change(**{name: option})
        except ConfigError as error:
            raise value.error(error) from error
    return spec


def _tiers(declared: Declared, names: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    tiers: dict[tuple[str, ...], float] = {}
    for tier in declared.items():
        given = tier.fields(("fields", "pays"), needed=("fields", "pays"))
        key = _names(given["fields"], names)
        if key in tiers:
            raise given["fields"].error(f"there are two tiers of the fields {', '.join(key)}")
        tiers[key] = given["pays"].number()
        if not 0 <= tiers[key] < float("inf"):
            raise given["pays"].error(f"this is {tiers[key]:g}; a tier pays a finite number >= 0")
    return tiers


def _names(declared: Declared, names: tuple[str, ...]) -> tuple[str, ...]:
    for item in declared.items():
        if item.text() not in names:
            raise item.error(f"unknown field {item.text()!r}{nearest(item.text(), list(names))}")
    return declared.words()


def check_format(record_format: RecordFormat, forms: Declared | None = None) -> None:
    """Check that every value, in every form, reads as itself.

    Args:
        record_format: the format.
        forms: where its forms are declared, for errors.

    Raises:
        ConfigError: if the forms give no grammar, or what is written in one is read as something else.
    """
    from lark.exceptions import LarkError  # noqa: PLC0415  lazy, as in `parsers.grammars.build`

    try:
        record_grammar(record_format)
    except (LarkError, ValueError, AssertionError) as error:
        raise _misread(forms, f"the forms give no grammar: {error}") from error
    places: list[Declared | None] = [None] * len(record_format.forms) if forms is None else [*forms.items()]
    for record in _samples(record_format):
        for form, place in zip(record_format.forms, places, strict=True):
            written = form.format(**dict(zip([field.name for field in record_format.fields], record, strict=True)))
            read = parse_records(written, record_format)
            if read.items != (record,) or read.invalid:
                told = read.invalid[0].message if read.invalid else f"it is read as {read.items}"
                raise _misread(place, f"{written!r}, of the form {form!r}, does not read as itself: {told}")


def _misread(place: Declared | None, message: str) -> ConfigError:
    return ConfigError(" ".join(message.split())) if place is None else place.error(message)


def _samples(record_format: RecordFormat) -> Iterator[tuple[int | str, ...]]:
    """Yield records that hold each value of each closed field at least once."""
    plain: dict[str, Any] = {
        field.name: "x" if field.kind == "open" else field.limits[0] for field in record_format.fields
    }
    for vocabulary in record_format.branches():
        closed = {name: values for name, values in vocabulary.items() if values}
        for turn in range(max(map(len, closed.values()), default=1)):
            yield record_format.make(
                closed[field.name][turn % len(closed[field.name])] if field.name in closed else plain[field.name]
                for field in record_format.fields
            )
