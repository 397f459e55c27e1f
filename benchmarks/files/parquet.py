"""Rows out of Parquet, a page at a time: memory stays the same however large a file or a row group is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.extras import need
from benchmarks.files.chunks import BLOCK, CHUNK_ROWS, Chunk, Position
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def parquet_chunks(path: str, start: Position, names: Sequence[str] | None) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file, see `benchmarks.files.rows.read_chunks`."""
    arrow, parquet = (
        need(module, package="'star-r1[scale]'", purpose=f"{path}: reading Parquet")
        for module in ("pyarrow", "pyarrow.parquet")
    )
    try:
        with _open_parquet(path, arrow, parquet) as file:
            total, after = file.metadata.num_rows, 0
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=names, use_threads=False):
                before, after = after, after + batch.num_rows
                if before >= start.offset and batch.num_rows:
                    end = Position(after, after)
                    yield Chunk(path, batch.to_pylist(), range(before + 1, after + 1), None, end, after / total)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {' '.join(str(error).split())}") from error


def _open_parquet(path: str, arrow: Any, parquet: Any) -> Any:
    """Open a file to be read page by page into the system's memory: arrow's own allocator keeps what it once took."""
    usual = arrow.default_memory_pool()
    arrow.set_memory_pool(arrow.system_memory_pool())
    try:
        return parquet.ParquetFile(path, buffer_size=BLOCK, pre_buffer=False)
    finally:
        arrow.set_memory_pool(usual)
