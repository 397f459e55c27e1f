"""Finding and reading the files of a data set: JSON lines and Parquet, with errors that name the place."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.extras import need
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    OnError = Callable[[DataError], None]

R = TypeVar("R")
T = TypeVar("T")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_BATCH = 32  # rows of Parquet held at a time; each may carry megabytes of images


def local_copy(source: str | os.PathLike[str]) -> Path:
    """Return the local file or folder of a data set, downloading it where it is named by its id on the hub.

    Args:
        source: a path, or an id such as ``"RunsenXu/MMSI-Bench"``.

    Raises:
        ConfigError: it is not here and cannot be downloaded; the message says how to.
    """
    path = Path(source)
    if path.exists():
        return path
    name = str(source)
    if not _HUB_ID.fullmatch(name):
        raise ConfigError(f"{name}: no such file or folder, and no id of a data set on the hub (owner/name)")
    advice = f"download it with `hf download {name} --repo-type dataset --local-dir DIR` and pass DIR"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise ConfigError(f"{name} is not a local path and HF_HUB_OFFLINE is set; {advice}")
    hub = need("huggingface_hub", package="huggingface_hub", purpose=f"downloading {name}; {advice}, or this")
    try:
        return Path(hub.snapshot_download(name, repo_type="dataset"))
    except (OSError, ValueError) as error:  # the hub's own errors, like those of the network, are OSErrors
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"{name} could not be downloaded ({reason}); {advice}") from error


def files_in(path: Path, suffixes: Sequence[str], *, several: bool = False) -> list[Path]:
    """Return the file ``path``, or the sorted files with one of the suffixes anywhere in the folder ``path``.

    Args:
        path: a file of any suffix, or a folder.
        suffixes: e.g. ``(".jsonl",)``.
        several: whether a folder's files belong together; otherwise it may hold only one.

    Raises:
        ConfigError: the folder has no such file, or several that are not one data set.
    """
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.name.endswith(tuple(suffixes)) and file.is_file())
    if not found:
        raise ConfigError(f"{path}: expected {' or '.join(suffixes)} files in this folder, found none")
    if len(found) > 1 and not several:
        names = ", ".join(str(file.relative_to(path)) for file in found[:5])
        raise ConfigError(f"{path}: {len(found)} files could be meant ({names}); name one of them")
    return found


def json_lines(path: Path, on_error: OnError | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(where, object)`` for each line that is not blank; ``where`` is ``path:line``.

    Args:
        path: the file.
        on_error: takes what is wrong with a line, which is then left out.

    Raises:
        DataError: a line is no UTF-8, no JSON or no object, and *on_error* is None.
    """
    with path.open("rb") as lines:
        numbered = ((f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip())
        yield from each(numbered, lambda line, where: (where, json_object(line, where)), on_error)


def each(records: Iterable[tuple[str, R]], make: Callable[[R, str], T], on_error: OnError | None = None) -> Iterator[T]:
    """Yield what is made of each record; of one that is wrong only its error is told, where somebody listens.

    Args:
        records: ``(where, record)``.
        make: takes a record and its place.
        on_error: takes what is wrong with a record, which is then left out.

    Raises:
        DataError: a record is wrong, and *on_error* is None.
    """
    for where, record in records:
        try:
            made = make(record, where)
        except DataError as error:
            if on_error is None:
                raise
            on_error(error)
        else:
            yield made


def json_object(text: str | bytes, where: str) -> dict[str, Any]:
    """Parse one JSON object.

    Raises:
        DataError: it is something else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: expected a JSON object, found broken JSON ({error})") from error
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected a JSON object, found {shown(value)}")
    return value


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(where, row)`` for each row; ``where`` is ``path:row N`` from 1.

    Args:
        path: a Parquet file.
        columns: those that it must have; others are read too.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: the file is no Parquet, or a column is missing.
    """
    parquet = need("pyarrow.parquet", package="pyarrow", purpose=f"reading {path.name}")
    try:
        table = parquet.ParquetFile(path)
    except ValueError as error:  # pyarrow's ArrowInvalid
        raise DataError(f"{path}: expected a Parquet file ({error})") from error
    with table:
        has = table.schema_arrow.names
        missing = [name for name in columns if name not in has]
        if missing:
            raise DataError(f"{path}: column {missing[0]!r} is missing; the file has {', '.join(has)}")
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}:row {number}", row


def shown(value: Any) -> str:
    """Return a value as an error shows it: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
