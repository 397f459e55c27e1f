"""A role is found row by row: rows of one file may have it in different columns, and one without it is an error."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from benchmarks import evaluate
from benchmarks.files.blocks import read_block, spread_attempts
from benchmarks.files.columns import find_columns
from benchmarks.files.predictions import find_rows, read_predictions
from benchmarks.files.sources import CHUNK_ROWS, START, BadRow, Chunk
from benchmarks.run.rewards import score_rewards
from rewards.errors import ConfigError, DataError

RIGHT, WRONG = "<think>a</think><answer>2.color.cyan</answer>", "<think>a</think><answer>2.color.red</answer>"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def chunk_of(*rows):
    return Chunk("f.jsonl", rows, range(1, len(rows) + 1), None, START, None)


def block_of(*rows, **options):
    chunk = chunk_of(*rows)
    return read_block(chunk, find_columns(chunk, needed=("completion", "target"), **options))


# Rows that differ in their columns


def lmms(*, mixed):
    """Ten right rows; lmms-eval drops `resps` where its filters changed nothing."""
    return [
        {"doc_id": n, "target": "B", "filtered_resps": "B", "average": {"l2_category": "MSR"}, "input": f"Q{n}"}
        | ({"resps": "B\n"} if mixed(n) else {})
        for n in range(10)
    ]


@pytest.mark.parametrize(
    "mixed", [lambda n: n == 0, lambda n: n == 9, lambda n: n % 2, lambda n: True, lambda n: False]
)
def test_rows_with_and_without_what_was_filtered(tmp_path, mixed):
    path = write(tmp_path / "l.jsonl", lmms(mixed=mixed))
    report = evaluate(path, "mmsi", "both")
    assert (report.rows, report.errors) == (10, 0)
    assert [report.tables[name]["overall"]["accuracy"].estimate for name in ("official", "strict")] == [1.0, 1.0]
    assert "MSR" in report.tables["strict"]


def test_what_was_said_counts_and_not_what_a_filter_left():
    rows = [
        {"doc_id": 1, "target": "B", "resps": "<think>A.</think><answer>B</answer>", "filtered_resps": "A"},
        {"doc_id": 2, "target": "B", "filtered_resps": "B"},
    ]
    assert block_of(*rows).columns["completion"] == ["<think>A.</think><answer>B</answer>", "B"]


def test_names_may_change_within_a_file():
    rows = [{"completion": "a", "target": "t"}, {"response": "b", "answer": "u"}, {"completion": None, "response": "c"}]
    block = block_of(*rows[:2], {**rows[2], "target": "v"})
    assert block.columns["completion"] == ["a", "b", "c"]
    assert block.columns["target"] == ["t", "u", "v"]


def test_a_row_with_none_is_an_error_with_its_line(tmp_path):
    rows = [{"completion": RIGHT, "target": "2.color.cyan"}, {"response": RIGHT, "target": "2.color.cyan"}]
    path = write(tmp_path / "p.jsonl", [*rows, {"target": "2.color.cyan"}, {"completion": RIGHT}])
    messages = []
    assert score_rewards([path], on_error=messages.append).rows == 2
    assert messages == [
        f"{path}:3: there is no 'completion' or 'response'; the row has target",
        f"{path}:4: there is no 'target'; the row has completion",
    ]


def test_a_benchmark_does_not_take_a_missing_completion_for_an_empty_one(tmp_path):
    path = write(
        tmp_path / "l.jsonl", [{"response": "B", "answer": "B"}, {"response": None, "answer": "B"}, {"answer": "B"}]
    )
    report = evaluate(path, "mmsi")
    assert (report.rows, report.errors) == (2, 1)
    assert report.error_messages == (f"{path}:3: there is no 'response'; the row has answer",)


def test_a_row_with_two_different_ones_is_refused_wherever_it_stands(tmp_path):
    good = [{"response": RIGHT, "target": "2.color.cyan"}, {"output": RIGHT, "target": "2.color.cyan"}]
    clash = {"response": RIGHT, "output": WRONG, "target": "2.color.cyan"}
    says = "'response' and 'output' could both be the completion, and they differ"
    with pytest.raises(ConfigError, match=says):
        score_rewards([write(tmp_path / "a.jsonl", [*good, clash])])
    path = write(tmp_path / "b.jsonl", [*good * CHUNK_ROWS, clash])
    messages = []
    assert score_rewards([path], on_error=messages.append).rows == 2 * CHUNK_ROWS
    assert messages == [
        f"{path}:{2 * CHUNK_ROWS + 1}: {says}; say which it is: --map completion=response or --map completion=output"
    ]


@pytest.mark.parametrize(
    ("role", "first", "later"),
    [
        ("target", "target", "answer"),
        ("target", "answer", "target"),
        ("target", "gold", "reward_model.ground_truth"),
        ("completion", "response", "output"),
        ("completion", "completion", "prediction"),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_second_column_that_first_appears_further_down_is_told(tmp_path, suffix, role, first, later):
    """It is not looked for in the first rows alone: neither in those of predictions nor in those of a file of targets."""
    other = {"target": "completion", "completion": "target"}[role]
    value, another = ("2.color.cyan", "2.color.red") if role == "target" else (RIGHT, WRONG)
    said = another if "." not in later else {later.partition(".")[2]: another}
    rows = [
        {"id": at, first: value, other: RIGHT if role == "target" else "2.color.cyan"} for at in range(2 * CHUNK_ROWS)
    ]
    rows[-1] |= {later.partition(".")[0]: said}
    path = tmp_path / f"rows{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist([{**dict.fromkeys(rows[-1]), **row} for row in rows]), path)
    else:
        write(path, rows)
    says = f"{path}:{len(rows)}: {first!r} and {later!r} could both be the {role}, and they differ; "
    messages = []
    assert score_rewards([str(path)], on_error=messages.append).rows == len(rows) - 1
    assert [message[: len(says)] for message in messages] == [says]
    assert score_rewards([str(path)], mapping={role: first}).rows == len(rows)
    if role == "target":
        predictions = write(tmp_path / "p.jsonl", [{"id": row["id"], "completion": RIGHT} for row in rows])
        with pytest.raises(ConfigError) as error:
            score_rewards([predictions], targets=str(path))
        assert str(error.value).startswith(says)


def test_a_second_column_with_the_same_value_is_none_too_many(tmp_path):
    rows = [{"completion": RIGHT, "target": "2.color.cyan"}] * CHUNK_ROWS * 2
    path = write(tmp_path / "rows.jsonl", [*rows, rows[0] | {"answer": "2.color.cyan"}, rows[0] | {"answer": None}])
    assert score_rewards([path], strict_input=True).rows == len(rows) + 2


def test_parquet_has_nulls_where_rows_lack_a_column(tmp_path):
    path = tmp_path / "l.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist(lmms(mixed=lambda n: n == 0)), path)
    assert evaluate(path, "mmsi").figures()["accuracy"] == 1.0


def test_targets_of_another_file_row_by_row(tmp_path):
    predictions = write(tmp_path / "p.jsonl", [{"id": 1, "completion": RIGHT}, {"doc_id": 2, "completion": RIGHT}])
    gold = write(tmp_path / "g.jsonl", [{"id": 1, "target": "2.color.cyan"}, {"doc_id": 2, "answer": "2.color.cyan"}])
    assert score_rewards([predictions], targets=gold).accuracy.value == 1.0


# Where lmms-eval's logs say what kind of question a row is


@pytest.mark.parametrize("metric", ["overall", "around", "among", "rotation"])
def test_mindcube_of_lmms_eval_without_doc(metric):
    rows = [
        {"doc_id": n, "target": f"<answer>{letter}. Yes</answer>", "filtered_resps": said}
        | {f"{metric}_accuracy": {"score": 1.0, "type": setting}}
        for n, (letter, said, setting) in enumerate(
            [("A", "A", "among"), ("D", "D", "rotation"), ("B", "B. No", "around"), ("C", "A", "around")]
        )
    ]
    report = evaluate(rows, "mindcube", "both")
    for protocol in ("official", "strict"):
        table = report.tables[protocol]
        found = {group: table[group]["accuracy"].estimate for group in table}
        assert found == {"overall": 0.75, "rotation": 1.0, "among": 1.0, "around": 0.5}
    assert report.aggregate["official_basic"]["settings"]["around"]["total"] == 2
    assert report.aggregate["lmms"]["around"] == 0.5


def test_a_setting_of_its_own_goes_before_the_id():
    row = {"id": "among_group1_q1", "response": "A", "gt_answer": "A"}
    tables = evaluate([row, row | {"setting": "rotation"}], "mindcube").tables["strict"]
    assert list(tables) == ["overall", "rotation", "among"]


def test_mindcubes_official_letter_is_compared_as_it_is_written():
    row = {"id": "among_group1_q1", "response": "A", "gt_answer": "A. Yes"}
    assert evaluate([row], "mindcube", "official").figures()["accuracy"] == 0.0


@pytest.mark.parametrize("field", ["sparbench_score", "doc"])
def test_sparbench_of_lmms_eval(field):
    row = {"doc_id": 0, "target": "1.5", "filtered_resps": "1.4", field: {"id": "s0", "task": "depth_prediction_oc"}}
    report = evaluate([row], "sparbench", "both")
    assert report.tables["strict"]["depth_prediction_oc"]["score"].estimate == pytest.approx(0.9)


# Lists of texts are attempts


def test_a_list_of_texts_is_a_row_for_each():
    rows = [{"completion": ["a", "b"], "target": "t"}, BadRow("broken"), {"completion": [["c"], ["d"]], "target": "u"}]
    chunk = chunk_of(*rows, {"completion": "e", "target": "v"})
    columns = find_columns(chunk, needed=("completion", "target"))
    block = read_block(spread_attempts(chunk, columns), columns)
    assert block.columns["completion"] == ["a", "b", "c", "d", "e"]
    assert block.columns["target"] == ["t", "t", "u", "u", "v"]
    places = ["f.jsonl:1[0]", "f.jsonl:1[1]", "f.jsonl:3[0]", "f.jsonl:3[1]", "f.jsonl:4"]
    assert block.ids() == places
    one, other, two, three, alone = block.groups()
    assert (one, two, alone) == (other, three, None)
    assert one != two
    assert list(block.errors.values()) == ["broken"]


def test_a_list_of_messages_or_of_one_text_is_no_attempt():
    rows = [
        {"completion": ["a"], "target": "t"},
        {"completion": [{"role": "assistant", "content": "b"}], "target": "t"},
    ]
    chunk = chunk_of(*rows)
    assert spread_attempts(chunk, find_columns(chunk, needed=("completion",))) is chunk


@pytest.mark.parametrize("given", [{"doc_id": 0}, {"input": "Q"}, {}])
def test_repeats_of_lmms_eval(given):
    rows = [
        {"target": "B", "resps": ["B", "A", "B"], "filtered_resps": ["B", "A", "B"], **given},
        {"target": "A", "resps": ["C", "C", "A"], **{name: f"{value}1" for name, value in given.items()}},
    ]
    report = evaluate(rows, "mmsi")
    assert report.rows == 6
    assert report.tables["strict"]["overall"]["accuracy"].estimate == 0.5
    attempts = report.attempts["strict"]
    assert attempts["mean@1"].mean.n == 2
    assert attempts["pass@2"].mean.estimate == pytest.approx((1 + 2 / 3) / 2)
    assert (attempts["majority@3"].mean.estimate, attempts["consistency"].mean.estimate) == (0.5, pytest.approx(1 / 3))
    assert all(0 <= found.mean.low <= found.mean.high <= 1 for found in attempts.values())
    assert "clusters:prompt=2" in report.signatures["strict"]


def test_attempts_under_a_reward(tmp_path):
    rows = [{"id": n, "completion": [RIGHT, WRONG], "target": "2.color.cyan"} for n in range(3)]
    out = tmp_path / "out.jsonl"
    found = score_rewards([write(tmp_path / "p.jsonl", rows)], out=str(out))
    assert (found.rows, found.accuracy.value, found.groups.groups, found.groups.mixed) == (6, 0.5, 3, 3)
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["id"], row["group"]) for row in written] == [(n, n) for n in range(3) for _ in range(2)]


def test_limit_counts_rows_of_the_file(tmp_path):
    path = write(tmp_path / "p.jsonl", [{"completion": [RIGHT, WRONG], "target": "2.color.cyan"}] * 5)
    assert score_rewards([path], limit=2).rows == 4


def test_attempts_in_what_is_read_whole_or_by_line(tmp_path):
    path = write(tmp_path / "p.jsonl", [{"id": "a", "completion": [RIGHT, WRONG], "target": "2.color.cyan"}])
    assert read_predictions(path).columns["completion"] == [RIGHT, WRONG]
    assert [row.place for row in find_rows(path, line=1)] == [f"{path}:1[0]", f"{path}:1[1]"]


def test_a_benchmark_of_records_takes_a_list_as_one_prediction():
    report = evaluate([{"prediction": ["2.color.cyan", "0.shape.cube"], "target": "2.color.cyan"}], "tvr")
    assert report.rows == 1


def test_an_empty_list_holds_nothing():
    with pytest.raises(DataError, match="no row could be scored"):
        evaluate([{"response": [], "answer": "B"}], "mmsi")
