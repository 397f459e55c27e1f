"""Which column of a file is what: the completion, the target, the id, the group."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.files.sources import BadRow, column_names
from rewards.errors import ConfigError, DataError
from rewards.functions import TARGET_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from benchmarks.files.sources import Chunk

    Rows = Collection[Mapping[str, Any]]

Names = tuple[str, ...]

ROLES: dict[str, Names] = {
    "completion": ("completion", "completions", "response", "output", "prediction", "resps", "filtered_resps"),
    "target": (*TARGET_COLUMNS, "reward_model.ground_truth"),
    "references": ("references",),
    "relations": ("relations",),
    "options": ("options",),
    "id": ("id", "doc_id", "uid"),
    "group": ("prompt_id",),
    "prompt": ("prompt", "input"),
    "step": ("step", "gen_step"),
}
"""What a column can be, and the names it is known by. A dot looks inside a column that holds objects."""

_AMBIGUOUS = ("completion", "target")
"""Roles for which two columns that differ are one too many; of the others the first is taken."""


class Dialect(NamedTuple):
    """What a system writes.

    Attributes:
        name: for people.
        signs: its columns; of names in one tuple, any. A dot looks inside a column.
        roles: the only names that count for a role, if any of them is there.
    """

    name: str
    signs: tuple[Names, ...]
    roles: Mapping[str, Names]


_STEP, _PROMPT = ("step", "gen_step"), ("prompt", "messages")
_RESPONSES = ("resps", "filtered_resps")
DIALECTS = (
    # `answer` beside another gold is what the reward function has read, logged into the table.
    Dialect(
        "TRL completions",
        (_STEP, ("prompt",), ("completion",), ("advantage",)),
        {"completion": ("completion",), "target": tuple(name for name in TARGET_COLUMNS if name != "answer")},
    ),
    Dialect(
        "verl rollout",
        (("input",), ("output",), ("score",), ("step",)),
        {"completion": ("output",), "target": ("gts",), "prompt": ("input",)},
    ),
    Dialect(
        "ms-swift completions",
        (_STEP, _PROMPT, ("completion",), ("advantages", "reward")),
        {"completion": ("completion",), "prompt": _PROMPT},
    ),
    # Its `target` is the output to be learned, and `doc.gt_answer` the letter that is right.
    Dialect(
        "lmms-eval samples of MindCube",
        (("doc_id",), ("doc.gt_answer",), _RESPONSES),
        {"completion": ("resps",), "target": ("doc.gt_answer",), "id": ("doc.id",), "cogmap": ("doc.grounded_cogmap",)},
    ),
    # `filtered_resps` is what the task's filters have left of the text; the question's own columns are in `doc`.
    Dialect(
        "lmms-eval samples",
        (("doc_id",), ("target",), _RESPONSES),
        {
            "completion": ("resps",),
            "target": ("target",),
            "id": ("doc.id", "doc_id"),
            "kind": ("doc.task", "doc.question_type"),
        },
    ),
    # MindCube's own inference puts the response beside the columns of its prompt files; older files name it otherwise.
    Dialect(
        "MindCube responses",
        (("input_prompt",), ("gt_answer",), ("answer", "cogmap_gen_answer")),
        {
            "completion": ("response", "completion", "prediction", "output", "cogmap_gen_answer", "answer"),
            "target": ("gt_answer",),
            "prompt": ("input_prompt",),
        },
    ),
)


class Missing:
    """What stands for the value of a column that a row does not have."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file.

    Attributes:
        roles: role -> column, for the roles that were found.
        dialect: the name of the system that writes such files, if it is known.
    """

    roles: Mapping[str, str]
    dialect: str | None = None

    def values(self, role: str, rows: Rows) -> list[Any]:
        """Return the column of *role*, (rows,); `MISSING` where a row lacks it."""
        return _values(self.roles[role], rows)

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        return list(dict.fromkeys(name for column in self.roles.values() for name in (column, column.split(".")[0])))


def find_columns(
    chunk: Chunk,
    *,
    needed: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    joined_on: str | None = None,
    known: Mapping[str, Names] = ROLES,
) -> Columns:
    """Say which column is what, from the first rows of a file.

    Args:
        chunk: rows, of which at least one could be read.
        needed: roles that the file must have.
        mapping: role -> column, where the user says so.
        joined_on: a role that two files have; *mapping* counts for the one that has such a column.
        known: what to look for, `ROLES` or more than these.

    Raises:
        DataError: if a needed column is not there; it names the columns that are.
        ConfigError: if two columns with different content could be the same thing, or *mapping* is wrong.
    """
    names = column_names(chunk)
    rows = {chunk.place(at): row for at, row in enumerate(chunk.rows) if not isinstance(row, BadRow)}
    mapping = dict(mapping or {})
    if joined_on in mapping and not _candidates((mapping[joined_on],), rows.values()):
        del mapping[joined_on]
    _check(mapping, known, names, rows.values(), chunk.path)
    dialect = next((each for each in DIALECTS if _is_written_in(each, names, rows.values())), None)
    roles: dict[str, str] = {}
    for role, usual in known.items():
        only = dialect.roles.get(role, ()) if dialect else ()
        if role in mapping:
            roles[role] = mapping[role]
        elif found := _candidates(only, rows.values()) or _candidates(usual, rows.values()):
            if role in _AMBIGUOUS and role in needed:
                _refuse_difference(role, found, rows, chunk.path)
            roles[role] = found[0]
        elif role in needed:
            raise DataError(f"{chunk.path}: {_not_found(role, usual, names)}")
    return Columns(roles, dialect.name if dialect else None)


def _is_written_in(dialect: Dialect, names: Collection[str], rows: Rows) -> bool:
    return all(
        any(bool(_candidates((sign,), rows)) if "." in sign else sign in names for sign in signs)
        for signs in dialect.signs
    )


def _check(mapping: Mapping[str, str], known: Collection[str], names: Sequence[str], rows: Rows, path: str) -> None:
    for role, column in mapping.items():
        if role not in known:
            raise ConfigError(f"--map {role}={column}: {role!r} is not one of {', '.join(known)}")
        if not _candidates((column,), rows):
            near = get_close_matches(column, names, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(f"{path}: there is no column {column!r} for the {role}; {hint}{_seen(names)}")


def _candidates(names: Names, rows: Rows) -> list[str]:
    """Return which columns are there with a value in at least one row."""
    return [name for name in names if any(value not in (MISSING, None) for value in _values(name, rows))]


def _values(column: str, rows: Rows) -> list[Any]:
    try:
        return [row[column] for row in rows]
    except KeyError:
        values = [row.get(column, MISSING) for row in rows]
    head, dot, rest = column.partition(".")
    if not dot:
        return values
    inner = [row[head] if isinstance(row.get(head), dict) else {} for row in rows]
    nested = _values(rest, inner)
    return [deep if value is MISSING else value for value, deep in zip(values, nested, strict=True)]


def _refuse_difference(role: str, found: Sequence[str], rows: Mapping[str, Mapping[str, Any]], path: str) -> None:
    first, *others = ([None if each is MISSING else unwrap(each) for each in _values(n, rows.values())] for n in found)
    for other, values in zip(found[1:], others, strict=True):
        for place, one, two in zip(rows, first, values, strict=True):
            if one != two:
                raise ConfigError(
                    f"{path}: {found[0]!r} and {other!r} could both be the {role}, and they differ ({place}); "
                    f"say which it is: --map {role}={found[0]} or --map {role}={other}"
                )


def unwrap(value: Any) -> Any:
    """Take a value out of lists that hold nothing else: ``[["text"]]`` of lmms-eval is ``"text"``."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _not_found(role: str, usual: Names, names: Sequence[str]) -> str:
    near = [name for name in names if get_close_matches(name, usual, cutoff=0.75)]
    return f"there is no {role} column; {_seen(names)}; say which it is: --map {role}={near[0] if near else 'COLUMN'}"


def _seen(names: Sequence[str]) -> str:
    return f"the columns are {', '.join(names)}" if names else "there are no columns"
