"""Results for OpenEnv's environment validation: their form, and what they measure."""

import json
import re

import pytest

from benchmarks.audit import AuditedReward, audit, draw_scenes
from benchmarks.audit.openenv import openenv_report
from benchmarks.audit.reward import honest, score_candidates
from rewards.functions import TaskReward
from rewards.tasks import load_task

ACCURACY = ("exact", "attribute", "object", "incorrect", "underprediction")


def _report(reward, task="tvr", number=6):
    scenes = draw_scenes(load_task(task), number)
    audited = AuditedReward(reward, "r")
    return openenv_report(audit(audited, scenes, search=None, timed=False), audited, scenes)


def _by_id(report):
    return {each["check_id"]: each for each in report["results"]}


def exact(completions, target, **_):
    return [
        float(text == f"<think>I compared the views.</think><answer>{gold}</answer>")
        for text, gold in zip(completions, target, strict=True)
    ]


@pytest.mark.parametrize("reward", [exact, TaskReward(), lambda completions, **_: [float("nan")] * len(completions)])
def test_results_have_the_fields_of_the_report_schema(reward):
    report = json.loads(json.dumps(_report(reward), allow_nan=False))
    assert report["report_schema_version"] == "1"
    for each in report["results"]:
        assert set(each) == {"check_id", "status", "measured", "evidence", "remediation", "duration_s"}
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", each["check_id"])
        assert each["status"] in ("pass", "fail")
        assert bool(each["evidence"]) == (each["remediation"] is not None) == (each["status"] == "fail")
    assert report["verdict"] == ("fail" if any(each["status"] == "fail" for each in report["results"]) else "pass")


def test_a_reward_for_the_exact_answer_alone_passes():
    def ordered(completions, target, **_):
        return exact(completions, target)

    report = _report(ordered)
    assert report["verdict"] == "pass"
    results = _by_id(report)
    assert results["semantic.floor_gap"]["measured"] == {"oracle_reward": 1.0, "measured_floor": 0.0, "gap": 1.0}
    assert results["statistical.adversarial_floor"]["measured"]["adversarial_floor"] == 0.0
    assert results["statistical.gameability_gap"]["measured"]["smallest_gap"] == 1.0


def test_what_is_measured_is_what_the_reward_gives():
    scenes = draw_scenes(load_task("tvr"), 6)
    results = _by_id(_report(TaskReward()))
    best = score_candidates(AuditedReward(TaskReward()), [honest(scene) for scene in scenes], scenes).mean()
    floor = -sum(len(scene.target) for scene in scenes) / len(scenes)
    assert results["semantic.oracle_max"]["measured"]["oracle_reward"] == pytest.approx(best)
    assert results["semantic.floor_gap"]["measured"]["measured_floor"] == pytest.approx(floor)
    panel = results["statistical.adversarial_floor"]
    assert (panel["status"], panel["measured"]["policy"]) == ("fail", "format_only")  # the format point
    assert panel["measured"]["adversarial_floor"] == pytest.approx(floor + 1)
    without = _by_id(_report(TaskReward("tvr", pays=ACCURACY)))
    assert without["statistical.adversarial_floor"]["status"] == "pass"


def test_a_reward_that_is_gamed_fails():
    results = _by_id(_report(TaskReward("tvr", "paper")))
    assert results["semantic.oracle_max"]["status"] == results["statistical.gameability_gap"]["status"] == "fail"
    assert (
        results["semantic.oracle_max"]["measured"]["highest_reward"]
        > results["semantic.oracle_max"]["measured"]["oracle_reward"]
    )
    assert results["statistical.gameability_gap"]["measured"]["exploits"] > 0


def test_questions_ignore_relations_where_the_reward_does():
    gap = _by_id(_report(TaskReward("mmsi"), "mmsi"))["statistical.gameability_gap"]
    assert gap["measured"]["gap"] >= 0
    floor = _by_id(_report(TaskReward("mmsi"), "mmsi"))["statistical.adversarial_floor"]
    assert floor["status"] == "pass"
    assert floor["measured"]["guessing"]["blind_guess"] == pytest.approx(0.25)  # one of four answers is right


def test_what_is_no_number_or_not_the_same_fails():
    calls = iter(range(10**6))
    broken = _by_id(_report(lambda completions, **_: [float("nan")] * len(completions)))
    assert broken["runtime.reward_well_formed"]["status"] == "fail"
    noisy = _by_id(_report(lambda completions, **_: [float(next(calls)) for _ in completions]))
    assert noisy["semantic.verifier_determinism"]["status"] == "fail"
    assert "deterministic" in noisy["semantic.verifier_determinism"]["measured"]["failed"]
