from __future__ import annotations

import json

import msgspec
import pytest

from benchmarks.files.predictions import find_rows, read_predictions
from benchmarks.files.targets import read_target_file
from benchmarks.run.score_files import Reading, Run, Scored, score_files
from rewards import ConfigError, DataError

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
    joined = read_target_file(str(gold), "id")
    assert find_rows(str(file), row_id="2", targets=joined)[0].values["target"] == "2.color.red"
    with pytest.raises(DataError, match="there is no target for id 1"):
        find_rows(str(file), row_id="1", targets=joined)


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


# Files read whole

WHOLE_ROWS = [
    {"prompt_id": "a", "completion": "x", "target": "2.color.cyan"},
    {"prompt_id": "a", "completion": [{"role": "assistant", "content": "y"}], "target": "2.color.cyan"},
    {"prompt_id": "b", "completion": None, "target": "2.color.cyan"},
    {"completion": "z", "target": "0.shape.cube"},
]


def _write(path, rows):
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return str(path)


def test_columns_groups_and_errors(tmp_path):
    path = _write(tmp_path / "p.jsonl", [*WHOLE_ROWS, "{broken"])
    found = read_predictions(path)
    assert found.columns["completion"] == ["x", "y", "z"]
    assert found.columns["target"] == ["2.color.cyan", "2.color.cyan", "0.shape.cube"]
    assert found.groups[0] == found.groups[1] != found.groups[2]
    assert found.places == [f"{path}:{line}" for line in (1, 2, 4)]
    assert [error.partition(": ")[0] for error in found.errors] == [f"{path}:3", f"{path}:5"]


def test_it_reads_what_scoring_reads(tmp_path):
    """Over several chunks, the same rows as `score_files` hands to a scorer."""
    path = _write(tmp_path / "p.jsonl", [{"completion": f"c{n}", "target": f"{n % 10}.color.red"} for n in range(3000)])
    seen = []

    class Nothing(msgspec.Struct):
        def merge(self, _):
            pass

    class Seen:
        digest, schema, tally = None, {}, Nothing

        def __call__(self, block):
            seen.extend(block.columns["completion"])
            return Scored(block, Nothing(), list)

    score_files([path], Seen(), Reading(), Run(), settings={})
    assert read_predictions(path).columns["completion"] == seen
    assert len(seen) == 3000


def test_targets_and_names_from_elsewhere(tmp_path):
    predictions = _write(tmp_path / "p.jsonl", [{"id": 1, "text": "x"}, {"id": 9, "text": "y"}])
    gold = read_target_file(_write(tmp_path / "g.jsonl", [{"id": 1, "target": "2.color.cyan"}]), "id")
    found = read_predictions(predictions, mapping={"completion": "text"}, targets=gold)
    assert (found.columns["completion"], found.columns["target"]) == (["x"], ["2.color.cyan"])
    assert "no target for id 9" in found.errors[0]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "there are no rows$"),
        (["{broken"], "no rows that can be scored"),
        ([{"completion": "x"}], "no target column"),
    ],
)
def test_files_without_rows(tmp_path, rows, says):
    with pytest.raises(DataError, match=says):
        read_predictions(_write(tmp_path / "p.jsonl", rows))


def test_a_wrong_mapping(tmp_path):
    with pytest.raises(ConfigError, match="no column 'nothing'"):
        read_predictions(_write(tmp_path / "p.jsonl", WHOLE_ROWS), mapping={"target": "nothing"})
