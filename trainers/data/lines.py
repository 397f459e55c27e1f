"""Writing files of JSON lines: whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Written(NamedTuple):
    """What became of the rows.

    Attributes:
        read: rows that were read.
        written: rows that were written.
        failed: rows that could not be.
    """

    read: int
    written: int
    failed: int


def json_line(record: Mapping[str, Any]) -> str:
    r"""Return a record as one line.

    >>> json_line({"name": "Stühle", "at": (1, 2)})
    '{"name": "Stühle", "at": [1, 2]}\n'
    """
    return json.dumps(record, ensure_ascii=False) + "\n"


def refuse_existing(*paths: Path, overwrite: bool = False) -> None:
    """See that nothing is overwritten unasked, before any work is done.

    Raises:
        ConfigError: one of the files is there, or the folder that it belongs into is not.
    """
    for path in paths:
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}")
        if path.is_dir() or (path.exists() and not overwrite):
            raise ConfigError(f"{path} is there already; name another file or pass --overwrite")


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears under its name only once it is complete; an error leaves no trace of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
