"""``star audit`` from the outside: output, exit codes, files."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from star_cli.main import star

EXAMPLE = Path(__file__).parents[2] / "examples" / "tvr_predictions.jsonl"
FAST = ("--scenes", "4", "--no-search", "--no-cost", "--no-color")


def _run(*arguments):
    return CliRunner().invoke(star, ["audit", *map(str, arguments)], env={"COLUMNS": "100"})


MINE = """
import re

def substring(completions, target, **columns):
    return [float(gold in text) for text, gold in zip(completions, target)]

def honest(completions, solution):
    return [float(bool(re.fullmatch(f"<think>[^<]*</think><answer>{re.escape(gold)}</answer>", text))) for text, gold in zip(completions, solution)]
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def test_our_default_has_no_exploit_and_says_what_it_pays_for():
    found = _run(*FAST, "--fail-on", "exploit")
    assert found.exit_code == 0, found.output
    assert "tvr/default: no exploit" in found.output
    assert "when P(correct) < 0.833" in found.output
    assert "nothing for sure" in found.output
    assert "beyond the" in found.output


def test_the_papers_formula_fails_with_its_numbers():
    found = _run(*FAST, "--preset", "paper", "--changes", "2", "--without-format", "--fail-on", "exploit", "--json")
    assert found.exit_code == 1
    assert "failed on hedge, repeat, values_of_cell" in found.stderr
    repeat = next(each for each in json.loads(found.stdout)["findings"] if each["name"] == "repeat")
    assert (repeat["largest"]["paid"], repeat["largest"]["against"]) == (20.0, 10.0)


def test_conflicts_each_is_an_incentive_and_does_not_fail():
    found = _run(*FAST, "--conflicts", "each", "--without-format", "--json", "--fail-on", "exploit")
    assert found.exit_code == 0
    hedges = [each for each in json.loads(found.stdout)["findings"] if each["about"] == "value, two candidates"]
    assert (hedges[0]["smallest"]["paid"], hedges[0]["smallest"]["against"]) == (4.0, 2.75)
    assert hedges[0]["pays_while"] == "when P(correct) < 0.778"


@pytest.mark.parametrize("kind", ["incentive", "check"])
def test_failing_on_others(kind):
    assert _run(*FAST, "--preset", "no_incorrect_penalty", "--fail-on", kind).exit_code == (1 if kind == "check" else 0)
    assert _run(*FAST, "--fail-on", kind).exit_code == (1 if kind == "incentive" else 0)


def test_a_function_of_the_users(mine):
    found = _run(f"{mine}:substring", *FAST, "--fail-on", "exploit")
    assert found.exit_code == 1
    assert "answer_in_reasoning" in found.output
    assert "nothing for sure" not in found.output  # it has no tiers to analyse
    good = _run(f"{mine}:honest", *FAST, "--fail-on", "exploit")
    assert good.exit_code == 0, good.output
    assert "permutation" in good.output


def test_a_file_of_predictions(tmp_path):
    page = tmp_path / "audit.html"
    found = _run("--predictions", EXAMPLE, *FAST, "--html", page, "--preset", "paper")
    assert found.exit_code == 0, found.output
    assert "of 8 predictions" in found.output
    assert "without variance" in found.output
    assert re.search(r"answer contradicts the reasoning +\d+\.\d%", found.output)
    assert "How often each total occurs" in page.read_text(encoding="utf-8")


def test_rows_that_cannot_be_read_are_named(tmp_path):
    rows = [
        {"completion": "<think>a</think><answer>2.color.cyan</answer>", "target": "2.color.cyan", "id": 1},
        {"completion": None, "target": "2.color.cyan", "id": 2},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    found = _run("--predictions", file, *FAST, "--json")
    assert found.exit_code == 0, found.output
    assert "rows.jsonl:2: 'completion' is null" in found.stderr
    assert json.loads(found.stdout)["groups"]["rows"] == 1
    file.write_text("\n".join([json.dumps(rows[0]), *["{broken"] * 100]) + "\n")
    found = _run("--predictions", file, *FAST, "--json")
    assert found.stderr.count("broken JSON") < 100
    assert " more\n" in found.stderr


@pytest.mark.parametrize("text", ["", '{"completion": "a", "target": "cyna"}\n', '{"completion": "a", "target": ""}\n'])
def test_a_file_that_cannot_be_audited(tmp_path, text):
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    found = _run("--predictions", file, *FAST)
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: ")


def test_wrong_gold_is_named_by_its_line(tmp_path):
    rows = [{"completion": "a", "target": "2.color.cyan"}, {"completion": "a", "target": "2.color.cyna"}]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert "rows.jsonl:2: target" in _run("--predictions", file, *FAST).stderr


def test_rows_without_a_number_are_left_out_of_the_groups(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def f(completions, **_):\n    return [None if 'x' in c else 1.0 for c in completions]\n"
    )
    rows = [{"prompt_id": 1, "completion": text, "target": "2.color.cyan"} for text in ("x", "a", "b")]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    found = _run(f"{tmp_path / 'mine.py'}:f", "--predictions", file, *FAST, "--json")
    assert "for 1 rows the reward is not a number" in found.stderr
    assert json.loads(found.stdout)["groups"]["rows"] == 2


def test_gold_from_another_file_and_other_names(tmp_path):
    (tmp_path / "p.jsonl").write_text('{"id": 1, "text": "<think>a</think><answer>2.color.cyan</answer>"}\n')
    (tmp_path / "g.jsonl").write_text('{"id": 1, "target": "2.color.cyan"}\n')
    files = ("--predictions", tmp_path / "p.jsonl", "--targets", tmp_path / "g.jsonl")
    found = _run(*files, "--map", "completion=text", *FAST, "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["groups"]["totals"] == [[6.0, 1]]


@pytest.mark.parametrize("prefilled", ["true", "false", "auto"])
def test_a_prefilled_opener(prefilled):
    found = _run(*FAST, "--think-prefilled", prefilled, "--json", "--fail-on", "exploit")
    assert found.exit_code == 0, found.output
    examples = [each["smallest"] for each in json.loads(found.stdout)["findings"]]
    assert {example["against"] for example in examples} == {5.5, 3.0, 3.25}  # with the format point


def test_questions_from_a_file(tmp_path):
    row = {
        "completion": "<think>View 1: [sofa, ball, left]</think><answer>B</answer>",
        "answer": "B",
        "references": [["sofa", "ball"], ["lamp"]],
        "options": ["left", "right"],
    }
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    found = _run("--task", "multiview", "--predictions", file, *FAST, "--fail-on", "exploit", "--json")
    assert found.exit_code == 0, found.output
    plain = json.loads(found.stdout)
    assert plain["groups"]["totals"] == [[1.333333333, 1]]
    assert plain["expectation"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--fail-on", "nothing"),
        ("--changes", "a"),
        ("--changes", "0"),
        ("--preset", "papr"),
        ("--task", "no_such_task"),
        ("--target-column", "gold"),
        ("rewards.tvr_reward", "--preset", "paper"),
        ("rewards.no_such",),
        ("--all-presets", "--json"),
        ("--all-presets", "--task", "no_such_task"),
        ("--all-presets", "--task", "multiview", "--matching", "literal"),
        ("--task", "multiview", "--curves", "DIR"),
        ("--accuracy", "0"),
        ("--predict", "--against", "mmsi:strict"),
        ("--predict", "--fail-on", "check"),
        ("--predict", "--task", "multiview"),
        ("--predict", "rewards.tvr_reward"),
        ("--predict", "--targets", EXAMPLE),
        ("--predict", "--format", "openenv"),
        ("--against", "rewards.tvr_reward", "--html", "page.html"),
        ("--against", "mmsi:strict"),
        ("--against", "rewards.no_such"),
        ("--all-presets", "--format", "openenv"),
        ("--format", "yaml"),
        ("--predictions", "no_such_file.jsonl"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, tmp_path):
    given = [str(tmp_path) if each == "DIR" else each for each in arguments]
    found = _run(*given, *FAST)
    assert found.exit_code == 2, found.output
    assert "Traceback" not in found.output


def test_the_output_is_the_same_every_time():
    assert _run(*FAST, "--preset", "paper").output == _run(*FAST, "--preset", "paper").output


def test_weights_of_a_file(tmp_path):
    (tmp_path / "weights.yaml").write_text("incorrect_penalty: 0\n")
    found = _run(*FAST, "--weights", tmp_path / "weights.yaml", "--fail-on", "exploit")
    assert found.exit_code == 1
    assert "incorrect_penalty=0" in found.output


def test_curves(tmp_path):
    found = _run("--curves", tmp_path / "images", *FAST)
    assert found.exit_code == 0, found.output
    files = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert len(files) == 18
    assert {"audit-paper-best.svg", "audit-calibrated-expected.svg"} <= set(files)
    for path in (tmp_path / "images").iterdir():
        assert ET.parse(path).getroot().get("viewBox")


def test_a_task_of_the_users_own(tmp_path):
    source = Path(__file__).parents[2] / "rewards" / "tasks" / "tvr.yaml"
    shutil.copy(source, tmp_path / "my_task.yaml")
    found = _run("--task", tmp_path / "my_task.yaml", *FAST, "--fail-on", "exploit")
    assert found.exit_code == 0, found.output


FLOW = """
name: flow
kind: records
fields:
  - {name: source, kind: open}
  - {name: target, kind: open}
  - {name: label, kind: closed, values: ["yes", "no", "next"]}
forms: ["{source} -> {target} : {label}"]
reward:
  tiers:
    - {fields: [source, target, label], pays: 4.0}
    - {fields: [source, target], pays: 2.0}
    - {fields: [source, label], pays: 1.0}
"""


def test_a_task_that_this_package_does_not_know(tmp_path):
    """Open words, and tiers that are no chain."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    found = _run("--task", tmp_path / "flow.yaml", *FAST, "--fail-on", "exploit", "--json")
    assert found.exit_code == 0, found.output
    plain = json.loads(found.stdout)
    assert [row["sure"] for row in plain["expectation"]] == [None, "label", "target"]
    assert {"source, two candidates", "target, two candidates"} <= {each["about"] for each in plain["findings"]}


def test_predictions_as_a_table_and_as_json():
    text = _run("--predict", "--preset", "paper", "--changes", "2")
    assert text.exit_code == 0, text.output
    rows = [line.split("|")[1:-1] for line in text.output.splitlines() if line.startswith(("| 0.", "| 1."))]
    assert [float(row[0]) for row in rows] == [at / 10 for at in range(11)] * 2
    plain = json.loads(_run("--predict", "--preset", "paper", "--changes", "2", "--json").stdout)
    assert (plain["reward"], plain["changes"]) == ("tvr/paper", [2])
    assert len(plain["predictions"]) == 3 * 2 * 21
    unsure = next(
        each for each in plain["predictions"] if (each["p"], each["spread"], each["sure"]) == (0.5, 0.0, None)
    )
    assert (unsure["predictions"], unsure["exact"], unsure["ndiff"]) == (4.0, 0.0, 1.5)
    assert [float(cell.strip(" %")) for cell in rows[5]] == [0.5, 4.0, 0.0, 3.0, 1.5, 0.0, 5.0]


def test_options_of_the_reward_change_what_is_predicted():
    plain = json.loads(_run("--predict", "--conflicts", "each", "--json").stdout)
    assert plain["reward"] == "tvr/default (conflicts=each)"
    known = [each for each in plain["predictions"] if each["sure"] == "attribute" and each["p"] == 0.5]
    assert known[0]["predictions"] > known[0]["true"]  # values of one cell are hedged


def test_two_rewards_are_compared(mine):
    found = _run(f"{mine}:substring", "--against", f"{mine}:honest", "--scenes", "3")
    assert found.exit_code == 0, found.output
    assert "false-positive rate:" in found.output
    assert "false-negative rate: 0.0% of what" in found.output
    plain = json.loads(_run(f"{mine}:substring", "--against", f"{mine}:honest", "--scenes", "3", "--json").stdout)
    assert plain["false_positive_rate"] > 0.1
    assert plain["false_negative"] is None
    assert plain["false_positive"]["target"] in plain["false_positive"]["completion"]


def test_an_official_scorer_against_the_strict_one():
    found = _run("mmsi:official", "--against", "mmsi:strict", "--task", "mmsi", "--scenes", "3")
    assert found.exit_code == 0, found.output
    assert "mmsi:official against mmsi:strict" in found.output
    assert "right_block_first 3" in found.output
    wrong = _run("mmsi:official", "--against", "mmsi:strict", *FAST)
    assert wrong.exit_code == 2
    assert "mmsi:official does not score the answers of the task 'tvr'" in wrong.stderr


def test_our_own_reward_against_a_users(mine):
    found = json.loads(_run("--against", f"{mine}:honest", "--scenes", "3", "--json").stdout)
    assert (found["name"], found["reference"]) == ("tvr/default", f"{mine}:honest")
    assert found["false_negative_rate"] == 0.0


def test_results_for_openenv():
    found = json.loads(_run(*FAST, "--without-format", "--preset", "paper", "--format", "openenv").stdout)
    status = {each["check_id"]: each["status"] for each in found["results"]}
    assert status["semantic.floor_gap"] == "pass"
    assert status["semantic.oracle_max"] == "fail"
    assert found["target"] == "tvr/paper"
    assert _run(*FAST, "--format", "json").stdout == _run(*FAST, "--json").stdout


def test_scenes_of_a_file_of_targets(tmp_path):
    rows = [
        {"id": at, "answer": "B", "references": [["sofa", "ball"], ["lamp", "sofa"]], "options": ["left", "right"]}
        for at in range(3)
    ] + [{"id": 9, "answer": "A", "references": [["door"], ["lamp"]], "options": ["left", "right"]}]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    plain = json.loads(_run("--task", "multiview", "--targets", file, *FAST, "--json").stdout)
    assert plain["scenes"] == 2  # each once
    assert plain["groups"] is None
    rows[3]["references"] = [["door"], "lamp"]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert "rows.jsonl:4" in _run("--task", "multiview", "--targets", file, *FAST).stderr


def test_rewards_as_verl_and_easyr1_call_them(tmp_path):
    (tmp_path / "verl_reward.py").write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return {'score': float(ground_truth in solution_str)}\n"
    )
    (tmp_path / "easyr1_reward.py").write_text(
        "REWARD_TYPE = 'batch'\n"
        "def compute_score(reward_inputs):\n"
        "    return [{'overall': float(each['ground_truth'] in each['response'])} for each in reward_inputs]\n"
    )
    for name in ("verl_reward", "easyr1_reward"):
        found = _run(f"{tmp_path / name}.py:compute_score", *FAST, "--fail-on", "exploit")
        assert found.exit_code == 1, found.output
        assert "answer_in_reasoning" in found.output
    wrong = _run(f"{tmp_path / 'verl_reward'}.py:compute_score", "--messages", *FAST)
    assert (wrong.exit_code, "called as in verl" in wrong.stderr) == (2, True)


def test_the_plot_and_the_text_of_a_change_that_may_not_be_there_agree(tmp_path):
    found = _run(*FAST, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    (card,) = [each for each in page.split('<div class="card incentive">') if "existence, likely not there" in each]
    assert "P(present) &gt; 0.143" in card
    assert ">0.143</text>" in card
    assert "0.857" not in page
    assert "chance that it is there" in card
    assert found.exit_code == 0
