"""A table in, flat columns out: as `score_batch` for each row, whatever the table is made of, and no row stops it."""

import json
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rewards import ConfigError, score_columns, score_completion
from star_r1 import score_columns as face

EXAMPLE = Path(__file__).parents[2] / "examples" / "tvr_predictions.jsonl"
ROWS = [json.loads(line) for line in EXAMPLE.read_text().splitlines()]
TABLE = {name: [row[name] for row in ROWS] for name in ("id", "completion", "target")}
GOOD = "<think>It turned.</think><answer>2.color.cyan</answer>"
NUMBERS = [
    "total",
    "unit",
    "correct",
    "parsed",
    "prefilled",
    "format",
    "exact",
    "attribute",
    "object",
    "incorrect",
    "underprediction",
]


def as_numpy(table):
    return {name: np.array(values, dtype=object) for name, values in table.items()}


def as_arrow(table):
    return pytest.importorskip("pyarrow").table(table)


def as_arrow_batch(table):
    return pytest.importorskip("pyarrow").RecordBatch.from_pydict(table)


def as_arrow_scalars(table):
    return {name: list(column) for name, column in zip(table, as_arrow(table).columns, strict=True)}


def as_polars(table):
    return pytest.importorskip("polars").DataFrame(table)


def as_pandas(table):
    return pytest.importorskip("pandas").DataFrame(table)


KINDS = [dict, as_numpy, as_arrow, as_arrow_batch, as_arrow_scalars, as_polars, as_pandas]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_row_is_what_it_is_alone(kind):
    found = score_columns(kind(TABLE))
    assert list(found) == [*NUMBERS, "answer_text", "fault", "error"]
    for at, row in enumerate(ROWS):
        alone = score_completion(row["completion"], row["target"])
        assert {name: found[name][at] for name in NUMBERS} == alone.flat()
        assert found["fault"][at] == (alone.fault.code if alone.fault else "")
        assert found["answer_text"][at] == (", ".join(map(str, alone.answer)) if alone.answer is not None else "")
    assert found["error"] == [""] * len(ROWS)
    assert all(found[name].dtype == np.float64 for name in NUMBERS)
    assert face is score_columns


BAD = {
    "completion": [GOOD, None, GOOD, 7, GOOD, [{"role": "assistant", "content": GOOD}], float("nan"), None],
    "target": [
        "2.color.cyan",
        "2.color.cyan",
        "2.color.cyna",
        "2.color.cyan",
        None,
        "2.color.cyan",
        "2.color.red",
        "x",
    ],
}
ERRORS = [
    "",
    "the completion is null",
    "target '2.color.cyna', character 9: 'cyna' is not a color (did you mean 'cyan'?)",
    "a completion is text or a list of messages, not int 7",
    "target is NoneType None; it is a list of records or a string of them",
    "",
    "the completion is null",
    "the completion is null",
]


@pytest.mark.parametrize("kind", [dict, as_numpy])
def test_a_bad_row_says_why_and_stops_nothing(kind):
    found = score_columns(kind(BAD))
    assert found["error"] == ERRORS
    for name in NUMBERS:
        assert np.isnan(found[name]).tolist() == [error != "" for error in ERRORS]
    assert np.nansum(found["total"]) == 12.0
    assert found["answer_text"] == ["2.color.cyan", "", "", "", "", "2.color.cyan", "", ""]


def test_all_rows_bad_and_no_rows():
    assert score_columns({"completion": [None], "target": [None]})["error"] == ["the completion is null"]
    empty = score_columns({"completion": [], "target": []})
    assert list(empty) == [*NUMBERS, "answer_text", "fault", "error"]
    assert all(len(column) == 0 for column in empty.values())


@pytest.mark.parametrize("kind", [dict, as_arrow, as_polars])
def test_questions(kind):
    text = "<think>View 1: [sofa, ball, left]</think><answer>B</answer>"
    table = {
        "completion": [text, text, text],
        "answer": ["B", "A", "E"],
        "options": [["l", "r"], ["l", "r"], ["l", "r"]],
        "references": [[["sofa", "ball"]], None, None],
    }
    found = score_columns(kind(table), task="multiview", prefix="reward_")
    alone = score_completion(text, "B", task="multiview", options=["l", "r"], references=[["sofa", "ball"]])
    assert found["reward_total"].tolist()[:2] == [alone.total, 0.0]
    assert found["reward_answer_text"] == ["B", "B", ""]
    assert found["reward_error"][:2] == ["", ""]
    assert "there is no option E" in found["reward_error"][2]


def test_numpy_inside_of_numpy():
    """As Ray Data hands over columns of lists."""
    names = np.array(["l", "r"], dtype=object)
    inner = np.empty(1, dtype=object)
    inner[0] = names
    table = {
        "completion": np.array(["<think>x</think><answer>B</answer>"], dtype=object),
        "target": np.array(["B"]),
        "options": inner,
    }
    assert score_columns(table, task="multiview", prefix="r_")["r_correct"].tolist() == [1.0]


def test_names_and_settings():
    table = {"said": [GOOD], "truth": ["2.color.cyan"], "target": ["9.color.red"]}
    found = score_columns(table, completion="said", target="truth", preset="paper", incorrect="no_tier")
    assert found["total"].tolist() == [6.0]
    assert score_columns(table, completion="said", target="truth", tiers={"exact": 4})["total"].tolist() == [5.0]


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({"said": [GOOD], "target": ["x"]}, {}, "there is no column 'completion'; the columns are said, target"),
        ({"completion": [GOOD], "gold": ["x"]}, {}, "no column holds the target"),
        ({"completion": [GOOD]}, {"target": "gold"}, "there is no column 'gold'"),
        (
            {"completion": [GOOD], "target": ["x"], "total": [1]},
            {},
            "the column 'total' would be replaced; give a prefix",
        ),
        ({"completion": [GOOD], "answer": ["B"]}, {"task": "multiview"}, "the column 'answer' would be replaced"),
        ({"completion": [GOOD], "target": ["x", "y"]}, {}, "there are 1 completions and 2 values of another column"),
        ({"completion": [GOOD], "target": ["x"]}, {"task": "tvrr"}, "tvrr"),
        ({"completion": [GOOD], "target": ["x"]}, {"mode": "loose"}, "mode is 'loose'"),
    ],
)
def test_wrong_settings_are_refused(table, options, message):
    with pytest.raises(ConfigError, match=message):
        score_columns(table, **options)


def test_it_can_be_sent_to_other_processes():
    again = pickle.loads(pickle.dumps(partial(score_columns, prefix="r_")))
    assert again({"completion": [GOOD], "target": ["2.color.cyan"]})["r_total"].tolist() == [6.0]
