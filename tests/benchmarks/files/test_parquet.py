"""Parquet is read page by page and into the system's memory."""

import pytest

from benchmarks.files.sources import CHUNK_ROWS, read_chunks
from rewards.errors import DataError

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_a_large_row_group_comes_in_chunks_and_is_never_in_memory_whole(tmp_path):
    path = tmp_path / "one.parquet"
    count = 30 * CHUNK_ROWS
    table = pa.table({"id": range(count), "completion": ["x" * 1000 + str(number) for number in range(count)]})
    parquet.write_table(table, path, row_group_size=count)
    size = table.nbytes
    del table
    before = pa.default_memory_pool()
    seen = 0
    for chunk in read_chunks(str(path)):
        assert len(chunk.rows) <= CHUNK_ROWS
        assert [row["id"] for row in chunk.rows] == list(range(seen, seen + len(chunk.rows)))
        assert before.bytes_allocated() + pa.system_memory_pool().bytes_allocated() < size / 3
        seen += len(chunk.rows)
    assert seen == count
    assert pa.default_memory_pool().backend_name == before.backend_name


@pytest.mark.parametrize("make", [pa.ipc.new_file, pa.ipc.new_stream])
def test_a_column_of_arrow_whose_name_is_no_utf8(tmp_path, make):
    path = tmp_path / "a.arrow"
    table = pa.table({"completion": ["a"], "target": ["b"], "somename": ["c"]})
    with make(path, table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(path.read_bytes().replace(b"somename", b"some\xffame"))
    with pytest.raises(DataError, match=r"a\.arrow: not a readable Arrow file: .*0xff"):
        list(read_chunks(str(path)))
