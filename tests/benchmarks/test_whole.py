"""Files read whole."""

import json

import pytest

from benchmarks.files.gold import read_gold
from benchmarks.files.scoring import score_files
from benchmarks.files.whole import read_whole
from rewards.errors import ConfigError, DataError

ROWS = [
    {"prompt_id": "a", "completion": "x", "target": "2.color.cyan"},
    {"prompt_id": "a", "completion": [{"role": "assistant", "content": "y"}], "target": "2.color.cyan"},
    {"prompt_id": "b", "completion": None, "target": "2.color.cyan"},
    {"completion": "z", "target": "0.shape.cube"},
]


def _write(path, rows):
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return str(path)


def test_columns_groups_and_errors(tmp_path):
    path = _write(tmp_path / "p.jsonl", [*ROWS, "{broken"])
    found = read_whole(path)
    assert found.columns["completion"] == ["x", "y", "z"]
    assert found.columns["target"] == ["2.color.cyan", "2.color.cyan", "0.shape.cube"]
    assert found.groups[0] == found.groups[1] != found.groups[2]
    assert found.places == [f"{path}:{line}" for line in (1, 2, 4)]
    assert [error.partition(": ")[0] for error in found.errors] == [f"{path}:3", f"{path}:5"]


def test_it_reads_what_scoring_reads(tmp_path):
    """Over several chunks, the same rows as `score_files` hands to a scorer."""
    path = _write(tmp_path / "p.jsonl", [{"completion": f"c{n}", "target": f"{n % 10}.color.red"} for n in range(3000)])
    seen = []

    class Nothing:
        def add(self, _):
            pass

        def save(self):
            return {}

    def score(block):
        from benchmarks.files.scoring import Scored

        seen.extend(block.columns["completion"])
        return Scored(block, None, list)

    score_files([path], score, Nothing())
    assert read_whole(path).columns["completion"] == seen
    assert len(seen) == 3000


def test_gold_and_names_from_elsewhere(tmp_path):
    predictions = _write(tmp_path / "p.jsonl", [{"id": 1, "text": "x"}, {"id": 9, "text": "y"}])
    gold = read_gold(_write(tmp_path / "g.jsonl", [{"id": 1, "target": "2.color.cyan"}]), "id")
    found = read_whole(predictions, mapping={"completion": "text"}, gold=gold)
    assert (found.columns["completion"], found.columns["target"]) == (["x"], ["2.color.cyan"])
    assert "no gold for id 9" in found.errors[0]


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
        read_whole(_write(tmp_path / "p.jsonl", rows))


def test_a_wrong_mapping(tmp_path):
    with pytest.raises(ConfigError, match="no column 'nothing'"):
        read_whole(_write(tmp_path / "p.jsonl", ROWS), mapping={"target": "nothing"})
