"""Images of rows: found, made small, embedded; what is no image is left out."""

import base64
import io
from pathlib import Path

import pytest

from benchmarks.report import source_rows
from benchmarks.report.runs import read_run
from benchmarks.report.source_rows import read_places, thumbnails
from tests.benchmarks.report.report_inputs import AFTER, write_run

Image = pytest.importorskip("PIL.Image")


def png(width=800, height=400, mode="RGBA"):
    content = io.BytesIO()
    Image.new(mode, (width, height), (200, 30, 30, 255)[: len(mode)]).save(content, "PNG")
    return content.getvalue()


def opened(uri):
    head, _, content = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_every_way_to_give_an_image(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    coded = base64.b64encode(png()).decode()
    given = ["a.png", png(), {"bytes": png(), "path": None}, {"path": "a.png"}, coded, f"data:image/png;base64,{coded}"]
    uris = thumbnails(given, [tmp_path])
    assert [opened(uri).size for uri in uris] == [(320, 160)] * 6
    assert thumbnails("a.png", [tmp_path]) == uris[:1]
    assert thumbnails([f"file://{tmp_path}/a.png"], [Path()]) == uris[:1]


def test_what_is_no_image_is_left_out(tmp_path):
    (tmp_path / "secret.txt").write_text("<script>")
    given = ["none.png", "secret.txt", b"\x89PNG broken", "", None, 7, {"path": None}, "x" * 2000, "data:,<svg>"]
    assert thumbnails(given[:6], [tmp_path]) == thumbnails(given[6:], [tmp_path]) == ()
    assert thumbnails(None, [tmp_path]) == ()


def test_without_pillow_small_images_are_embedded_as_they_are(monkeypatch):
    monkeypatch.setattr(source_rows, "find_spec", lambda name: None)
    [uri] = thumbnails([png()], [])
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == png()
    assert thumbnails([b"\x89PNG" + b"x" * 300_000, b"<svg onload=alert(1)>"], []) == ()


def test_the_images_of_a_row_are_found_beside_its_file(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(png())
    run = read_run(str(write_run(tmp_path, "run", AFTER, images=["images/a.png", "images/none.png"])))
    found = read_places(run, {(0, 2), (0, 5)})
    assert set(found) == {(0, 2), (0, 5)}
    assert all(len(reading.images) == 1 for reading in found.values())
    assert found[0, 2].title == "row-1"
