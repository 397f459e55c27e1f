"""Parts of files: where they are cut, what is made of one, and how that is kept."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec
import numpy as np

from benchmarks.files.sources import count_lines, split
from benchmarks.files.write import whole_file, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.run.score_files import Job, Piece

PART_BYTES = 32 << 20
"""Bytes of a part, about: what a process works on at a time, and what a run that was stopped does again."""


class Part(NamedTuple):
    """A part of a file: whole lines.

    Attributes:
        number: from 0, over all files.
        path: the file.
        start: where it begins: an offset in bytes, of Parquet a row.
        stop: where it ends; None for the end of the file.
        line: lines before it.
    """

    number: int
    path: str
    start: int = 0
    stop: int | None = None
    line: int = 0

    @property
    def name(self) -> str:
        """The name of the file that its output rows are written to."""
        return f"part-{self.number:05d}.jsonl"


def plan_parts(files: Sequence[str], size: int = PART_BYTES) -> list[Part]:
    """Cut files into parts of about *size* bytes; a file that cannot be read from the middle is one part.

    Raises:
        DataError: for a file that cannot be read.
    """
    whole: list[tuple[int, int | None]] = [(0, None)]
    ranges = [(path, start, stop) for path in files for start, stop in split(path, size) or whole]
    return [Part(number, *each) for number, each in enumerate(ranges)]


def number_lines(parts: Iterable[Part], counts: Iterable[int]) -> Iterator[Part]:
    """Yield the parts with the number of lines before them in their file, given how many each has."""
    line = 0
    for part, count in zip(parts, counts, strict=True):
        line = line if part.start else 0  # a file begins
        yield part._replace(line=line)
        line += count


class PartResult(msgspec.Struct):
    """What was made of a part.

    Attributes:
        part: the part.
        rows: rows read, bad ones included.
        errors: ``file:line: what is wrong`` of the bad ones.
        scored: rows that were scored.
        dialect: the system whose file it was recognized as.
        tally: of these; None where no row could be read.
        size: of the output rows, in bytes.
        sha256: of the output rows; empty where none are kept.
        again: whether output rows were there that are not those that were written.
    """

    part: Part
    rows: int = 0
    errors: list[str] = []
    scored: int = 0
    dialect: str | None = None
    tally: Any = None
    size: int = 0
    sha256: str = ""
    again: bool = False

    def add(self, piece: Piece) -> None:
        """Add the next piece of the part."""
        self.rows += piece.rows
        self.errors += piece.errors
        self.scored += piece.scored
        self.dialect = self.dialect or piece.dialect
        self.size += len(piece.lines)
        if self.tally is None:
            self.tally = piece.tally
        elif piece.tally is not None:
            self.tally.merge(piece.tally)


@dataclass(frozen=True, slots=True)
class PartTask:
    """Scores a part, and leaves its output rows in a folder; it can be pickled.

    Attributes:
        job: how a part is scored.
        folder: where a file of output rows is written for each part; None for nowhere.
        keep: whether the folder stays: a file is then recorded, and one that already exists and whole is kept.
    """

    job: Job
    folder: str | None = None
    keep: bool = False

    def __call__(self, part: Part) -> bytes:
        """Return the `PartResult`, packed."""
        if self.folder is None:
            return pack(self._score(part, None))
        path = Path(self.folder, part.name)
        kept, damaged = self._kept(part, path) if self.keep else (None, False)
        if kept is not None:
            return kept
        with whole_file(path, "wb", sync=self.keep) as file:
            result = self._score(part, file)
        result.again = damaged
        packed = pack(result)
        if self.keep and not (self.job.strict and result.errors):
            write_whole(record_of(path), packed)
        return packed

    @staticmethod
    def count_lines(part: Part) -> int:
        """Return the number of lines in a part."""
        return 0 if part.stop is None else count_lines(part.path, part.start, part.stop)

    def _score(self, part: Part, file: BinaryIO | None) -> PartResult:
        result, digest = PartResult(part), hashlib.sha256()
        for piece in self.job.pieces(part, write=file is not None):
            result.add(piece)
            if file is not None:
                file.write(piece.lines)
                if self.keep:
                    digest.update(piece.lines)
            if self.job.strict and result.errors:
                break
        result.sha256 = digest.hexdigest() if self.keep else ""
        return result

    def _kept(self, part: Part, path: Path) -> tuple[bytes | None, bool]:
        """Return what an earlier run made of the part, if that is still whole; and whether it is not."""
        try:
            packed = record_of(path).read_bytes()
            found = unpack(packed, self.job.scorer.tally)
            with path.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == found.sha256
        except (OSError, msgspec.MsgspecError):
            return None, False
        if found.part != part:
            return None, False
        return (packed, False) if whole else (None, True)


def record_of(path: Path) -> Path:
    """Return where it is written what was made of a part: beside its output rows."""
    return path.with_name(f".{path.stem}.tally")


def pack(result: PartResult) -> bytes:
    """Return a result as bytes."""
    return _encoder.encode(result)


def unpack(packed: bytes, tally: type[Any]) -> PartResult:
    """Return a result that was packed; *tally* is the type of what was tallied.

    Raises:
        msgspec.MsgspecError: these are not such bytes.
    """
    result = msgspec.msgpack.decode(packed, type=PartResult)
    if result.tally is not None:
        result.tally = msgspec.convert(result.tally, tally, dec_hook=_to_array)
    return result


def _from_array(value: Any) -> Any:
    """Return an array, or a number of numpy, as msgpack takes it."""
    if isinstance(value, np.ndarray):
        plain = value.tolist() if value.dtype == object else value.tobytes()
        return [value.dtype.str, value.shape, plain]
    return value.item() if isinstance(value, np.generic) else str(value)


def _to_array(kind: type[Any], packed: Any) -> Any:  # noqa: ARG001  arrays are the only such kind
    dtype, shape, plain = packed
    if np.dtype(dtype) == object:
        return np.array([sys.intern(each) if isinstance(each, str) else each for each in plain], dtype=object)
    return np.frombuffer(plain, dtype=dtype).reshape(shape)


_encoder = msgspec.msgpack.Encoder(enc_hook=_from_array)
