"""What `star serve` answers, without HTTP: the bytes of a request to those of its answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import score_completion, task_parts
from rewards.errors import ConfigError
from tests.conformance.rows import make_rows
from trainers.serve import answers
from trainers.serve.answers import MOST_ROWS, MOST_TARGET, Served, answer, check_served

ROWS = make_rows()
BOTH = Served(("tvr", "multiview"))
GOOD = "<think>a</think><answer>2.color.cyan</answer>"
KEYS = ["total", "correct", "unit", "prefilled", "parts", "answer", "fault", "error"]


def ask(path, served=BOTH, **request):
    found = answer(path, json.dumps(request).encode(), served)
    return found.status, json.loads(found.body)


def scores(served=BOTH, **request):
    status, found = ask("/score", served, **request)
    assert status == 200, found
    assert found["rows"] == len(found["scores"])
    assert found["errors"] == sum(each["error"] is not None for each in found["scores"])
    return found["scores"]


def one(completion=GOOD, target="2.color.cyan", **request):
    (found,) = scores(completions=[completion], targets=[target], **request)
    return found


# --- right answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
def test_a_batch_of_both_tasks(packed):
    columns = {"task": [row["task"] for row in ROWS]}
    if packed:
        columns["targets"] = [row["gold"] for row in ROWS]
    else:
        columns["targets"] = [row["target"] for row in ROWS]
        columns |= {name: [row.get(name) for row in ROWS] for name in ("references", "options")}
    found = scores(completions=[row["text"] for row in ROWS], **columns)
    assert [each["total"] for each in found] == [row["total"] for row in ROWS]
    assert [each["correct"] for each in found] == [row["correct"] for row in ROWS]
    assert [each["parts"] for each in found] == [row["parts"] for row in ROWS]
    assert all(list(each) == KEYS and each["error"] is None for each in found)


@pytest.mark.parametrize("task", ["tvr", "multiview"])
def test_get_reward(task):
    rows = [row for row in ROWS if row["task"] == task]
    prompt = "<|im_start|>user\nUse <think></think><answer></answer>.<|im_end|>\n<|im_start|>assistant\n"
    request = {"query": [prompt + row["text"] for row in rows], "prompts": [prompt] * len(rows)}
    status, found = ask("/get_reward", Served((task,)), labels=[row["gold"] for row in rows], **request)
    assert status == 200
    assert found["rewards"] == [row["total"] for row in rows]
    assert all(0 <= each <= 1 for each in found["scores"])
    assert list(found["extra_logs"]) == ["total", "correct", "parsed", "prefilled", "unit", *task_parts(task)]
    assert found["extra_logs"]["correct"] == [float(row["correct"]) for row in rows]


def test_get_reward_logs_the_same_keys_for_each_row_of_a_mixed_set():
    logged = []
    for row in ROWS[::13]:
        status, found = ask("/get_reward", query=[row["text"]], prompts=[""], labels=[pack(row)])
        assert (status, found["rewards"]) == (200, [row["total"]])
        logged.append(list(found["extra_logs"]))
    assert {tuple(each) for each in logged} == {tuple(logged[0])}
    assert {*task_parts("tvr"), *task_parts("multiview")} < {*logged[0]}


def pack(row):
    named = {name: row[name] for name in ("target", "references", "options", "task") if row.get(name) is not None}
    return json.dumps(named)


def test_tasks_presets_and_settings_for_all_rows_or_for_each():
    twice = GOOD.replace("cyan", "cyan, 2.color.cyan")
    expected = [score_completion(twice, "2.color.cyan", preset=preset).total for preset in ("default", "paper")]
    assert [one(twice)["total"], one(twice, preset="paper")["total"]] == expected
    rows = {"completions": [twice] * 3, "targets": ["2.color.cyan"] * 3}
    assert [each["total"] for each in scores(**rows, preset=["default", "paper", None])] == [*expected, expected[0]]
    assert one(settings={"tiers": {"exact": 9}})["total"] == 10.0
    each = scores(**rows, settings=[{"preset": "paper"}, None, {"mode": "lenient"}])
    assert [score["total"] for score in each] == [expected[1], expected[0], expected[0]]
    assert one("a</think><answer>2.color.cyan</answer>", settings={"think_prefilled": False})["total"] == -1.0
    assert one("a</think><answer>2.color.cyan</answer>")["prefilled"] is True
    assert one("<think>a</think><answer>B</answer>", "A", task="mindcube", options=[["left", "right"]])["answer"] == "B"
    assert one(target={"obj_idx": 2, "attr": "color", "val": "cyan"})["total"] == 6.0
    assert one(target='{"obj_idx": 2, "attr": "color", "val": "cyan"}')["total"] == 6.0


def test_a_server_with_settings_of_its_own(tmp_path):
    served = Served(("tvr",), {"preset": "paper", "think_prefilled": False})
    check_served(served)
    twice = GOOD.replace("cyan", "cyan, 2.color.cyan")
    assert scores(served, completions=[twice], targets=["2.color.cyan"])[0]["total"] == 11.0
    assert scores(served, completions=[twice], targets=["2.color.cyan"], preset="default")[0]["total"] == 5.0
    for wrong in (Served(("tvr",), {"preset": "papr"}), Served(("tvrr",)), Served(("tvr",), {"mode": "loose"})):
        with pytest.raises(ConfigError):
            check_served(wrong)


def test_a_task_of_a_file_is_served_by_its_name_alone(tmp_path):
    from rewards.tasks.load import HERE

    text = (HERE / "tvr.yaml").read_text().replace("name: tvr", "name: mine", 1)
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    served = Served(("multiview", str(file)))
    assert scores(served, completions=[GOOD], targets=["2.color.cyan"], task="mine")[0]["total"] == 6.0
    assert (
        "unknown task"
        in ask("/score", served, completions=[GOOD], targets=["2.color.cyan"], task=str(file))[1]["error"]
    )
    named = {"target": "2.color.cyan", "task": str(file)}
    assert "unknown task" in scores(served, completions=[GOOD], targets=[named])[0]["error"]
    # A reward for a file of the user's own scores rows of tvr as that file says, here as everywhere.
    text = text.replace("pays: 5", "pays: 7", 1)
    file.with_name("other.yaml").write_text(text)
    served = Served((str(file.with_name("other.yaml")),))
    assert scores(served, completions=[GOOD], targets=[named | {"task": "tvr"}])[0]["total"] == 8.0


# --- rows that are wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"target": "2.color.cyna"}, "'cyna' is not a color"),
        ({"target": None}, "target is NoneType"),
        ({"target": float("nan")}, "target is float"),
        ({"target": '{"target": '}, "is no JSON"),
        ({"target": "x" * (MOST_TARGET + 1)}, "characters"),
        ({"completion": 5}, "a completion is text"),
        ({"completion": {"a": "b"}}, "a completion is text"),
        ({"task": "tvrr"}, "did you mean 'tvr'"),
        ({"task": "../../etc/passwd.yaml"}, "unknown task"),
        ({"preset": "papr"}, "did you mean 'paper'"),
        ({"settings": {"scael": 1}}, "did you mean 'scale'"),
        ({"settings": {"mode": 3}}, "mode is 3"),
        ({"settings": {"tiers": {"exact": 10**400}}}, "too large"),
        ({"settings": {"tiers": {"exact": 1e308}}}, "from 0 to 1e+18"),
        ({"settings": {"incorrect_penalty": [1]}}, "incorrect_penalty"),
        ({"settings": {"target": "a"}}, "settings hold"),
        ({"task": "multiview", "target": "B", "options": 5}, "options"),
        ({"task": "multiview", "target": "B", "references": "sofa"}, "references"),
        ({"task": "multiview", "target": '{"answer": "B"}'}, "no 'target'"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_and_its_neighbours_are_scored(row, said):
    columns = {name: [None, row.get(name), None] for name in ("references", "options", "task", "preset", "settings")}
    given = {name: column for name, column in columns.items() if column[1] is not None}
    completions = [GOOD, row.get("completion", GOOD), GOOD]
    targets = ["2.color.cyan", row.get("target", "2.color.cyan"), "2.color.cyan"]
    found = scores(completions=completions, targets=targets, **given)
    assert [each["total"] for each in found] == [6.0, None, 6.0]
    assert said in found[1]["error"]
    assert "\n" not in found[1]["error"]
    assert list(found[1]) == KEYS


def test_the_log_says_once_why_a_run_gets_no_rewards(caplog):
    answers._warn_once.cache_clear()
    request = {"query": ["a"], "prompts": ["a"], "labels": ["2.color.cyna"]}
    for _ in range(3):
        assert ask("/get_reward", **request)[0] == 422
    assert caplog.text.count("'cyna' is not a color") == 1


def test_the_page_shows_what_is_answered():
    page = (Path(__file__).parents[3] / "docs" / "serve.md").read_text("utf-8")
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    for path, sent, answered in (("/get_reward", *blocks[:2]), ("/score", *blocks[2:])):
        assert json.loads(answer(path, sent.encode(), Served()).body) == json.loads(answered)


def test_a_null_completion_is_a_fault_and_no_error():
    assert one(None)["fault"]["code"] == "empty"
    assert one(None)["error"] is None


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b"\xff\xfe", 400, "JSON"),
        (b'{"completions": ["\\ud800"], "targets": [1]}', 400, "JSON"),
        (b"[" * 10_000, 400, "JSON"),
        (b"null", 422, "object"),
        (b"[]", 422, "object"),
        (b'"completions"', 422, "object"),
        (b"{}", 422, "completions"),
        (b'{"completions": "text", "targets": ["a"]}', 422, "completions"),
        (b'{"completions": [], "target": []}', 422, "did you mean 'targets'"),
        (b'{"completions": ["a"], "targets": []}', 422, "1 completions and 0 targets"),
        (b'{"completions": ["a"], "targets": ["a"], "options": []}', 422, "1 completions and 0 options"),
        (b'{"completions": ["a"], "targets": ["a"], "preset": "papr"}', 422, "did you mean 'paper'"),
        (b'{"completions": ["a"], "targets": ["a"], "task": "/tmp/a.yaml"}', 422, "unknown task"),
        (b'{"completions": ["a"], "targets": ["a"], "settings": {"scal": 1}}', 422, "did you mean 'scale'"),
        (b'{"completions": ["a"], "targets": ["a"], "settings": 5}', 422, "settings"),
    ],
)
def test_requests_that_are_wrong_as_a_whole(body, status, said):
    found = answer("/score", body, BOTH)
    message = json.loads(found.body)["error"]
    assert (found.status, said in message, "\n" in message) == (status, True, False), message


def test_too_many_rows():
    body = json.dumps({"completions": [None] * (MOST_ROWS + 1), "targets": [None] * (MOST_ROWS + 1)}).encode()
    assert answer("/score", body, BOTH).status == 422


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"query": ["a"], "prompts": ["a"]}, "labels"),
        ({"query": "a", "prompts": ["a"], "labels": ["2.color.cyan"]}, "query"),
        ({"query": [None], "prompts": ["a"], "labels": ["2.color.cyan"]}, "query"),
        ({"query": ["a"], "prompts": [], "labels": ["2.color.cyan"]}, "1 query and 0 prompts"),
        ({"query": ["no such prompt"], "prompts": ["the prompt"], "labels": ["2.color.cyan"]}, "row 0: the query does not"),
        ({"query": ["ab", "ab"], "prompts": ["a", "a"], "labels": ["2.color.cyan", "2.color.cyna"]}, "row 1: target"),
        ({"query": ["a"], "prompts": ["a"], "labels": [{"target": "B", "task": "multiview"}]}, "not served"),
    ],
)  # fmt: skip
def test_get_reward_refuses_what_would_be_graded_wrongly(request_, said):
    status, found = ask("/get_reward", Served(("tvr",)), **request_)
    assert status == 422
    assert said in found["error"]


def test_a_bug_of_ours_is_one_line_of_the_log(monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("secret\nsecond line")

    monkeypatch.setattr("trainers.serve.answers.score_batch", broken)
    assert "secret" not in one()["error"]
    monkeypatch.setattr("trainers.serve.answers._score_rows", broken)
    status, found = ask("/get_reward", query=["a"], prompts=["a"], labels=["2.color.cyan"])
    assert (status, found) == (500, {"error": "internal error; the server's log says more"})
    assert "ZeroDivisionError: secret second line (test_serve_answers.py:" in caplog.text


# --- whatever is sent -------------------------------------------------------------------------------------------------

text = st.text(max_size=30) | st.sampled_from(
    [GOOD, "B", "2.color.cyan", "tvr", "multiview", "paper", '{"target": "B"}']
)
scalar = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
SETTINGS = ("preset", "mode", "think_prefilled", "tiers", "scale", "conflicts", "incorrect_penalty", "fields", "table",
            "kind", "letters", "answer_weight", "multiset", "rule", "levels", "spec", "task", "completions")  # fmt: skip


@given(st.binary(max_size=200), st.sampled_from(["/score", "/get_reward"]))
def test_any_bytes_are_answered(body, path):
    found = answer(path, body, BOTH)
    assert found.status in (200, 400, 422)
    json.loads(found.body)


@given(st.data(), st.integers(0, 3))
def test_any_json_is_answered(data, rows):
    columns = st.lists(values, min_size=rows, max_size=rows)
    request = data.draw(
        st.fixed_dictionaries(
            {"completions": columns, "targets": columns},
            optional={
                "references": columns,
                "relations": columns,
                "options": columns,
                "task": values,
                "preset": values,
                "settings": values | st.dictionaries(st.sampled_from(SETTINGS), values),
            },
        )
    )
    found = answer("/score", json.dumps(request).encode(), BOTH)
    said = json.loads(found.body)
    assert found.status in (200, 422)
    if found.status == 200:
        assert len(said["scores"]) == rows
        assert all("internal" not in (each["error"] or "") for each in said["scores"]), request


@given(st.fixed_dictionaries({"query": st.lists(values, max_size=3), "prompts": values, "labels": values}))
def test_any_json_for_openrlhf_is_answered(request_):
    assert answer("/get_reward", json.dumps(request_).encode(), BOTH).status in (200, 422)
