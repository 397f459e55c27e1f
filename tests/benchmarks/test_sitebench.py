"""SITE-Bench: golden rows of the owners' and VLMEvalKit's scorers, guesses, chance-adjusted accuracy, and the records."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet
import pytest
from choice_golden import aggregate, disagreements, rows
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import evaluate
from benchmarks.datasets import load
from benchmarks.report.make import make_report, write
from benchmarks.sitebench import scoring
from benchmarks.sitebench.scoring import CATEGORIES
from rewards.errors import DataError

FOUR = ["left", "right", "front", "back"]


def test_every_golden_row_agrees():
    assert len(rows("sitebench")) == 660
    assert disagreements("sitebench", scoring.score_official) == []


def test_the_golden_aggregate_agrees():
    found = evaluate(rows("sitebench"), "sitebench", "official")
    assert list(found.tables["official"]) == ["overall", *CATEGORIES]
    assert {name: pytest.approx(table) for name, table in aggregate("sitebench").items()} == found.aggregate


@pytest.mark.parametrize(
    ("text", "letter", "kit"),
    [
        ("B", "B", "B"),
        ("(B)", "B", "B"),
        ("B. right", "B", "B"),
        ("Answer:B", "B", "B"),
        ("(B), not (A)", "A", None),
        ("A is wrong, B is right", "B", None),
        ("A chair is left, B.", "A", None),
        ("b", None, "B"),
        ("right", None, None),
        ("E", None, "E"),
    ],
)
def test_quirks_of_the_letter_search(text, letter, kit):
    found = scoring.score_official({"id": 1, "response": text, "answer": "B", "options": FOUR})
    assert found["guessed"] is (letter is None)
    assert letter in (None, found["official_extracted"])
    assert found["vlmevalkit_extracted"] == kit


def test_guesses_are_even_and_always_the_same():
    some = [{"id": n, "response": "", "answer": "ABCD"[n % 4], "options": FOUR, "category": "x"} for n in range(2000)]
    drawn = Counter(scoring.score_official(row)["official_extracted"] for row in some)
    assert all(430 < drawn[letter] < 570 for letter in "ABCD")
    one, other = (evaluate(some, "sitebench", "both") for _ in range(2))
    assert one.tables == other.tables
    assert one.figures()["accuracy"] == pytest.approx(0.25, abs=0.03)
    assert abs(one.figures()["caa"]) < 0.04
    assert one.figures()["unparsed"] == 1.0
    assert one.faults["official"]["guessed"]["rows"] == 2000
    assert one.tables["strict"]["overall"]["accuracy"].estimate == 0.0  # nothing is drawn
    assert one.tables["strict"]["overall"]["caa"].estimate == pytest.approx(-1 / 3)


@given(st.lists(st.tuples(st.booleans(), st.integers(2, 8)), min_size=1, max_size=30))
def test_chance_adjusted_accuracy_is_its_formula(answers):
    some = [
        {"id": at, "response": "B" if right else "A", "answer": "B", "options": ["x"] * n, "category": CATEGORIES[0]}
        for at, (right, n) in enumerate(answers)
    ]
    right, chance = sum(right for right, _ in answers), sum(1 / n for _, n in answers)
    table = evaluate(some, "sitebench").tables["strict"]
    for group in ("overall", CATEGORIES[0]):
        assert table[group]["caa"].estimate == pytest.approx((right - chance) / (len(answers) - chance))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": ["left"]}, "expected the texts of two options or more"),
        ({"answer": "E"}, "the target 'E' is no letter A-D"),
    ],
)
def test_a_wrong_row_is_an_error(change, message):
    row = {"id": 1, "response": "B", "answer": "B", "options": FOUR, **change}
    for score in (scoring.score_official, scoring.score_strict):
        with pytest.raises(DataError, match=message):
            score(row)


@pytest.mark.parametrize(
    ("unit", "owners", "guessed", "kit"),
    [
        ("(", "C", True, None),
        (" A ", "A", False, "A"),
        ("A.", "A", False, "A"),
        (":", "B", True, None),
        ("B:", "B", False, "B"),
    ],
)
def test_a_megabyte_is_read(unit, owners, guessed, kit):
    row = {"id": 1, "answer": "A", "options": FOUR, "response": unit * (10**6 // len(unit))}
    found = scoring.score_official(row)
    assert (found["official_extracted"], found["guessed"], found["vlmevalkit_extracted"]) == (owners, guessed, kit)


def test_a_report_of_numbers_below_zero(tmp_path):
    """Answers that are always wrong are worse than guesses."""
    wrong = [{**row, "response": "A" if row["answer"] != "A" else "B"} for row in rows("sitebench")]
    for name, some in (("wrong", wrong), ("golden", rows("sitebench"))):
        (tmp_path / f"{name}.json").write_text(json.dumps(evaluate(some, "sitebench").as_dict(with_rows=True)))
    document = make_report([str(tmp_path / "wrong.json"), str(tmp_path / "golden.json")])
    page = write(document, "markdown")
    assert "<svg" in write(document, "html")
    assert "SITE-Bench" in page
    assert "−3" in page
    assert "caa" in page


# Published records

RECORD = {
    "question": "Where is the sofa? ",
    "options": ["left", "right"],
    "answer": "B",
    "category": CATEGORIES[3],
    "dataset": "some",
    "visual": ["images/1.png", "images/2.png"],
}


def test_images_and_videos(tmp_path):
    video = {**RECORD, "visual": ["clips/1.mp4"], "answer": "A"}
    for split, some in (
        ("image_test", [RECORD, {**RECORD, "question": "Is <image> left of <image>?"}]),
        ("video_test", [video]),
    ):
        pyarrow.parquet.write_table(pa.Table.from_pylist(some), tmp_path / f"{split}-0.parquet")
    first, inside, watched = load("sitebench", tmp_path, check_images=False)
    lines = "Options:\nA: left\nB: right\n"
    ask = "Give me the answer letter directly. The best answer is:"
    assert first.prompt == f"<image><image>\nQuestion: Where is the sofa?\n{lines}{ask}"
    assert inside.prompt == f"Question: Is <image> left of <image>?\n{lines}{ask}"
    assert watched.prompt.endswith(
        f"Respond with only the letter of the correct option.\nQuestion: Where is the sofa?\n{lines}{ask}"
    )
    assert [each.id for each in (first, inside, watched)] == ["image_test/0", "image_test/1", "video_test/0"]
    assert (len(first.images), first.video, first.target) == (2, None, "B")
    assert (watched.images, watched.video, watched.target) == ((), tmp_path / "clips" / "1.mp4", "A")


def test_vlmevalkits_tables(tmp_path):
    (tmp_path / "SiteBenchImage.tsv").write_text(
        "index\tquestion\toptions\tanswer\tcategory\timage_path\n"
        f"3\tWhere?\t\"['left', 'right']\"\tA\t{CATEGORIES[0]}\t\"['images/1.png']\"\n"
    )
    (tmp_path / "SiteBenchVideo.tsv").write_text(
        "index\tquestion\tcandidates\tanswer\tcategory\tvideo_path\n"
        f"4\tWhere?\t\"['left', 'right']\"\tB\t{CATEGORIES[1]}\tclips/1.mp4\n"
    )
    (image,) = load("sitebench", tmp_path / "SiteBenchImage.tsv", check_images=False)
    (video,) = load("sitebench", tmp_path / "SiteBenchVideo.tsv", check_images=False)
    assert (image.id, image.options, image.target, len(image.images)) == ("3", ("left", "right"), "A", 1)
    assert (video.id, video.target, video.video.name) == ("4", "B", "1.mp4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "C"}, "item 1: key 'answer': expected a letter A-B"),
        ({"visual": []}, "item 1: key 'visual': expected a video, or one image or more"),
        ({"options": 3}, "item 1: key 'options': expected a list, found 3"),
    ],
)
def test_a_wrong_record_is_named(tmp_path, change, message):
    file = tmp_path / "image_test.json"
    file.write_text(json.dumps([{**RECORD, **change}]))
    with pytest.raises(DataError, match=message):
        list(load("sitebench", file, check_images=False))
