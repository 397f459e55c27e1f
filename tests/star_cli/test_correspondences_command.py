"""``star correspondences`` as people run it."""

import json

import pytest
from click.testing import CliRunner

from benchmarks.correspondences import find_in, reasoning_of
from star_cli.main import star
from tests.json_lines import write

NAMES = "<think>The cube in image 1 is the one at the left in image 2.</think><answer>0.color.red</answer>"
NAMES_NONE = "<think>View 1: a cube. View 2: a ball.</think><answer>0.color.red</answer>"


def run(*arguments):
    return CliRunner().invoke(star, ["correspondences", *map(str, arguments)])


@pytest.fixture
def rollouts(tmp_path):
    views = ["center", "Camera_Left", "right", "center"]
    texts = [NAMES, NAMES, NAMES_NONE, "0.color.red"]
    rows = [
        {"id": f"r{at}", "scene": f"s{at // 2}", "view": view, "completion": text}
        for at, (view, text) in enumerate(zip(views, texts, strict=True))
    ]
    return write(tmp_path / "rollouts.jsonl", rows)


def test_shares_by_setting(rollouts):
    """Rows need no target; the one without reasoning is in no share."""
    done = run(rollouts, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    counts = {name: (row["named"], row["rows"], row["without_reasoning"]) for name, row in told["shares"].items()}
    assert counts == {"all": (2, 3, 1), "ID": (1, 1, 1), "OOD": (1, 2, 0), "center": (1, 1, 1), "left": (1, 1, 0), "right": (0, 1, 0)}  # fmt: skip
    every = told["shares"]["all"]
    assert (every["share"], every["clusters"], told["clustered_by"]) == (2 / 3, 2, "scene")
    assert every["low"] < 2 / 3 < every["high"]
    assert told["kinds"] == {"link": 2}


def test_rows_with_their_sentences(rollouts, tmp_path):
    out = tmp_path / "found.jsonl"
    assert run(rollouts, "--out", out).exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["correspondence"] for row in rows] == [True, True, False, None]
    place = rows[0]["spans"][0]
    assert (
        NAMES[place["start"] : place["end"]]
        == place["text"]
        == "The cube in image 1 is the one at the left in image 2."
    )
    assert run(rollouts, "--out", out).exit_code == 2
    assert run(rollouts, "--out", out, "--overwrite").exit_code == 0


def test_what_is_printed(rollouts):
    done = run(rollouts)
    assert done.exit_code == 0
    for text in ("4 rows of", "1 without reasoning", "66.7%", "OOD", "clustered by scene", "is the one at the left in"):
        assert text in done.stdout
    assert "is the one" not in run(rollouts, "--examples", "0").stdout


def test_rows_that_cannot_be_read_are_named(tmp_path):
    done = run(write(tmp_path / "a.jsonl", [{"completion": NAMES}, {"completion": None}, {"completion": 3}]), "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["errors"], told["shares"]["all"]["rows"]) == (2, 1)
    assert "a.jsonl:2" in done.stderr
    assert "a.jsonl:3" in done.stderr


def test_whole_completions(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"output": "The cube in image 1 is the one at the left in image 2. So B."}])
    assert json.loads(run(path, "--json").stdout)["shares"]["all"] | {"rows": 0, "without_reasoning": 1, "share": None} == json.loads(run(path, "--json").stdout)["shares"]["all"]  # fmt: skip
    assert json.loads(run(path, "--json", "--whole").stdout)["shares"]["all"]["share"] == 1


@pytest.mark.parametrize(
    ("completion", "reasoning"),
    [
        ("<think>a</think><answer>b</answer>", "a"),
        ("a</think><answer>b</answer>", "a"),
        ("a <answer>b</answer>", "a "),
        ("<think>cut off", "cut off"),
        ("<think> </think><answer>b</answer>", None),
        ("<answer>b</answer>", None),
        ("b", None),
        ("", None),
    ],
)
def test_reasoning(completion, reasoning):
    place = reasoning_of(completion)
    assert (None if place is None else completion[slice(*place)]) == reasoning
    assert (find_in(completion) is None) == (reasoning is None)


def test_a_sentence_with_control_characters_is_shown_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    said = "The red cube in view 1 is the same as the \x1b[31m\x07\x07 cube at the left of view 2 [bold]."
    file = write(tmp_path / "rows.jsonl", [{"completion": f"<think>{said}</think><answer>A</answer>"}])
    shown = " ".join(run(file).stdout.split())
    assert said.replace("\x1b", r"\x1b").replace("\x07", r"\x07") in shown
