"""The answer against what the reasoning came to: nothing is called a contradiction that is none."""

import json
import random

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from parsers.completion import parse_completion
from parsers.formats import TVR
from parsers.records import parse_records
from rewards import score_batch, score_completion
from rewards.consistency import _statements, contradicts_records, last_sentence
from rewards.errors import ConfigError
from rewards.explain import explain_completion, explain_question
from rewards.functions import TaskReward
from rewards.tasks import load_task
from star_cli.main import star

CYAN = [(2, "color", "cyan")]


@pytest.mark.parametrize(
    ("reasoning", "contradicts"),
    [
        ("Object 2 was gray and is now red.", True),
        ("The color of object 2 is red now, not gray.", True),
        ("2: cyan. On second thought, object 2 is red.", True),
        ("object 2 is red. No: object 2 is cyan", False),
        ("Object 2 was gray and is now cyan.", False),
        ("The color of object 2 is cyan now, not gray.", False),
        ("2.color.cyan, 0.shape.cube", False),
        ("2.color.red, 0.shape.cube", True),
        ("0 medium brown metal sphere 1 large gray rubber cube 2 small red glass cube", True),
        ("0 medium brown metal sphere 1 large gray rubber cube 2 small cyan glass cube", False),
        ("View 1: object 2 is a red cube", False),  # what is seen there, before the change
        ("  Image 2: 2 is red", False),
        ("In image 2 object 3 is red.", False),
        ("Object 3 at (2, 57) is red, 2% of the way.", False),
        ("Object 2 is a small cube.", False),
        ("Object 12 is red.", False),
        ("The red one is object two.", False),
        ("", False),
    ],
)
def test_what_a_reasoning_states_of_an_object(reasoning, contradicts):
    assert contradicts_records(reasoning, CYAN, TVR) is contradicts


def test_of_several_values_of_a_cell_the_last_is_compared():
    both = [(2, "color", "red"), (2, "color", "cyan")]
    assert not contradicts_records("Object 2 is red. Object 2 is cyan.", both, TVR)
    assert contradicts_records("Object 2 is cyan. Object 2 is red.", both, TVR)


def test_synonyms_and_other_formats():
    assert not contradicts_records("Object 1 is grey now.", [(1, "color", "gray")], TVR)
    assert contradicts_records("Object 1 is grey now.", [(1, "color", "red")], TVR)
    flow = load_task("flowchart").record_format
    assert not contradicts_records("1 -> 2: yes", [("a", "b", "no")], flow)


@given(st.text(), st.lists(st.sampled_from([(0, "color", "red"), (7, "shape", "cube"), (1, "size", "small")])))
def test_any_text_can_be_read(reasoning, records):
    assert contradicts_records(reasoning, records, TVR) in (True, False)
    assert "\n" not in last_sentence(reasoning)
    assert not contradicts_records(reasoning, [], TVR)


@pytest.mark.slow
def test_chains_from_the_truth_contradict_nothing_and_corrupted_answers_often(tmp_path):
    rng = random.Random(0)
    for arguments in (
        ["generate", tmp_path / "tvr", "--count", 60, "--attributes", "color,shape,size,material"],
        ["cot", tmp_path / "tvr", "--teacher", "oracle", "--out", tmp_path / "chains.jsonl"],
    ):
        assert CliRunner().invoke(star, ["data", *map(str, arguments)]).exit_code == 0
    found = 0
    rows = [json.loads(line) for line in (tmp_path / "chains.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        completion = parse_completion(row["completion"])
        records = list(parse_records(completion.answer, TVR).items)
        assert not contradicts_records(completion.think, records, TVR), row["completion"]
        at = rng.randrange(len(records))
        index, attribute, value = records[at]
        others = [each for each in dict(TVR.fields[2].values_by)[attribute] if each != value]
        records[at] = (index, attribute, rng.choice(others))
        found += contradicts_records(completion.think, records, TVR)
    assert found > len(rows) / 2


def test_the_part_is_there_only_with_a_weight():
    text = "<think>Object 2 is red now.</think><answer>2.color.cyan</answer>"
    plain, weighed = (score_completion(text, "2.color.cyan", **given) for given in ({}, {"consistency_weight": 2.0}))
    assert "consistency" not in plain.parts
    assert dict(weighed.parts) == {**plain.parts, "consistency": -2.0}
    assert weighed.total == sum(weighed.parts.values()) == 4.0
    assert weighed.correct
    agrees = text.replace("red", "cyan")
    assert score_completion(agrees, "2.color.cyan", consistency_weight=2.0).parts["consistency"] == 0.0
    assert score_completion("broken", "2.color.cyan", consistency_weight=2.0).parts["consistency"] == 0.0


@pytest.mark.parametrize(
    ("reasoning", "answer", "target", "options", "charged"),
    [
        ("So the answer is B.", "C", "B", ["left", "right", "behind"], True),
        ("So the answer is B.", "B", "C", ["left", "right", "behind"], False),
        ("It is A or B. C", "C", "C", ["left", "right", "behind"], False),
        ("I am not sure.", "C", "C", ["left", "right", "behind"], False),
        ("Yes", "no", "no", None, True),
        ("3", "4", "4", None, True),
        ("4 m", "400 cm", "4 m", None, False),
        ("a red chair", "a blue chair", "a blue chair", None, False),  # words state no answer, since any do
        ("So the answer is B.", "", "B", ["left", "right", "behind"], False),
    ],
)
def test_the_last_sentence_of_a_questions_reasoning(reasoning, answer, target, options, charged):
    text = f"<think>View 1: [sofa, lamp, left]\n{reasoning}</think><answer>{answer}</answer>"
    given = {"task": "multiview", "options": options, "consistency_weight": 0.5}
    score = score_completion(text, target, **given)
    assert score.parts["consistency"] == (-0.5 if charged else 0.0)
    assert str(score.parts["consistency"]) != "-0.0"
    assert score.total == sum(score.parts.values())


def test_batches_explanations_and_reward_functions_have_it_too():
    text = "<think>Object 2 is red now.</think><answer>2.color.cyan</answer>"
    batch = score_batch([text, text], ["2.color.cyan"] * 2, consistency_weight=1.0)
    assert np.array_equal(batch.parts["consistency"], [-1.0, -1.0])
    explained = explain_completion(text, "2.color.cyan", consistency_weight=1.0)
    assert explained.parts == dict(explained.score.parts)
    question = explain_question("<think>B</think><answer>A</answer>", "A", options=["x", "y"], consistency_weight=1.0)
    assert question.parts == dict(question.score.parts)
    assert question.parts["consistency"] == -1.0
    reward = TaskReward("tvr", overrides={"consistency_weight": 1.0})
    assert reward([text], target=["2.color.cyan"]) == [5.0]
    with pytest.raises(ConfigError, match="consistency_weight"):
        score_completion(text, "2.color.cyan", consistency_weight=-1.0)


@pytest.mark.parametrize(
    "unit", ["7", "7.7", "7 ", "(", "(1,", "view ", ". ", ".", "a-", "image 1", " \n", "2 is red. "]
)
def test_long_texts_that_are_hard_to_read(unit):
    """An expression that starts over at every character would take minutes on some of these."""
    text = unit * (60_000 // len(unit))
    assert len(list(_statements(text))) <= len(text)
    assert contradicts_records(text, CYAN, TVR) is ("red" in unit)
