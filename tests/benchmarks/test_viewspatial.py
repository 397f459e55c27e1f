"""ViewSpatial-Bench: golden rows of the owners' and VLMEvalKit's scorers, quirks, and the published records."""

import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from choice_golden import aggregate, agrees, disagreements, rows, scored
from PIL import Image

from benchmarks import evaluate
from benchmarks.datasets import load
from benchmarks.viewspatial import scoring
from benchmarks.viewspatial.scoring import TYPES
from rewards.errors import DataError


def test_every_golden_row_agrees():
    assert len(rows("viewspatial")) == 720
    assert disagreements("viewspatial", scoring.score_official) == []
    assert agrees(scoring.aggregate(scored("viewspatial", scoring.score_official)), aggregate("viewspatial"))


@pytest.mark.parametrize(
    ("text", "official", "kit"),
    [
        ("B. front", "B", "B"),
        ("The answer is (c)", "C", "C"),
        ("A bit to the left, so B", "A", None),
        ("Option A is wrong.\nB", "B", "B"),
        ("B\nbecause it is hidden", None, "B"),
        ("B\n", None, "B"),
        ("I'd say B", "D", "B"),
        ("It is a\nE", None, "E"),
        ("<think>A</think><answer>B</answer>", "A", "B"),
        ("", None, None),
    ],
)
def test_quirks_of_the_letter_search(text, official, kit):
    found = scoring.score_official({"response": text, "answer": "B. front"})
    assert (found["official_extracted"], found["vlmevalkit_extracted"]) == (official, kit)


def test_a_wrong_target_is_an_error():
    with pytest.raises(DataError, match="the target 'left' is no letter A-D"):
        scoring.score_official({"response": "B", "answer": "left"})


@pytest.mark.parametrize(
    ("unit", "owners", "kit"),
    [
        ("a ", "A", None),
        ("B\n", None, "B"),
        ("_", None, None),
        ("d'", "D", None),
        ("<answer>", None, None),
        ("(", None, None),
        ("é", None, None),
    ],
)
def test_a_megabyte_is_read(unit, owners, kit):
    found = scoring.score_official({"response": unit * (10**6 // len(unit)), "answer": "A"})
    assert [found[f"{name}_extracted"] for name in ("official", "vlmevalkit")] == [owners, kit]


def test_strict_reads_letters_and_texts_of_options():
    row = {"answer": "B. front", "options": "A. left\nB. front\nC. back-left"}
    said = {
        "<think>A. so</think><answer>front</answer>": True,
        "A bit to the front, B": False,
        "B or C": False,
        "B": True,
    }
    for text, right in said.items():
        assert scoring.score_strict({**row, "response": text})["correct"] is right, text


def test_questions_about_one_scene_are_a_cluster():
    some = rows("viewspatial")
    scenes = {scoring.scene_of(row["image_path"][0]) for row in some}
    assert f"|clusters:scene={len(scenes)}|" in evaluate(some, "viewspatial").signatures["strict"]
    assert list(evaluate(some, "viewspatial").tables["strict"]) == ["overall", *TYPES]


def test_lmms_evals_logs_are_read():
    kind = {"score": 1.0, "question_type": TYPES[3], "target_type": TYPES[0]}
    row = {"doc_id": 0, "target": "A. left", "resps": [["A"]], "filtered_resps": ["A"]}
    row["camera_perspective_relative_direction_accuracy"] = kind
    assert evaluate([row], "viewspatial").figures()[f"{TYPES[3]}/accuracy"] == 1.0


# Published records

PATH = "ViewSpatial-Bench/scannetv2_val/scene0011_00/original_images/{}.jpg"
RECORD = {
    "question_type": TYPES[0],
    "image_path": [PATH.format(280), PATH.format(300)],
    "question": "Where is the counter?",
    "answer": "B. front-up",
    "choices": "A. right\nB. front-up",
}


def draw(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


@pytest.mark.parametrize("folder", ["ViewSpatial-Bench", "somewhere"])
def test_the_owners_file(tmp_path, folder):
    home = tmp_path / folder
    for name in RECORD["image_path"]:
        draw(home / name.removeprefix("ViewSpatial-Bench/"))
    (home / "ViewSpatial-Bench.json").write_text(json.dumps([RECORD, {**RECORD, "answer": "A. right"}]))
    first, second = load("viewspatial", home)
    assert first.prompt == (
        "Where is the counter?A. right\nB. front-up\nReply only to the corresponding option.\nAnswer:"
    )
    assert (first.id, first.target, first.options, first.category) == ("0", "B", ("right", "front-up"), TYPES[0])
    assert (second.id, second.target, second.group) == ("1", "A", "scene0011_00")
    assert [image.name for image in first.images] == ["280.jpg", "300.jpg"]
    assert first.extra["question"] == "Where is the counter?\nA. right\nB. front-up"


def test_the_kits_files_hold_the_same(tmp_path):
    for name in RECORD["image_path"]:
        draw(tmp_path / name)
    (tmp_path / "v.tsv").write_text(
        "index\timage_path\tquestion_type\tquestion\tcandidates\tanswer\n"
        f'4\t"{RECORD["image_path"]}"\t{TYPES[0]}\tWhere is the counter?\t"A. right\nB. front-up"\tB\n'
    )
    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    inside = {name: value for name, value in RECORD.items() if name != "image_path"}
    inside["images"] = [{"bytes": content.getvalue(), "path": None}]
    pyarrow.parquet.write_table(pa.Table.from_pylist([inside]), tmp_path / "test-0.parquet")
    (tmp_path / "ViewSpatial-Bench.json").write_text(json.dumps([RECORD]))
    (own,) = load("viewspatial", tmp_path / "ViewSpatial-Bench.json")
    (table,) = load("viewspatial", tmp_path / "v.tsv")
    (parquet,) = load("viewspatial", tmp_path / "test-0.parquet")
    assert (table.prompt, table.target, table.images, table.group) == (own.prompt, own.target, own.images, own.group)
    assert (parquet.prompt, parquet.target, parquet.images) == (own.prompt, own.target, (content.getvalue(),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "C. back"}, r"item 1: key 'answer': expected a letter A-B"),
        ({"image_path": []}, r"item 1: key 'image_path': expected one image or more, found \[\]"),
        ({"choices": None}, "item 1: key 'choices' is null"),
        ({}, "item 1: image 'scannetv2_val/scene0011_00/original_images/280.jpg' is not in"),
    ],
)
def test_a_wrong_record_is_named(tmp_path, change, message):
    file = tmp_path / "ViewSpatial-Bench.json"
    file.write_text(json.dumps([{**RECORD, **change}]))
    with pytest.raises(DataError, match=message):
        list(load("viewspatial", file, check_images=not change))
    file.write_text("{}")
    with pytest.raises(DataError, match="expected a JSON array, found {}"):
        list(load("viewspatial", file))
