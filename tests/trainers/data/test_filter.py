import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.files.write import whole_file
from rewards.errors import ConfigError, DataError
from rewards.score import score_completion
from tests.json_lines import read, write
from trainers.data.files import refuse_existing
from trainers.data.filter import CHAIN_RULES, filter_chains, filter_prompts, judge_chain

THINK = (
    "View 1: [sofa, ball, left]\nView 2: [sofa, lamp, behind]\n"
    "Mapping: the sofa is in both images.\nReasoning: from there the lamp is nearer."
)

SWAPPED = THINK.replace("Mapping", "Comparison").replace("Reasoning", "Mapping")


def question(think=THINK, answer="B", **changes):
    row = {
        "id": "q",
        "task": "multiview",
        "prompt": "Which?",
        "images_file_names": ["a.png", "b.png"],
        "target": "B",
        "options": ["the ball", "the lamp"],
        "references": [["sofa", "ball"], ["sofa", "lamp"]],
        "relations": [[["sofa", "ball", "left"]], [["sofa", "lamp", "behind"]]],
        "completion": f"<think>{think}</think><answer>{answer}</answer>",
    }
    return row | changes


def change(answer="2.color.cyan", think=THINK, **changes):
    row = {"id": 1, "task": "tvr", "target": "2.color.cyan"}
    return row | {"completion": f"<think>{think}</think><answer>{answer}</answer>"} | changes


GOOD = {
    "a question": question(),
    "a list of changes": change(),
    "messages": question(completion=[{"role": "assistant", "content": question()["completion"]}]),
    "a prefilled opener": question(completion=question()["completion"].removeprefix("<think>")),
    "an option's text": question(answer="the lamp"),
    "a response": {"response": question()["completion"], **{k: v for k, v in question().items() if k != "completion"}},
    "views without objects": question(think=THINK + "\nView 3: none", images_file_names=["a", "b", "c"]),
}


@pytest.mark.parametrize("row", GOOD.values(), ids=GOOD)
def test_a_good_chain_is_kept(row):
    assert judge_chain(row, "f:1") is None


CASES = [
    ("form", "text_between", question(completion=f"<think>{THINK}</think>B")),
    ("form", "unclosed_think", question(completion=f"<think>{THINK}<answer>B</answer>")),
    ("form", "several_answers", question(answer="B</answer><answer>B")),
    ("steps", "empty", question(think="")),
    ("steps", "no_references", question(think="Mapping: the one is there.\nReasoning: so it is B.")),
    ("steps", "missing_view", question(think=THINK.replace("View 2: [sofa, lamp, behind]\n", ""))),
    ("steps", "missing_view", question(images_file_names=["a", "b", "c"])),
    ("steps", "no_mapping", question(think=THINK.replace("Mapping: the sofa is in both images.\n", ""))),
    ("steps", "no_mapping", question(think=THINK.replace("the sofa is in both images.", ""))),
    ("steps", "no_reasoning", question(think=THINK.replace("Reasoning: ", ""))),
    ("steps", "steps_out_of_order", question(think=SWAPPED)),
    ("wrong", "'A' is not 'B'", question(answer="A")),
    ("unparsed", "no_choice", question(answer="hm")),
    ("unparsed", "empty", question(answer=" ")),
    ("wrong", "'2.color.red' is not '2.color.cyan'", change("2.color.red")),
    ("wrong", "is not", change("2.color.cyan, 1.size.small")),
    ("unparsed", "cyna", change("2.color.cyna")),
    ("row", "completion: no column holds it; the row has id", {"id": 1, "task": "tvr", "target": "2.color.cyan"}),
    ("row", "target: no column holds it", change(target=None)),
    ("row", "task: the row does not tell its task; pass --task", change(task=None)),
    ("row", "target .*cyna", change(target="2.color.cyna")),
    ("row", "images: expected a list", question(images_file_names="a.png")),
    ("row", "completion: a completion is text", change(completion=3)),
]


@pytest.mark.parametrize(("rule", "message", "row"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
def test_a_bad_chain_names_its_rule(rule, message, row):
    drop = judge_chain(row, "chains.jsonl:7")
    assert drop is not None
    assert drop.rule == rule
    assert drop.message.startswith("chains.jsonl:7: ")
    assert re.search(message, drop.message)


def test_the_reference_score_is_asked_for_only_where_it_is_wanted():
    half = question(think=THINK.replace("[sofa, lamp, behind]", "[desk, door, behind]"))
    assert judge_chain(half, "f:1") is None
    drop = judge_chain(half, "f:1", min_reference_score=0.8)
    assert (drop.rule, drop.message) == ("reference", "f:1: reference: R_ref is 0.500, less than 0.8")
    assert judge_chain(half, "f:1", min_reference_score=0.5) is None
    assert judge_chain(question(), "f:1", min_reference_score=1) is None
    turned = question(think=THINK.replace("left", "right"))
    assert judge_chain(turned, "f:1", min_reference_score=1) is None
    assert judge_chain(turned, "f:1", min_reference_score=1, relation_weight=0.5).rule == "reference"
    assert judge_chain(change(), "f:1", min_reference_score=0.1).message.endswith("the row has no reference labels")


@given(st.text(max_size=80), st.sampled_from(["multiview", "tvr"]))
def test_whatever_a_model_writes_is_judged_and_kept_only_if_right(text, task):
    row = question(completion=text) if task == "multiview" else change(completion=text)
    drop = judge_chain(row, "f:1")
    gold = {"options": row["options"]} if task == "multiview" else {}
    score = score_completion(text, row["target"], task=task, **gold)
    assert drop is not None
    assert drop.rule in CHAIN_RULES
    assert drop.rule != "row"
    assert not score.correct or drop.rule == "steps"


@pytest.fixture
def chains(tmp_path):
    rows = [question(id="a"), question(id="b", answer="A"), change(id="c"), {"id": "d"}]
    file = tmp_path / "in" / "chains.jsonl"
    file.parent.mkdir()
    lines = [json.dumps(row) for row in rows]
    file.write_text("\n".join([lines[0], '{"id": "broken', *lines[1:], "[1]", ""]), encoding="utf-8")
    return file


def test_filtering_divides_a_file_and_loses_nothing(chains, tmp_path):
    seen = []
    tally = filter_chains(
        chains,
        tmp_path / "kept.jsonl",
        tmp_path / "dropped.jsonl",
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert tally == (6, 2, {"row": 3, "wrong": 1}, 1)
    assert seen == [(n, None) for n in range(1, 7)]
    kept, dropped = read(tmp_path / "kept.jsonl"), read(tmp_path / "dropped.jsonl")
    assert [row["id"] for row in kept] == ["a", "c"]
    assert kept[0] == question(id="a", images_file_names=["in/a.png", "in/b.png"])  # they lie where they lay
    assert [row["dropped"]["rule"] for row in dropped] == ["row", "wrong", "row", "row"]
    assert dropped[0]["dropped"]["message"].startswith(f"{chains}:2: broken JSON")
    assert dropped[1] == question(
        id="b", answer="A", images_file_names=["in/a.png", "in/b.png"], dropped=dropped[1]["dropped"]
    )
    assert (
        dropped[3]["dropped"]["message"]
        == f"{chains}:6: a row is a JSON object, and this is a list; convert a JSON array with: jq -c '.[]' FILE"
    )
    assert filter_chains(tmp_path / "kept.jsonl", tmp_path / "again.jsonl", tmp_path / "none.jsonl") == (2, 2, {}, 0)
    assert read(tmp_path / "again.jsonl") == kept


def test_right_references_beside_a_wrong_answer_are_counted_and_can_be_kept_apart(tmp_path):
    half = THINK.replace("[sofa, lamp, behind]", "[desk, door, behind]")
    rows = [
        question(id="right"),
        question(id="looked", answer="A"),
        question(id="looked, no letter", answer="?"),
        question(id="half", think=half, answer="A"),
        question(id="unlabelled", answer="A", references=None, relations=None),
        change("2.color.red", id="list", references=[["sofa"], ["lamp"]], images_file_names=["a", "b"]),
        change("2.color.red", id="list, not named", references=[["sofa"], ["door"]], images_file_names=["a", "b"]),
    ]
    source = write(tmp_path / "chains.jsonl", rows)
    kept, dropped, apart = (tmp_path / f"{name}.jsonl" for name in ("kept", "dropped", "apart"))
    tally = filter_chains(source, kept, dropped)
    assert tally == (7, 1, {"unparsed": 1, "wrong": 5}, 3)
    assert len(read(dropped)) == 6
    assert filter_chains(source, kept, dropped, right_references=apart) == tally
    assert [row["id"] for row in read(apart)] == ["looked", "looked, no letter", "list"]
    assert [row["id"] for row in read(dropped)] == ["half", "unlabelled", "list, not named"]
    assert filter_chains(source, kept, dropped, min_reference_score=0.5).right_references == 5
    assert [row["dropped"]["rule"] for row in read(apart)] == ["wrong", "unparsed", "wrong"]


def test_of_a_list_of_changes_other_objects_may_be_named_too():
    """Its labels are the objects that place the changes; who looks for changes goes by the others as well."""
    row = change(references=[["sofa"], ["lamp"]], images_file_names=["a", "b"])
    assert judge_chain(row, "f:1", min_reference_score=1) is None
    missing = row | {"references": [["sofa"], ["lamp", "door"]]}
    drop = judge_chain(missing, "f:1", min_reference_score=1)
    assert drop.message == "f:1: reference: R_ref is 0.750, less than 1"


def test_an_error_leaves_no_half_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.jsonl: No such file"):
        filter_chains(tmp_path / "nowhere.jsonl", tmp_path / "kept.jsonl", tmp_path / "dropped.jsonl")
    with pytest.raises(TypeError), whole_file(tmp_path / "x.jsonl") as file:  # noqa: PT012
        file.write("half")
        file.write(0)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(tmp_path):
    file, source = tmp_path / "kept.jsonl", tmp_path / "rows.jsonl"
    refuse_existing(file, source=source)
    file.write_text("mine")
    refuse_existing(file, source=source, overwrite=True)
    with pytest.raises(ConfigError, match=r"kept.jsonl already exists; name another file or pass --overwrite"):
        refuse_existing(file, source=source)
    with pytest.raises(ConfigError, match="already exists"):
        refuse_existing(tmp_path, source=source, overwrite=True)
    with pytest.raises(ConfigError, match="there is no folder"):
        refuse_existing(tmp_path / "no" / "kept.jsonl", source=source)


# Difficulty


def samples(prompt, *answers, **changes):
    return [change(answer, prompt_id=prompt, sample=k, **changes) for k, answer in enumerate(answers)]


def test_prompts_are_kept_by_the_share_of_right_samples(tmp_path):
    right, wrong = "2.color.cyan", "2.color.red"
    rows = [
        *samples("easy", right, right),
        *samples("hard", wrong, wrong),
        *samples("mixed", right, wrong),
        *samples("hard", wrong),
        {"task": "tvr", "target": right, "completion": "x"},
        {"prompt_id": "scored", "correct": True, "prompt": "p"},
        {"prompt_id": "scored", "correct": False, "prompt": "p"},
        {"id": "by id", "correct": True, "prompt": "p", "total": 6.0, "images": ["x.png"]},
        {"id": "by id", "correct": False, "prompt": "p", "total": 0.0, "images": ["x.png"]},
    ]
    (tmp_path / "in").mkdir()
    source = write(tmp_path / "in" / "samples.jsonl", rows)
    kept, dropped = tmp_path / "kept.jsonl", tmp_path / "dropped.jsonl"
    tally = filter_prompts(source, kept, dropped, low=0.1, high=0.9)
    assert tally == (6, 3, {"row": 1, "too_hard": 1, "too_easy": 1}, 0)
    assert [row.get("prompt_id", row.get("id")) for row in read(kept)] == ["mixed", "scored", "by id"]
    assert read(kept)[0] == {
        "id": 1, "task": "tvr", "target": right, "prompt_id": "mixed", "pass_rate": 0.5, "samples": 2,
    }  # fmt: skip
    assert read(kept)[2] == {"id": "by id", "prompt": "p", "images": ["in/x.png"], "pass_rate": 0.5, "samples": 2}
    messages = [row["dropped"]["message"] for row in read(dropped)]
    assert messages[0].startswith(f"{source}:8: prompt_id: the row has neither")
    assert messages[1:] == ["easy: 2 of 2 samples are right", "hard: 0 of 3 samples are right"]


def test_the_bounds_of_the_pass_rate_are_inside(tmp_path):
    rows = [row for n in range(5) for row in samples(n, *["2.color.cyan"] * n, *["0.size.small"] * (4 - n))]
    source = write(tmp_path / "samples.jsonl", rows)
    filter_prompts(source, tmp_path / "kept.jsonl", tmp_path / "dropped.jsonl", low=0.25, high=0.75)
    assert [row["pass_rate"] for row in read(tmp_path / "kept.jsonl")] == [0.25, 0.5, 0.75]
