from __future__ import annotations

import json

import pytest

from benchmarks.files.gold import read_gold
from benchmarks.files.lookup import find_rows
from rewards import DataError

ROWS = [
    {"id": 7, "response": "a", "answer": "2.color.cyan"},
    {"id": "x", "response": [{"role": "assistant", "content": "b"}], "answer": "2.color.red"},
    {"id": 7, "response": "c", "answer": "2.color.red"},
    {"id": "none", "response": None, "answer": "2.color.red"},
]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "\n{broken\n")
    return str(file)


def test_by_id(path):
    (row,) = find_rows(path, row_id="x")
    assert (row.place, row.id, row.values["completion"], row.values["target"]) == (f"{path}:2", "x", "b", "2.color.red")


def test_an_id_need_not_be_unique_and_may_be_a_number(path):
    assert [row.values["completion"] for row in find_rows(path, row_id="7")] == ["a", "c"]


def test_by_line(path):
    (row,) = find_rows(path, line=3)
    assert row.values["completion"] == "c"


def test_a_row_without_an_id_is_known_by_its_place(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"completion": "a", "target": "2.color.red"}\n{"completion": "b", "target": "2.color.red"}\n')
    (row,) = find_rows(str(file), row_id=f"{file}:2")
    assert (row.id, row.values["completion"]) == (f"{file}:2", "b")


def test_gold_from_another_file(tmp_path):
    file, gold = tmp_path / "rows.jsonl", tmp_path / "gold.jsonl"
    file.write_text('{"completion": "a", "id": 1}\n{"completion": "b", "id": 2}\n')
    gold.write_text('{"id": 2, "target": "2.color.red"}\n')
    joined = read_gold(str(gold), "id")
    assert find_rows(str(file), row_id="2", gold=joined)[0].values["target"] == "2.color.red"
    with pytest.raises(DataError, match="there is no gold for id 1"):
        find_rows(str(file), row_id="1", gold=joined)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"row_id": "y"}, "there is no row with the id 'y'"),
        ({"line": 99}, "there is no row on line 99"),
        ({"line": 5}, "there is no row on line 5"),
        ({"line": 6}, "rows.jsonl:6: broken JSON"),
        ({"row_id": "none"}, "rows.jsonl:4: 'response' is null"),
    ],
)
def test_errors(path, asked, message):
    with pytest.raises(DataError, match=message):
        find_rows(path, **asked)


def test_a_file_without_any_readable_row(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("{broken\n")
    with pytest.raises(DataError, match=r"rows\.jsonl:1: broken JSON"):
        find_rows(str(file), line=1)
