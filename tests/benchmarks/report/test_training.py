"""Curves over training: means of each step, from every kind of table that trainers log."""

import json

import numpy as np
import pytest

from benchmarks.report.make import make_report, write
from benchmarks.report.runs import completion_files, read_training
from rewards.errors import DataError

ROWS = [
    {"step": step, "prompt": "?", "completion": "x" * length, "tvr_reward": reward, "advantage": 1.0}
    for step, length, reward in ((2, 10, 1.0), (0, 30, 0.0), (2, 20, 2.0), (0, 50, 1.0), (1, 7, 3.0))
]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def check(training):
    assert list(training.steps) == [0, 1, 2]
    assert [spread.mean for spread in training.lengths] == [40, 7, 15]
    assert training.lengths[0].low == pytest.approx(np.percentile([30, 50], 10))
    assert {step: spread.mean for step, spread in training.rewards["tvr_reward"].items()} == {0: 0.5, 1: 3, 2: 1.5}
    assert list(training.rewards) == ["tvr_reward"]
    assert training.completions == 5


def test_json_lines_in_a_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    write_lines(tmp_path / "a.jsonl", ROWS[:2])
    write_lines(tmp_path / "deep" / "b.jsonl", ROWS[2:])
    (tmp_path / "note.txt").write_text("no table")
    assert len(completion_files(tmp_path)) == 2
    check(read_training(completion_files(tmp_path)))


def test_parquet_as_trl_writes_it(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for number, rows in enumerate((ROWS[:2], ROWS[2:])):
        parquet.write_table(pa.Table.from_pylist(rows), tmp_path / f"completions_{number:05}.parquet")
    check(read_training(completion_files(tmp_path)))


def test_messages_other_names_and_rows_without_a_step(tmp_path):
    rows = [
        {"gen_step": 1, "completion": [{"role": "assistant", "content": "four"}], "score": float("nan")},
        {"step": 1, "output": "fiveX", "score": 2},
        {"completion": "no step"},
        {"step": 1, "reward": 3.0},
    ]
    write_lines(tmp_path / "a.jsonl", rows)
    training = read_training([str(tmp_path / "a.jsonl")])
    assert training.lengths[0].mean == 4.5
    assert training.rewards["score"][1].mean == 2
    assert "reward" not in training.rewards


def test_several_runs_share_the_charts(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_lines(tmp_path / name / "a.jsonl", ROWS)
    text = write(make_report([str(tmp_path / "one"), f"second={tmp_path / 'two'}"]), "html")
    assert text.count("Response length over training</h3>") == 1
    assert "</svg>second</li>" in text


def test_no_such_rows(tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"step": 1}])
    with pytest.raises(DataError, match="no row has a step and a completion"):
        read_training([str(tmp_path / "a.jsonl")])
