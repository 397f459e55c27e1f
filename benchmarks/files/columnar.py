"""Rows out of Parquet and Arrow files, and out of the folders that `datasets` saves; a line is the number of a row."""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.extras import need
from benchmarks.files.paths import is_address
from benchmarks.files.sources import BLOCK, Chunk, Position
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.files.sources import Extent, Source


def parquet_chunks(source: Source, extent: Extent, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file, see `benchmarks.files.sources.read_chunks`."""
    place = source.stream if is_address(source.path) else source.path
    with _parquet(source.path, place) as file:
        total = file.metadata.num_rows
        starts = _group_starts(file)
        last = total if extent.stop is None else extent.stop
        groups = [at for at, end in enumerate(starts[1:]) if end > extent.start.offset and starts[at] < last]
        before = starts[groups[0]] if groups else 0
        batches = file.iter_batches(batch_size=extent.most, row_groups=groups, columns=names, use_threads=False)
        yield from _chunks(source.path, batches, extent, before=before, total=total)


def split_parquet(path: str, size: int) -> list[tuple[int, int]]:
    """Return the first row, and the one after the last, of parts of whole row groups of about *size* bytes."""
    with _parquet(path, path) as file:
        ends, held = [0], 0
        for at, end in enumerate(_group_starts(file)[1:]):
            held += file.metadata.row_group(at).total_byte_size
            if held >= size or end == file.metadata.num_rows:
                ends.append(end)
                held = 0
    return list(pairwise(dict.fromkeys(ends)))


def arrow_chunks(source: Source, extent: Extent, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of an Arrow file, or of a stream of Arrow in a file."""
    arrow = _need("pyarrow", source.path)
    yield from _chunks(source.path, _arrow_batches(arrow, source.path, source.stream, extent.most, names), extent)


def data_set_chunks(folder: str, extent: Extent, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of a data set that `datasets` saved to a folder; its files are numbered on."""
    arrow = _need("pyarrow", folder)
    try:
        state = json.loads((Path(folder) / "state.json").read_text(encoding="utf-8"))
        files = [str(Path(folder) / each["filename"]) for each in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: its state.json is damaged: {error}") from error

    def batches() -> Iterator[Any]:
        for file in files:
            try:
                with Path(file).open("rb") as stream:
                    yield from _arrow_batches(arrow, file, stream, extent.most, names)
            except OSError as error:
                raise DataError(f"{file}: {error.strerror or error}") from error

    yield from _chunks(folder, batches(), extent)


def _need(module: str, path: str) -> Any:
    return need(module, package="'star-r1[scale]'", purpose=f"{path}: reading Parquet and Arrow")


@contextmanager
def _parquet(path: str, place: Any) -> Iterator[Any]:
    """Open a file to be read page by page into the system's memory: arrow's own allocator keeps what it once took.

    Raises:
        DataError: it cannot be read, also later, while it is open.
    """
    arrow, parquet = (_need(module, path) for module in ("pyarrow", "pyarrow.parquet"))
    usual = arrow.default_memory_pool()
    arrow.set_memory_pool(arrow.system_memory_pool())
    try:
        opened = parquet.ParquetFile(place, buffer_size=BLOCK, pre_buffer=False)
    except (arrow.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        raise DataError(_unreadable(path, error)) from error
    finally:
        arrow.set_memory_pool(usual)
    with opened:
        try:
            yield opened
        except (arrow.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
            raise DataError(_unreadable(path, error)) from error


def _unreadable(path: str, error: Exception) -> str:
    return f"{path}: not a readable Parquet file: {' '.join(str(error).split())}"


def _group_starts(file: Any) -> list[int]:
    """Return the row at which each row group begins, and the number of rows."""
    return list(accumulate((file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)), initial=0))


def _arrow_batches(arrow: Any, path: str, stream: Any, most: int, names: Sequence[str] | None) -> Iterator[Any]:
    try:
        whole = stream.read(6) == b"ARROW1"
        stream.seek(0)
        reader = arrow.ipc.open_file(stream) if whole else arrow.ipc.open_stream(stream)
        count = reader.num_record_batches if whole else None
        found = map(reader.get_batch, range(count)) if count is not None else iter(reader)
        for batch in found:
            kept = batch if names is None else batch.select([name for name in batch.schema.names if name in names])
            kept.validate(full=True)  # reading takes whatever stands there, and so would what comes next
            kept.schema.names  # noqa: B018  a name that is no UTF-8 raises here, and not where rows are made
            for first in range(0, batch.num_rows, most):
                yield kept.slice(first, most)
    except (arrow.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        raise DataError(f"{path}: not a readable Arrow file: {' '.join(str(error).split())}") from error


_FLOATS: Final = ("halffloat", "float", "double")


def _chunks(
    path: str, batches: Iterable[Any], extent: Extent, *, before: int = 0, total: int | None = None
) -> Iterator[Chunk]:
    """Yield batches as chunks; *before* rows come before them, and *total* is their number where it is known."""
    after = before
    for batch in batches:
        before, after = after, after + batch.num_rows
        first, end = max(before, extent.start.offset), after if extent.stop is None else min(after, extent.stop)
        if first < end:
            names: list[str] = batch.schema.names
            if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
                raise DataError(f"{path}: the column {twice!r} is there twice")
            rows = _named_classes(batch.slice(first - before, end - first))
            read = None if total is None else end / total
            yield Chunk(path, rows, range(first + 1, end + 1), None, Position(end, end), read)
        if after == extent.stop:
            return


def _named_classes(batch: Any) -> list[dict[str, Any]]:
    """Return the rows of a batch; `datasets` stores classes as numbers, and their names beside the schema."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    for name, kind in zip(batch.schema.names, batch.schema.types, strict=True):
        if str(kind) in _FLOATS:
            for row in rows:
                if row[name] != row[name]:  # it is NaN: a value that is missing, as in JSON
                    row[name] = None
    metadata = (batch.schema.metadata or {}).get(b"huggingface")
    features = json.loads(metadata)["info"]["features"] if metadata else {}
    for name, feature in features.items():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and name in batch.schema.names:
            for row in rows:
                number = row[name]
                row[name] = None if number is None or number < 0 else feature["names"][number]
    return rows
