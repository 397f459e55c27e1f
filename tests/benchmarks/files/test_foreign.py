"""Files that hold no rows are named for what they are, with what to do."""

import io
import zipfile

import h5py
import pytest
from PIL import Image

from benchmarks.files.sources import read_chunks
from rewards.errors import DataError


def image(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, format=kind)
    return buffer.getvalue()


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("readme.txt", "")
    return buffer.getvalue()


def hdf5():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["x"] = 1
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "x.jsonl",
            image("PNG"),
            "this is a PNG image, and rows are read from JSON Lines, JSON, CSV, TSV, XLSX, Parquet, Arrow, and",
        ),
        ("x.jpg", image("JPEG"), "this is a JPEG image, and"),
        ("data.h5", hdf5(), "this is an HDF5 file, and"),
        ("x.zip", archive(), "this is a zip archive of readme.txt; unpack it, and name its files of rows$"),
    ],
)
def test_what_is_no_file_of_rows_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        list(read_chunks(str(path)))
    assert str(error.value).startswith(f"{path}: this is")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b'{"id": 1}\n', b' {"id": 1}\n', b"\xef\xbb\xbf" + b'{"id": 1}\n', b""])
def test_rows_are_rows_whatever_they_are_called(tmp_path, content):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    rows = [row for chunk in read_chunks(str(path)) for row in chunk.rows]
    assert rows == ([{"id": 1}] if content else [])
