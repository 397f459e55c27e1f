"""The rows of a chunk, column by column, ready to be scored; what cannot be scored is told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from benchmarks.files.columns import MISSING, encoded, several_texts, unwrap
from benchmarks.files.dialects import failed_request
from benchmarks.files.sources import BadRow
from benchmarks.files.targets import join_key, shorten
from rewards.errors import DataError
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.files.columns import Columns
    from benchmarks.files.sources import Chunk
    from benchmarks.files.targets import TargetFile


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one chunk that can be scored.

    Attributes:
        chunk: where they come from.
        at: the place of each in the chunk, (rows,), in order.
        columns: role -> values, (rows,). ``completion`` is text. A role that the file lacks is absent.
        errors: of the chunk's other rows, by their place in it: what is wrong.
        group_key: the roles whose values together say which rows answer one prompt; empty where none do.
            The first is the one that was chosen.
        group_name: how people are told of that, e.g. ``uid and step``.
    """

    chunk: Chunk
    at: Sequence[int]
    columns: Mapping[str, Sequence[Any]]
    errors: Mapping[int, str] = field(default_factory=dict)
    group_key: tuple[str, ...] = ()
    group_name: str = ""

    def __len__(self) -> int:
        return len(self.at)

    def ids(self) -> list[Any]:
        """Return the id of each row; ``file:line`` where it has none."""
        given = self.columns.get("id", [None] * len(self))
        return [self.chunk.place(at) if id_ is None else id_ for at, id_ in zip(self.at, given, strict=True)]

    def groups(self) -> list[int | None]:
        """Return a 64-bit number for each row, the same iff the rows belong together; None for a row on its own."""
        return self.numbers(self.group_key)

    def group_labels(self) -> list[str | int | None]:
        """Return how the group of each row is named in output: the prompt's id, or a digest of what tells it."""
        if not self.group_key or self.group_key[0] == "prompt":
            return [None if number is None else f"{number:016x}" for number in self.groups()]
        given = self.columns[self.group_key[0]]
        return [each if isinstance(each, str | int | None) else str(each) for each in given]

    def without(self, errors: Mapping[int, str]) -> Block:
        """Return the block without some of its rows, given by their place in it."""
        if not errors:
            return self
        keep = [row for row in range(len(self)) if row not in errors]
        return Block(
            self.chunk,
            [self.at[row] for row in keep],
            {role: [values[row] for row in keep] for role, values in self.columns.items()},
            {**self.errors, **{self.at[row]: message for row, message in errors.items()}},
            self.group_key,
            self.group_name,
        )

    def numbers(self, roles: Sequence[str]) -> list[int | None]:
        """Return a 64-bit number for each row, shared iff the values of some roles are; None if the first is null.

        Without roles, only attempts that stand on one line share a number.
        """
        if not roles:
            return [self._attempt_of(at) for at in self.at]
        numbers: list[int | None] = []
        last = number = None
        for key in zip(*(self.columns[role] for role in roles), strict=True):
            if key != last:  # rows that stand together often share it
                last, number = key, None if key[0] is None else number_of(key)
            numbers.append(number)
        return numbers

    def _attempt_of(self, at: int) -> int | None:
        """Number the prompt of a row that is one of several attempts on its line."""
        items = self.chunk.items if self.chunk.attempts else None
        alone = items is None or items[at] is None
        return None if alone else number_of((self.chunk.path, self.chunk.lines[at]))


def number_of(key: Any) -> int:
    """Return a 64-bit number that two values share iff they are equal as JSON."""
    return int.from_bytes(blake2b(encoded(key), digest_size=8).digest(), "little")


def spread_attempts(chunk: Chunk, columns: Columns, *, one_each: bool = False) -> Chunk:
    """Return a chunk with a row for each text, where a completion is a list of several: the attempts of one prompt.

    Args:
        chunk: the rows.
        columns: which column is what; rows that are there for what another row says already are left out.
        one_each: whether a list of texts may be one completion; then it is, unless *columns* know better.
    """
    chunk = columns.counted(chunk)
    if one_each and not columns.attempts:
        return chunk
    read = [{} if isinstance(row, BadRow) else row for row in chunk.rows]
    completions = columns.values("completion", read) if "completion" in columns.roles else []
    if not any(type(each) is list for each in completions):
        return chunk
    several = [several_texts(each) for each in completions]
    if not any(several):
        return chunk
    column, *others = columns.of("completion")
    hidden = dict.fromkeys(others)
    spread = [
        (
            row if text is None or isinstance(row, BadRow) else {**row, **hidden, column: text},
            line,
            item if text is None else number,
        )
        for row, line, item, texts in zip(
            chunk.rows, chunk.lines, chunk.items or [None] * len(chunk.rows), several, strict=True
        )
        for number, text in enumerate(texts or [None])
    ]
    rows, lines, items = zip(*spread, strict=True)
    return chunk._replace(rows=rows, lines=lines, items=items, attempts=True)


def read_block(
    chunk: Chunk,
    columns: Columns,
    *,
    targets: TargetFile | None = None,
    required: Sequence[str] = ("target",),
    as_text: bool = True,
) -> Block:
    """Take the columns out of the rows of a chunk.

    Args:
        chunk: the rows.
        columns: which column is what.
        targets: where the targets come from, if not from the rows.
        required: roles of the target that may not be null.
        as_text: whether completions must be text, or messages; otherwise they are taken as they are.
    """
    errors = chunk.bad_rows()
    good = [at for at in range(len(chunk.rows)) if at not in errors]
    rows: list[Any] = [chunk.rows[at] for at in good]
    found = {role: columns.values(role, rows) for role in columns.roles}
    faults: dict[int, str] = {}
    if targets is not None:
        found |= _join(found[targets.on], targets, faults)
    for row, value in enumerate(found["completion"]):
        if value is MISSING:
            faults.setdefault(row, _absent(columns.of("completion"), rows[row]))
    if as_text:
        found["completion"] = _texts(found["completion"], columns.of("completion"), rows, faults)
    for row, clash in columns.clashes(rows):
        faults.setdefault(row, clash)
    for role in required:
        for row, value in enumerate(found[role]):
            if value is None or value is MISSING:
                what = (
                    _absent(columns.of(role), rows[row]) if targets is None else f"its {role} in {targets.path} is null"
                )
                faults.setdefault(row, what)
    plain = {role: [None if value is MISSING else value for value in values] for role, values in found.items()}
    key = tuple(role for role in _group_key(columns) if role in plain)
    told = [role for role in key if columns.grouped_by == "prompt" or role != "target"]
    names = [columns.roles.get(role, role) for role in told]
    block = Block(chunk, good, plain, errors, key, " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:]))))
    return block.without(faults)


def _group_key(columns: Columns) -> tuple[str, ...]:
    """Return the roles that tell prompts; an id that later rows use for another question is no longer the same."""
    if columns.grouped_by is None:
        return ()
    if columns.grouped_by == "prompt":
        return ("prompt", "target", "images", "step")
    return (columns.grouped_by, "step") if columns.trusted else (columns.grouped_by, "target", "step")


def _join(keys: Sequence[Any], targets: TargetFile, faults: dict[int, str]) -> dict[str, list[Any]]:
    """Return the columns of the targets for each key."""
    rows: list[tuple[Any, ...]] = []
    for row, key in enumerate(keys):
        partner = None if key is None or key is MISSING else targets.rows.get(join_key(key))
        if partner is None:
            named = f"without {targets.on}" if key is None or key is MISSING else f"for {targets.on} {shorten(key)}"
            faults[row] = f"there is no gold {named} in {targets.path}"
        rows.append((None,) * len(targets.roles) if partner is None else partner.values)
    return {role: [values[at] for values in rows] for at, role in enumerate(targets.roles)}


def _texts(
    values: Sequence[Any], names: Sequence[str], rows: Sequence[Mapping[str, Any]], faults: dict[int, str]
) -> list[str]:
    texts = []
    for row, value in enumerate(values):
        if type(value) is str:
            texts.append(value)
            continue
        try:
            texts.append(_text(value, names, rows[row]))
        except DataError as error:
            texts.append("")
            faults.setdefault(row, str(error))
    return texts


def _text(value: Any, names: Sequence[str], row: Mapping[str, Any]) -> str:
    if value is None or value is MISSING:
        raise DataError(_absent(names, row))
    inner = unwrap(value)
    if isinstance(inner, list) and all(isinstance(each, str) for each in inner):
        raise DataError(f"{names[0]!r} holds {len(inner)} completions; write each into a row of its own")
    return completion_text(inner)


def _absent(names: Sequence[str], row: Mapping[str, Any]) -> str:
    if (failed := failed_request(row)) is not None:
        return failed
    if (null := next((name for name in names if name in row), None)) is not None:
        return f"{null!r} is null"
    return f"there is no {' or '.join(map(repr, names))}; the row has {', '.join(row) or 'no columns'}"
