"""What a group shows: texts as they are, marks where the records stand, numbers as the reward gives them."""

from __future__ import annotations

import json
import shlex

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.view.detail import group_data, last_words, prompt_text
from benchmarks.view.index import Scoring, open_run
from benchmarks.view.pieces import LONGEST
from benchmarks.view.reading import Files
from rewards import completion_text, score_completion
from rewards.messages import strip_special_tokens
from star_cli.main import star
from tests.benchmarks.view.view_inputs import ANSWERS, TARGETS, completion, write_rows

RECORDS = st.lists(
    st.sampled_from(["2.color.cyan", "2.color.red", "0.shape.cube", "2.texture.red", "", "𝒳", "2 . color . cyan"]),
    max_size=5,
).map(", ".join)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ["<think>", "</think>", "<answer>", "</answer>", "2.color.cyan", "\n", "𝒳😀", "View 1: [a, b, left]"]
        )
    ).map("".join),
    st.builds(completion, RECORDS, st.text(max_size=30)),
)


def opened(path, rows, **settings):
    return open_run("run", Files([str(write_rows(path, rows))]), Scoring(**settings))


def written(row):
    return "".join(piece[0] for piece in row["pieces"])


@given(st.lists(TEXTS, min_size=1, max_size=6), st.sampled_from(["default", "paper", "naive_binary"]))
@settings(max_examples=80)
def test_any_completion_is_shown_as_it_is(tmp_path_factory, texts, preset):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    rows = [{"prompt_id": "p", "completion": text, "target": "2.color.cyan"} for text in texts]
    run = opened(path, rows)
    shown = group_data(run, 0, preset)["rows"]
    assert sorted(row["row"] for row in shown) == list(range(len(texts)))
    for row in shown:
        text = texts[row["row"]].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        score = score_completion(text, "2.color.cyan", preset=preset)
        assert written(row) == strip_special_tokens(text)
        assert (row["total"], row["correct"], dict(row["parts"])) == (score.total, score.correct, dict(score.parts))
        spans = [span for span in score.spans.records if span.end > span.start]
        marks = [(row["marks"][at]["tier"], piece) for piece, _, at, _ in row["pieces"] if at is not None]
        assert {tier for tier, _ in marks} == {span.tier for span in spans}
        assert "".join(piece for _, piece in marks) == "".join(written(row)[span.start : span.end] for span in spans)
        if score.fault is not None:
            assert score.fault.code in [fault["code"] for fault in row["faults"]]
        json.dumps(row, allow_nan=False)


def test_advantages_are_those_of_a_trainer(tmp_path):
    """A = (r - mean) / (std + 1e-4), the standard deviation with n - 1, as TRL has it."""
    texts = [completion(each) for each in ("2.color.cyan", "2.color.red", "none", "2.color.cyan")]
    run = opened(tmp_path / "a.jsonl", [{"prompt_id": 1, "completion": t, "target": "2.color.cyan"} for t in texts])
    shown = group_data(run, 0)
    totals = [row["total"] for row in shown["rows"]]
    assert totals == sorted(totals, reverse=True)
    mean = sum(totals) / 4
    std = (sum((each - mean) ** 2 for each in totals) / 3) ** 0.5
    for row in shown["rows"]:
        assert row["advantage"] == pytest.approx((row["total"] - mean) / (std + 1e-4))
    assert shown["right"] == 2
    equal = opened(tmp_path / "b.jsonl", [{"prompt_id": 1, "completion": texts[0], "target": "2.color.cyan"}] * 3)
    assert [row["advantage"] for row in group_data(equal, 0)["rows"]] == [0.0] * 3


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_the_command_explains_the_same_reward(tmp_path, preset):
    """Also under options, which count under the run's own preset alone."""
    (tmp_path / "with space").mkdir()
    rows = [{"prompt_id": at // 4, "said": completion(ANSWERS[at % 8]), "target": TARGETS[at % 3]} for at in range(12)]
    path = write_rows(tmp_path / "with space" / "rows.jsonl", rows)
    run = open_run(
        "run",
        Files([str(path)], mapping={"completion": "said"}),
        Scoring(overrides={"conflicts": "each"}, mode="lenient"),
    )
    command = ["--map", "completion=said", "--conflicts", "each", "--mode", "lenient"]
    for group in range(len(run.groups)):
        for row in group_data(run, group, preset, command)["rows"]:
            words = shlex.split(row["explain"])
            done = CliRunner().invoke(star, [*words[1:], "--json"])
            assert done.exit_code == 0, done.output
            told = json.loads(done.output)
            assert (told["total"], told["parts"]) == (row["total"], dict(row["parts"]))


def test_faults_have_their_place(tmp_path):
    text = completion("2.color.cyan, 2.texture.red, 0.shape.cube", think="😀 𝒳")
    broken = "<think>𝒳</think> so <answer>2.color.cyan</answer>"
    rows = [{"prompt_id": 1, "completion": each, "target": "2.color.cyan"} for each in (text, broken)]
    shown = {row["row"]: row for row in group_data(opened(tmp_path / "f.jsonl", rows), 0)["rows"]}
    (fault,) = shown[0]["faults"]
    before, here, after = fault["around"]
    assert (before + here + after).strip("…") in text
    assert (here + after).startswith("texture")
    assert [piece[0] for piece in shown[0]["pieces"] if piece[3]] == ["texture.red"]
    (fault,) = shown[1]["faults"]
    assert fault["code"] == "text_between"
    assert [piece[0][:2] for piece in shown[1]["pieces"] if piece[3]] == ["so"]


def question(reasoning, **columns):
    return {
        "completion": completion("B", think=reasoning),
        "target": "B",
        "references": [["red ball", "sofa"], ["sofa", "lamp"]],
        "relations": [[["red ball", "sofa", "left"]], [["sofa", "lamp", "behind"]]],
        **columns,
    }


def tiers(row):
    return {(piece, row["marks"][at]["tier"]) for piece, _, at, _ in row["pieces"] if at is not None}


def test_triplets_of_a_question_are_told_right_from_wrong(tmp_path):
    think = "View 1: [red ball, sofa, right] [door, sofa, left]\nView 2: [sofa, lamp, behind] [lamp, sofa, left]"
    run = opened(tmp_path / "q.jsonl", [question(think)], task="multiview")
    found = tiers(group_data(run, 0)["rows"][0])
    assert ("right", "incorrect") in found  # it is to the left
    assert ("door", "incorrect") in found
    assert ("red ball", "correct") in found
    assert ("behind", "correct") in found
    assert ("left", "unlabelled") in found  # nothing is known of these two
    assert ("B", "correct") in found


def test_what_is_true_of_a_view_and_what_is_said_of_it_go_with_it(tmp_path):
    think = "View 1: [red ball, sofa, right]\nView 2: [sofa, lamp, behind] [lamp, lamp"
    given = question(think, relations=[[["red ball", "sofa", "left"]], [["lamp", "sofa", "in front of"]]])
    shown = group_data(opened(tmp_path / "q.jsonl", [given], task="multiview"), 0)
    assert shown["references"] == [[1, ["red ball", "sofa"]], [2, ["lamp", "sofa"]]]
    assert shown["relations"] == [[1, ["red ball, sofa, left"]], [2, ["lamp, sofa, in front of"]]]
    marks = shown["rows"][0]["marks"]
    assert [(mark["kind"], mark["view"]) for mark in marks[:6]] == [
        *[("reference", 1), ("reference", 1), ("relation", 1)],
        *[("reference", 2), ("reference", 2), ("relation", 2)],
    ]
    assert marks[-1]["kind"] == "answer"
    assert {mark["view"] for mark in marks[6:]} == {None}


def test_triplets_of_a_list_task_are_marked_where_there_are_labels(tmp_path):
    think = "View 1: [red ball, sofa, left] [door, lamp, left]\nView 2: [sofa, lamp, in front of]"
    row = question(think, completion=completion("2.color.cyan", think=think), target="2.color.cyan")
    shown = group_data(opened(tmp_path / "t.jsonl", [row]), 0)["rows"][0]
    found = tiers(shown)
    assert {("red ball", "correct"), ("left", "correct"), ("in front of", "incorrect")} <= found
    assert ("door", "unlabelled") in found  # the labels are the objects that matter, not all there are
    assert sum(mark["share"] for mark in shown["marks"]) == 5


def test_a_broken_form_still_shows_which_triplets_are_right(tmp_path):
    row = question("", completion="<think>View 1: [red ball, sofa, left]</think>B")
    assert ("red ball", "correct") in tiers(
        group_data(opened(tmp_path / "b.jsonl", [row], task="multiview"), 0)["rows"][0]
    )


def test_long_texts_show_their_ends(tmp_path):
    text = completion("2.color.cyan", think="a" * 5 * LONGEST + "end")
    run = opened(tmp_path / "l.jsonl", [{"completion": text, "target": "2.color.cyan", "prompt": "p" * 5 * LONGEST}])
    shown = group_data(run, 0)
    (row,) = shown["rows"]
    assert LONGEST <= len(written(row)) <= LONGEST + 100
    assert "characters are not shown" in written(row)
    assert written(row).endswith("end</think><answer>2.color.cyan</answer>")
    assert tiers(row) == {("2.color.cyan", "exact")}
    assert len(shown["prompt"]) <= LONGEST + 100


def test_prompts_of_all_kinds():
    parts = [{"type": "image", "text": None}, {"type": "text", "text": "changed?"}]
    messages = [{"role": "system", "content": "Look."}, {"role": "user", "content": parts}]
    assert prompt_text(messages) == "system: Look.\n\nuser: [image]\nchanged?"
    assert prompt_text([messages[1]]) == "[image]\nchanged?"
    assert prompt_text("plain") == "plain"
    other = [{"type": "input_text", "text": "a"}, {"type": "block", "content": [{"type": "text", "text": "b"}]}]
    assert prompt_text([{"role": "user", "content": [*other, {"type": "video"}]}]) == "a\n[block] b\n[video]"
    assert prompt_text(None) == ""
    assert last_words(messages) == last_words("changed?") == last_words(messages[1]) == "changed?"


def test_other_columns_are_listed(tmp_path):
    row = {"completion": completion("none"), "target": "none", "advantage": -0.123456789, "note": "x" * 1000, "id": 3}
    shown = group_data(opened(tmp_path / "m.jsonl", [row]), 0)["rows"][0]
    assert [(name, len(value)) for name, value in shown["more"]] == [("advantage", 9), ("note", 301)]


def test_messages_are_read_as_the_reward_reads_them(tmp_path):
    said = [{"role": "assistant", "reasoning_content": "Look.", "content": "<answer>2.color.cyan</answer>"}]
    run = opened(tmp_path / "r.jsonl", [{"completion": said, "target": "2.color.cyan"}])
    (row,) = group_data(run, 0)["rows"]
    assert written(row) == completion_text(said)
    assert row["total"] == 6


def test_of_a_large_group_the_two_ends_are_shown(tmp_path):
    """And mean, spread and advantages are those of the whole group, under any preset."""
    texts = [
        completion(("2.color.cyan", "2.color.red", "0.shape.cube, 2.color.cyan", "none")[at % 4]) for at in range(500)
    ]
    run = opened(tmp_path / "g.jsonl", [{"prompt_id": 1, "completion": t, "target": "2.color.cyan"} for t in texts])
    for preset in ("default", "naive_binary"):
        totals = [score_completion(text, "2.color.cyan", preset=preset).total for text in texts]
        mean = sum(totals) / 500
        shown = group_data(run, 0, preset)
        assert (len(shown["rows"]), shown["size"], shown["between"], shown["right"]) == (64, 500, 436, 125)
        assert shown["mean"] == pytest.approx(mean)
        assert [row["total"] for row in shown["rows"]] == [*sorted(totals)[::-1][:32], *sorted(totals)[::-1][-32:]]
        std = (sum((total - mean) ** 2 for total in totals) / 499) ** 0.5
        assert shown["rows"][-1]["advantage"] == pytest.approx((min(totals) - mean) / (std + 1e-4))
