"""Files whose rows name their task, or pack everything that scores them into the target."""

import json

import pytest
from click.testing import CliRunner

from benchmarks.run.rewards import score_rewards
from star_cli.main import star

SAID = "<think>View 1: [sofa, ball, left] View 2: [sofa, lamp, left]</think><answer>{}</answer>"
QUESTION = {"target": "B", "references": [["sofa", "ball"], ["sofa", "lamp"]], "options": ["left", "right"]}
MIXED = [
    {"id": "a", "completion": SAID.format("2.color.cyan"), "target": "2.color.cyan", "task": "tvr"},
    {"id": "b", "completion": SAID.format("B"), "task": "multiview", **QUESTION},
    {"id": "c", "completion": SAID.format("B"), "task": "mindcube", **QUESTION},
    {"id": "d", "completion": SAID.format("4.position.left.1"), "target": "4.position.left.1", "task": "trance"},
]


def packed(row):
    gold = {name: value for name, value in row.items() if name not in ("id", "completion")}
    return {"id": row["id"], "completion": row["completion"], "solution": json.dumps(gold)}


def run(tmp_path, rows, task):
    """Score rows; return the totals by id, and the errors."""
    errors, file = [], tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    score_rewards([str(file)], task=task, out=str(tmp_path / "out.jsonl"), overwrite=True, on_error=errors.append)
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    return {row["id"]: row["total"] for row in found}, [error.partition("rows.jsonl:")[2] for error in errors]


def source(row):
    name = row["task"]
    return {key: value for key, value in row.items() if key != "task"} | {"data_source": f"star-r1/{name}"}


def inside(row):
    name = row["task"]
    return {key: value for key, value in row.items() if key != "task"} | {"extra_info": {"task": name, "index": 3}}


@pytest.mark.parametrize("form", [dict, packed, source, inside], ids=["column", "packed", "data_source", "extra_info"])
def test_rows_of_another_task_are_errors_and_not_graded_as_text(tmp_path, form):
    totals, errors = run(tmp_path, list(map(form, MIXED)), "multiview")
    assert totals == {"a": None, "b": 1.5, "c": 1.5, "d": None}
    assert errors == [
        "1: its task is 'tvr', and 'multiview' is scored: --task tvr",
        "4: its task is 'trance', and 'multiview' is scored: --task trance",
    ]
    totals, errors = run(tmp_path, list(map(form, MIXED[:3])), "tvr")
    assert totals == {"a": 6.0, "b": None, "c": None}


def test_a_source_of_ours_that_names_no_task_is_an_error(tmp_path):
    rows = [
        {**source(row), "data_source": name}
        for row, name in zip(MIXED[1:3], ("star-r1/multivew", "hub/x"), strict=True)
    ]
    totals, errors = run(tmp_path, rows, "multiview")
    assert totals == {"b": None, "c": 1.5}
    (error,) = errors
    assert error == "1: unknown task 'multivew' (did you mean 'multiview'?)"


def test_packed_targets_are_scored_as_columns_are(tmp_path):
    rows = [packed(row) if at % 2 else row for at, row in enumerate([MIXED[1]] * 4)]
    assert run(tmp_path, [{**row, "id": str(at)} for at, row in enumerate(rows)], "multiview") == (
        {"0": 1.5, "1": 1.5, "2": 1.5, "3": 1.5},
        [],
    )
    broken = {"id": "x", "completion": "a", "solution": '{"target": "B", "options": ['}
    totals, errors = run(tmp_path, [packed(MIXED[1]), broken], "multiview")
    assert totals == {"b": 1.5, "x": None}
    assert "2: the packed target is no JSON" in errors[0]


def test_words_that_are_no_tasks_are_the_data_sets_own(tmp_path):
    rows = [{**MIXED[0], "task": name, "id": name} for name in ("counting", "spatial")]
    assert run(tmp_path, rows, "tvr") == ({"counting": 6.0, "spatial": 6.0}, [])
    totals, errors = run(tmp_path, [MIXED[0], {**MIXED[0], "id": "x", "task": "tvrr"}], "tvr")
    assert totals == {"a": 6.0, "x": None}
    assert errors[0].startswith("2: unknown task 'tvrr'")


def test_explain_reads_them_alike(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(packed(row)) + "\n" for row in MIXED))

    def explain(name, task):
        result = CliRunner().invoke(star, ["explain", str(file), "--id", name, "--task", task, "--json"])
        return json.loads(result.output)["total"] if result.exit_code == 0 else result.output

    assert [explain("a", "tvr"), explain("b", "multiview"), explain("c", "multiview")] == [6.0, 1.5, 1.5]
    assert "rows.jsonl:2: its task is 'multiview', and 'tvr' is asked for: --task multiview" in explain("b", "tvr")
