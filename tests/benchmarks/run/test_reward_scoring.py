"""Files of predictions -> rewards: the library's own scores, one row for each row, whatever the file looks like."""

import gzip
import io
import json
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from benchmarks.run.group_counts import RECORD, count_groups
from benchmarks.run.rewards import read_weights, score_rewards
from rewards import ConfigError, DataError, score_batch, score_completion

GOLDEN = Path(__file__).parents[2] / "golden" / "star_r1_formula.jsonl.gz"
EXAMPLE = Path(__file__).parents[3] / "examples" / "tvr_predictions.jsonl"
RIGHT = "<think>It turned.</think><answer>2.color.cyan</answer>"
KEYS = ["id", "total", "parts", "correct", "fault", "answer", "unit", "group", "error"]


def write(path, *rows):
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


def run(tmp_path, *rows, **options):
    """Score rows; return the summary, the output rows and the errors."""
    errors = []
    path = write(tmp_path / "in.jsonl", *rows)
    summary = score_rewards([path], out=str(tmp_path / "out.jsonl"), overwrite=True, on_error=errors.append, **options)
    return summary, load(tmp_path / "out.jsonl"), [error.replace(path, "in.jsonl") for error in errors]


def load(path):
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("reading", "options"),
    [
        ("literal_E", {"preset": "paper"}),
        ("literal_N", {"preset": "paper", "overrides": {"incorrect": "no_tier"}}),
        ("one2one_E", {"overrides": {"conflicts": "each"}}),
        ("one2one_N", {"overrides": {"conflicts": "each", "incorrect": "no_tier"}}),
    ],
)
def test_the_golden_rows_as_they_are(tmp_path, reading, options):
    expected = [json.loads(line) for line in gzip.decompress(GOLDEN.read_bytes()).splitlines()]
    summary = score_rewards([str(GOLDEN)], out=str(tmp_path / "out.jsonl"), **options)
    rows = load(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == [row["id"] for row in expected]
    for row, known in zip(rows, expected, strict=True):
        assert row["total"] == known["expected"]["r_format"] + known["expected"]["readings"][reading]["r_acc"]
        assert list(row) == KEYS
    assert summary.rows == 1000
    assert summary.total.value == pytest.approx(fmean(row["total"] for row in rows))


def test_the_example_shows_what_models_do():
    rows = load(EXAMPLE)
    scores = score_batch([row["completion"] for row in rows], [row["target"] for row in rows])
    assert {fault.code for fault in scores.faults if fault} >= {"unclosed_think", "text_between", "unknown_value"}


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_the_example(tmp_path, preset):
    given = load(EXAMPLE)
    summary = score_rewards([str(EXAMPLE)], preset=preset, out=str(tmp_path / "out.jsonl"))
    rows = load(tmp_path / "out.jsonl")
    for row, source in zip(rows, given, strict=True):
        score = score_completion(source["completion"], source["target"], preset=preset)
        assert (row["id"], row["group"], row["error"]) == (source["id"], source["prompt_id"], None)
        assert (row["total"], row["parts"], row["correct"], row["unit"]) == (
            score.total,
            score.parts,
            score.correct,
            score.unit,
        )
        assert row["fault"] == (score.fault and score.fault._asdict())
        assert row["answer"] == (None if score.answer is None else ", ".join(map(str, score.answer)))
    _check_summary(summary, rows, given)


def _check_summary(summary, rows, given):
    """Compare a summary with what the rows say."""
    assert summary.rows == len(rows)
    assert summary.total.value == pytest.approx(fmean(row["total"] for row in rows))
    assert summary.accuracy.value == pytest.approx(fmean(row["correct"] for row in rows))
    assert summary.unit == pytest.approx(fmean(row["unit"] for row in rows))
    assert summary.parse_rate == pytest.approx(fmean(row["fault"] is None for row in rows))
    for part, mean in summary.parts.items():
        assert mean == pytest.approx(fmean(row["parts"][part] for row in rows))
    codes = [row["fault"]["code"] for row in rows if row["fault"]]
    assert {fault.code: fault.rows for fault in summary.faults} == {code: codes.count(code) for code in codes}
    for fault in summary.faults:
        line = int(fault.example.rsplit(":", 1)[1])
        assert rows[line - 1]["fault"]["code"] == fault.code
        assert fault.code not in [row["fault"]["code"] for row in rows[: line - 1] if row["fault"]]
    groups = {row["group"]: number for number, row in enumerate(rows)}
    presets = [
        [score_completion(row["completion"], row["target"], preset=preset).total for row in given]
        for preset in ("default", "paper")
    ]
    records = [
        (groups[row["group"]], groups[row["group"]], row["total"], row["correct"], default, paper)
        for row, default, paper in zip(rows, *presets, strict=True)
    ]
    means = {"mean_total": summary.total.value, "mean_correct": summary.accuracy.value}
    expected = count_groups(np.array(records, dtype=RECORD), **means)
    for name in (
        "groups",
        "rows",
        "zero_variance",
        "mixed",
        "outranked",
        "rows_ranked_differently",
        "clusters",
        "smallest",
    ):
        assert getattr(summary.groups, name) == getattr(expected, name), name


BAD = [
    (b"{", "in.jsonl:2: broken JSON at column 2: Expecting property name enclosed in double quotes", None),
    (b'{"a": "\xff"}', "in.jsonl:2: invalid UTF-8: byte 0xff at column 8", None),
    (
        b"[1]",
        "in.jsonl:2: a row is a JSON object, and this is a list; convert a JSON array with: jq -c '.[]' FILE",
        None,
    ),
    ({"id": "b", "target": "2.color.cyan"}, "in.jsonl:2: there is no 'completion'; the row has id, target", "b"),
    (
        {"id": "b", "completion": RIGHT, "target": "2.color.cyna"},
        "in.jsonl:2: target '2.color.cyna', character 9: 'cyna' is not a color (did you mean 'cyan'?)",
        "b",
    ),
    (
        {"id": 7, "completion": RIGHT, "target": [[2, "color", "cyan"], [2, "color", "cyan"]]},
        "in.jsonl:2: target holds 2.color.cyan twice; a change is named once",
        7,
    ),
    ({"completion": 3, "target": ""}, "in.jsonl:2: a completion is text or a list of messages, not int 3", None),
]


@pytest.mark.parametrize(("bad", "message", "id_"), BAD, ids=[message[12:32] for _, message, _ in BAD])
def test_a_bad_row_is_reported_and_the_others_are_scored(tmp_path, bad, message, id_):
    good = {"id": "a", "completion": RIGHT, "target": "2.color.cyan"}
    summary, rows, errors = run(tmp_path, good, bad, {**good, "id": "c"})
    assert errors == [message]
    assert (summary.rows, summary.errors) == (2, 1)
    assert [row["id"] for row in rows] == ["a", id_, "c"]
    assert [list(row) for row in rows] == [KEYS] * 3
    assert rows[1] == dict.fromkeys(KEYS) | {"id": id_, "error": rows[1]["error"]}
    assert rows[1]["error"].endswith(message.removeprefix("in.jsonl"))
    assert rows[0]["total"] == rows[2]["total"] == 6.0


def test_strict_input_stops_at_the_first_and_leaves_nothing(tmp_path):
    good = {"completion": RIGHT, "target": "2.color.cyan"}
    with pytest.raises(DataError, match=r"in\.jsonl:2: broken JSON"):
        run(tmp_path, good, b"{", good, b"[", strict_input=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_file_in_which_no_row_can_be_scored(tmp_path):
    summary, rows, errors = run(tmp_path, b"{", b"[", b'"')
    assert summary is None
    assert len(rows) == len(errors) == 3
    summary, rows, errors = run(tmp_path, {"completion": RIGHT, "target": "x"})
    assert summary is None
    assert len(rows) == len(errors) == 1


def test_files_that_cannot_be_scored_at_all_are_refused_before_anything_is_written(tmp_path):
    good = write(tmp_path / "good.jsonl", {"completion": RIGHT, "target": "2.color.cyan"})
    out = tmp_path / "out.jsonl"
    for rows, message in [
        ([], "there are no rows"),
        ([{"completion": "x", "known": "y"}], "there is no target column; the columns are completion, known"),
        ([{"completion": "x", "output": "y", "target": "z"}], "could both be the completion"),
    ]:
        bad = write(tmp_path / "bad.jsonl", *rows)
        with pytest.raises(ValueError, match=message):
            score_rewards([good, bad] if rows else [bad], out=str(out))
        assert {path.name for path in tmp_path.iterdir()} == {"good.jsonl", "bad.jsonl"}
    with pytest.raises(DataError, match="does not exist"):
        score_rewards([good, str(tmp_path / "none.jsonl")], out=str(out))


def test_several_files_are_one_input(tmp_path):
    rows = load(EXAMPLE)
    parts = [write(tmp_path / "a.jsonl", *rows[:20]), write(tmp_path / "b.jsonl"), str(tmp_path / "c.jsonl.gz")]
    Path(parts[2]).write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows[20:]).encode()))
    one, several = score_rewards([str(EXAMPLE)]), score_rewards(parts)
    assert asdict(several.groups) == pytest.approx(asdict(one.groups))
    assert several.total == pytest.approx(one.total)
    assert several.parts == pytest.approx(one.parts)
    assert several.faults[0].example == f"{parts[2]}:12"  # line 32 of the whole


def test_groups_need_not_stand_together(tmp_path):
    rows = load(EXAMPLE)
    mixed = [rows[(at * 8) % 64 + at // 8] for at in range(64)]
    found, expected = (score_rewards([path]).groups for path in (write(tmp_path / "a.jsonl", *mixed), str(EXAMPLE)))
    assert asdict(found) == pytest.approx(asdict(expected))


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EXAMPLE.read_bytes())))
    piped = score_rewards(["-"])
    other = {"faults": 0, "source": 0}
    assert piped.as_dict() | other == score_rewards([str(EXAMPLE)]).as_dict() | other


def test_limit(tmp_path):
    rows = load(EXAMPLE)
    summary, out, _ = run(tmp_path, *rows, limit=10)
    assert (summary.rows, len(out)) == (10, 10)
    assert summary.total.value == fmean(row["total"] for row in out)
    path = write(tmp_path / "a.jsonl", *rows[:4])
    assert score_rewards([path, path, path], limit=6).rows == 6


def test_without_groups(tmp_path):
    summary, rows, _ = run(
        tmp_path, *[{"completion": RIGHT, "target": target} for target in ("2.color.cyan", "1.size.small")]
    )
    assert summary.groups is None
    assert [row["group"] for row in rows] == [None, None]
    assert rows[0]["id"].endswith("in.jsonl:1")


def test_gold_from_another_file(tmp_path):
    rows = load(EXAMPLE)
    targets = {row["id"]: row["target"] for row in rows}
    gold = write(tmp_path / "gold.jsonl", *[{"uid": id_, "solution": target} for id_, target in targets.items()])
    bare = [{name: value for name, value in row.items() if name != "target"} for row in rows]
    summary, out, errors = run(tmp_path, *bare, {"id": "none", "completion": "x"}, targets=gold)
    assert errors == [f"in.jsonl:65: there is no target for id 'none' in {gold}"]
    assert summary.errors == 1
    whole = score_rewards([str(EXAMPLE)], out=str(tmp_path / "whole.jsonl"))
    assert out[:-1] == load(tmp_path / "whole.jsonl")
    assert summary.total == whole.total


def test_gold_from_another_file_with_names_of_its_own(tmp_path):
    gold = write(tmp_path / "gold.jsonl", {"key": 1, "truth": "2.color.cyan", "answer": "x"})
    for id_ in ("key", "id"):
        path = write(tmp_path / "p.jsonl", {id_: "1", "output": RIGHT, "truth": "is not looked for here"})
        summary = score_rewards([path], targets=gold, mapping={"id": "key", "target": "truth"})
        assert summary.total.value == 6.0


QUESTIONS = [
    {
        "completion": "<think>View 1: [sofa, ball, left]</think><answer>B</answer>",
        "answer": "B",
        "references": [["sofa", "ball"]],
        "options": ["l", "r"],
    },
    {
        "completion": "<think>View 1: [sofa, cup, left]</think><answer>A</answer>",
        "answer": "B",
        "references": [["sofa", "ball"]],
        "options": ["l", "r"],
    },
    {"completion": "<think>x</think><answer>4.1</answer>", "answer": 4.0, "references": None, "options": None},
    {"completion": "<think>x", "answer": "yes", "references": None, "options": None},
]


def test_questions(tmp_path):
    summary, rows, errors = run(tmp_path, *QUESTIONS, task="multiview")
    assert not errors
    for row, source in zip(rows, QUESTIONS, strict=True):
        score = score_completion(
            source["completion"],
            source["answer"],
            task="multiview",
            references=source["references"],
            options=source["options"],
        )
        assert (row["total"], row["parts"], row["correct"]) == (score.total, score.parts, score.correct)
        assert row["answer"] == (None if score.answer is None else str(score.answer))
    assert list(summary.parts) == ["format", "answer", "reference"]
    assert not summary.compared
    assert summary.signature.startswith(
        "task:multiview|preset:default|reference_rule:informedness|mode:strict|version:"
    )


def test_wrong_gold_of_questions(tmp_path):
    bad = {**QUESTIONS[0], "references": "sofa"}
    summary, rows, errors = run(tmp_path, QUESTIONS[0], bad, QUESTIONS[2], {**bad, "id": 5}, task="multiview")
    assert summary.rows == 2
    assert [error.split(": ")[0] for error in errors] == ["in.jsonl:2", "in.jsonl:4"]
    assert [row["error"] is None for row in rows] == [True, False, True, False]


def test_options_change_the_reward_and_the_signature(tmp_path):
    weights = tmp_path / "w.yaml"
    weights.write_text("tiers: {exact: 4, object: 0}\nincorrect_penalty: 2\n")
    overrides = read_weights(str(weights))
    row = {"completion": "<think>a</think><answer>2.color.cyan, 3.size.small</answer>", "target": "2.color.cyan"}
    summary, _, _ = run(tmp_path, row, overrides=overrides)
    assert summary.total.value == 1 + 4 - 2
    assert "|tiers:index+attribute+value=4,index+attribute=1.5,index=0|incorrect_penalty:2|" in summary.signature
    summary, _, _ = run(tmp_path, row, preset="paper", mode="lenient", think_prefilled=False)
    assert summary.signature.startswith(
        "task:tvr|preset:paper|matching:literal|incorrect:not_exact|conflicts:each|mode:lenient|think_prefilled:false|"
    )


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "3: 4", "", "\x00"])
def test_wrong_files_of_weights(tmp_path, content):
    (tmp_path / "w.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"w\.yaml(:\d+)?: "):
        read_weights(str(tmp_path / "w.yaml"))


def test_prefilled_is_counted(tmp_path):
    row = {"completion": "It turned.</think><answer>2.color.cyan</answer>", "target": "2.color.cyan"}
    assert run(tmp_path, row, {**row, "completion": RIGHT})[0].prefilled == 1


def test_the_summary_is_plain_json(tmp_path):
    summary, _, _ = run(tmp_path, *load(EXAMPLE))
    plain = json.loads(json.dumps(summary.as_dict(), allow_nan=False))
    assert plain["total"].keys() == {"value", "low", "high"}
    assert plain["groups"]["zero_variance"] == 1
    assert plain["faults"][0].keys() == {"code", "rows", "example", "message"}
    assert set(summary.figures()) == {"total", "accuracy", "parse_rate", "unit", *summary.parts}
