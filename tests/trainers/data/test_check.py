"""Each way in which a scene can be wrong is named by its rule, and costs no other line."""

import gzip
import json
import re
from copy import deepcopy

import pytest

from benchmarks.tvr.world import ATTRIBUTES
from rewards.errors import DataError
from trainers.data.check import MORE_RULES, QUESTION_RULES, check_file, check_question, check_scene
from trainers.data.generate import GenerationSettings, generate
from trainers.scenes.records import tvr_record
from trainers.scenes.tvr import RULES, generate_scene

EVERY = (*ATTRIBUTES, "position")


def plain(*objects, changes=(), final=None):
    """A slim record with the objects given as (size, x, y) and eight more far away."""
    spots = [(-40, -40), (-40, -26), (-40, -12), (-40, 2), (-40, 16), (-40, 30), (40, 30), (40, 16), (40, 2)]
    all_objects = [*objects, *(("small", *spot) for spot in spots[: 10 - len(objects)])]
    before = [
        {"color": "red", "shape": "cube", "size": size, "material": "rubber", "position": [x, y]}
        for size, x, y in all_objects
    ]
    after = deepcopy(before)
    for index, attribute, value in final if final is not None else [(i, a, v) for i, a, v, *_ in changes]:
        after[index][attribute] = value
    written = [
        {
            "obj_idx": i,
            "attr": a,
            "val": rest[0] if rest else v,
            "options": rest[1] if rest[1:] else [rest[0] if rest else v],
        }
        | ({"type": rest[2]} if rest[2:] else {})
        for i, a, v, *rest in changes
    ]
    states = [{"objects": objects_, "images": {}} for objects_ in (before, after)]
    return {"idx": 0, "states": states, "transformations": written}


def move(index, place, value, kind, options=None):
    return (index, "position", place, value, options or [value], kind)


OUT = [
    ["front", 1],
    ["front", 2],
    ["front-right", 1],
    ["front-right", 2],
    ["front-left", 1],
    ["front-left", 2],
]
GOOD = {
    "one colour": plain(("large", 0, 0), changes=[(0, "color", "cyan")]),
    "twice the same cell": plain(("large", 0, 0), changes=[(0, "color", "cyan"), (0, "color", "blue")]),
    "moved out": plain(("large", -14, 0), changes=[move(0, [-24, 0], ["front", 1], "out", OUT)]),
    "moved in, then changed": plain(
        ("large", -24, 0), changes=[move(0, [-14, 0], ["behind", 1], "in"), (0, "size", "small")]
    ),
}
BAD = {
    "no_change": plain(("large", 0, 0), changes=[(0, "color", "red")]),
    "bad_move": plain(("large", 0, 0), ("large", 35, 0), changes=[move(1, [45, 0], ["behind", 1], "out")]),
    "changed_moved_out": plain(
        ("large", -14, 0), changes=[(0, "color", "cyan"), move(0, [-24, 0], ["front", 1], "out", OUT)]
    ),
    "hidden_changed": plain(("large", 0, 0), changes=[(4, "color", "cyan")]),
    "overlap": plain(("small", 0, 0), ("large", 10, 0), changes=[(0, "size", "large")]),
    "gap": plain(("large", 0, 0), ("large", 12, 0), changes=[(0, "color", "cyan")]),
    "world": plain(("large", 0, 41), changes=[(1, "color", "cyan")]),
    "steps": plain(("large", 0, 0)),
    "type": plain(("large", 0, 0), changes=[move(0, [10, 0], ["behind", 1], "out")]),
    "options": plain(("large", -14, 0), changes=[move(0, [-24, 0], ["front", 1], "out")]),
    "final_state": plain(("large", 0, 0), changes=[(0, "color", "cyan")], final=[(0, "color", "blue")]),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_scenes_break_no_rule(name):
    assert check_scene(GOOD[name]) == []


@pytest.mark.parametrize("rule", BAD)
def test_bad_scenes_break_the_rule_that_is_named(rule):
    wrong = check_scene(BAD[rule])
    assert any(text.startswith(f"{rule}: ") for text in wrong), wrong


def test_the_same_cell_twice_is_named_where_it_may_not_be():
    twice = GOOD["twice the same cell"]
    assert [text.split(":")[0] for text in check_scene(twice, repeats=False)] == ["changed_twice"]


def test_occlusion_is_checked_where_the_cameras_are_known():
    record = tvr_record(generate_scene(0, 38, attributes=EVERY))
    objects = plain(("small", 0, 0), ("large", 9, 0), changes=[(0, "color", "cyan")])
    assert check_scene(objects) == []
    known = objects | {key: record[key] for key in ("cameras", "lamps")}
    assert any(text.startswith("occluded_at_start: ") for text in check_scene(known))
    later = plain(
        ("small", 0, 0),
        ("large", 9, 20),
        changes=[(0, "color", "cyan"), move(1, [9, 0], ["left", 2], "inner")],
    )
    later["transformations"][1]["options"] = [["left", 2]]
    assert any(text.startswith("occluded: ") for text in check_scene(later | {"cameras": record["cameras"]}))


@pytest.mark.parametrize(
    ("breaks", "text"),
    [
        (lambda r: r.pop("states"), "states"),
        (lambda r: r["states"][0]["objects"][3].update(color="cyna"), "cyna"),
        (
            lambda r: r["transformations"][0].update(obj_idx=10),
            r"transformations\[0\]\.obj_idx: should be less than 10, not 10",
        ),
        (lambda r: r["transformations"][0].update(obj_idx=-1), r"transformations\[0\]\.obj_idx: .* not -1"),
        (lambda r: r["transformations"][0].update(val="octarine"), "octarine"),
        (lambda r: r["transformations"].append(None), r"transformations\[1\]"),
        (lambda r: r.update(cameras={"Camera_Center": [0, 0, 0]}), "cameras"),
        (lambda r: r.update(lamps={name: ["x"] for name in ("Lamp_Key", "Lamp_Back", "Lamp_Fill")}), "lamps"),
    ],
)
def test_what_is_no_record_of_trance_is_said(breaks, text):
    record = deepcopy(GOOD["one colour"])
    breaks(record)
    (wrong,) = check_scene(record)
    assert wrong.startswith("form: ")
    assert re.search(text, wrong)


def test_fewer_objects_are_said():
    record = deepcopy(GOOD["one colour"])
    for state in record["states"]:
        del state["objects"][7:]
    assert check_scene(record) == ["objects: 7 objects, not 10"]


def test_a_file_is_checked_line_by_line(tmp_path):
    path = tmp_path / "data.jsonl"
    named = deepcopy(GOOD["one colour"])
    named["states"][0]["images"] = {"Camera_Center": "img_000000-init.C.png"}
    lines = [json.dumps(GOOD["one colour"]), "{", "[]", "", json.dumps(BAD["gap"]), json.dumps(named)]
    path.write_text("\n".join(lines))
    found = list(check_file(path))
    assert [text.split(" ")[0] for text in found] == [f"{path}:{n}:" for n in (2, 3, 5, 5, 6)]
    assert "gap: object 0" in found[2]
    assert found[-1].endswith("image: image/img_000000-init.C.png is not there")
    with pytest.raises(DataError, match="No such file"):
        list(check_file(tmp_path / "none.jsonl"))


def test_every_rule_is_tested_here():
    here = {*BAD, "changed_twice", "occluded_at_start", "occluded", "form", "objects", "image"}
    assert here == {*RULES, *MORE_RULES}


# Multi-view questions


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = generate(tmp_path_factory.mktemp("rings") / "set", GenerationSettings(count=20, task="multiview", seed=4))
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
    assert set(cases) == set(QUESTION_RULES)
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


def test_a_file_of_questions_is_checked_line_by_line(records, tmp_path):
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


# Training rows


def row(number, **changes):
    made = {"id": f"q{number}", "task": "multiview", "prompt": "Which?", "target": "B", "options": ["a", "b"]}
    return made | {"references": [["sofa"]], "relations": [[["sofa", "camera", "in front of"]]]} | changes


WRONG_PROMPTS = (
    [],
    ["?"],
    [{"role": "user"}],
    [{"content": "?"}],
    [{"role": "user", "content": ""}],
    {"role": "user"},
    3,
)


def test_training_rows_are_checked_line_by_line_with_their_ids(tmp_path):
    rows = [
        row(0),
        row(1, target=None),
        row(2, target="C"),
        row(3, task="puzzle"),
        row(4, prompt="  "),
        row(5, images_file_names=["gone.png"]),
        row(6, relations=[[["sofa", "lamp"]]]),
        row(0),
        row(7, completion=[{"role": "assistant"}]),
        row(8, task="tvr", target="2.color.cyna"),
        row(9, references=[["sofa"], [3]]),
        *(row(10 + at, prompt=prompt) for at, prompt in enumerate(WRONG_PROMPTS)),
        row(20, prompt=[{"role": "system", "content": "Look."}, {"role": "user", "content": [{"type": "image"}]}]),
    ]
    path = tmp_path / "metadata.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n{\n")
    said = [text.removeprefix(f"{path}:") for text in check_file(path)]
    assert [text.split(" ")[0:3:1] for text in said[:-1]] == [
        ["2:", "q1:", "target:"],
        ["3:", "q2:", "labels:"],
        ["4:", "q3:", "task:"],
        ["5:", "q4:", "prompt:"],
        ["6:", "q5:", "image:"],
        ["7:", "q6:", "labels:"],
        ["8:", "q0:", "id:"],
        ["9:", "q7:", "completion:"],
        ["10:", "q8:", "labels:"],
        ["11:", "q9:", "labels:"],
        *([f"{12 + at}:", f"q{10 + at}:", "prompt:"] for at in range(len(WRONG_PROMPTS))),
    ]
    assert said[-1].startswith(f"{len(rows) + 1}: no JSON")
    assert said[6].endswith(f"it is also that of {path}:1")
    untold = [text for text in check_file(tmp_path) if ":4:" not in text]
    assert [text.removeprefix(f"{path}:") for text in untold] == [text for text in said if not text.startswith("4:")]


def test_a_row_without_a_prompt_needs_a_task_that_has_one(tmp_path):
    """As `star train` fills it from the row's columns."""
    path = tmp_path / "rows.jsonl"
    rows = [
        {"id": "a", "task": "choice", "target": "A", "question": "Where?"},
        {"id": "b", "task": "choice", "target": "A"},
        {"id": "c", "target": "2.color.cyan"},
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    said = [text.removeprefix(f"{path}:") for text in check_file(path)]
    assert [text[:12] for text in said] == ["2: b: prompt", "3: c: prompt", "3: c: task: "]
    assert [text for text in check_file(path, task="choice") if ":1:" in text] == []


def test_rows_that_do_not_tell_their_task_need_one(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"id": "a", "prompt": "?", "target": "2.color.cyan"}).encode()))
    (text,) = check_file(path)
    assert text.endswith(":1: a: task: the row does not tell its task; pass --task")
    assert list(check_file(path, task="tvr")) == []


@pytest.mark.parametrize("task", ["tvr", "multiview"])
def test_a_folder_is_checked_whole(tmp_path, task):
    generate(tmp_path / "set", GenerationSettings(count=4, task=task))
    assert list(check_file(tmp_path / "set")) == []
    with (tmp_path / "set" / "metadata.jsonl").open("a") as file:
        file.write("[]\n")
    assert len(list(check_file(tmp_path / "set"))) == 1
    with pytest.raises(DataError, match=r"data.jsonl: No such file"):
        list(check_file(tmp_path))
