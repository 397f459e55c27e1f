"""The target of a row: true records in whatever form a file has them, and all that a row holds packed into one string.

What is wrong with a target is a `DataError` that says where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.formats import FIELD_KEYS, LARGEST
from parsers.records import parse_records
from rewards.errors import DataError, nearest

if TYPE_CHECKING:
    from parsers.formats import RecordFormat
    from rewards.tiered import Record

_JSON_RECORDS = re.compile(r"\{|\[\s*\{")


def read_target(value: Any, record_format: RecordFormat) -> tuple[Record, ...]:
    """Return the true records.

    Args:
        value: records as tuples or lists, any string that the answer's parser accepts (also inside ``<answer>`` tags),
            JSON, or mappings such as ``{"obj_idx": 2, "attr": "color", "val": "cyan"}``, one of them also alone. The
            same cell twice is allowed; the same record twice where the format has ``repeats``.
        record_format: the format of the task's records.

    Raises:
        DataError: ``target[0].value 'cyna' is not a color (did you mean 'cyan'?)``; also for an exact duplicate.
    """
    if type(value) not in (str, list, tuple):
        value = plain_value(value)
    if isinstance(value, str):
        return _read_text(value, record_format)
    if isinstance(value, Mapping):  # one record, as its JSON text is
        value = [value]
    if isinstance(value, Sequence):
        return _unique(tuple(_read_record(record, at, record_format) for at, record in enumerate(value)), record_format)
    raise DataError(f"target is {type(value).__name__} {value!r:.60}; it is a list of records or a string of them")


def read_targets(targets: Sequence[Any], record_format: RecordFormat) -> list[tuple[Record, ...]]:
    """Read the target of each row.

    Raises:
        DataError: for the first row whose target is wrong.
    """
    gold, errors = try_targets(targets, record_format)
    for row, message in errors.items():
        raise DataError(message, row=row)
    return gold


def try_targets(targets: Sequence[Any], record_format: RecordFormat) -> tuple[list[tuple[Record, ...]], dict[int, str]]:
    """Read the target of each row: that of the good rows, and what is wrong with the others."""
    gold: list[tuple[Record, ...]] = []
    errors: dict[int, str] = {}
    last = read = None
    for row, target in enumerate(targets):
        # The completions of a group share their target.
        if read is None or not equal(target, last):
            try:
                last, read = target, read_target(target, record_format)
            except DataError as error:
                read, errors[row] = None, error.message
                continue
        gold.append(read)
    return gold, errors


def equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same; arrays, which compare item by item, are never."""
    try:
        return type(one) is type(other) and bool(one == other)
    except ValueError:  # arrays of numpy compare item by item
        return False


@lru_cache(maxsize=4096)
def _read_text(text: str, record_format: RecordFormat) -> tuple[Record, ...]:
    body = text.strip()
    body = answer_alone(body).strip()
    if _JSON_RECORDS.match(body):
        try:
            decoded = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DataError(f"target is not valid JSON: {error}") from error
        return read_target([decoded] if isinstance(decoded, dict) else decoded, record_format)
    parsed = parse_records(body, record_format)
    if parsed.invalid:
        fault = parsed.invalid[0]
        raise DataError(f"target {body[:60]!r}, character {(fault.offset or 0) + 1}: {fault.message}")
    return _unique(parsed.items, record_format)


def _unique(records: tuple[Record, ...], record_format: RecordFormat) -> tuple[Record, ...]:
    if len(set(records)) < len(records) and not record_format.repeats:
        twice = next(record for at, record in enumerate(records) if record in records[:at])
        raise DataError(f"target holds {'.'.join(map(str, twice))} twice; a change is named once")
    return records


def _read_record(record: Any, at: int, record_format: RecordFormat) -> Record:
    if isinstance(record, str):
        parsed = _read_text(record, record_format)
        if len(parsed) != 1:
            raise DataError(f"target[{at}] {record!r:.60} is not one record")
        return parsed[0]
    if type(record) is dict or isinstance(record, Mapping):  # the first is what files hold, and quick to tell
        values = [record[key] for key in _keys(tuple(record), at, record_format)]
    elif isinstance(record, Sequence) and len(record) == len(record_format.fields):
        values = list(record)
    else:
        raise DataError(f"target[{at}] {record!r:.60} is not ({', '.join(f.name for f in record_format.fields)})")
    found = tuple([value if type(value) in (int, str) else _plain(value) for value in values])
    known = _known(found, record_format)
    return known if known is not None else _explain(found, at, record_format)


@lru_cache(maxsize=1024)
def _keys(found: tuple[str, ...], at: int, record_format: RecordFormat) -> list[str]:
    """Return the keys under which a mapping with the keys *found* holds the fields."""
    keys = []
    for field in record_format.fields:
        key = next((key for key in FIELD_KEYS.get(field.name, (field.name,)) if key in found), None)
        if key is None:
            raise DataError(f"target[{at}] has no {field.name!r}; it has {', '.join(map(repr, found)) or 'no keys'}")
        keys.append(key)
    return keys


def _plain(value: Any) -> int | str:
    """Return numpy numbers as int, and TRANCE's moves ``["front-left", 2]`` as ``"front-left.2"``."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ".".join(map(str, value))
    if isinstance(value, str):
        return value
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        return repr(value)
    return whole if whole == value and not isinstance(value, bool) else repr(value)


@lru_cache(maxsize=4096)
def _known(found: Record, record_format: RecordFormat) -> Record | None:
    """Return the record where its canonical writing parses to one; spelling and case are mended on the way."""
    parsed = parse_records(record_format.render(found), record_format)
    return parsed.items[0] if len(parsed.items) == 1 and not parsed.invalid else None


def _explain(found: Record, at: int, record_format: RecordFormat) -> Record:
    values = dict(zip([field.name for field in record_format.fields], found, strict=True))
    for field in record_format.fields:
        value = values[field.name]
        low, high = field.limits
        if field.kind == "integer" and not (isinstance(value, int) and low <= value <= high):
            to = f" to {high}" if high < LARGEST else ""
            raise DataError(f"target[{at}].{field.name} is {value!r}; it is a whole number from {low}{to}")
        allowed = dict(field.values_by).get(str(values[field.by]), ()) if field.by else field.values
        if field.kind == "closed" and allowed and value not in allowed:
            means = str(values[field.by]) if field.by else field.name
            hint = nearest(str(value).lower(), allowed)
            raise DataError(
                f"target[{at}].{field.name} {value!r} is not {'an' if means[0] in 'aeiou' else 'a'} {means}{hint}"
            )
    raise DataError(f"target[{at}] {found!r} is not of the form {record_format.forms[0]}")


# --- everything that scores a row, as one string ---------------------------------------------------------------------


def pack_gold(gold: Mapping[str, Any]) -> str:
    """Return a target as one string: the target itself where there is nothing else, otherwise a JSON object.

    Args:
        gold: ``target`` and, of questions, some of ``options``, ``references``, ``relations``.

    >>> pack_gold({"target": "2.color.cyan"})
    '2.color.cyan'
    >>> pack_gold({"target": "B", "options": ["left", "right"]})
    '{"target": "B", "options": ["left", "right"]}'
    """
    target = gold["target"]
    if len(gold) == 1 and isinstance(target, str) and not target.lstrip().startswith("{"):
        return target
    return json.dumps(dict(gold), ensure_ascii=False)


def unpack_gold(target: Any) -> dict[str, Any]:
    """Return everything that scores a row, from what a trainer hands over as its target.

    Args:
        target: what `pack_gold` packed; a mapping with ``target`` and, of questions, ``options``, ``references`` and
            ``relations``, and perhaps ``task``; or a target as it stands.

    Returns:
        ``{"target": ...}`` and what else there is.

    Raises:
        DataError: it begins like an object of JSON, but is none with a target.

    >>> unpack_gold("2.color.cyan")
    {'target': '2.color.cyan'}
    >>> unpack_gold('{"target": "B", "options": ["left", "right"]}')
    {'target': 'B', 'options': ['left', 'right']}
    """
    target = plain_value(target)
    if isinstance(target, Mapping) and "target" in target:
        return dict(target)
    if not isinstance(target, str) or not target.lstrip().startswith("{"):
        return {"target": target}
    try:
        gold = json.loads(target)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the packed target is no JSON ({error}): {target[:60]!r}") from error
    if not isinstance(gold, dict) or gold.get("target") is None:
        raise DataError(f"the packed target holds no 'target': {target[:60]!r}")
    return gold


class Rows(NamedTuple):
    """What scores the rows of a batch, unpacked; each None or of length (rows,)."""

    targets: Sequence[Any]
    references: Sequence[Any] | None
    relations: Sequence[Any] | None
    options: Sequence[Any] | None
    tasks: Sequence[str | None] | None


def unpack_rows(
    targets: Sequence[Any],
    *,
    references: Sequence[Any] | None = None,
    relations: Sequence[Any] | None = None,
    options: Sequence[Any] | None = None,
) -> Rows:
    """Spread targets that are packed, see `unpack_gold`, over the columns. What a column holds already stays.

    A text is packed if it begins like an object and speaks of a ``target``; one record as JSON is a target itself.

    Raises:
        DataError: for a packed target that is wrong; its ``row`` says where.
    """
    given: dict[str, Sequence[Any] | None] = {"references": references, "relations": relations, "options": options}
    packed: dict[int, dict[str, Any]] = {}
    for row, target in enumerate(targets):
        if type(target) is str:
            if '"target"' not in target or target[:1] not in _BEFORE_JSON or not target.lstrip().startswith("{"):
                continue
        elif type(target) in _AS_THEY_STAND:
            continue
        try:
            packed[row] = unpack_value(target)
        except DataError as error:
            raise DataError(error.message, row=row) from error
    if not packed:
        return Rows(targets, references, relations, options, None)
    for name, column in given.items():
        if any(gold.get(name) is not None for gold in packed.values()):
            values = [None] * len(targets) if column is None else list(column)
            for row, gold in packed.items():
                values[row] = gold.get(name) if values[row] is None else values[row]
            given[name] = values
    tasks = [packed[row].get("task") if row in packed else None for row in range(len(targets))]
    return Rows(
        [packed[row]["target"] if row in packed else target for row, target in enumerate(targets)],
        **given,
        tasks=tasks if any(task is not None for task in tasks) else None,
    )


def unpack_value(target: Any) -> dict[str, Any]:
    """Return everything that scores a row, as `unpack_gold`; one record as JSON is a target itself.

    Raises:
        DataError: for a packed target that is wrong.
    """
    target = plain_value(target)
    is_packed = not isinstance(target, str) or '"target"' in target  # of Arrow's and numpy's texts
    return unpack_gold(target) if is_packed else {"target": target}


_BEFORE_JSON = ("{", " ", "\n", "\t")
_AS_THEY_STAND = (list, tuple, int, float, bool, type(None))


def plain_value(value: Any) -> Any:
    """Return a value of numpy or Arrow as lists, mappings, text and numbers; any other as it stands."""
    if hasattr(value, "as_py"):
        value = value.as_py()
    return value.tolist() if hasattr(value, "tolist") else value


def answer_alone(text: str) -> str:
    """Return the answer of a target that is written as a completion is, as open-r1 and its heirs keep solutions.

    Raises:
        DataError: if there are tags but no one answer behind the reasoning.

    >>> answer_alone("<think>Both show it.</think> <answer>left</answer>"), answer_alone("left")
    ('left', 'left')
    """
    if "<" not in text or not _TAGS.search(text):
        return text
    body = text[max((found.end() for found in _REASONED.finditer(text)), default=0) :].strip()
    if _BLOCK.match(body):
        body = body[len("<answer>") : -len("</answer>")]
    if _TAGS.search(body):
        raise DataError(
            f"the target {text[:60]!r} holds tags, and is to be one answer, alone or in <answer>...</answer>"
        )
    return body


_TAGS = re.compile(r"</?(?:answer|think)>", re.IGNORECASE)
_REASONED = re.compile(r"</think>", re.IGNORECASE)
_BLOCK = re.compile(r"<answer>.*</answer>\Z", re.IGNORECASE | re.DOTALL)
