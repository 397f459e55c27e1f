"""Only files that the data name, inside the data's folders, and only what decodes."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.view.images import MOST_PIXELS, SERVED_SIDE, Images, Named
from benchmarks.view.index import Scoring, open_run
from benchmarks.view.reading import Files
from rewards import ConfigError, DataError
from tests.benchmarks.view.view_inputs import completion, write_data, write_images, write_rows, write_run


def opened(*names, **settings):
    return open_run("run", Files([str(name) for name in names], **settings), Scoring())


def images_of(run, *given):
    return Images([run], [str(each) for each in given], Scoring())


def png(width=8, height=6, color="red"):
    written = io.BytesIO()
    Image.new("RGB", (width, height), color).save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def rows(tmp_path):
    """Rows of one file, with the images that are given."""

    def make(*values):
        listed = [
            {"id": at, "completion": completion("none"), "target": "none", "images": v} for at, v in enumerate(values)
        ]
        return opened(write_rows(tmp_path / "data" / "rows.jsonl", listed))

    return make


def read(images, row):
    return [images.read(image) for image in images.of(row)]


def test_images_beside_the_rows(tmp_path, rows):
    write_images(tmp_path / "data" / "image", ["a.png", "b.jpg"])
    run = rows(["image/a.png", "image/b.jpg"], "image/a.png", None, '["image/a.png"]')
    images = images_of(run)
    found = [[picture.kind for picture in read(images, row)] for row in run.rows([0, 1, 2, 3])]
    assert found == [["image/png", "image/jpeg"], ["image/png"], [], ["image/png"]]
    assert images.of(run.rows([0])[0])[1].name == "b.jpg"
    (same,) = read(images, run.rows([1])[0])
    assert same.content == (tmp_path / "data" / "image" / "a.png").read_bytes()


def test_images_in_the_rows(rows):
    encoded = base64.b64encode(png()).decode()
    run = rows(
        [f"data:image/png;base64,{encoded}"],
        [{"path": None, "bytes": None}],
        ["!" * 2000],
        ["data:image/png;base64,<b>"],
    )
    images = images_of(run)
    assert read(images, run.rows([0])[0])[0].content == png()
    for row in run.rows([1, 2, 3]):
        with pytest.raises(DataError, match="no image"):
            read(images, row)


def test_images_that_parquet_holds(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    row = {"id": 1, "completion": completion("none"), "target": "none", "images": [{"bytes": png(), "path": "x.png"}]}
    parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
    run = opened(tmp_path / "rows.parquet")
    assert read(images_of(run), run.rows([0])[0])[0].content == png()


@pytest.mark.parametrize(
    "path", ["../secret.png", "image/../../secret.png", "{above}/secret.png", "link.png", "linked/secret.png"]
)
def test_what_lies_outside_is_not_shown_unless_its_folder_is_given(tmp_path, rows, path):
    secret = tmp_path / "secrets"
    write_images(secret, ["secret.png"])
    (tmp_path / "data" / "image").mkdir(parents=True)
    (tmp_path / "secret.png").symlink_to(secret / "secret.png")
    (tmp_path / "data" / "link.png").symlink_to(secret / "secret.png")
    (tmp_path / "data" / "linked").symlink_to(secret)
    run = rows([path.format(above=secret)])
    images, (row,) = images_of(run), run.rows([0])
    with pytest.raises(DataError, match=rf"outside the folder of the data; to show it: --images {secret}"):
        read(images, row)
    assert images.outside(images.of(row)[0]) == secret
    given = images_of(run, secret)
    assert read(given, row)[0].kind == "image/png"
    assert given.outside(given.of(row)[0]) is None


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"root:x:0:0",
        SVG,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        png()[:-30],
        b"%!PS-Adobe-3.0 EPSF",
        b"GIF89a<script>",
    ],
)
def test_what_does_not_decode_is_not_shown(tmp_path, rows, content):
    run = rows(["a.png"])
    (tmp_path / "data" / "a.png").write_bytes(content)
    with pytest.raises(DataError, match="does not decode as an image"):
        read(images_of(run), run.rows([0])[0])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.png", "not there; --images"),
        ("http://127.0.0.1/a.png", "not fetched"),
        ("image", "not there"),
        ("/dev/zero", "not there"),
        ("a\0b.png", "a"),
        (7, "no image"),
        ({"url": "https://x.test/a.png"}, "not fetched"),
    ],
)
def test_what_is_no_file(tmp_path, rows, path, said):
    (tmp_path / "data" / "image").mkdir(parents=True)
    run = rows([path])
    images = images_of(run)
    with pytest.raises(DataError, match=said):
        read(images, run.rows([0])[0])
    assert images.outside(images.of(run.rows([0])[0])[0]) is None


def test_an_image_that_would_fill_the_memory_is_refused(tmp_path, rows):
    """A PNG of a few bytes that says it has a billion pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    side = int(MOST_PIXELS**0.5) * 4
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )
    run = rows(["bomb.png"])
    (tmp_path / "data" / "bomb.png").write_bytes(bomb)
    with pytest.raises(DataError, match=r"too large|does not decode"):
        read(images_of(run), run.rows([0])[0])


def test_large_images_are_made_smaller(tmp_path, rows):
    run = rows(["a.png"])
    Image.new("RGBA", (SERVED_SIDE * 2, 300), (0, 0, 255, 99)).save(tmp_path / "data" / "a.png")
    (picture,) = read(images_of(run), run.rows([0])[0])
    with Image.open(io.BytesIO(picture.content)) as image:
        assert (image.size, image.mode) == ((SERVED_SIDE, 150), "RGBA")


def test_rows_that_name_the_images_are_joined_on_the_id(tmp_path):
    data = write_data(tmp_path / "data")
    plain = [{"id": row["id"], "completion": completion("none"), "target": row["target"]} for row in reversed(data)]
    run = opened(write_rows(tmp_path / "elsewhere" / "rows.jsonl", plain))
    for given in (tmp_path / "data", tmp_path / "data" / "metadata.jsonl"):
        images = images_of(run, given)
        names = [[image.name for image in images.of(row)] for row in run.rows([0, 2])]
        assert names == [["2-before.png", "2-after.png"], ["0-before.png", "0-after.png"]]
        assert [picture.kind for picture in read(images, run.rows([0])[0])] == ["image/png"] * 2
    assert images_of(run).of(run.rows([0])[0]) == []


def test_completions_without_ids_are_joined_on_prompt_and_target(tmp_path):
    data = write_data(tmp_path / "data")
    parts = [[{"type": "image", "text": None}, {"type": "text", "text": row["prompt"]}] for row in data]
    plain = [
        {"prompt": [{"role": "user", "content": each}], "completion": completion("none"), "target": row["target"]}
        for each, row in zip(parts, data, strict=True)
    ]
    run = opened(write_rows(tmp_path / "elsewhere" / "rows.jsonl", plain))
    images = images_of(run, tmp_path / "data")
    assert [image.name for image in images.of(run.rows([1])[0])] == ["1-before.png", "1-after.png"]
    twins = [{**row, "prompt": "What changed?", "target": "none"} for row in data]
    write_rows(tmp_path / "data" / "metadata.jsonl", twins)
    ask = {"prompt": "What changed?", "completion": completion("none"), "target": "none"}
    run = opened(write_rows(tmp_path / "elsewhere" / "other.jsonl", [ask]))
    with pytest.raises(DataError, match="several rows"):
        images_of(run, tmp_path / "data").of(run.rows([0])[0])


def test_tables_of_a_trainer_name_absolute_paths(tmp_path):
    write_data(tmp_path / "data")
    run = opened(write_run(tmp_path / "run", tmp_path / "data"))
    (row,) = run.rows([0])
    images = images_of(run)
    assert images.outside(images.of(row)[0]) == tmp_path / "data" / "image"
    for given in (tmp_path / "data", tmp_path / "data" / "image", tmp_path / "data" / "metadata.jsonl"):
        assert read(images_of(run, given), row)[0].kind == "image/png"


def test_what_images_may_be(tmp_path):
    write_data(tmp_path / "data")
    run = opened(write_run(tmp_path / "run", tmp_path / "data"))
    with pytest.raises(ConfigError, match="two files of rows"):
        images_of(run, tmp_path / "data", tmp_path / "run" / "completions" / "completions_00010.jsonl")
    with pytest.raises(DataError, match="no images column"):
        images_of(run, write_rows(tmp_path / "n.jsonl", [{"id": 1}]))
    assert Named({"bytes": b"", "path": "a/b.png"}, Path()).name == "b.png"
