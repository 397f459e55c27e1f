"""Two rewards on the same texts: rates that are known, and the smallest examples."""

import pytest

from benchmarks.audit import POLICIES, AuditedReward, draw_scenes
from benchmarks.audit.differential import DIALECTS, accepts, compare_rewards, protocol_reward
from benchmarks.audit.findings import known_case
from benchmarks.audit.reward import honest, is_exact, write
from benchmarks.registry import BENCHMARKS, find_benchmark
from rewards.functions import TaskReward
from rewards.tasks import load_task

TVR, MMSI = load_task("tvr"), load_task("mmsi")
SCENES = draw_scenes(TVR, 4)
OURS = AuditedReward(TaskReward(), "ours")


def _answer(text):
    return text.rpartition("<answer>")[2].partition("</answer>")[0]


def strict(completions, target, **_):
    return [float(_answer(text) == gold) for text, gold in zip(completions, target, strict=True)]


def containing(completions, target, **_):
    return [float(gold in _answer(text)) for text, gold in zip(completions, target, strict=True)]


def test_a_reward_is_like_itself_on_any_scale():
    def doubled(completions, **columns):
        return [7 + 2 * total for total in TaskReward()(completions, **columns)]

    found = compare_rewards(AuditedReward(doubled, "doubled"), OURS, SCENES, POLICIES)
    assert (found.false_positive_rate, found.false_negative_rate) == (0.0, 0.0)
    assert found.false_positive is found.false_negative is None
    assert 0 < found.accepted == found.reference_accepted < found.texts
    assert (found.name, found.reference, found.task, found.scenes) == ("doubled", "ours", "tvr", 4)


def test_both_rates_and_the_smallest_example_each_way():
    loose, tight = AuditedReward(containing, "loose"), AuditedReward(strict, "tight")
    found = compare_rewards(loose, tight, SCENES, POLICIES)
    refused = found.texts - found.reference_accepted
    assert found.false_positive_rate == pytest.approx(sum(found.false_positives.values()) / refused)
    assert found.false_negative_rate == 0.0
    assert found.false_positive_rate > 0.05
    assert {"add_wrong", "repeat", "right_and_unparseable", "full_stop, right"} <= set(found.false_positives)
    gold = found.false_positive.worlds[0].target
    assert "," not in gold  # one change
    assert gold in _answer(found.false_positive.completion) != gold
    turned = compare_rewards(tight, loose, SCENES, POLICIES)
    assert turned.false_negative_rate == pytest.approx(sum(turned.false_negatives.values()) / found.accepted)
    assert turned.false_negatives == found.false_positives
    assert turned.false_negative.completion == found.false_positive.completion


def test_what_is_smallest_is_still_accepted_by_one_only():
    found = compare_rewards(AuditedReward(containing), AuditedReward(strict), SCENES, POLICIES)
    text, gold = found.false_positive.completion, found.false_positive.worlds[0].target
    assert containing([text], [gold]) == [1.0]
    assert strict([text], [gold]) == [0.0]
    assert found.as_dict()["false_positive"] == {"completion": text, "target": gold}
    assert found.as_dict()["false_negative"] is None


def test_texts_depend_on_the_seed_and_nothing_else():
    first, again, other = (
        compare_rewards(AuditedReward(containing), AuditedReward(strict), SCENES, POLICIES, seed=seed)
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first.texts != other.texts or first.false_positives != other.false_positives


def test_a_reward_that_tells_nothing_apart_accepts_nothing():
    flat = AuditedReward(lambda completions, **_: [1.0] * len(completions), "flat")
    cases = [known_case(scene, honest(scene), honest(scene)) for scene in SCENES]
    assert not accepts(flat, cases).any()
    assert accepts(OURS, cases).all()
    found = compare_rewards(flat, OURS, SCENES, POLICIES)
    assert (found.false_positive_rate, found.false_negative_rate) == (0.0, 1.0)
    nothing = compare_rewards(OURS, flat, SCENES, POLICIES)
    assert nothing.false_negative_rate is None
    assert "exact" in nothing.false_positives


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects_are_written_as_they_are(name):
    scene = SCENES[1]
    candidate = honest(scene)
    text = write(type(candidate)(candidate.items, layout=DIALECTS[name]), scene)
    assert ", ".join(".".join(map(str, record)) for record in scene.target) in text
    assert "{" not in text.replace("\\boxed{", "")
    assert not is_exact(type(candidate)(candidate.items, layout=DIALECTS[name]), scene)


def test_an_official_scorer_against_the_strict_one():
    """MMSI-Bench's own takes the first letter that stands alone, reasoning included; ours the last answer block."""
    official, ours = (
        AuditedReward(protocol_reward("mmsi", each, "mmsi"), f"mmsi:{each}") for each in ("official", "strict")
    )
    found = compare_rewards(official, ours, draw_scenes(MMSI, 4), POLICIES)
    assert {"answer_in_reasoning", "right_block_first", "reasons_otherwise"} <= set(found.false_positives)
    assert "right_block_last" in found.false_negatives
    assert found.false_negative.completion.count("<answer>") == 2


@pytest.mark.parametrize(
    ("benchmark", "task"), [(name, task) for name in BENCHMARKS for task in find_benchmark(name).tasks]
)
def test_a_strict_scorer_takes_the_exact_answer_and_no_wrong_one(benchmark, task):
    scenes = draw_scenes(load_task(task), 4)
    audited = AuditedReward(protocol_reward(benchmark, "strict", task))
    cases = [known_case(scene, honest(scene), honest(scene)) for scene in scenes]
    assert accepts(audited, cases).all()


def test_scorers_of_other_tasks_or_names_are_none():
    assert protocol_reward("mmsi", "strict", "tvr") is None
    assert protocol_reward("nope", "strict", "tvr") is None
    assert protocol_reward("tvr", "both", "tvr") is None
