"""The rows of a chunk, column by column, ready to be scored; what cannot be scored is told apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from operator import attrgetter, ne
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks.files.columns import MISSING, encoded, several_texts, single_texts, unwrap
from benchmarks.files.dialects import failed_request
from benchmarks.files.sources import BadRow, CellRow, DateCell
from benchmarks.files.targets import date_fault, join_key, shorten
from rewards.errors import DataError
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from benchmarks.files.columns import Columns
    from benchmarks.files.sources import Chunk
    from benchmarks.files.targets import TargetFile

    Digest = Callable[[Sequence[str]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one chunk that can be scored.

    Attributes:
        chunk: where they come from.
        at: the place of each in the chunk, (rows,), in order.
        columns: role -> values, (rows,). ``completion`` is text, or what a `Digest` made of it. A role that the file
            lacks is absent.
        errors: of the chunk's other rows, by their place in it: what is wrong.
        group_key: the roles whose values together say which rows answer one prompt; empty where none do.
            The first is the one that was chosen.
        group_name: how people are told of that, e.g. ``uid and step``.
        given: ``id`` and `CARRIED` of each row of the chunk, whether it can be scored or not, as far as the file has
            such columns; None where a row has none.
    """

    chunk: Chunk
    at: Sequence[int]
    columns: Mapping[str, Sequence[Any]]
    errors: Mapping[int, str] = field(default_factory=dict)
    group_key: tuple[str, ...] = ()
    group_name: str = ""
    given: Mapping[str, Sequence[Any]] = field(default_factory=dict)

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
        if {*map(type, given)} <= {str, int, type(None)}:
            return [*given]
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
            self.given,
        )

    def numbers(self, roles: Sequence[str]) -> list[int | None]:
        """Return a 64-bit number for each row, shared iff the values of some roles are; None if the first is null.

        Without roles, only attempts that stand on one line share a number.
        """
        return [number for number, length in zip(*self.runs(roles), strict=True) for _ in range(length)]

    def runs(self, roles: Sequence[str]) -> tuple[list[int | None], list[int]]:
        """Return `numbers` of rows that follow each other and share one, once, and how many they are."""
        if not roles:
            return [self._attempt_of(at) for at in self.at], [1] * len(self)
        keys = [*zip(*(self.columns[role] for role in roles), strict=True)]
        starts = [row for row, differs in enumerate(map(ne, keys, [None, *keys])) if differs]
        numbers = [None if keys[row][0] is None else number_of(keys[row]) for row in starts]
        return numbers, [end - start for start, end in pairwise([*starts, len(keys)])]

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
    digest: Digest | None = None,
) -> Block:
    """Take the columns out of the rows of a chunk.

    Args:
        chunk: the rows.
        columns: which column is what.
        targets: where the targets come from, if not from the rows.
        required: roles of the target that may not be null.
        as_text: whether completions must be text, or messages; otherwise they are taken as they are.
        digest: makes of completions what is needed of them, if the `row_decoder` has not done so.
    """
    faults: dict[int, str] = {}
    if chunk.typed:
        found = _typed_columns(chunk, columns)
        if targets is not None:
            found |= _join(found[targets.on], targets, faults)
            _check_joined(found, targets, required, faults)
        everything = range(len(chunk.rows))
        same = {role: found[role] for role in _GIVEN if role in found}
        return _block(chunk, columns, everything, found, errors={}, given=same).without(faults)
    errors = chunk.bad_rows()
    good = [at for at in range(len(chunk.rows)) if at not in errors]
    rows: list[Any] = [chunk.rows[at] for at in good]
    found = {role: columns.values(role, rows) for role in columns.roles}
    if targets is not None:
        found |= _join(found[targets.on], targets, faults)
    for row, value in enumerate(found["completion"]):
        if value is MISSING:
            faults.setdefault(row, _absent(columns.of("completion"), rows[row]))
    if as_text:
        found["completion"] = _texts(found["completion"], columns.of("completion"), rows, faults)
    for row, clash in columns.clashes(rows):
        faults.setdefault(row, clash)
    for role in ("completion", "target"):
        for row, value in enumerate(found.get(role, ())):
            if type(value) is DateCell:
                faults.setdefault(row, date_fault(role, value))
    if targets is not None:
        _check_joined(found, targets, required, faults)
    else:
        for role in required:
            for row, value in enumerate(found[role]):
                if value is None or value is MISSING:
                    faults.setdefault(row, _absent(columns.of(role), rows[row]))
    plain = {role: [None if value is MISSING else value for value in values] for role, values in found.items()}
    given: dict[str, list[Any]] = {role: [None] * len(chunk.rows) for role in _GIVEN if role in plain}
    for role, values in given.items():
        for at, value in zip(good, plain[role], strict=True):
            values[at] = value
    block = _block(chunk, columns, good, plain, errors=errors, given=given).without(faults)
    if digest is None:
        return block
    return replace(block, columns={**block.columns, "completion": digest(block.columns["completion"])})


CARRIED = ("scene", "made_with", "prompt_hash")
"""What output rows say of a row besides its id, where the file says it."""
_GIVEN = ("id", *CARRIED)


def _block(
    chunk: Chunk,
    columns: Columns,
    at: Sequence[int],
    found: Mapping[str, Sequence[Any]],
    *,
    errors: Mapping[int, str],
    given: Mapping[str, Sequence[Any]],
) -> Block:
    key = tuple(role for role in _group_key(columns) if role in found)
    told = [role for role in key if columns.grouped_by == "prompt" or role != "target"]
    names = [columns.roles.get(role, role) for role in told]
    name = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    return Block(chunk, at, found, errors, key, name, given)


def row_decoder(
    columns: Columns, *, required: Collection[str] = (), digest: Digest | None = None
) -> Callable[[bytes], Sequence[Any]] | None:
    """Return a decoder for `benchmarks.files.sources.read_chunks` that reads only the columns that are looked at.

    It takes rows that need no second look: the completion is text, there are values in the required columns and none in
    a rival one, and the row is no table. None where columns stand inside others, reasoning stands apart, or rows are
    told by a column whether they count.

    Args:
        columns: of the file.
        required: roles of the target that come from it and may not be null.
        digest: makes of the completions of some rows what is needed of them, so that their text need not be kept.
    """
    if not columns.roles.keys().isdisjoint(("reasoning", "content")) or columns.only is not None or columns.spoken:
        return None
    kinds: dict[str, tuple[Any, ...]] = {}  # column -> its type, and what stands for a value that is not there
    for role in columns.roles:
        first, *others = columns.of(role)
        kinds |= {name: (Any, None) for name in others if name not in kinds}
        kinds[first] = (_VALUE,) if role in required else (Any, None)
    kinds |= dict.fromkeys(_TABLE_COLUMNS, (_NO_LIST, None))
    kinds |= {name.split(".")[0]: (None, None) for names in columns.rivals.values() for name in names}
    del kinds[columns.roles["completion"]]
    # Names with dots stand inside others; msgspec takes none that JSON would have to escape.
    if any("." in name or encoded(name) != f'"{name}"'.encode() for name in (*kinds, columns.roles["completion"])):
        return None
    fields = [("completion", str), *((f"c{at}", *kind) for at, kind in enumerate(kinds.values()))]
    names = {field[0]: name for field, name in zip(fields, (columns.roles["completion"], *kinds), strict=True)}
    row: Any = msgspec.defstruct("Row", fields, rename=names, kw_only=True, gc=False)
    decode = msgspec.json.Decoder(row).decode_lines
    return decode if digest is None else partial(_digested, decode, digest)


def _digested(decode: Callable[[bytes], Sequence[Any]], digest: Digest, block: bytes) -> Sequence[Any]:
    rows = decode(block)
    for row, read in zip(rows, digest([row.completion for row in rows]), strict=True):
        row.completion = read
    return rows


_VALUE: Any = str | int | float | bool | list[Any] | dict[str, Any]
_NO_LIST: Any = str | int | float | bool | dict[str, Any] | None
_TABLE_COLUMNS = ("step", "gen_step")  # by lists in these a table is told, see `benchmarks.files.sources`


def _typed_columns(chunk: Chunk, columns: Columns) -> dict[str, Sequence[Any]]:
    """Return the values of each role, (rows,), of rows that a `row_decoder` has read."""
    kind: Any = type(chunk.rows[0])
    attributes = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
    found: dict[str, Sequence[Any]] = {}
    for role in columns.roles:
        values, *others = ([*map(attrgetter(attributes[name]), chunk.rows)] for name in columns.of(role))
        for other in others if None in values else ():
            values = [two if one is None else one for one, two in zip(values, other, strict=True)]
        found[role] = single_texts(values) if role == "target" else values
    return found


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
            faults[row] = f"there is no target {named} in {targets.path}"
        rows.append((None,) * len(targets.roles) if partner is None else partner.values)
    return {role: [values[at] for values in rows] for at, role in enumerate(targets.roles)}


def _check_joined(
    found: Mapping[str, Sequence[Any]], targets: TargetFile, required: Sequence[str], faults: dict[int, str]
) -> None:
    for role in required:
        for row, value in enumerate(found[role]):
            if value is None:
                faults.setdefault(row, f"its {role} in {targets.path} is null")


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
        if type(row) is CellRow:
            return f"the cell under {null!r} is empty; where a list is right that holds nothing, write none"
        return f"{null!r} is null"
    return f"there is no {' or '.join(map(repr, names))}; the row has {', '.join(row) or 'no columns'}"
