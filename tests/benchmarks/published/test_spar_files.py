from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.datasets import load, read_options
from benchmarks.spar.marks import Mark, draw, marked_names, marks_of
from rewards.errors import DataError
from tests.benchmarks.published.dataset_files import DATA, SPAR, pixels, records, samples
from tests.json_lines import write


def test_sparbench_lines():
    choice, number, moves = samples("sparbench", "sparbench").values()
    assert (choice.category, choice.target, len(choice.images)) == ("obj_spatial_relation_oc_mv", "C", 2)
    assert choice.options == ("left, above,", "right, above, front", "left, , front", "right, , behind")
    assert (number.target, number.options, number.references) == ("1.5", None, None)
    assert moves.target == "move_right:0.4,rotate_left:30"
    assert moves.extra["source"] == "structured3d"


def sparbench_parquet(file, rows):
    images = DATA / "sparbench" / "images"
    for row in rows:
        row["image"] = [{"bytes": (images / name).read_bytes(), "path": name} for name in row["image"]]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), file)


def test_sparbench_shards_equal_the_lines(tmp_path):
    rows = records("sparbench/test.jsonl")
    (tmp_path / "data").mkdir()
    sparbench_parquet(tmp_path / "data" / "test-00000-of-00002.parquet", rows[:2])
    sparbench_parquet(tmp_path / "data" / "test-00001-of-00002.parquet", rows[2:])
    plain = samples("sparbench", "sparbench")
    for sample in load("sparbench", tmp_path):
        twin = plain.pop(sample.id)
        assert (sample.prompt, sample.target, sample.options) == (twin.prompt, twin.target, twin.options)
        assert list(sample.images) == [path.read_bytes() for path in twin.images]
    assert plain == {}


def test_a_wrong_sparbench_file_is_named(tmp_path):
    row = records("sparbench/test.jsonl")[0] | {"image": []}
    with pytest.raises(DataError, match=r"t\.jsonl:1: key 'task': expected one of SPAR-Bench's twenty"):
        list(load("sparbench", write(tmp_path / "t.jsonl", [row | {"task": "depth"}])))
    assert next(load("sparbench", write(tmp_path / "y.jsonl", [row | {"answer": "Yes"}]))).target == "Yes"
    table = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"id": [1], "task": ["x"]}), table)
    with pytest.raises(DataError, match="column 'image' is missing; the file has id, task"):
        list(load("sparbench", table))
    table.write_bytes(b"no")
    with pytest.raises(DataError, match="expected a Parquet file"):
        list(load("sparbench", table))
    pyarrow.parquet.write_table(pa.Table.from_pylist([row | {"image": ["a.png"]}]), table)
    with pytest.raises(DataError, match=r"t\.parquet:row 1: key 'image\[0\]': expected the bytes of an image"):
        list(load("sparbench", table))


# SPAR-7M


def test_spar7m_reads_every_form_of_a_folder():
    found = samples("spar7m", "spar7m")
    assert {sample.extra["form"] for sample in found.values()} == {"sentence", "select", "judge", "fill"}
    select = found["scene0261_00_17"]
    assert (select.target, select.options, select.group) == (
        "B",
        ("left, above,", "right, , front"),
        "scene0261_00",
    )
    assert select.references == ({"desk"}, frozenset(), {"office chair"})
    assert found["scene0261_00_16"].references == ({"counter", "towel"},)
    assert found["scene0261_00_18"].references == ({"bed"}, {"lamp"}, {"door"})
    assert found["scene0261_00_19"].references is None  # numbered marks have no names


def test_marks_are_drawn_onto_the_image_they_belong_to():
    found = samples("spar7m", "spar7m")
    one = pixels(found["scene0261_00_16"].images[0])  # 400 x 300, white
    assert one.shape == (300, 400, 3)
    assert one[150, 100].tolist() == [255, 0, 0]
    assert one[150, 300].tolist() == [0, 0, 255]
    assert one[150, 119].tolist() == [255, 0, 0]
    assert one[150, 122].tolist() == [255, 255, 255]
    green, plain, blue = found["scene0261_00_17"].images
    assert isinstance(plain, Path)  # nothing is marked in it
    assert pixels(green)[90 - 10, 180].tolist() == [0, 128, 0]
    assert pixels(blue)[90 - 10, 180].tolist() == [0, 0, 255]
    assert pixels(blue)[135, 180].tolist() == [128, 128, 128]  # the inside of a box stays free
    reds, greens, blues = (pixels(image)[150, 200].tolist() for image in found["scene0261_00_18"].images)
    assert (reds, greens, blues) == ([255, 0, 0], [0, 128, 0], [0, 0, 255])


def test_numbered_marks_are_labelled():
    first, second, third = samples("spar7m", "spar7m")["scene0261_00_19"].images
    assert isinstance(second, Path)
    for image in (first, third):
        colors = {tuple(color) for row in pixels(image) for color in row.tolist()}
        assert {(0, 0, 255), (0, 255, 0)} <= colors


def test_marks_need_not_be_drawn():
    assert all(
        isinstance(image, Path)
        for sample in load("spar7m", DATA / "spar7m", draw_marks=False)
        for image in sample.images
    )


@pytest.mark.parametrize(
    ("task", "colors", "index", "images"),
    [
        ("depth_prediction_oo_mv", ["red", "blue", "green"], [2, 0, 1], [2, 0, 1]),
        ("distance_infer_center_oo_mv", ["red", "green", "blue"], [2, 0, 1], [2, 0, 1]),
        ("spatial_imagination_oc_mv", ["red", "green", "blue"], [2, 0, 1], [1, 2, 0]),
        ("obj_spatial_relation_oc_mv", ["red", "blue", "green"], [1], [1, 1, 1]),
        ("obj_spatial_relation_oo_mv", ["red", "green"], [2, 1], [2, 1]),
        ("obj_spatial_relation_oo_mv", ["blue", "green"], [2, 1], [2, 1]),
        ("obj_spatial_relation_oo", ["red", "blue"], None, [0, 0]),
        ("view_change_infer", ["red"], None, []),
        ("distance_infer_center_oc_mv", ["red"], [1], []),
        ("spatial_imagination_oo_video_hard", ["red", "green"], [1, 2], []),
    ],
)
def test_which_image_each_color_is_in(task, colors, index, images):
    """In the order in which they are drawn: where two overlap, the later one lies on top."""
    record = {"type": task, **{f"{color}_point": [[1, 2]] for color in sorted(colors)}}
    if index:
        record["point_img_idx"] = [index]
    marks = marks_of(record, 3, "x:1")
    assert [(mark.color, mark.image) for mark in marks] == list(zip(colors, images, strict=False))


def test_labels_stay_within_the_image(tmp_path):
    Image.new("RGB", (320, 240)).save(tmp_path / "black.png")

    def lime(x, y):
        mark = Mark("point", "blue", (x, y), 0, "object0")
        return int((pixels(draw(tmp_path / "black.png", [mark])) == (0, 255, 0)).all(axis=-1).sum())

    corners = {lime(x, y) for x in (0, 1000) for y in (0, 1000)}
    assert corners == {lime(300, 300)}
    assert min(corners) > 100


def test_the_marks_of_videos_are_labelled_as_the_answers_call_them():
    boxes = {f"{color}_bbox": [[1, 1, 9, 9]] for color in ("red", "blue", "green", "yellow")}
    record = {"type": "spatial_imagination_oo_video", **boxes, "bbox_img_idx": [[3, 1, 0, 2]]}
    marks = marks_of(record, 4, "x:1")
    assert {mark.color: (mark.label, mark.image) for mark in marks} == {
        "green": ("object0", 3),
        "blue": ("object1", 1),
        "red": ("object2", 0),
        "yellow": ("object3", 2),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"red_point": [[1]]}, r"key 'red_point': expected \[x, y\], from 0 to 1000, found \[\[1\]\]"),
        ({"red_point": [[1, 1001]]}, r"key 'red_point': expected \[x, y\], from 0 to 1000"),
        (
            {"red_bbox": [[5, 5, 1, 9]]},
            "key 'red_bbox': expected .left, top, right, bottom. with left <= right",
        ),
        ({"point_img_idx": [[7]]}, "key 'point_img_idx': expected a list of image numbers from 0 to 0"),
        (
            {"point_img_idx": [[0]], "blue_point": [[1, 1]]},
            "key 'point_img_idx': expected an image for the blue point",
        ),
        ({"conversations": []}, "key 'conversations': expected two turns, from human and from gpt"),
        ({"bbox_list": [[[1, 1, 2, 2]]]}, "key 'bbox_img_idx': expected an image for each of 1 marks"),
        ({"bbox_list": []}, "key 'bbox_list': expected a list of marks"),
    ],
)
def test_a_wrong_spar7m_record_is_named(tmp_path, change, message):
    record = records(f"{SPAR}/depth_prediction_oc/sentence/sentence_1.jsonl")[0] | change
    file = write(tmp_path / "s.jsonl", [{}, record][1:])
    with pytest.raises(DataError, match=rf"s\.jsonl:1: {message}"):
        list(load("spar7m", file, image_root=DATA / "spar7m/spar/scannet/images"))


@pytest.mark.parametrize(
    ("question", "names"),
    [
        (
            "How far is the red mug (red point) from a chair (blue point)?",
            {"red": "red mug", "blue": "chair"},
        ),
        (
            "Is TV-stand (red bbox) left of coffee table (green bbox)?",
            {"red": "TV-stand", "green": "coffee table"},
        ),
        ("The object (red bbox) is near the bed (yellow bbox).", {"yellow": "bed"}),
        ("Nothing is marked (red).", {}),
        ("The desk (red point) and again the desk lamp (red point)", {"red": "desk"}),
    ],
)
def test_names_before_marks(question, names):
    assert marked_names(question) == names


@given(st.text())
def test_any_question_is_read(text):
    assert isinstance(marked_names(text), dict)
    assert read_options(text) is None or len(read_options(text)) > 1
