"""Logs of other systems, by their own writers where those can be had: every completion is read, with its reasoning."""

import json
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from benchmarks import evaluate
from benchmarks.files.predictions import find_rows
from benchmarks.files.sources import BadRow, read_chunks
from benchmarks.files.targets import read_target_file
from benchmarks.run.rewards import score_rewards

LOGS = Path(__file__).parents[2] / "golden" / "logs"
RIGHT, WRONG = "<think>a</think><answer>2.color.cyan</answer>", "<think>a</think><answer>2.color.red</answer>"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def score(path, **options):
    errors = []
    return score_rewards([str(path)], on_error=errors.append, **options), errors


# --- inspect_ai: logs that its version 0.3.285 wrote, of three samples in two epochs -------------------------------


@pytest.mark.parametrize("name", ["inspect.eval", "inspect.json", "inspect_chunked.eval"])
def test_inspect(name):
    summary, errors = score(LOGS / name)
    assert (summary.rows, summary.errors, summary.dialects) == (5, 1, ("inspect_ai log",))
    assert summary.accuracy.value == 0.8  # the second sample's reasoning is a part of its own, its target a list
    assert summary.parts["format"] == 1.0
    assert (summary.groups.groups, summary.scenes) == (2, 2)
    assert errors == [f"{LOGS / name}:6: the sample ended with an error: ValueError('no GPU left')"]
    (row, again) = find_rows(str(LOGS / name), row_id="s1")
    assert row.values["completion"] == "<think>I look.</think><answer>0.shape.cube</answer>"
    assert again.place == f"{LOGS / name}:5"


def test_a_log_that_is_not_compressed_with_zstd(tmp_path):
    """As earlier versions wrote them."""
    with ZipFile(tmp_path / "old.eval", "w", ZIP_DEFLATED) as archive:
        log = json.loads((LOGS / "inspect.json").read_text())
        archive.writestr("header.json", json.dumps({name: log[name] for name in ("version", "status", "eval")}))
        for sample in log["samples"]:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
    assert score(tmp_path / "old.eval")[0].accuracy.value == 0.8


def test_a_log_without_a_header_was_cut_short(tmp_path):
    with ZipFile(tmp_path / "a.eval", "w") as archive:
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("samples/s0_epoch_1.json", "{broken")
    _, errors = score(tmp_path / "a.eval")
    assert errors[0].startswith(f"{tmp_path / 'a.eval'}:1: broken JSON")
    assert "its status is 'started'; samples may be missing" in errors[1]


def test_a_log_of_inspect_that_did_not_end_well_says_so():
    _, errors = score(LOGS / "inspect_ended.eval")
    assert errors[-1] == (
        f"{LOGS / 'inspect_ended.eval'}:7: the evaluation did not end well: its status is 'error' "
        "(ValueError('no GPU left')); samples may be missing"
    )


def test_a_log_of_inspect_may_hold_nan(tmp_path):
    text = (LOGS / "inspect.json").read_text()
    log = json.loads(text)
    log["results"]["scores"][0]["params"] = {"x": float("nan")}
    log["samples"][0]["metadata"]["weight"] = float("inf")
    (tmp_path / "a.json").write_text(json.dumps(log, indent=2))
    assert score(tmp_path / "a.json")[0].accuracy.value == 0.8


def test_choices_of_one_sample_are_attempts(tmp_path):
    log = json.loads((LOGS / "inspect.json").read_text())
    log["samples"] = log["samples"][:1]
    wrong = json.loads(json.dumps(log["samples"][0]["output"]["choices"][0]))
    wrong["message"]["content"] = WRONG
    log["samples"][0]["output"]["choices"].append(wrong)
    (tmp_path / "a.json").write_text(json.dumps(log))
    summary, _ = score(tmp_path / "a.json")
    assert (summary.rows, summary.accuracy.value) == (2, 0.5)


# --- lm-eval and lmms-eval ------------------------------------------------------------------------------------------


def lm_eval(doc_id, text, name, target="2.color.cyan"):
    return {
        "doc_id": doc_id,
        "doc": {"id": f"q{doc_id}", "scene": f"s{doc_id % 2}"},
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": "p", "arg_1": {"until": []}}},
        "resps": [text] if isinstance(text, list) else [[text]],
        "filtered_resps": ["2.color.cyan"],
        "filter": name,
        "metrics": ["exact_match"],
        "doc_hash": "0",
        "exact_match": 1.0,
    }


def test_lm_eval_writes_every_response_once_for_each_filter(tmp_path):
    texts = [RIGHT, WRONG, RIGHT]
    rows = [lm_eval(at, text, name) for name in ("strict-match", "flexible-extract") for at, text in enumerate(texts)]
    path = write(tmp_path / "samples_tvr.jsonl", rows)
    summary, errors = score(path)
    assert (summary.rows, errors, summary.groups) == (3, [], None)
    assert summary.accuracy.value == pytest.approx(2 / 3)
    assert summary.dialects == ("lm-eval samples, filter strict-match",)
    assert summary.scenes == 2
    report = evaluate(path, "tvr")
    assert (report.rows, report.attempts["strict"]) == (3, {})
    assert [row.place for row in find_rows(path, row_id="q1")] == [f"{path}:2"]


def test_the_task_of_a_data_sets_record_is_none_of_ours(tmp_path):
    """``number`` and ``choice`` are tasks of ours, and words of data sets; of inspect_ai's metadata it is the user's."""
    rows = [lm_eval(n, "2.color.cyan", "none") for n in range(3)]
    for row in rows:
        row["doc"] |= {"task": "number", "extra_info": {"task": "choice"}, "error": "none", "refusal": 3}
    found, errors = score(write(tmp_path / "samples.jsonl", rows))
    assert (found.rows, found.ended, errors) == (3, {}, [])


def test_repeats_of_lm_eval_are_attempts_whatever_is_scored(tmp_path):
    """Also of TVR, where a list may be one answer: a list of transformations."""
    path = write(tmp_path / "a.jsonl", [lm_eval(at, [RIGHT, WRONG, RIGHT], "none") for at in range(2)])
    summary, _ = score(path)
    assert (summary.rows, summary.accuracy.value, summary.groups.groups) == (6, pytest.approx(2 / 3), 2)
    report = evaluate(path, "tvr")
    assert report.rows == 6
    assert report.attempts["strict"]["pass@2"].mean.estimate == 1.0


@pytest.mark.parametrize("name", ["responses", "completions", "outputs"])
def test_a_list_under_a_plural_is_several_answers_of_tvr_too(tmp_path, name):
    rows = [{"id": at, name: [RIGHT, WRONG], "target": "2.color.cyan"} for at in range(2)]
    assert evaluate(write(tmp_path / "a.jsonl", rows), "tvr").figures()["TAcc"] == 0.5
    one = [{"id": at, "response": ["2.color.cyan"], "target": "2.color.cyan"} for at in range(2)]
    assert evaluate(write(tmp_path / "b.jsonl", one), "tvr").rows == 2


def test_lm_eval_in_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [lm_eval(at, RIGHT, name) for name in ("a", "b") for at in range(3)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert score(tmp_path / "a.parquet")[0].rows == 3


def test_log_likelihoods_are_no_completions(tmp_path):
    row = lm_eval(0, "x", "none") | {
        "resps": [[["-1.2", "False"]], [["-0.3", "True"]]],
        "filtered_resps": [["-1.2", "False"]],
    }
    summary, errors = score(write(tmp_path / "a.jsonl", [row]))
    assert summary is None
    assert len(errors) == 1


REPEATS = [["B", "A", "B"], [["B"], ["A"], ["B"]], [["B", "A", "B"]]]


@pytest.mark.parametrize("resps", REPEATS)
@pytest.mark.parametrize("protocol", ["official", "strict"])
@pytest.mark.parametrize("interval", ["formula", "bootstrap", "bca"])
def test_repeats_of_lmms_eval_are_attempts(tmp_path, resps, protocol, interval):
    rows = [
        {"doc_id": at, "target": target, "resps": resps, "filtered_resps": ["B", "A", "B"], "input": "Q"}
        for at, target in enumerate("BAB")
    ]
    report = evaluate(write(tmp_path / "a.jsonl", rows), "mmsi", protocol, interval=interval)
    assert (report.rows, report.figures()["accuracy"]) == (9, pytest.approx(5 / 9))
    attempts = report.attempts[protocol]
    expected = {
        "pass@1": 5 / 9,
        "mean@1": 5 / 9,
        "pass@2": 8 / 9,
        "mean@2": 5 / 9,
        "majority@3": 2 / 3,
        "consistency": 1 / 3,
    }
    assert {name: found.mean.estimate for name, found in attempts.items()} == pytest.approx(expected)
    bounds = [bound for found in attempts.values() for bound in (found.mean.low, found.mean.high)]
    assert all(0 <= bound <= 1 for bound in bounds)
    for metrics in report.tables[protocol].values():
        assert all(0 <= found.low <= found.estimate <= found.high <= 1 for found in metrics.values())


# --- VLMEvalKit -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tsv", "xlsx", "json", "csv"])
def test_vlmevalkit(tmp_path, kind):
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame(
        {
            "index": [0, 1, 1_000_000],
            "category": ["MSR", "Motion (Cam.)", "MSR"],
            "question": ["Which?", "Which?", "Which?"],
            "answer": ["B", "A", "B"],
            "prediction": ["B", "Failed to obtain answer via API.", "It is ``B``, so\nB"],
            "thinking": ["A is out.", "", ""],
        }
    )
    path = tmp_path / f"model_MMSIBench.{kind}"
    writers = {
        "tsv": lambda: data.to_csv(path, sep="\t", index=False),
        "xlsx": lambda: data.to_excel(path, index=False),
        "json": lambda: data.to_json(path, orient="records"),
        "csv": lambda: data.to_csv(path, index=False, quoting=1),
    }
    writers[kind]()
    report = evaluate(str(path), "mmsi", "both")
    assert (report.rows, report.errors, report.figures()["accuracy"]) == (3, 0, pytest.approx(2 / 3))
    assert set(report.tables["strict"]) == {"overall", "MSR", "Motion (Cam.)"}
    assert report.figures()["circular"] == 0.5  # the index tells which rows are rotations of one question
    (row,) = find_rows(str(path), row_id="0")
    assert row.values["completion"] == "<think>A is out.</think>B"


# --- batches --------------------------------------------------------------------------------------------------------


def batch(custom_id, *texts, reasoning=None):
    choices = [
        {
            "index": at,
            "message": {"role": "assistant", "content": text, "reasoning_content": reasoning},
            "finish_reason": "stop",
        }
        for at, text in enumerate(texts)
    ]
    body = {"id": "chatcmpl", "object": "chat.completion", "choices": choices, "usage": {}}
    return {
        "id": f"batch_req_{custom_id}",
        "custom_id": custom_id,
        "response": {"status_code": 200, "request_id": "r", "body": body},
        "error": None,
    }


@pytest.fixture
def targets(tmp_path):
    return write(tmp_path / "targets.jsonl", [{"id": f"q{at}", "target": "2.color.cyan"} for at in range(9)])


FAILED = [
    {
        "id": "b",
        "custom_id": "q7",
        "response": {"status_code": 429, "body": {"error": {"message": "too many", "code": None}}},
        "error": None,
    },
    {"id": "b", "custom_id": "q8", "response": None, "error": {"code": "batch_expired", "message": "not in time"}},
]


def test_the_output_of_a_batch_of_openai(tmp_path, targets):
    rows = [
        batch("q0", RIGHT),
        *FAILED,
        batch("q1", "<answer>2.color.cyan</answer>", reasoning="I look."),
        batch("q2", WRONG),
    ]
    path = write(tmp_path / "out.jsonl", rows)
    summary, errors = score(path, targets=targets)
    assert (summary.rows, summary.errors, summary.dialects) == (3, 2, ("OpenAI batch output",))
    assert (summary.accuracy.value, summary.parts["format"]) == (pytest.approx(2 / 3), 1.0)
    assert errors == [
        f"{path}:2: the request failed: 429 too many",
        f"{path}:3: the request failed: batch_expired not in time",
    ]
    assert find_rows(path, row_id="q1", targets=read_target_file(targets, "id"))[0].id == "q1"


def test_several_choices_of_a_batch_are_attempts(tmp_path, targets):
    path = write(tmp_path / "out.jsonl", [batch("q0", RIGHT, WRONG), batch("q1", RIGHT, RIGHT)])
    summary, _ = score(path, targets=targets)
    assert (summary.rows, summary.accuracy.value, summary.groups.groups) == (4, 0.75, 2)


@pytest.mark.parametrize(
    "body",
    [
        {"object": "text_completion", "choices": [{"index": 0, "text": RIGHT}]},
        {
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "<answer>2.color.cyan</answer>"}],
                },
            ]
        },
        {
            "choices": [
                {
                    "message": {
                        "role": "assistant",
                        "content": [{"type": "text", "text": RIGHT[:20]}, {"type": "text", "text": RIGHT[20:]}],
                    }
                }
            ]
        },
    ],
)
def test_other_endpoints_of_a_batch(tmp_path, targets, body):
    row = {"custom_id": "q0", "response": {"status_code": 200, "body": body}, "error": None}
    summary, _ = score(write(tmp_path / "out.jsonl", [row]), targets=targets)
    assert (summary.rows, summary.accuracy.value, summary.parts["format"]) == (1, 1.0, 1.0)


def test_the_output_of_a_batch_of_anthropic(tmp_path, targets):
    content = [
        {"type": "thinking", "thinking": "I look.", "signature": "x"},
        {"type": "text", "text": "<answer>2.color.cyan</answer>"},
    ]
    good = {"custom_id": "q0", "result": {"type": "succeeded", "message": {"role": "assistant", "content": content}}}
    bad = {
        "custom_id": "q1",
        "result": {
            "type": "errored",
            "error": {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
        },
    }
    path = write(tmp_path / "out.jsonl", [good, bad, {"custom_id": "q2", "result": {"type": "expired"}}])
    summary, errors = score(path, targets=targets)
    assert (summary.rows, summary.accuracy.value, summary.parts["format"]) == (1, 1.0, 1.0)
    assert errors == [f"{path}:2: the request failed: errored busy", f"{path}:3: the request failed: expired"]


# --- trainers -------------------------------------------------------------------------------------------------------


def test_completions_that_trl_logs(tmp_path):
    """A folder of Parquet tables, a step each, of texts or of messages; targets are in the data set."""
    pandas = pytest.importorskip("pandas")
    for step in (9, 10):
        said = [[{"role": "assistant", "content": text}] for text in (RIGHT, WRONG)]
        prompts = [[{"role": "user", "content": [{"type": "text", "text": f"p{step}"}]}]] * 2
        table = {
            "step": [step] * 2,
            "prompt": prompts,
            "completion": said,
            "tvr_reward": [1.0, 0.0],
            "advantage": [1.0, -1.0],
        }
        pandas.DataFrame(table).to_parquet(tmp_path / f"completions_{step:05d}.parquet")
    rows = [
        {"prompt": [{"role": "user", "content": [{"type": "text", "text": f"p{step}"}]}], "target": "2.color.cyan"}
        for step in (9, 10)
    ]
    (tmp_path / "data").mkdir()
    targets = write(tmp_path / "data" / "train.jsonl", rows)
    summary, errors = score(tmp_path, targets=targets, on="prompt")
    assert (summary.rows, errors, summary.dialects, summary.accuracy.value) == (4, [], ("TRL completions",), 0.5)
    assert summary.groups.groups == 2


def test_verl_dumps_a_file_each_step(tmp_path):
    for step in (2, 10):
        rows = [
            {"input": "p", "output": text, "gts": "2.color.cyan", "score": 1.0, "step": step, "request_id": "r"}
            for text in (RIGHT, WRONG)
        ]
        write(tmp_path / f"{step}.jsonl", rows)
    summary, errors = score(tmp_path)
    assert (summary.rows, errors, summary.dialects, summary.groups.groups) == (4, [], ("verl rollout",), 2)


def test_what_ms_swift_infers(tmp_path):
    messages = [{"role": "user", "content": "p"}, {"role": "assistant", "content": RIGHT}]
    row = {"response": RIGHT, "labels": "2.color.cyan", "logprobs": None, "messages": messages, "images": []}
    summary, errors = score(write(tmp_path / "a.jsonl", [row]))
    assert (summary.rows, errors, summary.dialects, summary.accuracy.value) == (1, [], ("ms-swift inference",), 1.0)


# --- rows of no system in particular ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "completion",
    [
        {"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": RIGHT}]},
        {
            "messages": [
                {"role": "user", "content": "p"},
                {"role": "assistant", "content": [{"type": "text", "text": RIGHT}]},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "p"},
                {"role": "assistant", "content": RIGHT[16:], "reasoning_content": "a"},
            ]
        },
        {"generated_text": RIGHT},
        {"generated_text": [{"role": "user", "content": "p"}, {"role": "assistant", "content": RIGHT}]},
        {"model_output": RIGHT},
        {"responses": [RIGHT]},
        {"outputs": [{"text": RIGHT, "index": 0}]},
        {"response": RIGHT[16:], "reasoning_content": "a"},
    ],
)
@pytest.mark.parametrize("target", ["reference", "gold", "target"])
def test_other_names(tmp_path, completion, target):
    summary, errors = score(write(tmp_path / "a.jsonl", [{**completion, target: "2.color.cyan"}]))
    assert (summary.rows, errors, summary.accuracy.value, summary.parts["format"]) == (1, [], 1.0, 1.0)


@pytest.mark.parametrize(
    "several",
    [
        {"responses": [RIGHT, WRONG]},
        {"completions": [[RIGHT], [WRONG]]},
        {"outputs": [{"text": RIGHT}, {"text": WRONG}]},
        {"completions": [[{"role": "assistant", "content": RIGHT}], [{"role": "assistant", "content": WRONG}]]},
        {"generated_text": [{"generated_text": RIGHT}, {"generated_text": WRONG}]},
    ],
)
def test_lists_of_responses_are_attempts(tmp_path, several):
    path = write(tmp_path / "a.jsonl", [{"id": at, **several, "target": "2.color.cyan"} for at in range(3)])
    summary, errors = score(path)
    assert (summary.rows, errors, summary.accuracy.value, summary.groups.groups) == (6, [], 0.5, 3)


def test_a_row_of_messages_without_an_answer_is_an_error(tmp_path):
    user = {"role": "user", "content": RIGHT}  # which is not the model's
    rows = [{"messages": [user, {"role": "assistant", "content": WRONG}], "target": "2.color.cyan"}]
    path = write(tmp_path / "a.jsonl", [*rows, {"messages": [user], "target": "2.color.cyan"}])
    summary, errors = score(path)
    assert (summary.rows, summary.accuracy.value) == (1, 0.0)
    (error,) = errors
    assert error.startswith(f"{path}:2: a completion is of the assistant, not of the user: ")


def test_a_bad_row_stays_where_it_is_when_rows_are_left_out(tmp_path):
    rows = [lm_eval(0, RIGHT, "a"), lm_eval(0, RIGHT, "b"), lm_eval(1, RIGHT, "a")]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([json.dumps(rows[0]), "{broken", json.dumps(rows[1]), json.dumps(rows[2])]))
    summary, errors = score(path)
    assert summary.rows == 2
    assert errors[0].startswith(f"{path}:2: broken JSON")
    assert any(isinstance(row, BadRow) for chunk in read_chunks(str(path)) for row in chunk.rows)
