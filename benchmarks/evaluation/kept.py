"""What is kept of every row until the end: arrays, not rows; on disk too where a run may have to go on after a stop."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from benchmarks.evaluation.scores import column

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt


class Kept:
    """Columns that grow by blocks.

    Args:
        path: a file that holds a copy, for a run that may have to go on; None for none.
        size: bytes of the file that count, the rest being left of a run that was killed.
    """

    def __init__(self, path: Path | None = None, *, size: int = 0) -> None:
        self._path = path
        self._blocks: dict[str, list[npt.NDArray[Any]]] = {}
        self._file: IO[bytes] | None = None
        if path is not None:
            self._file = path.open("a+b")
            self._file.truncate(size)
            self._file.seek(0)
            while self._file.tell() < size:
                self._append({str(name): np.load(self._file) for name in np.load(self._file)})
            self._file.seek(0, os.SEEK_END)

    def add(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Append a block: the same columns each time, ``(rows, ...)``, at least one row."""
        self._append(columns)
        if self._file is not None:
            np.save(self._file, np.array(list(columns)))
            for values in columns.values():
                np.save(self._file, values.astype(str) if values.dtype == object else values)

    def _append(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        for name, values in columns.items():
            plain = column(values.tolist()) if values.dtype.kind == "U" else values
            self._blocks.setdefault(name, []).append(plain)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return all columns, ``(rows, ...)`` each."""
        for name, blocks in self._blocks.items():
            self._blocks[name] = [np.concatenate(blocks)]
        return {name: blocks[0] for name, blocks in self._blocks.items()}

    def save(self) -> int:
        """Make what was added last, and return the file's size in bytes."""
        if self._file is None:
            return 0
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)

    def close(self, *, remove: bool = True) -> None:
        """Close the file and, by default, remove it."""
        if self._file is not None and self._path is not None:
            self._file.close()
            if remove:
                self._path.unlink(missing_ok=True)
