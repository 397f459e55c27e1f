"""Results in notebooks: data frames, a short line, a table of HTML; pandas loads when it is asked for."""

import json
import subprocess
import sys

import pytest

from benchmarks import evaluate
from benchmarks.run.rewards import score_rewards
from rewards import score_batch
from rewards.errors import ConfigError

RIGHT, WRONG = "<think>a</think><answer>2.color.cyan</answer>", "<think>a</think><answer>2.color.<b></answer>"
ROWS = [
    {"response": text, "answer": "B", "category": "MSR", "id": at} for at, text in enumerate(["B", "A", "B", "B"] * 3)
]


@pytest.fixture
def batch():
    return score_batch([RIGHT, WRONG, "no form"], ["2.color.cyan"] * 3)


@pytest.fixture
def summary(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(
        "".join(json.dumps({"completion": text, "target": "2.color.cyan"}) + "\n" for text in [RIGHT, WRONG]) + "{\n"
    )
    return score_rewards([str(path)])


@pytest.fixture
def report():
    return evaluate(ROWS, "mmsi", "both", mapping={"id": "category"})


def test_a_batch_is_a_row_for_each_completion(batch):
    frame = batch.to_pandas()
    parts = ["format", "exact", "attribute", "object", "incorrect", "underprediction"]
    assert list(frame) == ["total", *parts, "correct", "unit", "answer", "fault"]
    assert frame["total"].tolist() == batch.total.tolist()
    assert (frame[parts].sum(axis=1) == frame["total"]).all()
    assert frame["answer"][0] == "2.color.cyan"
    assert frame["fault"].tolist()[1:] == [fault and fault.code for fault in batch.faults][1:]
    assert frame["correct"].dtype == bool
    assert repr(batch) == f"BatchScore(3 rows, total {batch.total.mean():.3f}, correct 33.3%)"
    assert repr(score_batch([], [])) == "BatchScore(0 rows)"
    assert len(score_batch([], []).to_pandas()) == 0


def test_a_summary_is_a_row_for_each_figure(summary):
    frame = summary.to_pandas()
    assert frame["mean"].to_dict() == summary.figures()
    assert frame.loc["accuracy"].tolist() == [0.5, summary.accuracy.low, summary.accuracy.high]
    assert frame["low"].notna().sum() == 2
    assert (
        repr(summary) == f"Summary(2 rows, 1 errors, total {summary.total.value:.3f}, accuracy 50.0%, parse_rate 50.0%)"
    )


def test_a_report_is_a_row_for_each_number(report):
    frame = report.to_pandas()
    assert list(frame) == ["protocol", "group", "metric", "mean", "low", "high", "n", "clusters"]
    rows = frame.set_index(["protocol", "group", "metric"])
    found = report.tables["strict"]["MSR"]["accuracy"]
    assert rows.loc[("strict", "MSR", "accuracy")].tolist() == [*found[:3], found.n, found.clusters]
    assert rows.loc[("official", "overall", "pass@2"), "mean"] == report.attempts["official"]["pass@2"].mean.estimate
    low, high = report.tables["official"]["overall"]["accuracy"][1:3]
    assert repr(report) == f"Report(mmsi, both: 12 rows, accuracy 75.0% ({100 * low:.1f}–{100 * high:.1f}))"


def test_each_is_a_table_of_html_in_which_text_is_text(batch, summary, report):
    for shown in (batch, summary, report):
        page = shown._repr_html_()
        assert page.startswith(f"<table><caption>{shown!r}</caption><thead><tr><th>")
        assert page.count("<tr>") == page.count("</tr>") == 1 + min(len(shown.to_pandas()), 20)
    assert "<b>" not in score_batch(["<think>a</think><answer>&lt;<b></answer>"], ["B"], task="mmsi")._repr_html_()
    many = score_batch([RIGHT] * 25, ["2.color.cyan"] * 25)
    assert many._repr_html_().endswith("<p>... and 5 more rows</p>")


def test_pandas_is_not_needed_until_it_is_asked_for(batch, monkeypatch):
    program = (
        "import sys, rewards, benchmarks; print(repr(rewards.score_batch([], []))); print('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.endswith(
        "False\n"
    )
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert "<table>" in batch._repr_html_()
    with pytest.raises(ConfigError, match="to_pandas needs pandas, which is not installed: pip install pandas"):
        batch.to_pandas()
