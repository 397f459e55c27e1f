"""Sets of names and words with synonyms: what overlaps earns its share, and only what is declared is the same."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.constants import constant_answers
from benchmarks.audit.reward import AuditedReward
from benchmarks.audit.scenes import draw_scenes, read_scenes
from rewards import ConfigError, DataError, TaskReward, score_batch, score_columns, score_completion
from rewards.spec import QuestionSpec
from rewards.tasks import load_task

NAMES = ["lamp", "sofa", "ball", "clock", "door"]
names = st.sets(st.sampled_from(NAMES))


def answer(text, target, task="set", **options):
    return score_completion(f"<think>b</think><answer>{text}</answer>", target, task=task, **options)


def listed(some):
    return ", ".join(sorted(some)) or "none"


@given(names, names)
def test_a_set_earns_its_overlap(said, true):
    hits = sum(name in true for name in said)
    expected = Fraction(hits, len(said) + len(true) - hits) if said or true else Fraction(1)
    score = answer(listed(said), sorted(true))
    assert score.total == float(expected)
    assert score.correct == (said == true) == (score.total == 1.0)
    assert answer(listed(said), listed(true)).total == score.total


@given(names.filter(bool))
def test_naming_everything_and_repeats_earn_nothing_more(true):
    assert answer(listed(NAMES), sorted(true)).total == len(true) / len(NAMES)
    assert answer(listed(true) + ", " + listed(true), sorted(true)).total == 1.0
    assert answer("none", sorted(true)).total == 0.0
    assert answer("", sorted(true)).fault.code == "empty"


@pytest.mark.parametrize(("right", "of"), [(0, 1), (1, 2), (2, 3), (1, 4)])
def test_the_break_even_of_one_name_more(right, of):
    """One more beside *right* ones of *of* pays from a chance of a / (n + a + 1)."""
    silent = Fraction(right, of)
    hit, miss = Fraction(right + 1, of), Fraction(right, of + 1)
    chance = (silent - miss) / (hit - miss)
    assert chance == Fraction(right, of + right + 1)
    assert chance < Fraction(1, 2)
    true = NAMES[:of]
    assert answer(listed([*true[:right], "elsewhere"]), true).total == float(miss)


def test_synonyms_are_those_declared_and_nothing_else():
    assert answer("The answer is couch.", "sofa", "text").total == 1.0
    assert answer("TV set", "television", "text").total == 1.0
    assert [answer(text, "sofa", "text").total for text in ("sofas", "the sofa", "sof a", "television")] == [0.0] * 4
    assert answer("couch", "sofa", "text", synonyms={}).total == 0.0
    assert answer("divan", "sofa", "text", synonyms={"divan": "sofa"}).correct
    score = answer("couch, lamp", ["sofa", "lamp"], synonyms={"couch": "sofa"})
    assert (score.total, score.answer) == (1.0, "lamp, sofa")
    assert answer("couch and sofa", ["sofa"], synonyms={"couch": "sofa"}).total == 1.0  # one thing, named twice


@pytest.mark.parametrize(
    ("synonyms", "message"),
    [
        ({"couch": "sofa", "sofa": "settee"}, "'sofa' stands for something itself"),
        ({"couch": ""}, "it holds spellings, each with the words that it stands for"),
        ("couch", "it holds spellings"),
        ([("a", "b", "c")], "it holds spellings"),
        ({1: "one"}, "it holds spellings"),
    ],
)
def test_synonyms_that_are_none_are_refused(synonyms, message):
    with pytest.raises(ConfigError, match=message):
        QuestionSpec(kind="text", synonyms=synonyms)


@pytest.mark.parametrize("target", ["", ", ,", 7, None, {"a": 1}, [["a"]]])
def test_wrong_targets_are_errors(target):
    with pytest.raises(DataError):
        answer("lamp", target)


@pytest.mark.parametrize("task", ["set", "text"])
def test_every_way_of_scoring_agrees(task):
    texts = [f"<think>b</think><answer>{text}</answer>" for text in ("sofa", "lamp, sofa", "none", "a or b", "")]
    targets = ["sofa"] * len(texts)
    batch = score_batch(texts, targets, task=task)
    assert TaskReward(task)(texts, target=targets) == batch.total.tolist()
    assert score_columns({"completion": texts, "target": targets}, task=task)["total"].tolist() == batch.total.tolist()
    for text, score in zip(texts, batch, strict=True):
        assert score_completion(text, "sofa", task=task).parts == score.parts
        assert score.spans.total == score.total


def test_the_audit_shows_what_answers_earn_that_do_not_look():
    reward = AuditedReward(TaskReward("set"))
    found = {each.name: each.mean for each in constant_answers(reward, draw_scenes(load_task("set"), 24))}
    assert set(found) == {"all names", "empty set", "most frequent name", "most frequent", "empty"}
    assert found["empty set"] == found["empty"] == 0.0
    assert 0 < found["all names"] <= 0.5
    rows = read_scenes(load_task("set"), ["lamp, sofa", "lamp", "none", "lamp"])
    found = {each.name: each.mean for each in constant_answers(reward, rows)}
    assert found == {
        "all names": 0.5,
        "empty set": 0.25,
        "most frequent name": 0.625,
        "most frequent": 0.625,
        "empty": 0.0,
    }
    words = constant_answers(
        AuditedReward(TaskReward("text")), read_scenes(load_task("text"), ["sofa", "sofa", "lamp"])
    )
    assert [(each.name, round(each.mean, 3)) for each in words] == [("most frequent", 0.667), ("empty", 0.0)]
