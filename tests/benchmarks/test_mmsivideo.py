"""MMSI-Video-Bench: golden rows of the owners' and the kits' scorers, quirks, tables, and the published records."""

import json

import pytest
from choice_golden import aggregate, agrees, disagreements, rows, scored
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import evaluate
from benchmarks.datasets import load
from benchmarks.mmsivideo import scoring
from benchmarks.mmsivideo.records import spread
from benchmarks.mmsivideo.scoring import TYPES
from rewards.errors import DataError


def test_every_golden_row_agrees():
    assert len(rows("mmsivideo")) == 650
    assert disagreements("mmsivideo", scoring.score_official) == []
    assert agrees(scoring.aggregate(scored("mmsivideo", scoring.score_official)), aggregate("mmsivideo"))


@pytest.mark.parametrize(
    ("text", "owners", "lmms", "kit"),
    [
        ("B", "B", "B", "B"),
        ("B. left", "B", "B", "B"),
        ("<answer>B</answer>", "B", "B", "B"),
        ("(B)", None, "B", "B"),
        (r"so \boxed{B}", "B", "B", "B"),
        (r"\boxed{B. left}", None, "B", "B"),
        ("The answer is clear: B.", None, "B", "B"),
        ("<think>the answer is A.</think> The answer is B", "B", "B", "B"),
        ("So B. A is wrong", None, "A", None),
        ("No answer: B", "B", None, "B"),
        ("no answer, or B", None, None, "B"),
        ("b", None, None, "B"),
        ("", None, None, None),
    ],
)
def test_quirks_of_the_letter_search(text, owners, lmms, kit):
    found = scoring.score_official({"response": text, "ground_truth": "B"})
    assert [found[f"{name}_extracted"] for name in ("official", "lmms", "vlmevalkit")] == [owners, lmms, kit]


@pytest.mark.parametrize(
    ("unit", "owners", "lmms", "kit"),
    [
        ("answer is ", None, None, None),
        ("boxed{", None, None, None),
        ("A. ", "A", "A", "A"),
        ("(A)", None, "A", "A"),
        ('"answer":', None, None, None),
        (" ", None, None, None),
    ],
)
def test_a_megabyte_is_read(unit, owners, lmms, kit):
    found = scoring.score_official({"response": unit * (10**6 // len(unit)), "ground_truth": "A"})
    assert [found[f"{name}_extracted"] for name in ("official", "lmms", "vlmevalkit")] == [owners, lmms, kit]


def test_a_wrong_target_is_an_error():
    with pytest.raises(DataError, match="the target 'A. left' is no letter A-F"):
        scoring.score_official({"response": "B", "ground_truth": "A. left"})


def test_smaller_benchmarks_have_tables_where_rows_say_so():
    table = evaluate(rows("mmsivideo"), "mmsivideo").tables["strict"]
    assert list(table)[:14] == ["overall", *TYPES]
    assert set(list(table)[14:]) == {
        *("(Easy2hard)Avg", "(Easy2hard)level_1", "(Easy2hard)level_2", "(Easy2hard)level_3"),
        *("(Robot)Avg", "(Robot)Navigation", "(Robot)Manipulation"),
    }
    robots = [row for row in rows("mmsivideo") if row["Robot"]]
    alone = evaluate(robots, "mmsivideo").tables["strict"]["overall"]["accuracy"].estimate
    assert table["(Robot)Avg"]["accuracy"].estimate == pytest.approx(alone)
    plain = [{name: row[name] for name in ("id", "response", "ground_truth", "type")} for row in rows("mmsivideo")]
    assert list(evaluate(plain, "mmsivideo").tables["strict"]) == ["overall", *TYPES]


def test_questions_about_one_clip_are_a_cluster():
    clips = {row["video_list"][0]["path"] for row in rows("mmsivideo")}
    assert f"|clusters:scene={len(clips)}|" in evaluate(rows("mmsivideo"), "mmsivideo").signatures["strict"]


def test_vlmevalkits_results_are_read():
    row = {"index": 3, "prediction": "B", "answer": "B", "task_type": "Cross-Video", "sub_task_type": "Memoery Update"}
    planning = {**row, "index": 4, "task_type": "Planning", "sub_task_type": "Planning", "Robot": float("nan")}
    table = evaluate([row, planning], "mmsivideo").tables["strict"]
    assert list(table) == ["overall", TYPES[0], "Planning"]


# Published records

RECORD = {
    "id": "question_0001",
    "type": TYPES[1],
    "system_prompt": "You see videos.",
    "task_prompt": "Look closely. ",
    "user_prompt": "<video> and then <video>. Where is <image>? A. left B. right",
    "format_prompt": " Answer with a letter.",
    "ref_images": ["chair.png"],
    "frames_list": [[f"a/{n}.jpg" for n in range(6)], ["b/0.jpg", "b/1.jpg"]],
    "video_list": [{"path": "a.mp4", "start": 0, "end": 6, "base_fps": 1.0}],
    "ground_truth": "B",
}


def test_the_owners_file(tmp_path):
    (tmp_path / "mmsivideo.json").write_text(json.dumps([RECORD]))
    (sample,) = load("mmsivideo", tmp_path, check_images=False, frames=4)
    marks = "<image>" * 3
    assert sample.prompt == (
        f"Look closely. {marks} and then <image>. Where is <image>? A. left B. right Answer with a letter."
    )
    shown = ["frames/a/0.jpg", "frames/a/2.jpg", "frames/a/4.jpg", "frames/b/1.jpg", "ref_images/chair.png"]
    assert [str(image.relative_to(tmp_path)) for image in sample.images] == shown
    assert (sample.id, sample.target, sample.category, sample.group) == ("question_0001", "B", TYPES[1], "a")
    assert sample.extra["system_prompt"] == "You see videos."
    (whole,) = load("mmsivideo", tmp_path, check_images=False)
    assert len(whole.images) == 9


def test_vlmevalkits_table(tmp_path):
    (tmp_path / "m.tsv").write_text(
        "index\tsystem_prompt\ttask_prompt\tuser_prompt\tformat_prompt\tref_images\timage_path\tanswer\ttask_type\tsub_task_type\n"
        "5\ts\tt \t<video>?\t f\t[]\t[['frames/a/0.jpg', 'frames/a/1.jpg']]\tC\tPlanning\tPlanning\n"
    )
    (sample,) = load("mmsivideo", tmp_path / "m.tsv", check_images=False)
    assert (sample.prompt, sample.target, sample.category) == ("t <image><image>? f", "C", "Planning")


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 60))
def test_frames_are_spread_over_all_videos(lengths, most):
    chosen = spread(lengths, most)
    assert all(0 <= at < length for places, length in zip(chosen, lengths, strict=True) for at in places)
    assert all(bool(places) == bool(length) for places, length in zip(chosen, lengths, strict=True))
    assert all(sorted(set(places)) == places for places in chosen)
    if sum(lengths) <= most:
        assert [len(places) for places in chosen] == lengths
    else:
        assert most <= sum(map(len, chosen)) <= most + len(lengths)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_prompt": "<video>?"}, r"item 1: key 'user_prompt': expected 2 <video> and 1 <image>"),
        ({"ground_truth": "left"}, "item 1: key 'ground_truth': expected a letter A-H"),
        ({"frames_list": "x"}, "item 1: key 'frames_list': expected a list, found 'x'"),
    ],
)
def test_a_wrong_record_is_named(tmp_path, change, message):
    (tmp_path / "mmsivideo.json").write_text(json.dumps([{**RECORD, **change}]))
    with pytest.raises(DataError, match=message):
        list(load("mmsivideo", tmp_path, check_images=False))
