"""What one record of a list task looks like. A format is data; `parsers.records` builds its grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Literal, NamedTuple

from parsers.types import Transformation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


LARGEST = 999_999_999
"""The largest number of an integer field."""


class Field(NamedTuple):
    """One field of a record.

    Attributes:
        name: what messages call it.
        kind: ``"integer"`` (ASCII digits), ``"closed"`` (one of *values*) or ``"open"`` (any words).
        values: the vocabulary of a closed field, canonical spellings.
        values_by: instead of *values*, the vocabulary for each value of the closed field named *by*.
        by: the field that *values_by* depends on.
        limits: the smallest and the largest number of an integer field.
    """

    name: str
    kind: Literal["integer", "closed", "open"]
    values: tuple[str, ...] = ()
    by: str | None = None
    values_by: tuple[tuple[str, tuple[str, ...]], ...] = ()
    limits: tuple[int, int] = (0, LARGEST)


@dataclass(frozen=True, slots=True, eq=False)
class RecordFormat:
    """A record's fields and the forms in which it may be written. Compares by identity: caches are keyed by it.

    Attributes:
        fields: in the order of the parsed tuple.
        forms: templates such as ``"{index}.{attribute}.{value}"``; the first is canonical.
        synonyms: pairs (spelling, canonical) for values of closed fields, or for words in them.
        make: what turns the fields' values into a record.
        repeats: whether the same record may be true twice, as a step of a route may.
    """

    fields: tuple[Field, ...]
    forms: tuple[str, ...]
    synonyms: tuple[tuple[str, str], ...] = ()
    make: Callable[[Iterable[int | str]], tuple[int | str, ...]] = tuple
    repeats: bool = False

    def branches(self) -> Iterator[dict[str, tuple[str, ...]]]:
        """Yield the vocabularies by field name; once for each value of a field that another one depends on."""
        vocabulary = {field.name: field.values for field in self.fields}
        dependent = [field for field in self.fields if field.by is not None]
        if not dependent:
            yield vocabulary
            return
        (field,) = dependent
        for key, values in field.values_by:
            yield vocabulary | {str(field.by): (key,), field.name: values}

    def spellings(self, value: str) -> list[str]:
        """Return the ways to write *value*, the canonical one first.

        A synonym is one of a whole value or, where what it means is no value by itself, of words in values.
        """
        found = [value, *(spelling for spelling, canonical in self.synonyms if canonical == value)]
        vocabulary = {word for branch in self.branches() for words in branch.values() for word in words}
        for spelling, canonical in self.synonyms:
            if canonical not in vocabulary:
                word, other = f"-{fold(canonical)}-", f"-{fold(spelling)}-"
                folded = [f"-{fold(each)}-" for each in found]
                found += [each.replace(word, other).strip("-") for each in folded if word in each]
        return found

    def render(self, record: Iterable[int | str]) -> str:
        """Write *record* in the canonical form, which parses back to it."""
        names = [field.name for field in self.fields]
        return self.forms[0].format(**dict(zip(names, record, strict=True)))


FIELD_KEYS = {
    "index": ("index", "obj_idx", "object", "object_id", "id"),
    "attribute": ("attribute", "attr"),
    "value": ("value", "val"),
}
"""Keys under which JSON holds a field, in targets and in answers; the first is ours, the second TRANCE's."""


def template_parts(form: str) -> list[tuple[str, str | None]]:
    """Split a form into (literal, field name) pairs; the last field name may be None.

    Raises:
        ValueError: if braces do not match, or hold more than a name.
    """
    parts = list(Formatter().parse(form))
    odd = next((name for _, name, spec, conversion in parts if spec or conversion), None)
    if odd is not None:
        raise ValueError(f"only a name stands between braces: {{{odd}}}")
    return [(literal, name) for literal, name, _, _ in parts]


def fold(text: str) -> str:
    """Return *text* as vocabularies are compared: lower case, anything between words one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


# The words of TVR and TRANCE stand here alone: task files and the world of the scenes take them from here.
_VALUES = {
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "shape": ("cube", "sphere", "cylinder"),
    "size": ("small", "medium", "large"),
    "material": ("rubber", "metal", "glass"),
}
_DIRECTIONS = ("front", "behind", "left", "right", "front-left", "front-right", "behind-left", "behind-right")
_MOVES = {"position": tuple(f"{direction}.{step}" for direction in _DIRECTIONS for step in (1, 2))}


_DIRECTION_SYNONYMS = (
    ("left-front", "front-left"), ("right-front", "front-right"),
    ("left-behind", "behind-left"), ("right-behind", "behind-right"),
    ("forward", "front"), ("forwards", "front"), ("ahead", "front"), ("in front", "front"),
    ("back", "behind"), ("backward", "behind"), ("backwards", "behind"), ("rear", "behind"),
)  # fmt: skip


def _transformation_format(
    values: dict[str, tuple[str, ...]], synonyms: tuple[tuple[str, str], ...] = ()
) -> RecordFormat:
    return RecordFormat(
        fields=(
            Field("index", "integer"),
            Field("attribute", "closed", tuple(values)),
            Field("value", "closed", by="attribute", values_by=tuple(values.items())),
        ),
        forms=(
            "{index}.{attribute}.{value}",
            "({index}, {attribute}, {value})",
            "[{index}, {attribute}, {value}]",
            "change_{attribute}({index}, {value})",
        ),
        synonyms=(("colour", "color"), ("grey", "gray"), *synonyms),
        make=Transformation._make,
    )


TVR = _transformation_format(_VALUES)
"""TVR as STAR-R1 uses it: color, shape, size, material (TRANCE's ``values.json``), 0-based index."""

TRANCE = _transformation_format(_VALUES | _MOVES, _DIRECTION_SYNONYMS)
"""The whole of TRANCE: TVR and moves, ``4.position.front-left.2`` (direction, then one or two steps)."""

FORMATS = {"tvr": TVR, "trance": TRANCE}
"""Formats that a task file takes by name: ``format: tvr``."""
