"""Which column of a file is what: the completion, the target, the id, what tells which rows answer one prompt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from benchmarks.files.sources import BadRow, column_names
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from benchmarks.files.sources import Chunk

    Rows = Sequence[Mapping[str, Any]]

Names = tuple[str, ...]
GroupRole = Literal["group", "id", "prompt"]

ROLES: dict[str, Names] = {
    "completion": ("completion", "completions", "response", "output", "prediction", "resps", "filtered_resps"),
    "target": (*TARGET_COLUMNS, "reward_model.ground_truth"),
    "references": ("references",),
    "relations": ("relations",),
    "options": ("options",),
    "id": ("id", "doc_id", "uid"),
    "group": ("prompt_id", "uid", "group"),
    "prompt": ("prompt", "input"),
    "images": ("images", "image"),
    "step": ("step", "gen_step"),
    "scene": ("scene", "scene_id"),
    "made_with": ("made_with",),
    "prompt_hash": ("prompt_hash",),
    "finish_reason": ("finish_reason",),
    "refusal": ("refusal",),
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
        ordered: roles whose names do not rival each other: of those that a row has, the first counts.
    """

    name: str
    signs: tuple[Names, ...]
    roles: Mapping[str, Names]
    ordered: Names = ()


_STEP, _PROMPT = ("step", "gen_step"), ("prompt", "messages")
# `filtered_resps` is what the task's filters have left of the text; where that is all of it, there is no `resps`.
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
        {
            "completion": _RESPONSES,
            "target": ("doc.gt_answer",),
            "id": ("doc.id",),
            "cogmap": ("doc.grounded_cogmap",),
        },
        ordered=("completion",),
    ),
    # Up to version 0.3 the question's own columns are in `doc`; since then the tasks' metrics say what kind it is.
    Dialect(
        "lmms-eval samples",
        (("doc_id",), ("target",), _RESPONSES),
        {
            "completion": _RESPONSES,
            "target": ("target",),
            "id": ("doc.id", "doc_id"),
            "kind": ("doc.task", "doc.question_type", "sparbench_score.task", "average.l2_category"),
            "setting": tuple(f"{name}_accuracy.type" for name in ("overall", "around", "among", "rotation")),
        },
        ordered=("completion",),
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
        others: role -> further columns: of all of them the first in which a row has a value counts.
        rivals: roles for which a row must not have two values.
        grouped_by: the role by which rows of one prompt are told; None where nothing tells.
        trusted: whether that is certain; otherwise only rows with the same target are of one prompt.
    """

    roles: Mapping[str, str]
    dialect: str | None = None
    others: Mapping[str, Names] = field(default_factory=dict)
    rivals: Collection[str] = ()
    grouped_by: GroupRole | None = None
    trusted: bool = False

    def of(self, role: str) -> Names:
        """Return the columns in which the values of a role stand, in the order in which they are looked at."""
        return (self.roles[role], *self.others.get(role, ()))

    def values(self, role: str, rows: Rows) -> list[Any]:
        """Return the values of *role*, (rows,); `MISSING` where a row has none of its columns."""
        values = _values(self.roles[role], rows)
        for other in self.others.get(role, ()):
            absent = [at for at, value in enumerate(values) if value is MISSING or value is None]
            for at, value in zip(absent, _values(other, [rows[at] for at in absent]), strict=True):
                values[at] = values[at] if value is MISSING else value
        return values

    def clashes(self, rows: Rows) -> Iterator[tuple[int, str]]:
        """Yield each row that has two values which could be the same thing, with what is wrong with it."""
        for role in self.rivals:
            first, *others = self.of(role)
            for other in others:
                for at, (one, two) in enumerate(zip(_values(first, rows), _values(other, rows), strict=True)):
                    if _differ(one, two):
                        yield at, _both_could_be(role, first, other)

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        columns = [column for role in self.roles for column in self.of(role)]
        return list(dict.fromkeys(name for column in columns for name in (column, column.split(".")[0])))


def find_columns(
    chunk: Chunk,
    *,
    needed: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    joined_on: str | None = None,
    known: Mapping[str, Names] = ROLES,
    preferred: Mapping[str, Names] = MappingProxyType({}),
) -> Columns:
    """Say which column is what, from the first rows of a file.

    Args:
        chunk: rows, of which at least one could be read.
        needed: roles that the file must have.
        mapping: role -> column, where the user says so.
        joined_on: a role that two files have; *mapping* counts for the one that has such a column.
        known: what to look for, `ROLES` or more than these.
        preferred: role -> names that count before those of *known* and of any system.

    Raises:
        DataError: if a needed column is not there; it names the columns that are.
        ConfigError: if two columns with different content could be the same thing, or *mapping* is wrong.
    """
    names = column_names(chunk)
    rows = {chunk.place(at): row for at, row in enumerate(chunk.rows) if not isinstance(row, BadRow)}
    mapping = dict(mapping or {})
    read = list(rows.values())
    if joined_on in mapping and not _candidates((mapping[joined_on],), read):
        del mapping[joined_on]
    _check(mapping, known, names, read, chunk.path)
    dialect = next((each for each in DIALECTS if _is_written_in(each, names, read)), None)
    roles: dict[str, str] = {}
    others: dict[str, Names] = {}
    rivals: list[str] = []
    for role, usual in known.items():
        only = dialect.roles.get(role, ()) if dialect else ()
        if role in mapping:
            roles[role] = mapping[role]
        elif found := _candidates(preferred.get(role, ()), read) or _candidates(only, read) or _candidates(usual, read):
            if dialect and role in dialect.ordered and found[0] in only:
                found = list(only)
            elif role in _AMBIGUOUS and role in needed:
                _refuse_difference(role, found, rows, chunk.path)
                rivals += [role] if len(found) > 1 else []
            roles[role], others[role] = found[0], tuple(found[1:])
        elif role in needed:
            raise DataError(f"{chunk.path}: {_not_found(role, usual, names)}")
    found_columns = _with_groups(
        Columns(roles, dialect.name if dialect else None, others, rivals), read, asked="group" in mapping
    )
    if found_columns.grouped_by == "prompt" or known.get("images") != ROLES["images"]:
        return found_columns
    # Images, which may be large, only tell prompts, unless the caller looks for them by names of its own.
    without = {role: column for role, column in found_columns.roles.items() if role != "images"}
    return replace(found_columns, roles=without)


def _with_groups(columns: Columns, rows: Rows, *, asked: bool) -> Columns:
    """Return columns with the one by which the rows of one prompt are told.

    It is what the user says; else ``prompt_id``; else ``uid``, ``group`` or the id, if it repeats within a step and
    rows that share it share prompt and target; else the prompt, together with the target and the images.
    """
    prompt_id = ROLES["group"][0]
    groups = columns.of("group") if "group" in columns.roles else ()
    trusted = groups[:1] if asked else tuple(name for name in groups if name == prompt_id)
    told = (name for name in groups if _tells_prompts(_values(name, rows), columns, rows))
    group = next(iter(trusted), None) or next(told, None)
    roles = {role: column for role, column in columns.roles.items() if role != "group"}
    others = {role: names for role, names in columns.others.items() if names and role != "group"}
    grouped_by: GroupRole | None = None
    if group is not None:
        grouped_by, roles["group"] = "group", group
    elif "id" in roles and _tells_prompts(columns.values("id", rows), columns, rows):
        grouped_by = "id"
    elif "prompt" in roles:
        grouped_by = "prompt"
    return replace(columns, roles=roles, others=others, grouped_by=grouped_by, trusted=group in trusted)


def _tells_prompts(values: Sequence[Any], columns: Columns, rows: Rows) -> bool:
    """Return whether values repeat within a step, and rows that share one share prompt and target too."""
    steps, prompts, targets, completions = (
        columns.values(role, rows) if role in columns.roles else [None] * len(rows)
        for role in ("step", "prompt", "target", "completion")
    )
    repeats = False
    asked: dict[bytes, Any] = {}
    for value, step, prompt, target, completion in zip(values, steps, prompts, targets, completions, strict=True):
        if value is not MISSING and value is not None:
            key, question = encoded((value, _plain(step))), encoded((_plain(prompt), _plain(target)))
            repeats = repeats or key in asked or several_texts(completion) is not None
            if asked.setdefault(key, question) != question:
                return False
    return repeats


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


def encoded(value: Any) -> bytes:
    """Return what two values share iff they are equal as JSON."""
    return msgspec.json.encode(value, enc_hook=str, order="sorted")


def several_texts(completion: Any) -> list[str] | None:
    """Return the texts where a completion is a list of several: the attempts of one prompt, as lmms-eval's repeats are.

    >>> several_texts([["A"], ["B"]]), several_texts(["A"]), several_texts([{"role": "assistant", "content": "A"}] * 2)
    (['A', 'B'], None, None)
    """
    inner = unwrap(completion)
    if not isinstance(inner, list) or len(inner) < 2:
        return None
    texts = [unwrap(each) for each in inner]
    return texts if all(isinstance(text, str) for text in texts) else None


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
    read = list(rows.values())
    for other in found[1:]:
        for place, one, two in zip(rows, _values(found[0], read), _values(other, read), strict=True):
            if _differ(one, two):
                raise ConfigError(f"{path}: {_both_could_be(role, found[0], other, place)}")


def _differ(one: Any, two: Any) -> bool:
    """Return whether a row has two values that are not the same."""
    return not (one is MISSING or one is None or two is MISSING or two is None) and bool(unwrap(one) != unwrap(two))


def _both_could_be(role: str, one: str, other: str, place: str = "") -> str:
    return (
        f"{one!r} and {other!r} could both be the {role}, and they differ{f' ({place})' if place else ''}; "
        f"say which it is: --map {role}={one} or --map {role}={other}"
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
