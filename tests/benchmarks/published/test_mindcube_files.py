import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets import load
from benchmarks.mindcube.references import from_map, from_meta
from rewards.errors import DataError
from tests.benchmarks.published.dataset_files import DATA, records, samples
from tests.json_lines import write


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
