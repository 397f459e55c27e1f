"""Rows out of Parquet and Arrow files, and out of the folders that `datasets` saves; a line is the number of a row."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.extras import need
from benchmarks.files.paths import is_address
from benchmarks.files.sources import BLOCK, CHUNK_ROWS, Chunk, Position
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.files.sources import Source


def parquet_chunks(source: Source, start: Position, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file, see `benchmarks.files.sources.read_chunks`."""
    arrow, parquet = (_need(module, source.path) for module in ("pyarrow", "pyarrow.parquet"))
    with _readable(source.path, "Parquet", arrow), _open_parquet(source, arrow, parquet) as file:
        batches = file.iter_batches(batch_size=CHUNK_ROWS, columns=names, use_threads=False)
        yield from _chunks(source.path, batches, start, file.metadata.num_rows)


def arrow_chunks(source: Source, start: Position, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of an Arrow file, or of a stream of Arrow in a file."""
    arrow = _need("pyarrow", source.path)
    with _readable(source.path, "Arrow", arrow):
        yield from _chunks(source.path, _arrow_batches(arrow, source.stream, names), start, None)


def data_set_chunks(folder: str, start: Position, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of a data set that `datasets` saved to a folder; its files are numbered on."""
    arrow = _need("pyarrow", folder)
    try:
        state = json.loads((Path(folder) / "state.json").read_text(encoding="utf-8"))
        files = [str(Path(folder) / each["filename"]) for each in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: its state.json is damaged: {error}") from error

    def batches() -> Iterator[Any]:
        for file in files:
            with _readable(file, "Arrow", arrow), Path(file).open("rb") as stream:
                yield from _arrow_batches(arrow, stream, names)

    with _readable(folder, "Arrow", arrow):
        yield from _chunks(folder, batches(), start, None)


def _need(module: str, path: str) -> Any:
    return need(module, package="'star-r1[scale]'", purpose=f"{path}: reading Parquet and Arrow")


@contextmanager
def _readable(path: str, kind: str, arrow: Any) -> Iterator[None]:
    """Say of a file that is damaged that it is; of what is wrong, arrow says some in errors of its own."""
    try:
        yield
    except (arrow.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        raise DataError(f"{path}: not a readable {kind} file: {' '.join(str(error).split())}") from error


def _open_parquet(source: Source, arrow: Any, parquet: Any) -> Any:
    """Open a file to be read page by page into the system's memory: arrow's own allocator keeps what it once took."""
    usual = arrow.default_memory_pool()
    arrow.set_memory_pool(arrow.system_memory_pool())
    try:
        place = source.stream if is_address(source.path) else source.path
        return parquet.ParquetFile(place, buffer_size=BLOCK, pre_buffer=False)
    finally:
        arrow.set_memory_pool(usual)


def _arrow_batches(arrow: Any, stream: Any, names: Sequence[str] | None) -> Iterator[Any]:
    whole = stream.read(6) == b"ARROW1"
    stream.seek(0)
    reader = arrow.ipc.open_file(stream) if whole else arrow.ipc.open_stream(stream)
    found = map(reader.get_batch, range(reader.num_record_batches)) if whole else iter(reader)
    for batch in found:
        kept = batch if names is None else batch.select([name for name in batch.schema.names if name in names])
        kept.validate(full=True)  # reading takes whatever stands there, and so would what comes next
        for first in range(0, batch.num_rows, CHUNK_ROWS):
            yield kept.slice(first, CHUNK_ROWS)


def _chunks(path: str, batches: Iterable[Any], start: Position, total: int | None) -> Iterator[Chunk]:
    after = 0
    for batch in batches:
        before, after = after, after + batch.num_rows
        if before >= start.offset and batch.num_rows:
            rows = _named_classes(batch)
            read = None if total is None else after / total
            yield Chunk(path, rows, range(before + 1, after + 1), None, Position(after, after), read)


def _named_classes(batch: Any) -> list[dict[str, Any]]:
    """Return the rows of a batch; `datasets` stores classes as numbers, and their names beside the schema."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    metadata = (batch.schema.metadata or {}).get(b"huggingface")
    features = json.loads(metadata)["info"]["features"] if metadata else {}
    for name, feature in features.items():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and name in batch.schema.names:
            for row in rows:
                number = row[name]
                row[name] = None if number is None or number < 0 else feature["names"][number]
    return rows
