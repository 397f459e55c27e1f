"""Rows -> columns that can be scored; a row that cannot says why."""

from hashlib import blake2b

import pytest

from benchmarks.files.blocks import read_block
from benchmarks.files.columns import find_columns
from benchmarks.files.sources import START, BadRow, Chunk
from benchmarks.files.targets import TargetFile, TargetRow

GROUP_OF_TVR_001 = int.from_bytes(blake2b(b'["tvr-001"]', digest_size=8).digest(), "little")
GOOD = {"completion": "c", "target": "t"}


def block_of(*rows, targets=None, needed=("completion", "target"), as_text=True, **options):
    chunk = Chunk("f.jsonl", rows, range(1, len(rows) + 1), None, START, None)
    return read_block(chunk, find_columns(chunk, needed=needed, **options), targets=targets, as_text=as_text)


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        (["one"], "one"),
        ([["one"]], "one"),
        ([{"role": "assistant", "content": "one"}], "one"),
        ([[{"role": "assistant", "content": "one"}]], "one"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "content": "one"}], "one"),
        ({"role": "assistant", "content": [{"type": "text", "text": "one"}]}, "one"),
        ([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "onetwo"),
    ],
)
def test_a_completion_is_text_or_messages(completion, text):
    block = block_of(GOOD, {**GOOD, "completion": completion})
    assert block.columns["completion"] == ["c", text]
    assert not block.errors


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (BadRow("broken"), "broken"),
        ({"target": "t"}, "there is no 'completion'; the row has target"),
        ({}, "there is no 'completion'; the row has no columns"),
        ({"completion": "c"}, "there is no 'target'; the row has completion"),
        ({"completion": None, "target": "t"}, "'completion' is null"),
        ({"completion": "c", "target": None}, "'target' is null"),
        (
            {"completion": ["a", "b"], "target": "t"},
            "'completion' holds 2 completions; write each into a row of its own",
        ),
        (
            {"completion": [["a", "b", "c"]], "target": "t"},
            "'completion' holds 3 completions; write each into a row of its own",
        ),
        ({"completion": [], "target": "t"}, "'completion' holds 0 completions; write each into a row of its own"),
        ({"completion": 7, "target": "t"}, "a completion is text or a list of messages, not int 7"),
    ],
)
def test_rows_that_cannot_be_scored(row, message):
    block = block_of(GOOD, row, {**GOOD, "completion": "d"})
    assert block.errors == {1: message}
    assert block.at == [0, 2]
    assert block.columns["completion"] == ["c", "d"]
    assert block.columns["target"] == ["t", "t"]


def test_completions_may_be_taken_as_they_are():
    row = {"prediction": [{"obj_idx": 1}, {"obj_idx": 2}], "target": "t"}
    assert block_of(row, as_text=False).columns["completion"] == [row["prediction"]]


def test_ids():
    assert block_of({**GOOD, "id": 7}, GOOD, {**GOOD, "id": None}).ids() == [7, "f.jsonl:2", "f.jsonl:3"]
    assert block_of(GOOD).ids() == ["f.jsonl:1"]


def groups(*rows, **options):
    """Return the groups as small numbers in order of appearance, None for rows on their own."""
    numbers = block_of(*({**GOOD, **row} for row in rows), **options).groups()
    seen = {}
    return [None if number is None else seen.setdefault(number, len(seen)) for number in numbers]


def test_groups_are_by_prompt_id():
    assert groups({"prompt_id": 1}, {"prompt_id": "1"}, {"prompt_id": 1}, {"prompt_id": None}, {}) == [
        0,
        1,
        0,
        None,
        None,
    ]


def test_groups_are_by_prompt_and_step_without_it():
    rows = [
        {"prompt": "p", "step": 1},
        {"prompt": "q", "step": 1},
        {"prompt": "p", "step": 2},
        {"prompt": "p", "step": 1},
    ]
    assert groups(*rows) == [0, 1, 2, 0]
    assert groups(*({"prompt": row["prompt"]} for row in rows)) == [0, 1, 0, 0]
    assert groups({"prompt": [{"role": "user", "content": "p"}]}, {"prompt": [{"content": "p", "role": "user"}]}) == [
        0,
        0,
    ]
    assert groups({"step": 1}, {"step": 1}) == [None, None]
    assert groups({}, {}) == [None, None]


def test_groups_are_by_the_column_that_the_user_says():
    rows = [{"prompt_id": 1, "scene": "a"}, {"prompt_id": 2, "scene": "a"}]
    assert groups(*rows) == [0, 1]
    assert groups(*rows, mapping={"group": "scene"}) == [0, 0]


def test_groups_are_the_same_numbers_in_every_block():
    row = {**GOOD, "prompt_id": "tvr-001"}
    assert block_of(row).groups() == block_of(GOOD, row).groups()[1:] == [GROUP_OF_TVR_001]
    assert block_of(row).groups() == block_of({**GOOD, "prompt_id": "x"}, row).groups()[1:]


def test_group_labels():
    rows = [{"prompt_id": 1}, {"prompt_id": "a"}, {"prompt_id": [1]}, {}]
    assert block_of(*({**GOOD, **row} for row in rows)).group_labels() == [1, "a", "[1]", None]
    (label,) = block_of({**GOOD, "prompt": "p"}).group_labels()
    assert len(label) == 16
    assert int(label, 16) == block_of({**GOOD, "prompt": "p"}).groups()[0]
    assert block_of(GOOD).group_labels() == [None]


GOLD = TargetFile(
    "g.jsonl",
    "id",
    ["target", "options"],
    {"1": TargetRow(("A", ["l"]), "g.jsonl:1"), "2": TargetRow((None, None), "g.jsonl:2")},
)


def test_gold_is_joined():
    rows = [
        {"completion": "c", "id": 1, "target": "other"},
        {"completion": "d", "id": "1"},
        {"completion": "e", "id": 3},
        {"completion": "f"},
        {"completion": "g", "id": 2},
    ]
    block = block_of(*rows, targets=GOLD, needed=("completion", "id"), joined_on="id")
    assert block.columns["target"] == ["A", "A"]
    assert block.columns["options"] == [["l"], ["l"]]
    assert block.errors == {
        2: "there is no target for id 3 in g.jsonl",
        3: "there is no target without id in g.jsonl",
        4: "its target in g.jsonl is null",
    }


def test_rows_can_be_taken_out():
    block = block_of(GOOD, BadRow("x"), {**GOOD, "completion": "d"}, {**GOOD, "completion": "e"})
    less = block.without({1: "wrong"})
    assert less.columns["completion"] == ["c", "e"]
    assert less.at == [0, 3]
    assert less.errors == {1: "x", 2: "wrong"}
    assert block.without({}) is block
