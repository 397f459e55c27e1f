from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from rewards import score_completion
from star_cli.main import star

GOLD = "2.color.cyan, 0.shape.sphere, 3.color.red, 1.size.small"
ROWS = [
    {"id": "a", "completion": "<think>b</think><answer>2.color.cyan</answer>", "target": "2.color.cyan"},
    {
        "id": "b",
        "completion": "<think>b</think><answer>2.color.cyna, 0.shape.cube,\n2.color.cyan, 3.size.small</answer>",
        "target": GOLD,
    },
    {"id": "b", "completion": "<think>b</think> so <answer>2.color.cyan</answer>", "target": "2.color.cyan"},
]


def run(*args, stdin=None, code=0):
    result = CliRunner().invoke(star, ["explain", *args], input=stdin, env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(file)


def fields(output):
    """Return the lines, each as the words between wide gaps."""
    return [[part.strip() for part in line.split("  ") if part.strip()] for line in output.splitlines()]


def test_table_of_payments(path):
    output = run(path, "--id", "b")
    rows = fields(output)
    assert ["0.shape.cube", "0.shape.sphere", "attribute", "1.5", "-1"] in rows
    assert ["2.color.cyan", "2.color.cyan", "exact", "5", "0"] in rows
    assert ["3.size.small", "3.color.red", "object", "0.5", "-1"] in rows
    assert ["(unparseable item)", "-", "-", "0", "-1", "unknown_value"] in rows
    assert "missing: 1.size.small" in output
    total = score_completion(ROWS[1]["completion"], GOLD).total
    assert f"format 1 + exact 5 + attribute 1.5 + object 0.5 + incorrect -3 = {total:g}" in output
    assert f"1 more with this id: {path}:3" in output
    assert "under preset" not in output


def test_caret_of_a_fault_in_the_answer(path):
    lines = run(path, "--line", "2").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("unknown_value"))
    assert lines[at] == "unknown_value: 'cyna' is not a color (did you mean 'cyan'?) (line 1, column 9)"
    assert lines[at + 1] == r"  2.color.cyna, 0.shape.cube,\n2.color.cyan, 3.size.small"
    assert lines[at + 2] == "          ^"


def test_caret_of_a_fault_in_the_envelope():
    lines = run(
        "--target", "2.color.cyan", stdin="<think>沙发\tb</think> so <answer>2.color.cyan</answer>"
    ).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("format: text_between"))
    assert lines[at + 1] == r"  <think>沙发\tb</think> so <answer>2.color.cyan</answer>"
    assert lines[at + 2] == " " * 25 + "^"
    assert "no answer extracted (treated as empty)" in lines
    assert "missing: 2.color.cyan" in lines


def test_other_preset_where_it_differs():
    twice = "<think>b</think><answer>2.color.cyan, 2.color.cyan</answer>"
    output = run("--target", "2.color.cyan", stdin=twice)
    assert "a later value for the same cell counts" in output
    head, _, paper = output.partition("under preset paper")
    assert head.count("= 5") == 1
    assert "= 11" in paper
    output = run("--target", "2.color.cyan", "--preset", "paper", stdin=twice)
    assert "under preset default" in output
    assert "under preset" not in run("--target", "2.color.cyan", stdin=twice.replace(", 2.color.cyan", ""))


def test_overrides_change_the_match():
    both = "<think>b</think><answer>2.color.cyan, 2.color.red</answer>"
    assert "= 0.5\n" in run("--target", "2.color.cyan", stdin=both)
    assert "= 5\n" in run("--target", "2.color.cyan", "--conflicts", "each", stdin=both)
    assert "= 6.5\n" in run("--target", "2.color.cyan", "--conflicts", "each", "--matching", "literal", stdin=both)


def test_json_adds_up(path):
    data = json.loads(run(path, "--id", "b", "--json"))
    assert (data["place"], data["other_rows"], data["task"]) == (f"{path}:2", [f"{path}:3"], "tvr")
    assert sum(data["parts"].values()) == data["total"] == score_completion(ROWS[1]["completion"], GOLD).total
    charged = sum(each["charged"] for each in data["predictions"])
    earned = sum(each["earned"] for each in data["predictions"])
    assert earned + charged + 1 == data["total"]
    fault = data["predictions"][-1]["fault"]
    assert (fault["code"], fault["offset"], fault["line"], fault["column"]) == ("unknown_value", 8, 1, 9)
    assert "differs_under" not in data


def test_json_of_another_preset():
    twice = "<think>b</think><answer>2.color.cyan, 2.color.cyan</answer>"
    data = json.loads(run("--target", "2.color.cyan", "--json", stdin=twice))
    assert [each["superseded"] for each in data["predictions"]] == [True, False]
    assert data["differs_under"]["preset"] == "paper"
    assert data["differs_under"]["total"] == 11.0


QUESTION = "<think>View 1: [sofa, lamp, left] [sofa, ball]\nView 3: [tv, door, left]</think><answer>B</answer>"
LABELS = '[["sofa", "ball"], ["door"]]'


def test_question():
    output = run("--task", "multiview", "--target", "B", "--references", LABELS, stdin=QUESTION)
    rows = fields(output)
    assert "R_ans 1: read B" in output
    assert "R_ref 0.25, weight 0.5: the mean of hits - false alarms" in output
    assert ["sofa", "1", "1", "1"] in rows
    assert ["door", "2", "-", "0"] in rows
    assert ["lamp", "-", "1", "0"] in rows
    assert ["1", "sofa", "ball", "lamp"] in rows
    assert ["2 (not written)", "-", "door", "-"] in rows
    assert "views that are not there, at no cost: 3" in output
    assert "part_count: a triplet has 3 parts, this has 2" in output
    assert "= 1.125" in output


def test_question_under_paper():
    output = run("--task", "multiview", "--target", "B", "--references", LABELS, "--preset", "paper", stdin=QUESTION)
    rows = fields(output)
    assert "R_ref 0.25" in output
    assert ["1", "0.5", "sofa", "ball", "lamp"] in rows
    assert ["2 (not written)", "0", "-", "door", "-"] in rows
    assert "= 1.25" in output


def test_question_whose_views_cannot_be_told_apart():
    output = run("--task", "multiview", "--target", "B", "--references", '[["sofa"], ["sofa"]]', stdin=QUESTION)
    assert "R_ref 0: no reference tells the views apart" in output


def test_question_json():
    data = json.loads(run("--task", "multiview", "--target", "B", "--references", LABELS, "--json", stdin=QUESTION))
    assert data["views"][0] == {
        "view": 1,
        "written": True,
        "named": ["lamp", "sofa"],
        "true": ["ball", "sofa"],
        "missing": ["ball"],
        "extra": ["lamp"],
        "f1": None,
        "relations_f1": None,
    }
    assert data["told_apart"][-2:] == [
        {"item": "sofa", "true": [1], "written": [1], "value": 1.0},
        {"item": "lamp", "true": [], "written": [1], "value": 0.0},
    ]
    assert (data["references"], data["reference_weight"]) == (0.25, 0.5)
    assert data["parts"] == {"format": 0.0, "answer": 1.0, "reference": 0.125}
    assert data["extra_views"] == [3]
    assert data["broken_triplets"][0]["code"] == "part_count"


def test_question_without_labels():
    output = run("--task", "multiview", "--target", "B", stdin="<think>b</think><answer>A or B</answer>")
    assert "R_ref 0: the row has no references" in output
    assert "ambiguous" in output


def test_text_of_a_model_cannot_steer_the_terminal():
    text = "<think>\x1b[2J</think> \x07so <answer>2.color.cyan</answer>"
    output = run("--target", "2.color.cyan", stdin=text)
    assert "\x1b" not in output
    assert "\x07" not in output


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "give a FILE"),
        (("nowhere.jsonl", "--id", "a"), 2, "does not exist"),
        (("FILE",), 2, "say which row"),
        (("FILE", "--id", "a", "--line", "1"), 2, "--line N, not both"),
        (("FILE", "--id", "a", "--on", "prompt"), 2, "--on only counts with --targets"),
        (("FILE", "--id", "a", "--target", "2.color.cyan"), 2, "not with a row of a file"),
        (("FILE", "--id", "zzz"), 1, "there is no row with the id 'zzz'"),
        (("FILE", "--id", "a", "--preset", "defalt"), 2, "did you mean 'default'"),
        (("FILE", "--id", "a", "--task", "tv"), 2, "unknown task 'tv'"),
        (("FILE", "--id", "a", "--map", "completion"), 2, "not of the form NAME=VALUE"),
        (("FILE", "--id", "a", "--map", "completion=outptu"), 2, "there is no column 'outptu'"),
        (("--target", "2.color.cyna"), 1, "not a color"),
        (("--target", "B", "--task", "multiview", "--matching", "literal"), 2, "unknown reward option 'matching'"),
    ],
)
def test_errors(path, args, code, message):
    output = run(*(path if arg == "FILE" else arg for arg in args), stdin="x", code=code)
    assert message in output


def test_gold_from_another_file(tmp_path):
    rows, gold = tmp_path / "rows.jsonl", tmp_path / "gold.jsonl"
    rows.write_text(json.dumps({"id": 1, "completion": ROWS[0]["completion"]}) + "\n")
    gold.write_text(json.dumps({"id": 1, "target": "2.color.cyan"}) + "\n")
    assert "= 6\n" in run(str(rows), "--id", "1", "--targets", str(gold))


def test_modes():
    text = "<think>b</think> so <answer>2.color.cyan</answer>"
    output = run("--target", "2.color.cyan", "--mode", "lenient", stdin=text)
    assert "format: text_between" in output
    assert "exact 5 = 5\n" in output
    prefilled = "b</think><answer>2.color.cyan</answer>"
    assert "its <think> written by the chat template" in run("--target", "2.color.cyan", stdin=prefilled)
    output = run("--target", "2.color.cyan", "--think-prefilled", "false", stdin=prefilled)
    assert "format: missing_think_open" in output


def test_weights_from_a_file(tmp_path):
    file = tmp_path / "weights.yaml"
    file.write_text("scale: n_gt\ntiers: {exact: 6}\n")
    output = run("--target", GOLD, "--weights", str(file), stdin="<think>b</think><answer>2.color.cyan</answer>")
    assert "format 1 + exact 1.5 + underprediction -0.75 = 1.75" in output
    assert "divided by 4, the number of true changes" in output
    assert "under preset paper" in output


def test_the_place_of_a_row_stays_in_one_piece(tmp_path):
    file = tmp_path / f"{'long' * 30}.jsonl"
    file.write_text(json.dumps(ROWS[0]) + "\n")
    assert run(str(file), "--line", "1").splitlines()[0].startswith(f"{file}:1 · task tvr · preset default")


def test_spans_are_drawn_under_the_text(path):
    lines = run(path, "--line", "2").splitlines()
    at = next(number for number, line in enumerate(lines) if "xxx" in line)
    assert lines[at - 1 : at + 4] == [
        "  <think>b</think><answer>2.color.cyna, 0.shape.cube,",
        "                          xxxxxxxxxxxx  ~~~~~~~~~~~~",
        "  2.color.cyan, 3.size.small</answer>",
        "  ============  ~~~~~~~~~~~~",
        "  = exact · ~ attribute, object · x unparseable",
    ]


def test_spans_keep_to_the_screen_and_to_wide_characters():
    said = "<think>b</think><answer>" + "、".join(["２．color．cyan"] * 9) + "</answer>"
    lines = run("--target", "2.color.cyan", stdin=said).splitlines()
    drawn = [number for number, line in enumerate(lines) if line.startswith("  ") and set(line) <= set(" =~x")]
    assert len(drawn) == 2
    assert all(cell_len(lines[at + more]) <= 100 for at in drawn for more in (-1, 0))
    assert lines[drawn[0]].index("x") == cell_len(lines[drawn[0] - 1][: lines[drawn[0] - 1].index("２")])


def test_spans_as_json(path):
    data = json.loads(run(path, "--line", "2", "--json"))["spans"]
    text = ROWS[1]["completion"]
    assert [text[span["start"] : span["end"]] for span in data["records"]] == [
        "2.color.cyna",
        "0.shape.cube",
        "2.color.cyan",
        "3.size.small",
    ]
    assert [span["tier"] for span in data["records"]] == ["unparseable", "attribute", "exact", "object"]
    assert data["records"][1]["value"] == "0.shape.cube"
    total = sum(span["share"] for span in data["records"]) + sum(data["rest"].values())
    assert total == score_completion(text, GOLD).total
    said = "<think>View 1: [sofa, ball, left]</think><answer>B</answer>"
    references = json.dumps([["sofa"], ["ball"]])
    question = json.loads(
        run("--task", "multiview", "--target", "B", "--references", references, "--json", stdin=said)
    )["spans"]
    assert [(span["value"], span["view"], span["tier"]) for span in question["references"]] == [
        ("sofa", 1, "correct"),
        ("ball", 1, "incorrect"),
    ]
