import io
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.datasets import json_lines, load, read_options
from benchmarks.mindcube.references import from_map, from_meta
from benchmarks.spar.marks import Mark, draw, marked_names, marks_of
from rewards.errors import ConfigError, DataError

DATA = Path(__file__).parents[1] / "golden" / "datasets"
SPAR = "spar7m/spar/scannet/qa_jsonl/train"


def samples(name, path, **options):
    return {sample.id: sample for sample in load(name, DATA / path, **options)}


def records(path):
    return [record for _, record in json_lines(DATA / path)]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image) if isinstance(image, bytes) else image).convert("RGB"))


# What is wrong with a record costs no other record, where somebody listens


@pytest.mark.parametrize(
    ("name", "path", "good"),
    [
        ("tvr", "trance/data.jsonl", 6),
        ("mindcube", "mindcube/raw/MindCube_tiny.jsonl", 4),
        ("sparbench", "sparbench/test.jsonl", None),
        ("spar7m", "spar7m/spar/scannet/qa_jsonl/train/depth_prediction_oc/sentence/sentence_1.jsonl", 1),
    ],
)
def test_bad_records_are_told_and_left_out(tmp_path, name, path, good):
    text = (DATA / path).read_text(encoding="utf-8").strip()
    file = tmp_path / Path(path).name
    file.write_text('{"broken\n[1]\n{}\n' + text + "\n{}\n", encoding="utf-8")
    lines = len(text.splitlines())
    errors = []
    found = list(load(name, file, check_images=False, on_error=lambda error: errors.append(str(error))))
    assert len(found) == (lines if good is None else good)
    places = [f"{file}:{number}" for number in (1, 2, 3, lines + 4)]
    assert [error.split(": ")[0] for error in errors] == places
    assert {sample.place for sample in found} == {f"{file}:{number}" for number in range(4, lines + 4)}
    with pytest.raises(DataError):
        list(load(name, file, check_images=False))


def test_bad_rows_of_tables_are_told_and_left_out(tmp_path):
    text = (DATA / "mmsi" / "MMSI_bench.tsv").read_text(encoding="utf-8")
    file = tmp_path / "MMSI_bench.tsv"
    file.write_text(text.replace("\n0\t", "\nx\t"), encoding="utf-8")
    whole = list(load("mmsi", DATA / "mmsi"))
    errors = []
    assert [sample.id for sample in load("mmsi", file, on_error=errors.append)] == [sample.id for sample in whole[1:]]
    assert len(errors) == 1
    assert "key 'index': expected a whole number, found 'x'" in str(errors[0])


def test_bad_items_of_packed_trance_are_told_and_left_out(packed):
    with h5py.File(packed, "r+") as data:
        del data["test/data/0"]
    errors = []
    assert [sample.id for sample in load("tvr", packed, on_error=errors.append)] == ["1-center", "1-left", "1-right"]
    assert "test/data/0: missing" in str(errors[0])


# TRANCE


def test_trance_yields_one_sample_a_record_and_final_view():
    found = samples("tvr", "trance")
    assert list(found) == ["0-center", "0-left", "0-right", "1-center", "1-left", "1-right"]
    left = found["1-left"]
    assert (left.benchmark, left.view, left.category, left.group) == ("tvr", "left", "event", "1")
    assert [path.name for path in left.images] == ["img_000001-init.C.png", "img_000001-fin.L.png"]
    assert [step["obj_idx"] for step in left.target] == [0, 1]
    assert left.target[1]["val"] == ["behind", 1]
    assert (left.extra["n_visible"], len(left.extra["initial_objects"])) == (4, 10)
    assert "2: medium red glass cube" in found["0-left"].prompt
    assert "\n4: " not in left.prompt  # not in view
    assert found["0-center"].category == "basic"


def test_trance_views_can_be_chosen():
    assert list(samples("trance", "trance/data.jsonl", views=["center"])) == ["0-center", "1-center"]


@pytest.fixture
def packed(tmp_path):
    """data.h5 as TVR's preprocess script writes it."""
    file = tmp_path / "data.h5"
    with h5py.File(file, "w", libver="latest") as data:
        part = data.create_group("test")
        images, texts = part.create_group("image"), part.create_group("data")
        keys, basic = [], []
        for record in records("trance/data.jsonl"):
            name = str(record["idx"])
            keys.append(name)
            if len(record["transformations"]) == 1:
                basic.append(name)
            texts.create_dataset(name, data=json.dumps(record))
            for state in (record["states"][0], record["states"][-1]):
                for image in state["images"].values():
                    array = np.array(Image.open(DATA / "trance" / "image" / image).convert("RGBA"))
                    images.create_dataset(image, data=array, dtype=np.uint8)
        part.create_dataset("keys", data=str(keys))
        part.create_dataset("basic_keys", data=str(basic))
    return file


def test_packed_trance_equals_the_unpacked(packed):
    plain = samples("tvr", "trance")
    for found in (list(load("tvr", packed)), list(load("tvr", packed.parent))):
        assert [sample.id for sample in found] == list(plain)
        for sample in found:
            assert sample.target == plain[sample.id].target
            for ours, theirs in zip(sample.images, plain[sample.id].images, strict=True):
                assert np.array_equal(pixels(ours), pixels(theirs))


def test_packed_trance_reads_its_keys_as_data_never_as_code(packed):
    with h5py.File(packed, "r+") as data:
        del data["test/keys"]
        data["test"].create_dataset("keys", data="__import__('os').getcwd()")
    with pytest.raises(DataError, match=r"data.h5:test/keys: expected the text of a Python list"):
        list(load("tvr", packed))


def test_packed_trance_names_what_is_missing(packed, tmp_path):
    with pytest.raises(DataError, match="split 'train' is missing; the file has test"):
        list(load("tvr", packed, split="train"))
    with h5py.File(packed, "r+") as data:
        del data["test/image/img_000000-fin.L.png"]
    with pytest.raises(DataError, match=r"data.h5:test/data/0: image 'img_000000-fin.L.png' is not in the file"):
        list(load("tvr", packed))
    with h5py.File(packed, "r+") as data:
        del data["test/data/0"]
    with pytest.raises(DataError, match="test/data/0: missing, but test/keys names it"):
        list(load("tvr", packed))
    with h5py.File(packed, "r+") as data:
        del data["test/data"]
    with pytest.raises(DataError, match="test/data: missing; a split has keys, data and image"):
        list(load("tvr", packed))
    (tmp_path / "x.h5").write_bytes(b"no")
    with pytest.raises(DataError, match="expected an HDF5 file"):
        list(load("tvr", tmp_path / "x.h5"))


TRANCE_FAULTS = [
    (
        lambda r: r.pop("states"),
        r"data.jsonl:1: key 'states' is missing; the record has idx, transformations",
    ),
    (lambda r: r["states"].pop(), "key 'states': expected the initial and the final state"),
    (
        lambda r: r["transformations"][0].update(obj_idx=12),
        "key 'obj_idx': expected a whole number from 0 to 9, found 12",
    ),
    (
        lambda r: r["transformations"][0].update(attr="weight"),
        "key 'attr': expected one of size, color.*found 'weight'",
    ),
    (lambda r: r["transformations"][0].pop("val"), r"transformations\[0\]: key 'val' is missing"),
    (
        lambda r: r["states"][0]["objects"][3].pop("color"),
        r"states\[0\].objects\[3\]: key 'color' is missing",
    ),
    (lambda r: r["states"][0]["objects"][3].update(position=[1]), r"expected \[x, y\], found \[1\]"),
    (lambda r: r["states"][0].update(images=[]), "key 'images': expected an object of camera -> file name"),
    (
        lambda r: r["states"][0].update(images={}),
        r"key 'states\[0\].images.Camera_Center': expected the name",
    ),
    (
        lambda r: r["states"][-1].update(images={}),
        "expected images of Camera_Center, Camera_Left, Camera_Right",
    ),
    (
        lambda r: r["states"][-1]["images"].update(Camera_Left="no.png"),
        "image 'no.png' is not in .*pass image_root",
    ),
]


@pytest.mark.parametrize(("break_it", "message"), TRANCE_FAULTS)
def test_a_wrong_trance_record_is_named(tmp_path, break_it, message):
    shutil.copytree(DATA / "trance" / "image", tmp_path / "image")
    record = records("trance/data.jsonl")[0]
    break_it(record)
    with pytest.raises(DataError, match=message):
        list(load("tvr", write(tmp_path / "data.jsonl", [record])))


def test_an_unknown_view_is_named():
    with pytest.raises(DataError, match="view 'top' is not one of center, left, right"):
        list(load("tvr", DATA / "trance", views=["top"]))


# MindCube


def test_mindcube_raw_and_prompt_files_agree():
    raw, prompts = samples("mindcube", "mindcube/raw"), samples("mindcube", "mindcube/prompts")
    assert [sample.category for sample in raw.values()] == ["among", "rotation", "around", "translation"]
    assert [sample.target for sample in raw.values()] == ["C", "A", "B", "B"]
    for name, sample in raw.items():
        assert sample.options == prompts[name].options
        assert sample.images == prompts[name].images
        assert sample.references in {None, prompts[name].references}
        assert prompts[name].prompt == f"[Task]\nLook at the images.\n[Question]\n{sample.prompt}"
        assert prompts[name].extra["question"] == sample.prompt
    assert raw["rotation_group007_q1_3"].options == ("Bookshelf", "Door", "Neither")
    assert raw["rotation_group007_q1_3"].group == "other_all_image/rotation/room_007"


def test_mindcube_references_by_view():
    found = samples("mindcube", "mindcube/prompts")
    assert found["among_group002_q0_1_1"].references == ({"black bag", "window"}, {"black bag", "shelves"})
    assert found["rotation_group007_q1_3"].references == ({"bookshelf"}, {"window"}, {"door"})
    assert found["aroundnew_group003_q2_1_1"].references == ({"red chair", "lamp"},) * 2
    assert found["translation_group001_q0"].references == ({"cup", "book"}, {"book", "vase"})
    raw = samples("mindcube", "mindcube/raw")
    assert raw["among_group002_q0_1_1"].references == found["among_group002_q0_1_1"].references
    assert raw["translation_group001_q0"].references is None


def test_the_whole_row_of_four_is_seen_from_every_side():
    row = [{"name": name, "position": [x, 5]} for name, x in zip("abcd", (3, 4, 5, 6), strict=True)]
    cameras = [([5, 6], "up"), ([2, 5], "right"), ([7, 5], "left"), ([5, 4], "down")]
    views = [{"name": f"View {k}", "position": at, "facing": facing} for k, (at, facing) in enumerate(cameras)]
    assert from_map({"objects": row, "views": views}) == (set("abcd"),) * 4


def test_a_view_into_the_page_sees_its_neighbours():
    column = [{"name": name, "position": [5, y]} for name, y in zip("abc", (7, 5, 3), strict=True)]
    views = [{"name": "View 1", "position": [5, 6], "facing": "inner"}]
    assert from_map({"objects": column, "views": views}) == ({"a", "b"},)


@pytest.mark.parametrize("setting", ["rotation", "among", "around", "translation", "other"])
@given(meta=st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=5)))
def test_an_odd_annotation_gives_no_references_rather_than_an_error(setting, meta):
    found = from_meta(setting, meta, ["front_1.jpg", "left_1.jpg"])
    assert found is None or all(isinstance(names, frozenset) for names in found)


def test_among_images_of_other_names_are_taken_in_order():
    meta = [["m", "f", "l", "b", "r"], [None] * 5]
    assert from_meta("among", meta, ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]) == (
        {"m", "b"},
        {"m", "r"},
        {"m", "f"},
        {"m", "l"},
    )
    assert from_meta("among", meta, ["1.jpg", "2.jpg"]) is None


MINDCUBE_FAULTS = [
    ({"gt_answer": "Z"}, "key 'gt_answer': expected a letter A-D, one of the question's options, found 'Z'"),
    ({"gt_answer": None}, "key 'gt_answer' is null"),
    ({"images": "front.jpg"}, "key 'images': expected a list, found 'front.jpg'"),
    ({"images": [1]}, r"key 'images\[0\]': expected text, found 1"),
    ({"id": 7}, "key 'id': expected text, found 7"),
    ({"grounded_cogmap": "none"}, "key 'grounded_cogmap': expected a cognitive map with objects and views"),
    ({"images": ["gone.jpg"]}, "image 'gone.jpg' is not in"),
]


@pytest.mark.parametrize(("change", "message"), MINDCUBE_FAULTS)
def test_a_wrong_mindcube_record_is_named(tmp_path, change, message):
    file = write(tmp_path / "m.jsonl", [records("mindcube/raw/MindCube_tiny.jsonl")[0] | change])
    with pytest.raises(DataError, match=rf"m\.jsonl:1: {message}"):
        list(load("mindcube", file, image_root=DATA / "mindcube"))


def test_images_need_not_be_there_where_only_text_is_wanted(tmp_path):
    file = write(tmp_path / "m.jsonl", records("mindcube/raw/MindCube_tiny.jsonl"))
    found = list(load("mindcube", file, image_root=tmp_path / "pictures", check_images=False))
    assert found[0].images[0] == tmp_path / "pictures" / "other_all_image/among/backpack_002/front_039.jpg"


# SPAR-Bench


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
        colours = {tuple(colour) for row in pixels(image) for colour in row.tolist()}
        assert {(0, 0, 255), (0, 255, 0)} <= colours


def test_marks_need_not_be_drawn():
    assert all(
        isinstance(image, Path)
        for sample in load("spar7m", DATA / "spar7m", draw_marks=False)
        for image in sample.images
    )


@pytest.mark.parametrize(
    ("task", "colours", "index", "images"),
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
def test_which_image_each_colour_is_in(task, colours, index, images):
    """In the order in which they are drawn: where two overlap, the later one lies on top."""
    record = {"type": task, **{f"{colour}_point": [[1, 2]] for colour in sorted(colours)}}
    if index:
        record["point_img_idx"] = [index]
    marks = marks_of(record, 3, "x:1")
    assert [(mark.colour, mark.image) for mark in marks] == list(zip(colours, images, strict=False))


def test_labels_stay_within_the_image(tmp_path):
    Image.new("RGB", (320, 240)).save(tmp_path / "black.png")

    def lime(x, y):
        mark = Mark("point", "blue", (x, y), 0, "object0")
        return int((pixels(draw(tmp_path / "black.png", [mark])) == (0, 255, 0)).all(axis=-1).sum())

    corners = {lime(x, y) for x in (0, 1000) for y in (0, 1000)}
    assert corners == {lime(300, 300)}
    assert min(corners) > 100


def test_the_marks_of_videos_are_labelled_as_the_answers_call_them():
    boxes = {f"{colour}_bbox": [[1, 1, 9, 9]] for colour in ("red", "blue", "green", "yellow")}
    record = {"type": "spatial_imagination_oo_video", **boxes, "bbox_img_idx": [[3, 1, 0, 2]]}
    marks = marks_of(record, 4, "x:1")
    assert {mark.colour: (mark.label, mark.image) for mark in marks} == {
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


# MMSI-Bench


def test_mmsi_table():
    door, moved = samples("mmsi", "mmsi").values()
    assert (door.category, door.target, len(door.images)) == ("Positional Relationship (Cam.–Obj.)", "B", 2)
    assert door.options == ("North", "North, east", "South", "West")
    assert (moved.id, moved.group, moved.extra["rotation"]) == ("1000001", "1", 1)
    assert moved.options == ("The cup", "The A: side", "Nothing", "All")
    assert [pixels(sample.images[0])[0, 0].tolist() for sample in (door, moved)] == [[255, 0, 0], [0, 0, 255]]


def test_mmsi_parquet_equals_the_table(tmp_path):
    plain = samples("mmsi", "mmsi")
    rows = [
        {
            "id": int(sample.id),
            "images": list(sample.images),
            "question_type": sample.category,
            "question": sample.prompt,
            "answer": sample.target,
            "thought": "…",
        }
        for sample in plain.values()
    ]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "MMSI_Bench.parquet")
    found = {sample.id: sample for sample in load("mmsi", tmp_path)}
    assert list(found) == list(plain)
    for name, sample in found.items():
        assert (sample.images, sample.options, sample.target) == (
            plain[name].images,
            plain[name].options,
            plain[name].target,
        )
        assert sample.extra == {"thought": "…"}


MMSI_FAULTS = [
    ("index\timage\n", r":1: column 'question' is missing; the table has index, image"),
    (
        "index\timage\tquestion\tanswer\tcategory\nx\tAAAA\tq\tA\tMSR\n",
        r":2: key 'index': expected a whole number",
    ),
    (
        "index\timage\tquestion\tanswer\tcategory\n1\t?\tq\tA\tMSR\n",
        r":2: key 'image': expected base64, or a JSON array",
    ),
    ("index\timage\tquestion\tanswer\tcategory\n1\t[1]\tq\tA\tMSR\n", r":2: key 'image': expected base64"),
    ("index\timage\tquestion\tanswer\tcategory\n1\tAAAA\tq\n", r":2: key 'answer' is null"),
    (
        "index\timage\tquestion\tanswer\tcategory\n1\tAAAA\tOptions: A: x, B: y\tC\tMSR\n",
        "expected a letter A-B",
    ),
]


@pytest.mark.parametrize(("text", "message"), MMSI_FAULTS)
def test_a_wrong_mmsi_table_is_named(tmp_path, text, message):
    (tmp_path / "m.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(load("mmsi", tmp_path / "m.tsv"))


# Files of every kind


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", r":2: expected a JSON object, found broken JSON"),
        (b"[1]", r":2: expected a JSON object, found \[1\]"),
        (b'{"a": "\xff"}', r":2: expected a JSON object, found broken JSON"),
        (b"[" * 100_000, r":2: expected a JSON object, found broken JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    (tmp_path / "x.jsonl").write_bytes(b"\n" + line + b"\n")
    with pytest.raises(DataError, match=message):
        list(load("mindcube", tmp_path / "x.jsonl"))


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no data set 'mindcub' \(did you mean 'mindcube'\?\)"):
        load("mindcub", DATA)


def test_a_folder_must_be_unambiguous(tmp_path):
    with pytest.raises(ConfigError, match=r"expected \.jsonl files in this folder, found none"):
        list(load("mindcube", tmp_path))
    with pytest.raises(ConfigError, match=r"2 files could be meant \(prompts/MindCube_tiny_raw_qa.jsonl, raw/"):
        list(load("mindcube", DATA / "mindcube"))


def test_a_hub_id_offline_says_how_to_download(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set; download it with `hf download RunsenXu/MMSI-Bench"):
        load("mmsi", "RunsenXu/MMSI-Bench")
    with pytest.raises(ConfigError, match="no such file or folder"):
        load("mmsi", "/nowhere/at/all.tsv")


@pytest.mark.parametrize(
    ("module", "name", "path", "message"),
    [
        (
            "PIL.Image",
            "spar7m",
            "spar7m",
            "drawing SPAR-7M's marks needs pillow, which is not installed: pip install pillow",
        ),
        ("h5py", "tvr", "h5", "reading data.h5 needs h5py, which is not installed: pip install h5py"),
        ("pyarrow.parquet", "mmsi", "parquet", "needs pyarrow, which is not installed: pip install pyarrow"),
        (
            "huggingface_hub",
            "mmsi",
            "RunsenXu/MMSI-Bench",
            "downloading RunsenXu/MMSI-Bench.*pip install huggingface_hub",
        ),
    ],
)
def test_a_missing_package_is_named(monkeypatch, tmp_path, *, module, name, path, message):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    if path in {"h5", "parquet"}:
        path = tmp_path / f"data.{path}"
        path.touch()
    elif path == "spar7m":
        path = DATA / path
    with pytest.raises(ConfigError, match=message):
        list(load(name, path))
