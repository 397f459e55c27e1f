"""Which column is what: known names, the dialects of other systems, the user's word; never a guess."""

import json

import pytest

from benchmarks.files.columns import MISSING, ROLES, Columns, find_columns, unwrap
from benchmarks.files.dialects import DIALECTS
from benchmarks.files.sources import START, BadRow, Chunk
from benchmarks.run.rewards import score_rewards
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError

BOTH = ("completion", "target")


def find(*rows, needed=BOTH, **options):
    chunk = Chunk("f.jsonl", rows, range(1, len(rows) + 1), None, START, None)
    return find_columns(chunk, needed=needed, **options)


@pytest.mark.parametrize("completion", ROLES["completion"])
@pytest.mark.parametrize("target", [*TARGET_COLUMNS, "reference", "gold"])
def test_the_usual_names(completion, target):
    found = find({completion: "a", target: "b", "other": 1})
    assert found.roles == {"completion": completion, "target": target}
    assert found.dialect is None


@pytest.mark.parametrize(
    ("row", "dialect", "roles"),
    [
        (
            {
                "step": 1,
                "prompt": "p",
                "completion": "c",
                "tvr_reward": 1.0,
                "answer": "x",
                "target": "y",
                "advantage": 0.1,
            },
            "TRL completions",
            {"completion": "completion", "target": "target", "prompt": "prompt", "step": "step"},
        ),
        (
            {"step": 1, "prompt": "p", "completion": "c", "answer": "x", "advantage": 0.1},
            "TRL completions",
            {"completion": "completion", "target": "answer", "prompt": "prompt", "step": "step"},
        ),
        (
            {"input": "p", "output": "c", "gts": "g", "score": 1.0, "step": 3, "answer": "x", "prediction": "y"},
            "verl rollout",
            {"completion": "output", "target": "gts", "prompt": "input", "step": "step"},
        ),
        (
            {
                "step": "3",
                "messages": [{"role": "user", "content": "p"}],
                "completion": "c",
                "reward": 1.0,
                "solution": "g",
            },
            "ms-swift completions",
            {"completion": "completion", "target": "solution", "prompt": "messages", "step": "step"},
        ),
        (
            {"gen_step": 3, "prompt": "p", "completion": "c", "advantages": 1.0, "label": "g"},
            "ms-swift completions",
            {"completion": "completion", "target": "label", "prompt": "prompt", "step": "gen_step"},
        ),
        (
            {"doc_id": 3, "target": "A", "resps": [["text"]], "filtered_resps": ["A"], "doc": {"answer": "A"}},
            "lmms-eval samples",
            {"completion": "resps", "target": "target", "id": "doc_id"},
        ),
        (
            {"doc_id": 3, "target": "A", "filtered_resps": ["A"]},
            "lmms-eval samples",
            {"completion": "resps", "target": "target", "id": "doc_id"},
        ),
        (
            {"doc_id": 3, "target": "A", "resps": [["text"]], "doc": {"id": 77, "answer": "A"}},
            "lmms-eval samples",
            {"completion": "resps", "target": "target", "id": "doc.id"},
        ),
        (
            {
                "doc_id": 3,
                "target": "<answer>A. Above</answer>",
                "resps": [["text"]],
                "doc": {"id": "among_group1_q0", "gt_answer": "A"},
            },
            "lmms-eval samples of MindCube",
            {"completion": "resps", "target": "doc.gt_answer", "id": "doc.id"},
        ),
        (
            {"id": "among_group1_q0", "gt_answer": "A", "input_prompt": "p", "answer": "It is A.", "model_type": "m"},
            "MindCube responses",
            {"completion": "answer", "target": "gt_answer", "id": "id", "prompt": "input_prompt"},
        ),
        (
            {"id": "among_group1_q0", "gt_answer": "A", "input_prompt": "p", "cogmap_gen_answer": "It is A."},
            "MindCube responses",
            {"completion": "cogmap_gen_answer", "target": "gt_answer", "id": "id", "prompt": "input_prompt"},
        ),
        (
            {"response": "c", "labels": "g", "logprobs": None, "messages": [{"role": "assistant", "content": "c"}]},
            "ms-swift inference",
            {"completion": "response", "target": "labels"},
        ),
        (
            {"doc_id": 3, "doc": {"category": "MSR"}, "target": "A", "resps": [["c"]], "filter": "none"},
            "lm-eval samples, filter none",
            {"completion": "resps", "target": "target", "id": "doc_id"},
        ),
        (
            {
                "id": "q",
                "epoch": 1,
                "input": "p",
                "target": "A",
                "output": {"choices": [{"message": {"role": "assistant", "content": "c"}}]},
                "metadata": {"scene": "x", "target": "another"},
            },
            "inspect_ai log",
            {"completion": "output.choices.*.message", "target": "target", "id": "id", "scene": "metadata.scene"},
        ),
        (
            {
                "index": 3,
                "question": "p",
                "A": "left",
                "answer": "A",
                "category": "MSR",
                "prediction": "c",
                "thinking": "t",
            },
            "VLMEvalKit predictions",
            {"completion": "prediction", "target": "answer", "id": "index", "reasoning": "thinking"},
        ),
        (
            {"id": "b", "custom_id": "q", "response": {"body": {"choices": [{"message": {}}]}}, "target": "A"},
            "OpenAI batch output",
            {"completion": "response.body.choices.*.message", "target": "target", "id": "custom_id"},
        ),
        (
            {"custom_id": "q", "result": {"type": "succeeded", "message": {"content": []}}, "target": "A"},
            "Anthropic batch output",
            {"completion": "result.message", "target": "target", "id": "custom_id"},
        ),
        (
            {"reward_model": {"style": "rule", "ground_truth": "g"}, "response": "c", "uid": "7"},
            None,
            {"completion": "response", "target": "reward_model.ground_truth", "id": "uid"},
        ),
    ],
)
def test_dialects(row, dialect, roles):
    found = find(row)
    assert found.dialect == dialect
    assert found.roles == roles


def test_every_dialect_has_a_case():
    assert {each.name for each in DIALECTS} == {
        "TRL completions",
        "verl rollout",
        "ms-swift completions",
        "lmms-eval samples",
        "lmms-eval samples of MindCube",
        "MindCube responses",
        "ms-swift inference",
        "lm-eval samples",
        "inspect_ai log",
        "VLMEvalKit predictions",
        "OpenAI batch output",
        "Anthropic batch output",
    }


def test_two_columns_with_the_same_content_are_one():
    found = find(
        {"response": "a", "output": ["a"], "target": "t", "answer": "t"},
        {"response": "b", "output": "b", "answer": None},
    )
    assert found.roles["completion"] == "response"
    assert found.roles["target"] == "target"


@pytest.mark.parametrize(
    ("row", "role", "first", "second"),
    [
        ({"response": "a", "output": "b", "target": "t"}, "completion", "response", "output"),
        ({"response": "a", "target": "t", "answer": "u"}, "target", "target", "answer"),
        (
            {"step": 1, "prompt": "p", "completion": "c", "advantage": 1, "target": "a", "solution": "b"},
            "target",
            "target",
            "solution",
        ),
    ],
)
def test_two_columns_with_other_content_are_refused(row, role, first, second):
    with pytest.raises(ConfigError) as error:
        find(row, row)
    assert str(error.value) == (
        f"f.jsonl: {first!r} and {second!r} could both be the {role}, and they differ (f.jsonl:1); "
        f"say which it is: --map {role}={first} or --map {role}={second}"
    )
    assert find(row, mapping={role: second}).roles[role] == second


def test_a_role_that_is_not_needed_is_never_ambiguous():
    assert (
        find({"response": "a", "target": "t", "answer": "u"}, needed=("completion",)).roles["completion"] == "response"
    )


def test_a_column_without_values_is_no_candidate():
    assert find({"response": None, "output": "b", "target": "t"}).roles["completion"] == "output"


def test_a_column_may_begin_later_and_bad_rows_are_passed_over():
    found = find(BadRow("broken"), {"response": "a"}, {"response": "b", "target": "t"})
    assert found.roles["target"] == "target"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"completion": "c", "id": 1, "targets": "b"},
            (
                "there is no target column; the columns are completion, id, targets; say which it is: --map target=targets; "
                "or give the targets in a file of their own: --targets FILE"
            ),
        ),
        (
            {"model_reply": "a", "truth_text": "b", "expected": "c"},
            (
                "there is no completion and no target column; the columns are model_reply, truth_text, expected; say which "
                "they are: --map completion=model_reply --map target=truth_text (or expected)"
            ),
        ),
        (
            {"text": "a", "sample": {"target": "b", "solution": "c"}},
            (
                "there is no completion and no target column; the columns are text, sample; say which they are: "
                "--map completion=COLUMN --map target=sample.target (or sample.solution)"
            ),
        ),
        (
            {"said": "a", "target": "b"},
            "there is no completion column; the columns are said, target; say which it is: --map completion=COLUMN",
        ),
        (
            {},
            (
                "there is no completion and no target column; there are no columns; say which they are: "
                "--map completion=COLUMN --map target=COLUMN"
            ),
        ),
    ],
)
def test_all_missing_columns_are_named_at_once_with_the_nearest_and_the_flags(row, message):
    with pytest.raises(DataError) as error:
        find(row)
    assert str(error.value) == f"f.jsonl: {message}"


USER, ASSISTANT = {"role": "user", "content": "p"}, {"role": "assistant", "content": "c"}


def test_messages_are_the_completion_where_the_assistant_has_the_last_word_and_nothing_else_is():
    found = find({"messages": [USER], "target": "t"}, {"messages": [USER, ASSISTANT], "target": "t"})
    assert found.roles == {"completion": "messages", "target": "target"}
    assert "messages" not in find({"messages": [USER, ASSISTANT], "response": "d", "target": "t"}).roles.values()


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"messages": [USER], "answer": "B"}, "('messages') and targets ('answer')"),
        ({"prompt": "p", "images": []}, "('prompt')"),
        ({"question": "p", "answer": "B"}, "('question') and targets ('answer')"),
        ({"custom_id": "q", "body": {"messages": [USER]}}, "('body.messages')"),
    ],
)
def test_a_file_of_prompts_says_that_it_holds_no_completions(row, named):
    with pytest.raises(DataError) as error:
        find(row)
    assert str(error.value).startswith(
        f"f.jsonl: this is a file of prompts {named}, and holds no completions; score what a model wrote for them, or say "
        "where that is: --map completion=COLUMN; the columns are "
    )


def test_the_nearest_column_is_named_though_there_is_a_prompt():
    with pytest.raises(DataError, match="say which it is: --map completion=final_response"):
        find({"prompt": "p", "final_response": "c", "target": "t"})


@pytest.mark.parametrize(("one", "other"), [("answer", "gold"), ("target", "reference")])
def test_two_truths_that_differ_are_refused(one, other):
    """In old logs `answer` is what the model said."""
    with pytest.raises(ConfigError, match=f"'{one}' and '{other}' could both be the target"):
        find({"completion": "c", one: "A", other: "B"})


def test_the_user_says_which_column():
    row = {"completion": "a", "out": "b", "target": "t", "deep": {"er": {"gold": "u"}}, "a.b": "v"}
    found = find(row, mapping={"completion": "out", "target": "deep.er.gold", "group": "a.b"})
    assert found.roles == {"completion": "out", "target": "deep.er.gold", "group": "a.b"}
    assert [found.values(role, [row, {}]) for role in found.roles] == [["b", MISSING], ["u", MISSING], ["v", MISSING]]
    assert set(found.names) >= {"out", "deep", "a.b"}


def test_wrong_mappings_name_the_nearest():
    row = {"completion": "a", "target": "t", "outs": "b"}
    with pytest.raises(ConfigError, match="--map text=outs: 'text' is not one of completion, reasoning, target"):
        find(row, mapping={"text": "outs"})
    with pytest.raises(ConfigError, match="no column 'oust' for the completion; did you mean 'outs'"):
        find(row, mapping={"completion": "oust"})


def test_of_joined_files_a_mapping_of_the_key_is_for_the_one_that_has_it():
    row = {"completion": "a", "id": 1}
    assert find(row, needed=("completion", "id"), mapping={"id": "key"}, joined_on="id").roles["id"] == "id"
    row = {"completion": "a", "id": 1, "key": 2}
    assert find(row, needed=("completion", "id"), mapping={"id": "key"}, joined_on="id").roles["id"] == "key"
    with pytest.raises(DataError, match="there is no id column"):
        find({"completion": "a"}, needed=("completion", "id"), mapping={"id": "key"}, joined_on="id")


def test_other_roles_can_be_looked_for():
    known = {**ROLES, "category": ("category", "type")}
    assert find({"response": "a", "answer": "b", "type": "c"}, known=known).roles["category"] == "type"


def test_values_inside_objects():
    columns = Columns({"target": "a.b"})
    rows = [{"a": {"b": 1}}, {"a": 3}, {"a.b": 2, "a": {"b": 9}}, {"a": {"b": None}}, {}]
    assert columns.values("target", rows) == [1, MISSING, 2, None, MISSING]


@pytest.mark.parametrize(
    ("value", "inner"), [([["a"]], "a"), (["a", "b"], ["a", "b"]), ([], []), ("a", "a"), ([[1, 2]], [1, 2])]
)
def test_unwrap(value, inner):
    assert unwrap(value) == inner


def test_values_inside_lists():
    columns = Columns({"completion": "a.*.m"})
    rows = [
        {"a": [{"m": {"content": "x"}}]},
        {"a": [{"m": "x"}, {"m": [{"role": "assistant", "content": "y"}]}]},
        {"a": [{"m": 7}, {}]},
        {"a": [{}]},
        {"a": []},
        {"a": None},
        {},
    ]
    assert columns.values("completion", rows) == [["x"], ["x", "y"], [7, None], *[MISSING] * 4]


def test_reasoning_in_a_column_of_its_own_is_put_back():
    columns = Columns({"completion": "c", "reasoning": "r"})
    rows = [
        {"c": "B", "r": "Left."},
        {"c": "B", "r": ""},
        {"c": "B"},
        {"c": "<think>a</think>B", "r": "a"},
        {"c": "B", "r": "a</think>"},
        {"c": None, "r": "a"},
    ]
    assert columns.values("completion", rows) == [
        "<think>Left.</think>B",
        "B",
        "B",
        "<think>a</think>B",
        "<think>a</think>B",
        None,
    ]


@pytest.mark.parametrize(
    ("value", "inner"),
    [(["a"], "a"), (["a", "b"], ["a", "b"]), ([[2, "color", "cyan"]], [[2, "color", "cyan"]]), ([], [])],
)
def test_a_target_that_is_one_text_in_a_list_is_that_text(value, inner):
    assert Columns({"target": "t"}).values("target", [{"t": value}]) == [inner]


def test_a_column_nearly_called_as_one_of_a_question_is_told(tmp_path):
    path = tmp_path / "a.jsonl"
    row = {"id": 1, "completion": "<think>a</think><answer>left</answer>", "target": "B", "choices": ["right", "left"]}
    path.write_text(json.dumps(row) + "\n")
    for task, mapping, told in (
        (
            "multiview",
            {},
            [f"{path}: the column 'choices' is not read; if it holds the options: --map options=choices"],
        ),
        ("multiview", {"options": "choices"}, []),
    ):
        notices = []
        summary = score_rewards([str(path)], task=task, mapping=mapping, on_notice=notices.append)
        assert notices == told
        assert summary.accuracy.value == (not told)
    path.write_text(json.dumps(row | {"target": "2.color.cyan"}) + "\n")
    score_rewards([str(path)], on_notice=notices.append)
    assert notices == []  # a list of changes has no options


def test_messages_that_were_written_as_text_are_messages(tmp_path):
    """As pandas, W&B and others write objects in a column of text; in one row alone it is what a model wrote."""
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "<think>a</think><answer>B</answer>"},
    ]
    path = tmp_path / "a.jsonl"
    for text in (json.dumps(messages), str(messages), json.dumps(messages[1])):
        path.write_text(json.dumps({"id": 1, "completion": text, "target": "B"}) + "\n")
        assert score_rewards([str(path)], task="multiview").accuracy.value == 1.0
    rows = [{"id": at, "completion": text, "target": "B"} for at, text in enumerate([json.dumps(messages), "B"])]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert score_rewards([str(path)], task="multiview").accuracy.value == 0.0


@pytest.mark.parametrize("name", ["reasoning", "thinking", "reasoning_text", "thoughts"])
def test_a_column_that_may_hold_the_reasoning_is_told(tmp_path, name):
    """Nobody but the user knows whether it is the model's or the data set's."""
    path = tmp_path / "a.jsonl"
    told = f"{path}: the column {name!r} is not read; if it holds the reasoning: --map reasoning={name}"
    for completion, mapping, notices, correct in (
        ("<answer>B</answer>", {}, [told], 0.0),
        ("<answer>B</answer>", {"reasoning": name}, [], 1.0),
        ("<think>a</think><answer>B</answer>", {}, [], 1.0),
    ):
        path.write_text(json.dumps({"completion": completion, "target": "B", name: "It is right."}) + "\n")
        said = []
        summary = score_rewards([str(path)], task="multiview", mapping=mapping, on_notice=said.append)
        assert said == notices
        assert summary.accuracy.value == correct
