"""BLINK: golden rows of the owners' and the kits' scorers, quirks, tables, and the published records."""

import base64
import io
import json
import statistics

import pyarrow as pa
import pyarrow.parquet
import pytest
from choice_golden import aggregate, agrees, disagreements, rows, scored
from PIL import Image

from benchmarks import evaluate
from benchmarks.blink import scoring
from benchmarks.blink.scoring import MULTI_VIEW
from benchmarks.datasets import load
from rewards.errors import ConfigError, DataError


def test_every_golden_row_agrees():
    assert len(rows("blink")) == 700
    assert disagreements("blink", scoring.score_official) == []
    assert agrees(scoring.aggregate(scored("blink", scoring.score_official)), aggregate("blink"))


@pytest.mark.parametrize(
    ("text", "owners", "lmms", "kit"),
    [
        ("(B)", "B", "B", "B"),
        ("B", "B", "B", "B"),
        ("B.", None, "B", "B"),
        ("E", "E", "E", "Z"),
        ("(B) right", "B", "B", "B"),
        ("The answer is (B).", None, "T", "B"),
        ("The answer is (B)", "B", "T", "B"),
        ("(A) or (B)", None, "A", "Z"),
        ("Not (A), that is (A) \n\n(B)", "B", "N", "Z"),
        ("both", None, "B", "Z"),
        ("to the right", None, "T", "B"),
        ("", None, "", "Z"),
    ],
)
def test_quirks_of_the_letter_search(text, owners, lmms, kit):
    found = scoring.score_official({"response": text, "answer": "(B)", "options": ["left", "right"]})
    assert [found[f"{name}_extracted"] for name in ("official", "lmms", "vlmevalkit")] == [owners, lmms, kit]


def test_what_the_owners_give_to_a_judge_is_told():
    row = {"id": "val_Multi-view_Reasoning_1", "answer": "(B)", "options": ["left", "right"]}
    report = evaluate([{**row, "response": text} for text in ("(B)", "right", "B. right")], "blink", "official")
    assert report.figures()["accuracy"] == pytest.approx(1 / 3)
    assert report.faults["official"]["needs_judge"]["rows"] == 2
    assert report.figures()["unparsed"] == pytest.approx(2 / 3)


def test_hidden_answers_are_errors():
    report = evaluate([{"response": "(B)", "answer": answer} for answer in ("hidden", "?", "B")], "blink", "both")
    assert report.rows == 1
    assert "the answers of the split test are not published" in report.error_messages[0]
    assert "it is no letter A-E" in report.error_messages[1]


@pytest.mark.parametrize(
    ("unit", "owners", "lmms", "kit"),
    [
        ("(A) ", "A", "A", "Z"),
        ("\n\n", None, "", "Z"),
        ("(", None, "", "Z"),
        ("answer is ", None, "A", "A"),
        (" A", None, "A", "Z"),
    ],
)
def test_a_megabyte_is_read(unit, owners, lmms, kit):
    found = scoring.score_official({"response": unit * (10**6 // len(unit)), "answer": "A"})
    assert [found[f"{name}_extracted"] for name in ("official", "lmms", "vlmevalkit")] == [owners, lmms, kit]


@pytest.mark.parametrize("protocol", ["official", "strict"])
def test_the_overall_number_is_the_mean_over_tasks(protocol):
    table = evaluate(rows("blink"), "blink", protocol).tables[protocol]
    accuracy = {group: found["accuracy"].estimate for group, found in table.items()}
    assert list(accuracy)[:2] == ["overall", MULTI_VIEW]
    assert accuracy.pop("overall") == pytest.approx(statistics.fmean(accuracy.values()))
    alone = [row for row in rows("blink") if row["sub_task"] == MULTI_VIEW]
    only = evaluate(alone, "blink", protocol).tables[protocol]
    assert only["overall"] == only[MULTI_VIEW]


def test_the_task_is_read_from_the_id_too():
    some = [{name: value for name, value in row.items() if name != "sub_task"} for row in rows("blink")]
    assert evaluate(some, "blink").tables == evaluate(rows("blink"), "blink").tables


def test_files_of_the_owners_and_of_lmms_eval_are_read():
    own = {"idx": "val_Counting_3", "answer": "(B)", "full_prediction": "I count 3, so (B)", "prediction": "(A)"}
    logged = {"doc_id": 2, "target": "(B)", "resps": [["(B)"]], "blink_acc": {"sub_task": "Counting", "id": "val_C_3"}}
    for row in (own, logged):
        assert evaluate([row], "blink", "official").figures()["Counting/accuracy"] == 1.0


# Published records


def png(color):
    content = io.BytesIO()
    Image.new("RGB", (2, 2), color).save(content, "PNG")
    return content.getvalue()


ROW = {
    "idx": "val_Multi-view_Reasoning_1",
    "sub_task": MULTI_VIEW,
    "question": "Is the camera moving left or right?",
    "prompt": "Is the camera moving left or right? Select from the following options.\n(A) left\n(B) right",
    "choices": ["left", "right"],
    "answer": "(B)",
    "image_1": {"bytes": png("red"), "path": None},
    "image_2": {"bytes": png("blue"), "path": None},
    "image_3": None,
    "image_4": None,
}


def test_the_owners_folders(tmp_path):
    for split, row in (("val", ROW), ("test", {**ROW, "idx": "test_1", "answer": "hidden"})):
        (tmp_path / MULTI_VIEW).mkdir(exist_ok=True)
        table = pa.Table.from_pylist([row])
        pyarrow.parquet.write_table(table, tmp_path / MULTI_VIEW / f"{split}-00000-of-00001.parquet")
    (sample,) = load("blink", tmp_path)
    assert (sample.id, sample.prompt, sample.target, sample.options) == (
        ROW["idx"],
        ROW["prompt"],
        "B",
        ("left", "right"),
    )
    assert (sample.images, sample.category) == ((png("red"), png("blue")), MULTI_VIEW)
    with pytest.raises(
        DataError, match="row 1: key 'answer': expected a letter; the answers of the split test are not"
    ):
        list(load("blink", tmp_path / MULTI_VIEW / "test-00000-of-00001.parquet"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"expected val-\*\.parquet in this folder, found none"):
        list(load("blink", tmp_path / "empty"))


def test_vlmevalkits_table(tmp_path):
    images = json.dumps([base64.b64encode(png(color)).decode() for color in ("red", "blue")]).replace('"', '""')
    file = tmp_path / "BLINK.tsv"
    file.write_text(
        "index\tquestion\tA\tB\tC\tD\tanswer\tcategory\timage\n"
        f'9\tIs the camera moving left or right?\tleft\tright\t\t\tB\t{MULTI_VIEW}\t"{images}"\n'
    )
    (sample,) = load("blink", file)
    assert sample.prompt == "Is the camera moving left or right?\n(A) left\n(B) right"
    assert (sample.target, sample.options, sample.images) == ("B", ("left", "right"), (png("red"), png("blue")))
