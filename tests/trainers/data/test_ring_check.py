"""Checking files of multi-view questions: each rule is broken once, and is named."""

import json

import pytest

from trainers.data.check import check_file
from trainers.data.generate import Settings, generate
from trainers.data.ring_check import RULES, check_question


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = generate(tmp_path_factory.mktemp("rings") / "set", Settings(20, task="multiview", seed=4))
    return [json.loads(line) for line in path.read_text().splitlines()]


def changed(record, part, **changes):
    return {**record, part: {**record[part], **changes}}


def other_letter(record):
    letters = "ABCD"[: len(record["question"]["options"])]
    return letters[letters.index(record["question"]["answer"]) - 1]


def broken(record):
    """Return rule -> the record, made to break it."""
    things = record["objects"]
    near = [{**things[0], "position": things[1]["position"]}, *things[1:]]
    aside = [*things[:2], {**things[2], "position": [40, 40]}, *things[3:]]
    return {
        "form": changed(record, "question", view=9),
        "gap": {**record, "objects": near},
        "names": {**record, "names": [record["names"][1], *record["names"][1:]]},
        "views": {**record, "objects": aside},
        "answer": changed(record, "question", answer=other_letter(record)),
    }


def test_generated_questions_break_no_rule(records):
    assert {record["question"]["kind"] for record in records} == {"where", "turned", "beside", "closer", "moved"}
    assert [check_question(record) for record in records] == [[]] * len(records)


def test_a_broken_rule_is_named(records):
    cases = broken(records[0])
    assert set(cases) == set(RULES)
    for rule, record in cases.items():
        assert rule in [text.split(":")[0] for text in check_question(record)], rule


def test_every_other_answer_is_wrong(records):
    for record in records:
        question = record["question"]
        every = "ABCD"[: len(question["options"])] if question["options"] else ("yes", "no")
        for answer in every:
            wrong = check_question(changed(record, "question", answer=answer))
            assert bool(wrong) == (answer != question["answer"])
            assert all(text.startswith("answer: ") for text in wrong)


@pytest.mark.parametrize(
    "changes", [{"kind": "odd"}, {"objects": [99]}, {"view": None}, {"answer": "Z"}, {"turn": "up"}]
)
def test_questions_that_do_not_fit_are_said_and_raise_nothing(records, changes):
    (text,) = check_question(changed(records[0], "question", **changes))
    assert text.startswith(("form: ", "answer: "))


def test_a_move_needs_both_of_its_images(records):
    move = next(record for record in records if record["question"]["kind"] == "moved")
    assert check_question(changed(move, "question", last=None)) == [
        "form: the question does not fit the scene: ValueError('it tells no last image')"
    ]


def test_a_file_is_checked_line_by_line(records, tmp_path):
    path = tmp_path / "data.jsonl"
    wrong = changed(records[1], "question", answer=other_letter(records[1]))
    lines = [json.dumps(records[0]), "{", json.dumps(wrong), json.dumps({**records[2], "images": ["gone.png"]})]
    path.write_text("\n".join(lines))
    said = list(check_file(path))
    assert [text.removeprefix(f"{path}:").split(":")[:2] for text in said] == [
        ["2", " no JSON"],
        ["3", " answer"],
        ["4", " image"],
    ]
