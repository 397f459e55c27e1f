"""Which column of a file is what: the completion, the target, the id, what tells which rows answer one prompt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from benchmarks.files.dialects import DIALECTS
from benchmarks.files.sources import BadRow, CellRow, column_names
from benchmarks.files.text_tables import MESSAGES_AS_TEXT, messages_of
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError
from rewards.messages import Rejoined, completion_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from benchmarks.files.dialects import Dialect
    from benchmarks.files.sources import Chunk

    Rows = Sequence[Mapping[str, Any]]

Names = tuple[str, ...]
GroupRole = Literal["group", "id", "prompt"]

ROLES: dict[str, Names] = {
    "completion": (
        "completion",
        "completions",
        "response",
        "responses",
        "output",
        "outputs",
        "prediction",
        "generated_text",
        "model_output",
        "resps",
        "filtered_resps",
    ),
    "reasoning": ("reasoning_content",),
    "target": (*TARGET_COLUMNS, "reference", "gold", "reward_model.ground_truth"),
    "references": ("references",),
    "relations": ("relations",),
    "options": ("options",),
    "task": ("task", "extra_info.task", "data_source"),
    "id": ("id", "doc_id", "uid", "custom_id"),
    "group": ("prompt_id", "uid", "group", "group_id", "problem_id", "prompt_index"),
    "prompt": ("prompt", "input"),
    "images": ("images", "image", "image_path", "image_paths"),
    "step": ("step", "gen_step"),
    "scene": ("scene", "scene_id"),
    "made_with": ("made_with",),
    "prompt_hash": ("prompt_hash",),
    "finish_reason": ("finish_reason",),
    "refusal": ("refusal",),
    "request_error": ("error",),
    "content": ("content",),
}
"""What a column can be, and the names it is known by. A dot looks inside a column that holds objects."""

MESSAGES = "messages"
"""The column of a whole conversation: it holds a completion if nothing else does, and the assistant's turn is there."""

_SEVERAL = ("completions", "responses", "outputs", "resps", "filtered_resps")
"""Names of the completion that say that there may be several; another list of texts may be one answer."""

_AMBIGUOUS = ("completion", "target")
"""Roles for which two columns that differ are one too many; of the others the first is taken."""

_NOT_INSIDE = (*_AMBIGUOUS, "prompt", "group", "step", "request_error")
"""Roles that what an author of a data set said of a row does not have."""


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
        rivals: role -> columns whose value must not be another one than that of the role's first: all that could be
            it, also those that no row has had so far.
        grouped_by: the role by which rows of one prompt are told; None where nothing tells.
        trusted: whether that is certain; otherwise only rows with the same target are of one prompt.
        attempts: whether a list of texts is certain to be several attempts, whatever is scored.
        only: a column and its value in the rows that count; the others are the same completions once more.
        spoken: whether completions are messages that were written as text.
    """

    roles: Mapping[str, str]
    dialect: str | None = None
    others: Mapping[str, Names] = field(default_factory=dict)
    rivals: Mapping[str, Names] = field(default_factory=dict)
    grouped_by: GroupRole | None = None
    trusted: bool = False
    attempts: bool = False
    only: tuple[str, Any] | None = None
    spoken: bool = False

    def of(self, role: str) -> Names:
        """Return the columns in which the values of a role stand, in the order in which they are looked at."""
        return (self.roles[role], *self.others.get(role, ()))

    def values(self, role: str, rows: Rows) -> list[Any]:
        """Return the values of *role*, (rows,); `MISSING` where a row has none of its columns.

        A completion whose reasoning stands in a column of its own gets it back, and one that got it back already is
        told by what the column ``content`` holds. A target that is one text in a list is that text.
        """
        values = self._of_first(role, rows)
        if role == "completion" and self.spoken:
            values = [messages_of(value) if isinstance(value, str) else value for value in values]
        if role == "completion" and "reasoning" in self.roles:
            values = list(map(_with_reasoning, values, self._of_first("reasoning", rows)))
        if role == "completion" and "content" in self.roles:
            values = list(map(_with_content, values, self._of_first("content", rows)))
        if role == "target":
            return single_texts(values)
        return values

    def _of_first(self, role: str, rows: Rows) -> list[Any]:
        values = _written(role, self.roles[role], rows)
        for other in self.others.get(role, ()):
            absent = [at for at, value in enumerate(values) if value is MISSING or value is None]
            for at, value in zip(absent, _written(role, other, [rows[at] for at in absent]), strict=True):
                values[at] = values[at] if value is MISSING else value
        return values

    def counted(self, chunk: Chunk) -> Chunk:
        """Return a chunk without the rows that hold the completions of others once more, see `only`."""
        if self.only is None:
            return chunk
        column, value = self.only
        kept = [at for at, row in enumerate(chunk.rows) if isinstance(row, BadRow) or row.get(column, value) == value]
        if len(kept) == len(chunk.rows):
            return chunk
        items = None if chunk.items is None else [chunk.items[at] for at in kept]
        rows, lines = [chunk.rows[at] for at in kept], [chunk.lines[at] for at in kept]
        return chunk._replace(rows=rows, lines=lines, items=items)

    def clashes(self, rows: Rows) -> Iterator[tuple[int, str]]:
        """Yield each row that has two values which could be the same thing, with what is wrong with it."""
        there = set().union(*rows) if self.rivals else ()
        for role, others in self.rivals.items():
            first = self.roles[role]
            for other in others:
                if other not in there and other.split(".")[0] not in there:
                    continue
                for at, (one, two) in enumerate(zip(_values(first, rows), _values(other, rows), strict=True)):
                    if _differ(one, two):
                        yield at, _both_could_be(role, first, other)

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        columns = [column for role in self.roles for column in (*self.of(role), *self.rivals.get(role, ()))]
        columns += [] if self.only is None else [self.only[0]]
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
    _check(mapping, known, names, read, chunk.path, joined=joined_on is not None)
    dialect = next((each for each in DIALECTS if _is_written_in(each, names, read)), None)
    roles: dict[str, str] = {}
    others: dict[str, Names] = {}
    rivals: dict[str, Names] = {}
    missing: list[str] = []
    for role, usual in known.items():
        if role in mapping:
            roles[role] = mapping[role]
        elif found := _candidates(preferred.get(role, ()), read) or _find(
            role, usual, dialect, read, needed=role in needed
        ):
            if role in _AMBIGUOUS and role in needed and not (dialect and role in dialect.ordered):
                _refuse_difference(role, found, rows, chunk.path)
                written = dialect.roles.get(role, ()) if dialect else ()
                sought = next((each for each in (preferred.get(role, ()), written, usual) if found[0] in each), found)
                rivals[role] = tuple(name for name in sought if name != found[0])
            roles[role], others[role] = found[0], tuple(found[1:])
        elif role in needed:
            missing.append(role)
    if missing:
        raise DataError(f"{chunk.path}: {_not_found(missing, roles, known, names, read)}")
    columns = Columns(roles, None, others, rivals, attempts=roles.get("completion") in _SEVERAL)
    if dialect is not None:
        columns = _as_written(columns, dialect, read)
    if "completion" in roles:
        texts = [value for value in columns.values("completion", read) if isinstance(value, str)]
        columns = replace(columns, spoken=bool(texts) and all(map(MESSAGES_AS_TEXT.match, texts)))
    counted = [row for row in columns.counted(chunk).rows if not isinstance(row, BadRow)]
    found_columns = _with_groups(columns, counted, asked="group" in mapping)
    if found_columns.grouped_by == "prompt" or known.get("images") != ROLES["images"]:
        return found_columns
    # Images, which may be large, only tell prompts, unless the caller looks for them by names of its own.
    without = {role: column for role, column in found_columns.roles.items() if role != "images"}
    return replace(found_columns, roles=without)


def _find(role: str, usual: Names, dialect: Dialect | None, rows: Rows, *, needed: bool) -> list[str]:
    """Return the columns of a role, in the order in which they are looked at."""
    if dialect is not None:
        if found := _candidates(dialect.roles.get(role, ()), rows):
            return list(dialect.roles[role]) if role in dialect.ordered else found
        if dialect.questions and role == "prompt" and not needed:
            return []  # questions about other images may be worded alike: their ids tell them apart
    found = _candidates(usual, rows)
    if not found and role == "completion" and any(map(_ends_with_answer, _values(MESSAGES, rows))):
        return [MESSAGES]
    if not found and dialect is not None and dialect.inside and role not in _NOT_INSIDE:
        if role == "task" and dialect.inside == "doc":
            return []  # the data set's record itself: its task is a word of its own
        return _candidates(tuple(f"{dialect.inside}.{name}" for name in usual), rows)
    return found


def _as_written(columns: Columns, dialect: Dialect, rows: Rows) -> Columns:
    """Return columns with what is known of the system that wrote the file."""
    first = next(iter(_candidates((dialect.once,), rows) if dialect.once else ()), None)
    only = None if first is None else (first, next(row[first] for row in rows if row.get(first) is not None))
    name = dialect.name if only is None else f"{dialect.name}, {only[0]} {only[1]}"
    return replace(columns, dialect=name, attempts=columns.attempts or dialect.questions, only=only)


def _ends_with_answer(messages: Any) -> bool:
    """Return whether messages, from the last on, are the assistant's: a prompt alone ends with the user's."""
    last = messages[-1] if isinstance(messages, list) and messages else None
    return isinstance(last, dict) and last.get("role") == "assistant"


def _with_groups(columns: Columns, rows: Rows, *, asked: bool) -> Columns:
    """Return columns with the one by which the rows of one prompt are told.

    It is what the user says; else ``prompt_id``; else ``uid``, ``group`` and the like or the id, if it repeats
    within a step and rows that share it share prompt and target; else the prompt, with the target and the images.
    """
    prompt_id = ROLES["group"][0]
    groups = columns.of("group") if "group" in columns.roles else ()
    trusted = groups[:1] if asked else tuple(name for name in groups if name == prompt_id)
    told = (name for name in groups if _tells_prompts(_written("group", name, rows), columns, rows))
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
    """Return the texts where a completion is a list of several: the attempts at one prompt, as lmms-eval's repeats are.

    Each is a text, a conversation, or an object with a text.

    >>> several_texts([["A"], ["B"]]), several_texts(["A"]), several_texts([{"role": "assistant", "content": "A"}] * 2)
    (['A', 'B'], None, None)
    >>> several_texts([[{"role": "assistant", "content": "A"}], [{"role": "assistant", "content": "B"}]])
    ['A', 'B']
    >>> several_texts([{"text": "A", "index": 0}, {"text": "B", "index": 1}])
    ['A', 'B']
    """
    inner = unwrap(completion)
    if not isinstance(inner, list) or len(inner) < 2:
        return None
    texts = list(map(_attempt, inner))
    return texts if all(isinstance(text, str) for text in texts) else None


def _attempt(value: Any) -> Any:
    """Return the text of one of several completions, or anything else where it is none."""
    if isinstance(value, list) and value and all(isinstance(each, dict) and "role" in each for each in value):
        return _text_or_self(value)
    inner = unwrap(value)
    if isinstance(inner, dict) and inner.keys().isdisjoint(("role", "type")):
        return next((inner[name] for name in ("text", "generated_text") if name in inner), inner)
    return inner


def _text_or_self(value: Any) -> Any:
    try:
        return completion_text(value)
    except DataError:
        return value


def _with_reasoning(completion: Any, reasoning: Any) -> Any:
    """Return a completion with the reasoning that stands in a column of its own in front."""
    if not isinstance(completion, str) or not isinstance(reasoning, str) or not reasoning.strip():
        return completion
    return completion_text({"role": "assistant", "content": completion, "reasoning_content": reasoning})


def _with_content(completion: Any, content: Any) -> Any:
    """Return a completion as one whose reasoning was put back, where it is reasoning and then *content*."""
    if type(completion) is not str or not isinstance(content, str):
        return completion
    apart = completion.startswith("<think>") and completion.endswith(f"</think>{content}")
    return Rejoined(completion, content) if apart else completion


def reasoning_apart(columns: Columns, rows: Rows) -> str | None:
    """Return a column that may hold the model's reasoning, which nobody reads, or None.

    Servers and frameworks write it under these names, and so do data sets their rationales: only the user knows.
    """
    if "reasoning" in columns.roles or "completion" not in columns.roles:
        return None
    rejoined = any(isinstance(text, str) and "</think>" in text for text in columns.values("completion", rows))
    return None if rejoined else next(iter(_candidates(_REASONING, rows)), None)


_REASONING = ("reasoning", "thinking", "reasoning_text", "thinking_content", "thought", "thoughts")


def single_texts(targets: Sequence[Any]) -> list[Any]:
    """Return targets; one that is a list with a text in it, and nothing else, is that text."""
    return [
        target[0] if type(target) is list and len(target) == 1 and isinstance(target[0], str) else target
        for target in targets
    ]


def _is_written_in(dialect: Dialect, names: Collection[str], rows: Rows) -> bool:
    return all(
        any(bool(_candidates((sign,), rows)) if "." in sign else sign in names for sign in signs)
        for signs in dialect.signs
    )


def _check(
    mapping: Mapping[str, str], known: Collection[str], names: Sequence[str], rows: Rows, path: str, *, joined: bool
) -> None:
    for role, column in mapping.items():
        if role not in known:
            raise ConfigError(f"--map {role}={column}: {role!r} is not one of {', '.join(known)}")
        if not _candidates((column,), rows):
            near = get_close_matches(column, names, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            alone = f"; with --targets, the {role} is a column of this file alone" if joined else ""
            raise ConfigError(f"{path}: there is no column {column!r} for the {role}; {hint}{_seen(names)}{alone}")


def _candidates(names: Names, rows: Rows) -> list[str]:
    """Return which columns are there with a value in at least one row."""
    return [name for name in names if any(value not in (MISSING, None) for value in _values(name, rows))]


def _written(role: str, column: str, rows: Rows) -> list[Any]:
    """Return the values of a column; an empty cell is None, but for a completion, which may be empty.

    As text it would be the list that holds nothing, one group of all rows without any, or no JSON.
    """
    values = _values(column, rows)
    if role == "completion" or not rows or type(rows[0]) is not CellRow:
        return values
    return [None if isinstance(value, str) and not value.strip() else value for value in values]


def _values(column: str, rows: Rows) -> list[Any]:
    try:
        return [row[column] for row in rows]
    except KeyError:
        values = [row.get(column, MISSING) for row in rows]
    listed, star, rest = column.partition(".*.")
    if star:
        return [_each(value, rest) for value in _values(listed, rows)]
    head, dot, rest = column.partition(".")
    if not dot:
        return values
    inner = [row[head] if isinstance(row.get(head), dict) else {} for row in rows]
    nested = _values(rest, inner)
    return [deep if value is MISSING else value for value, deep in zip(values, nested, strict=True)]


def _each(value: Any, inner: str) -> Any:
    """Return the texts of what stands at *inner* in each entry of a list."""
    entries = value if isinstance(value, list) else []
    found = _values(inner, [entry if isinstance(entry, dict) else {} for entry in entries])
    return MISSING if all(each is MISSING for each in found) else [_text_or_self(_plain(each)) for each in found]


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


_ASKED = (
    "prompt",
    "messages",
    "question",
    "query",
    "instruction",
    "problem",
    "input",
    "conversations",
    "body.messages",
)
"""Columns that say that a file holds prompts."""

_WORDS = {
    "completion": {"completion", "response", "output", "prediction", "predicted", "generated", "generation", "reply"},
    "target": {"target", "truth", "gold", "answer", "solution", "label", "reference", "correct", "expected"},
}
"""Words in the names of columns that are likely to have a role."""


def _not_found(
    roles: Sequence[str], found: Mapping[str, str], known: Mapping[str, Names], names: Sequence[str], rows: Rows
) -> str:
    """Say which columns are missing, which are there, and what to do."""
    near = {
        role: _nearest(role, known[role], [name for name in names if name not in found.values()], rows)
        for role in roles
    }
    if "completion" in roles and not near["completion"] and (asked := _candidates(_ASKED, rows)):
        truth = f" and targets ({found['target']!r})" if "target" in found else ""
        return (
            f"this is a file of prompts ({asked[0]!r}){truth}, and holds no completions; score what a model wrote for "
            f"them, or say where that is: --map completion=COLUMN; {_seen(names)}"
        )
    flags = " ".join(f"--map {role}={_or(near[role])}" for role in roles)
    apart = "; or give the targets in a file of their own: --targets FILE" if roles == ["target"] else ""
    which = "which it is" if len(roles) == 1 else "which they are"
    return f"there is no {' and no '.join(roles)} column; {_seen(names)}; say {which}: {flags}{apart}"


def _or(near: Sequence[str]) -> str:
    if not near:
        return "COLUMN"
    return f"{near[0]} (or {', '.join(near[1:])})" if near[1:] else near[0]


def _nearest(role: str, usual: Names, names: Sequence[str], rows: Rows) -> list[str]:
    """Return at most three columns that may have a role: one with a usual name in an object, one named nearly so."""
    objects = [name for name in names if any(isinstance(row.get(name), dict) for row in rows)]
    inside = _candidates(tuple(f"{name}.{inner}" for name in objects for inner in usual if "." not in inner), rows)
    like = [name for name in names if get_close_matches(name, usual, cutoff=0.75)]
    words = _WORDS.get(role, set())
    named = [name for name in names if words & set(name.lower().replace("-", "_").split("_"))]
    return list(dict.fromkeys([*inside, *like, *named]))[:3]


def _seen(names: Sequence[str]) -> str:
    return f"the columns are {', '.join(names)}" if names else "there are no columns"
