"""A run is read and scored once, and what it shows later is what the files hold."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks.view.index import Scoring, open_run
from benchmarks.view.reading import Files
from rewards import ConfigError, DataError, score_completion
from tests.benchmarks.view.view_inputs import ANSWERS, TARGETS, completion, write_data, write_rows, write_run


def opened(*names, **settings):
    return open_run("run", Files([str(name) for name in names]), Scoring(**settings))


def test_groups_are_the_rows_of_a_prompt_in_a_step(tmp_path):
    run = opened(write_run(tmp_path / "run", tmp_path))
    assert len(run.total) == 24
    assert run.groups.size.tolist() == [4] * 6
    assert run.steps == [10.0, 20.0]
    assert run.groups.titles == ("scene-0", "scene-1", "scene-2") * 2
    assert run.groups.targets[:3] == TARGETS
    assert run.views == ["center", "left", "right"]
    assert run.groups.prompt[:3].tolist() == run.groups.prompt[3:].tolist()
    assert len(set(run.groups.prompt[:3].tolist())) == 3


def test_numbers_of_groups_are_those_of_their_rows(tmp_path):
    run = opened(write_run(tmp_path / "run", tmp_path))
    for group in range(len(run.groups)):
        rows = run.rows(run.groups.of(group))
        scores = [score_completion(row.get("completion"), row.get("target")) for row in rows]
        totals = np.array([score.total for score in scores])
        right = [score.correct for score in scores]
        assert run.total[run.groups.of(group)].tolist() == totals.tolist()
        assert run.groups.mean[group] == pytest.approx(totals.mean())
        assert run.groups.std[group] == pytest.approx(totals.std(ddof=1))
        assert (run.groups.low[group], run.groups.high[group]) == (totals.min(), totals.max())
        assert run.groups.right[group] == sum(right)
        assert run.groups.faults[group] == sum(score.fault is not None for score in scores)
        best_wrong = max((t for t, r in zip(totals, right, strict=True) if not r), default=-math.inf)
        worst_right = min((t for t, r in zip(totals, right, strict=True) if r), default=-math.inf)
        assert run.groups.outranked[group] == (any(right) and not all(right) and best_wrong >= worst_right)


def test_rows_far_apart_are_read_again_as_they_were(tmp_path):
    """Over many chunks, in any order, with blank lines and rows that cannot be read in between."""
    path = tmp_path / "rows.jsonl"
    texts = [completion(ANSWERS[at % 8], think=f"number {at} " + "x" * 900) for at in range(6000)]
    lines = [json.dumps({"id": at, "completion": text, "target": TARGETS[at % 3]}) for at, text in enumerate(texts)]
    lines[100] = ""
    lines[2000] = '{"id": 2000, "completion": "broken'
    path.write_text("\n".join(lines) + "\n")
    run = opened(path)
    assert len(run.pieces) > 1
    assert (len(run.total), run.left_out) == (5998, 1)
    assert "rows.jsonl:2001: broken JSON" in run.errors[0]
    places = np.random.default_rng(0).permutation(len(run.total))[:300].tolist()
    for place, row in zip(places, run.rows(places), strict=True):
        number = row.get("id")
        assert row.get("completion") == texts[number]
        assert row.line == number + 1
        assert score_completion(texts[number], TARGETS[number % 3]).total == run.total[place]


def test_what_cannot_be_scored_is_left_out_and_told(tmp_path):
    rows = [
        {"id": "a", "completion": completion("2.color.cyan"), "target": "2.color.cyan"},
        {"id": "b", "completion": completion("2.color.cyan"), "target": "2.color.cyna"},
        {"id": "c", "completion": None, "target": "2.color.cyan"},
        {"id": "d", "completion": completion("2.color.red"), "target": "2.color.cyan"},
    ]
    run = opened(write_rows(tmp_path / "rows.jsonl", rows))
    assert [row.get("id") for row in run.rows([0, 1])] == ["a", "d"]
    assert run.left_out == 2
    assert sorted(error.split(": ", 1)[0].rpartition(":")[2] for error in run.errors) == ["2", "3"]
    with pytest.raises(DataError, match=r"no rows that can be shown: .*:1: .*cyna"):
        opened(write_rows(tmp_path / "bad.jsonl", rows[1:3]))


def test_rows_to_train_on_are_shown_without_scores(tmp_path):
    write_data(tmp_path / "data")
    run = opened(tmp_path / "data")
    assert len(run.groups) == 3
    assert np.isnan(run.total).all()
    (row,) = run.rows([1])
    assert not row.has_completion
    assert row.get("prompt") == "What changed in scene 1?"


def test_each_row_is_scored_as_its_own_task(tmp_path):
    rows = [
        {"id": "a", "task": "tvr", "completion": completion("2.color.cyan"), "target": "2.color.cyan"},
        {"id": "b", "task": "multiview", "completion": completion("B"), "target": "B"},
    ]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    run = opened(path)
    assert run.total.tolist() == [6.0, 1.0]
    assert run.tasks == ["tvr", "multiview"]
    with pytest.raises(ConfigError, match="for list tasks"):
        opened(path, preset="calibrated")
    category = write_rows(tmp_path / "category.jsonl", [{**rows[1], "task": "how far"}])
    with pytest.raises(ConfigError, match=r"'how far', which is no task of ours.*--task"):
        opened(category)
    assert opened(category, task="multiview").total.tolist() == [1.0]


def test_a_file_that_is_another_one_now_is_refused(tmp_path):
    rows = [{"id": at, "completion": completion("2.color.cyan"), "target": "2.color.cyan"} for at in range(3)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    run = opened(path)
    write_rows(path, rows * 2)  # it has grown: what was there is there
    assert run.rows([2])[0].get("id") == 2
    for other in ([{**rows[0], "id": "x"}, *rows[1:]], [{"n": 1}], []):
        run = opened(write_rows(path, rows))
        write_rows(path, other)
        with pytest.raises(DataError, match="start again"):
            run.rows([2])
    run = opened(write_rows(path, rows))
    write_rows(path, rows[:1])
    with pytest.raises(DataError, match="start again"):
        run.rows([2])


def test_standard_input_cannot_be_read_again():
    with pytest.raises(DataError, match="cannot be read again"):
        Files(["-"])


def test_parquet_and_tables_of_several_rows_a_line(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    rows = [{"id": at % 2, "step": 1, "completion": completion(ANSWERS[at]), "target": TARGETS[0]} for at in range(4)]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    assert opened(tmp_path / "rows.parquet").groups.size.tolist() == [2, 2]
    table = {name: [row[name] for row in rows] for name in rows[0]} | {"step": [1] * 4, "prompt": ["?"] * 4}
    run = opened(write_rows(tmp_path / "swift.jsonl", [table]))
    assert [row.place.rpartition(":")[2] for row in run.rows([0, 3])] == ["1[0]", "1[3]"]
