"""A few numbers for each row, kept on disk: however long a file, its groups are compared within bounded memory.

The rows of a group need not stand together in a file, and how they rank is only known when all of them are there. So
each row leaves a small record here. At the end the records are read back in parts, each of which holds whole clusters,
and so whole groups.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PART_ROWS = 1 << 15
"""Records that a part should not exceed by much."""
_MOST_PARTS = 256  # files that are open at a time


class Spool:
    """Records of one numpy type, appended to a file.

    Args:
        kind: the type of a record; its field ``cluster`` (uint64) holds evenly distributed numbers.
        path: the file; None for a temporary one.
        size: bytes of the file that count, the rest being left of a run that was killed.
    """

    def __init__(self, kind: np.dtype[np.void], path: Path | None = None, *, size: int = 0) -> None:
        self.kind = kind
        self._path = path
        # "a" makes a file that is not there, and writes at the end wherever reading has been.
        self._file: IO[bytes] = tempfile.TemporaryFile("a+b") if path is None else path.open("a+b")  # noqa: SIM115
        self._file.truncate(size)

    def add(self, records: NDArray[np.void]) -> None:
        """Append records, (rows,)."""
        self._file.write(records.tobytes())

    def save(self) -> int:
        """Make what was added last, and return its size in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)

    def parts(self) -> Iterator[NDArray[np.void]]:
        """Yield all records in parts, (rows of the part,), such that each cluster is in one part, in its order."""
        count = self._file.seek(0, os.SEEK_END) // self.kind.itemsize
        number = min(_MOST_PARTS, -(-count // PART_ROWS))
        if number <= 1:
            yield from self._pieces()
            return
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(number)]
            for records in self._pieces():
                part = records["cluster"] % np.uint64(number)
                for which, file in enumerate(files):
                    file.write(records[part == which].tobytes())
            for file in files:
                file.seek(0)
                yield np.frombuffer(file.read(), dtype=self.kind)

    def _pieces(self) -> Iterator[NDArray[np.void]]:
        self._file.seek(0)
        while read := self._file.read(PART_ROWS * self.kind.itemsize):
            yield np.frombuffer(read, dtype=self.kind)

    def close(self, *, remove: bool = True) -> None:
        """Close the file and, by default, remove it."""
        self._file.close()
        if remove and self._path is not None:
            self._path.unlink(missing_ok=True)
