"""Rows for the browser: files to blocks, each of which can be read again by its place. Nothing else reads rows."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from benchmarks.files.blocks import Block, number_of, read_block, spread_attempts
from benchmarks.files.columns import ROLES, find_columns
from benchmarks.files.paths import STREAM, find_files
from benchmarks.files.sources import START, BadRow, read_chunks
from benchmarks.files.targets import read_separate_targets
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.files.columns import Columns
    from benchmarks.files.sources import Chunk, Position
    from benchmarks.files.targets import On

KNOWN: Final = ROLES | {
    "images": ("images_file_names", "images", "image", "image_paths", "image_path"),
    "view": ("view",),
    "task": ("task",),
}
"""The columns that are looked for. Paths of images count before images that are held by the file itself."""

_KEPT: Final = 64 * 2**20
"""Bytes of text and images in the blocks that stay in memory."""


class Piece(NamedTuple):
    """A part of a file that is read as one block.

    Attributes:
        file: number of the file.
        start: where it begins.
    """

    file: int
    start: Position


class Files:
    """The rows of some files, as blocks. A block is read when it is asked for, and the last ones are kept.

    Args:
        names: files, folders, patterns and addresses, see `benchmarks.files.paths.find_files`.
        mapping: role -> column, where the user says so.
        targets: a file with the targets, for rows that come without.
        on: the role that both are joined on.
        need: the role that the files must have: the target, or images.

    Raises:
        DataError: there is no such file, it lacks a column, or it is standard input.
        ConfigError: for an ambiguous column or a wrong *mapping*.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        mapping: Mapping[str, str] | None = None,
        targets: str | None = None,
        on: On = "id",
        need: Literal["target", "images"] = "target",
    ) -> None:
        self.names = find_files(names)
        if STREAM in self.names:
            raise DataError("standard input cannot be read again, which showing its rows needs; give a file")
        self._targets, self._mapping = read_separate_targets(targets, on, mapping)
        self._need: str = need
        self.columns: list[Columns | None] = [None] * len(self.names)
        self.without_completions: set[int] = set()
        """Numbers of the files that hold rows to train on: nothing in them is scored."""
        self._seen: dict[Piece, int] = {}
        """A number of the first row of each block, by which it is known that the file is still the same."""
        self._kept: OrderedDict[Piece, Block] = OrderedDict()
        self._weights: dict[Piece, int] = {}
        self._lock = Lock()

    def blocks(self) -> Iterator[tuple[Piece, Block, Chunk]]:
        """Yield all blocks, each with its place and the chunk that it is read from (``chunk.read``: how far we are)."""
        for number, name in enumerate(self.names):
            start = START
            for chunk in read_chunks(name):
                if self.columns[number] is None and len(chunk.bad_rows()) < len(chunk.rows):
                    self._find_columns(number, chunk)
                piece = Piece(number, start)
                self._seen.setdefault(piece, number_of(chunk.rows[0]))
                yield piece, self._read(number, chunk), chunk
                start = chunk.end

    def block(self, piece: Piece) -> Block:
        """Return a block that `blocks` has yielded: the same rows in the same order.

        Raises:
            DataError: the file has changed since.
        """
        with self._lock:
            if piece in self._kept:
                self._kept.move_to_end(piece)
                return self._kept[piece]
        chunk = next(read_chunks(self.names[piece.file], start=piece.start), None)
        if chunk is None or number_of(chunk.rows[0]) != self._seen[piece]:
            raise DataError(f"{self.names[piece.file]}: the file is another one than when it was opened; start again")
        block = self._read(piece.file, chunk)
        with self._lock:
            self._kept[piece] = block
            self._weights[piece] = _weight(chunk.rows)
            while len(self._kept) > 1 and sum(self._weights.values()) > _KEPT:
                del self._weights[self._kept.popitem(last=False)[0]]
        return block

    def _find_columns(self, number: int, chunk: Chunk) -> None:
        on = None if self._targets is None else self._targets.on
        find = partial(find_columns, mapping=self._mapping, joined_on=on, known=KNOWN)
        needed = (on or self._need,)
        columns = find(chunk, needed=needed)
        if "completion" in columns.roles:  # of two columns that could both be it, none may be taken
            columns = find(chunk, needed=("completion", *needed))
        else:
            self.without_completions.add(number)
            columns = find(_with_completions(chunk), needed=needed)
        self.columns[number] = columns

    def _read(self, number: int, chunk: Chunk) -> Block:
        columns = self.columns[number]
        if columns is None:  # no row could be read so far
            return Block(chunk, (), {}, chunk.bad_rows())
        if number in self.without_completions:
            chunk = _with_completions(chunk)
        required = ("target",) if self._need == "target" else ()
        return read_block(spread_attempts(chunk, columns), columns, targets=self._targets, required=required)


def _with_completions(chunk: Chunk) -> Chunk:
    """Return rows to train on as rows with an empty completion, which all of reading is made for."""
    rows = [row if isinstance(row, BadRow) else {**row, "completion": ""} for row in chunk.rows]
    return chunk._replace(rows=rows)


def _weight(value: Any) -> int:
    """Return about how many bytes a value holds."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_weight, value.values()))
    return sum(map(_weight, value)) if isinstance(value, list | tuple) else 8


def prompt_numbers(block: Block) -> tuple[str, list[int | None]]:
    """Return by what prompts are told apart from run to run, and a number for each row that the same prompt shares.

    It is the group without its step; where rows are groups of their own, their id.
    """
    roles = tuple(role for role in block.group_key if role != "step")
    if (not roles or roles[0] == "prompt") and "id" in block.columns:
        roles = ("id", "target")
    return (roles[0] if roles else "", block.numbers(roles) if roles else [None] * len(block))
