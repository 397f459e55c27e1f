"""The paper's tables: published figures with sources, ours in their places."""

import json

import pytest

from benchmarks import evaluate
from benchmarks.report.content import Number
from benchmarks.report.make import make_report, write
from benchmarks.report.paper import TABLES, UNKNOWN, paper_section, published
from benchmarks.report.runs import read_run
from rewards.errors import ConfigError
from tests.benchmarks.report.report_inputs import AFTER, BEFORE, write_rows, write_run


@pytest.mark.parametrize("table", TABLES)
def test_every_figure_has_a_source_and_stands_in_a_column(table):
    found = published(table)
    names = {column["name"] for column in found["columns"]}
    for row in found["rows"]:
        assert row["source"]
        assert set(row["figures"]) <= names


def row_of(grid, name):
    return next(dict(zip(grid.header, row, strict=True)) for row in grid.rows if row[0] == name)


def test_table_1_has_ours_below(tmp_path):
    run = read_run(str(write_run(tmp_path, "ours", AFTER)))
    [grid] = paper_section("table1", [run]).items
    assert row_of(grid, "STAR-R1 (RL)")["TAcc"] == "61.4"
    assert row_of(grid, "STAR-R1 (RL)")["NDiff"] == "0.31"
    assert row_of(grid, "SFT")["OOD TAcc"] == "30.9"
    assert row_of(grid, "GPT-4o")["NDiff"] == UNKNOWN
    ours = row_of(grid, "ours (measured)")
    assert isinstance(ours["TAcc"], Number)
    assert ours["TAcc"].value == pytest.approx(12 / 18)
    assert ours["1-3"].value == pytest.approx(12 / 18)
    assert ours["size"] == UNKNOWN  # no reference changes a size
    assert len(grid.header) == len(published("table1")["columns"]) + 2


def test_table_3_puts_a_run_beside_the_variant_that_it_is_named_after(tmp_path):
    names = ("full", "no_object_tier", "w/o incorrect penalty", "mine")
    path = write_run(tmp_path, "run", AFTER)
    [grid] = paper_section("table3", [read_run(f"{name}={path}") for name in names]).items
    assert row_of(grid, "STAR-R1 (full)")["TAcc, published"] == "61.4"
    for name in ("STAR-R1 (full)", "w/o obj reward", "w/o incorrect penalty"):
        assert row_of(grid, name)["TAcc, measured"].text == "66.7"
    assert row_of(grid, "w/o attr reward")["TAcc, measured"] == UNKNOWN
    assert row_of(grid, "mine")["TAcc, published"] == UNKNOWN
    assert row_of(grid, "mine")["NDiff, measured"].text == "0.50"


def test_several_runs_of_one_variant_are_several_rows(tmp_path):
    paths = [write_run(tmp_path, name, answers) for name, answers in (("a", BEFORE), ("b", AFTER))]
    [grid] = paper_section("table3", [read_run(f"full={path}") for path in paths]).items
    assert [row[0] for row in grid.rows[:2]] == ["STAR-R1 (full)", "full"]
    assert grid.rows[0][1:3] == grid.rows[1][1:3] == ("61.4", "0.31")


def test_the_main_results_take_each_benchmark(tmp_path):
    some = [{"id": "rotation_1", "response": "A", "gt_answer": "A"}]
    (tmp_path / "cube.json").write_text(
        json.dumps(evaluate(write_rows(tmp_path / "c.jsonl", some), "mindcube").as_dict())
    )
    inputs = [f"star={tmp_path / 'cube.json'}", f"star={write_run(tmp_path, 'tvr', AFTER)}"]
    [grid] = paper_section("main", [read_run(each) for each in inputs]).items
    assert row_of(grid, "MindCube-Tiny Rotation")["STAR-R1 (7B)"] == "98.5"
    assert row_of(grid, "MindCube-Tiny Rotation")["star (measured)"].text == "100.0"
    assert row_of(grid, "TVR TAcc")["star (measured)"].text == "66.7"
    assert row_of(grid, "MMSI-Bench")["star (measured)"] == UNKNOWN


def test_every_form(tmp_path):
    path = write_run(tmp_path, "ours", AFTER)
    document = make_report([str(path)], paper=TABLES)
    for form in ("html", "markdown", "latex", "json"):
        text = write(document, form)
        assert "61.4" in text
        assert "66.7" in text


def test_an_unknown_table():
    with pytest.raises(ConfigError, match="there is no table 'table2'; there are table1, table3, main"):
        published("table2")
