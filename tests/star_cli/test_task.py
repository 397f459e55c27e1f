"""``star task``, and a task that is declared at run time, through every command that takes one."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks.audit import AuditedReward, audit, draw_scenes
from rewards import TaskReward, score_batch, tvr_reward
from rewards.tasks import load_task, task_names
from star_cli.main import star

CIRCUIT = """\
name: circuit
about: wires between the pins of chips
kind: records
fields:
  - {name: chip, kind: open}
  - {name: pin, kind: integer, range: [1, 16]}
  - {name: wire, kind: closed, values: [red, black, earth]}
synonyms: {ground: earth}
forms: ["{chip}/{pin} = {wire}", "wire({chip}, {pin}, {wire})"]
prompt: "{drawing} Name every wire as {form}; wires are {values[wire]}."
reward:
  tiers:
    - {fields: [chip, pin, wire], pays: 3}
    - {fields: [chip, pin], pays: 1}
    - {fields: [chip, wire], pays: 0.5}
cases:
  - {completion: <think>b</think><answer>U1/3 = red</answer>, target: U1/3 = red, total: 4, correct: true}
  - {completion: <think>b</think><answer>U1/17 = red</answer>, target: U1/3 = red, total: 0, fault: unknown_pin}
"""
RIGHT = "<think>b</think><answer>U1/3 = red, wire(U2, 4, ground)</answer>"
WRONG = "<think>b</think><answer>U1/3 = black, U2/5 = earth</answer>"
GOLD = "U1/3 = red, U2/4 = earth"


def run(*args, stdin=None, code=0):
    result = CliRunner().invoke(star, [*map(str, args)], input=stdin, env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def circuit(tmp_path):
    path = tmp_path / "circuit.yaml"
    path.write_text(CIRCUIT, encoding="utf-8")
    return str(path)


@pytest.fixture
def predictions(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"id": at, "completion": text, "target": GOLD} for at, text in enumerate((RIGHT, WRONG))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_list_and_show():
    lines = run("task", "list").output.splitlines()
    assert [line.split()[0] for line in lines] == task_names()
    listed = json.loads(run("task", "list", "--json").output)
    assert [each["name"] for each in listed] == task_names()
    shown = run("task", "show", "scene_graph").output
    assert "record    (subject, relation, object)" in shown
    assert "above     also written over, on top of" in shown
    assert "object: subject, object              1.5" in shown
    found = json.loads(run("task", "show", "mindcube", "--json").output)
    assert found["grammar"][0].endswith("(A, B, C, D)")
    assert found["rewards"] == {"answer": 1.0, "reference": 0.5}
    assert "reasoning" not in run("task", "show", "mmsi").output
    assert "of color: gray, red" in run("task", "show", "tvr").output
    assert "unknown task 'tvrr'" in run("task", "show", "tvrr", code=2).output


def test_check_of_a_good_declaration(circuit):
    output = run("task", "check", circuit).output
    assert "circuit: wires between the pins of chips" in output
    assert "pin     a whole number from 1 to 16" in output
    assert "earth   also written ground" in output
    assert "2/2 test cases passed" in output
    assert "audit: no exploit" in output
    found = json.loads(run("task", "check", circuit, "--no-audit", "--json").output)
    assert (found["ok"], found["failed_cases"], found["audit"]) == (True, [], None)
    assert found["task"]["parts"] == ["format", "exact", "pin", "wire", "incorrect", "underprediction"]


def test_check_of_a_broken_file(circuit, tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text(CIRCUIT.replace("[chip, pin], pays", "[chpi, pin], pays"))
    message = f"{path}:14: reward.tiers[1].fields[0]: unknown field 'chpi' (did you mean 'chip'?)"
    assert run("task", "check", path, code=1).stderr.strip() == message
    assert json.loads(run("task", "check", path, "--json", code=1).output) == {"ok": False, "error": message}
    assert message in run("score", "-", "--task", path, stdin="{}\n", code=2).stderr


def test_check_of_wrong_cases(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(CIRCUIT.replace("total: 4", "total: 5"))
    output = run("task", "check", path, "--no-audit", code=1).output
    assert "1/2 test cases passed" in output
    assert f"{path}:17: cases[0]: the total is 4 (format 1, exact 3), not 5" in output
    path = tmp_path / "without.yaml"
    path.write_text(CIRCUIT[: CIRCUIT.index("cases:")])
    assert "no test cases" in run("task", "check", path, "--no-audit").output


def test_check_of_a_reward_that_can_be_gamed(tmp_path):
    path = tmp_path / "gamed.yaml"
    path.write_text(CIRCUIT.replace("cases:", "  matching: literal\n  conflicts: each\ncases:"))
    output = run("task", "check", path, code=1).output
    assert "exploit repeat: writes the right answer twice" in output
    found = json.loads(run("task", "check", path, "--json", code=1).output)
    assert not found["ok"]
    assert not found["failed_cases"]
    assert "repeat" in [each["name"] for each in found["audit"]["findings"] if each["kind"] == "exploit"]


def test_data(tmp_path):
    output = run("task", "data", "flowchart", "--count", 3, "--seed", 1, "--samples", 2).output
    rows = [json.loads(line) for line in output.splitlines()]
    assert [row["prompt_id"] for row in rows] == [f"flowchart-{at}" for at in (0, 0, 1, 1, 2, 2)]
    assert output == run("task", "data", "flowchart", "--count", 3, "--seed", 1, "--samples", 2).output
    table = json.loads(run("score", "-", "--task", "flowchart", "--json", stdin=output).output)
    assert table["rows"] == 6
    assert "there is no generator" in run("task", "data", "tvr", code=2).output


def test_a_new_task_goes_through_score(circuit, predictions, tmp_path):
    out = tmp_path / "out.jsonl"
    table = json.loads(run("score", predictions, "--task", circuit, "--out", out, "--json").output)
    assert table["rows"] == 2
    scored = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["total"], row["correct"]) for row in scored] == [(7.0, True), (0.5, False)]
    assert scored[0]["answer"] == "U1/3 = red, U2/4 = earth"
    assert set(scored[0]["parts"]) == {"format", "exact", "pin", "wire", "incorrect", "underprediction"}
    run("score", predictions, "--task", circuit, "--preset", "calibrated", "--fail-under", "exact=3")


def test_a_new_task_goes_through_explain(circuit, predictions):
    output = run("explain", predictions, "--line", 2, "--task", circuit).output
    assert "task circuit" in output
    assert "format 1 + pin 1 + wire 0.5 + incorrect -2 = 0.5" in output


def test_a_new_task_goes_through_audit(circuit, predictions):
    fast = ("--scenes", 4, "--no-search", "--no-cost")
    found = json.loads(run("audit", "--task", circuit, *fast, "--json", "--fail-on", "exploit").output)
    assert (found["task"], found["scenes"]) == ("circuit", 4)
    run("audit", "--task", circuit, *fast, "--predictions", predictions, "--fail-on", "exploit")
    gamed = run("audit", "--task", circuit, *fast, "--preset", "paper", "--fail-on", "exploit", code=1)
    assert "repeat" in gamed.stderr


def test_a_new_task_goes_through_the_library(circuit):
    reward = TaskReward(circuit, name="circuit")
    logged = {}
    assert reward([RIGHT, WRONG, RIGHT], target=[GOLD, GOLD, None], log_metric=logged.__setitem__) == [7.0, 0.5, None]
    assert logged["circuit/exact"] == 3.0
    batch = score_batch([RIGHT, WRONG] * 40, [GOLD] * 80, task=circuit)  # so many that chains would be sorted by numpy
    assert batch.total.tolist() == [7.0, 0.5] * 40
    assert tvr_reward(
        [RIGHT], target=[[("U1", 3, "red"), {"chip": "U2", "pin": 4, "wire": "earth"}]], task=circuit
    ) == [7]
    task = load_task(circuit)
    assert not audit(AuditedReward(reward), draw_scenes(task, 4), search=None, timed=False).of("exploit")
    assert {record[1] for scene in draw_scenes(task, 2) for record in scene.universe} == set(range(1, 11))


def test_a_new_task_goes_through_report(circuit, predictions, tmp_path):
    scores = tmp_path / "scores.jsonl"
    rewards = tmp_path / "rewards.json"
    rewards.write_text(run("score", predictions, "--task", circuit, "--out", scores, "--json").output)
    report = run("report", rewards).output
    assert [part for part in load_task(circuit).parts if f"| {part} |" not in report] == []
    assert "| total | +3.750 |" in report
    assert "task:circuit" in report
    assert "exact" in run("report", scores).output
