"""The rows of a chunk, column by column, ready to be scored; what cannot be scored is told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks.files.columns import MISSING, unwrap
from benchmarks.files.targets import join_key, shorten
from rewards.errors import DataError
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
        group_columns: the roles whose values together say which rows belong together; empty where none do.
    """

    chunk: Chunk
    at: Sequence[int]
    columns: Mapping[str, Sequence[Any]]
    errors: Mapping[int, str] = field(default_factory=dict)
    group_columns: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.at)

    def ids(self) -> list[Any]:
        """Return the id of each row; ``file:line`` where it has none."""
        given = self.columns.get("id", [None] * len(self))
        return [self.chunk.place(at) if id_ is None else id_ for at, id_ in zip(self.at, given, strict=True)]

    def groups(self) -> list[int | None]:
        """Return a 64-bit number for each row, the same iff the rows belong together; None for a row on its own."""
        return list(self._group_numbers())

    def group_labels(self) -> list[str | int | None]:
        """Return how the group of each row is named in output: the group's id, or a digest of the prompt and step."""
        given = self.columns.get("group")
        if given is None:
            return [None if number is None else f"{number:016x}" for number in self._group_numbers()]
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
            self.group_columns,
        )

    def _group_numbers(self) -> Iterator[int | None]:
        last, number = None, None
        columns = [self.columns[role] for role in self.group_columns]
        for key in zip(*columns, strict=True) if columns else [()] * len(self):
            if key != last:
                last, number = key, None if not key or key[0] is None else number_of(key)
            yield number


def number_of(key: Any) -> int:
    """Return a 64-bit number that two values share iff they are equal as JSON."""
    written = msgspec.json.encode(key, enc_hook=str, order="sorted")
    return int.from_bytes(blake2b(written, digest_size=8).digest(), "little")


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
    if as_text:
        found["completion"] = _texts(found["completion"], columns.roles["completion"], rows, faults)
    for role in required:
        for row, value in enumerate(found[role]):
            if value is None or value is MISSING:
                what = (
                    _absent(columns.roles[role], rows[row])
                    if targets is None
                    else f"its {role} in {targets.path} is null"
                )
                faults.setdefault(row, what)
    plain = {role: [None if value is MISSING else value for value in values] for role, values in found.items()}
    grouping = ("group",) if "group" in plain else tuple(role for role in ("prompt", "step") if role in plain)
    block = Block(chunk, good, plain, errors, () if grouping == ("step",) else grouping)
    return block.without(faults)


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


def _texts(values: Sequence[Any], column: str, rows: Sequence[Mapping[str, Any]], faults: dict[int, str]) -> list[str]:
    texts = []
    for row, value in enumerate(values):
        if type(value) is str:
            texts.append(value)
            continue
        try:
            texts.append(_text(value, column, rows[row]))
        except DataError as error:
            texts.append("")
            faults.setdefault(row, str(error))
    return texts


def _text(value: Any, column: str, row: Mapping[str, Any]) -> str:
    if value is None or value is MISSING:
        raise DataError(_absent(column, row))
    inner = unwrap(value)
    if isinstance(inner, list) and all(isinstance(each, str) for each in inner):
        raise DataError(f"{column!r} holds {len(inner)} completions; write each into a row of its own")
    return completion_text(inner)


def _absent(column: str, row: Mapping[str, Any]) -> str:
    if column in row:
        return f"{column!r} is null"
    return f"there is no {column!r}; the row has {', '.join(row) or 'no columns'}"
