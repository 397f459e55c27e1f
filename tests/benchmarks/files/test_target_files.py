"""Gold from a second file: keys must be unique, and every prediction needs one."""

import json

import pytest

from benchmarks.files.targets import join_key, read_target_file
from rewards.errors import ConfigError, DataError


def write(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_keys():
    assert join_key(7) == join_key("7") == join_key(" 7\n") != join_key("07")
    assert join_key({"a": 1, "b": 2}) == join_key({"b": 2, "a": 1}) != join_key({"a": 1, "b": 3})
    assert join_key([1]) != join_key([2])
    long = "x" * 100_000
    assert join_key(long) == join_key(f" {long}") != join_key(f"{long}y")
    assert len(join_key(long)) == 32


def test_read(tmp_path):
    rows = [
        {"id": 1, "answer": "A", "options": ["l", "r"]},
        {"id": "b", "answer": "B"},
        {"id": 1, "answer": "A", "options": ["l", "r"]},
    ]
    gold = read_target_file(write(tmp_path / "g.jsonl", *rows), "id")
    assert gold.roles == ["target", "options"]
    assert {key: row.values for key, row in gold.rows.items()} == {"1": ("A", ["l", "r"]), "b": ("B", None)}
    assert gold.rows["b"].place.endswith("g.jsonl:2")


def test_a_key_with_two_golds_names_both_lines(tmp_path):
    path = write(tmp_path / "g.jsonl", {"id": "x", "target": "a"}, "", {"id": "x", "target": "b"})
    with pytest.raises(DataError) as error:
        read_target_file(path, "id")
    assert str(error.value) == f"{path}:3: id 'x' has another target than at {path}:1; keys are unique"


def test_by_prompt(tmp_path):
    messages = [{"role": "user", "content": "what changed?"}]
    path = write(tmp_path / "g.jsonl", {"prompt": messages, "gts": "a"}, {"prompt": "text", "gts": "b"})
    gold = read_target_file(path, "prompt")
    assert gold.rows[join_key(messages)].values == ("a",)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "g.jsonl:1: broken JSON"),
        ([{"id": 1, "target": "a"}, "{"], "g.jsonl:2: broken JSON"),
        ([{"id": 1, "target": "a"}, {"target": "b"}], "g.jsonl:2: there is no 'id' to join on"),
        ([{"id": 1, "target": "a"}, {"id": None, "target": "b"}], "g.jsonl:2: there is no 'id' to join on"),
        ([{"target": "a"}], "g.jsonl: there is no id column; the columns are target"),
        ([], "g.jsonl: there are no rows"),
    ],
)
def test_what_is_wrong(tmp_path, rows, message):
    with pytest.raises(DataError) as error:
        read_target_file(write(tmp_path / "g.jsonl", *rows), "id")
    assert message in str(error.value)


def test_mapping(tmp_path):
    path = write(tmp_path / "g.jsonl", {"uuid": 1, "target": "a", "gold": "b"})
    assert read_target_file(path, "id", mapping={"id": "uuid", "target": "gold"}).rows["1"].values == ("b",)
    with pytest.raises(ConfigError, match="no column 'god' for the target; did you mean 'gold'"):
        read_target_file(path, "id", mapping={"id": "uuid", "target": "god"})
