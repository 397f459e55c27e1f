"""An audit as the results of OpenEnv's environment validation (huggingface/OpenEnv, RFC 008, report schema 1).

A reward is validated like an environment whose every episode is one completion: the oracle writes the exact answer, the
do-nothing episode writes nothing. Of RFC 008's 44 checks those are measured that are about the reward:

    runtime.reward_well_formed     every reward is a finite number
    semantic.verifier_determinism  the same completion is rewarded the same, in any batch and under any hash seed
    semantic.oracle_max            the oracle scores the most that anything scores
    semantic.floor_gap             oracle maximum - measured floor, the reward of the do-nothing episode, is positive
    statistical.adversarial_floor  a panel of policies that do not solve the task scores no more than the measured
                                   floor; what guessing scores, which is right by chance, stands beside it
    statistical.gameability_gap    on each scene, the exact answer scores more than everything that is not exact

The report names no manifest, severity policy or sandbox, since there is none: its ``results`` are `CheckResult` objects
for an operator's report to embed. Statistical checks are of the hub's lane.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.audit.policies import POLICIES, written
from benchmarks.audit.reward import TOLERANCE, Candidate, exactness, honest, score_candidates
from benchmarks.audit.uncertainty import Belief, majority_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.findings import AuditFinding
    from benchmarks.audit.policies import Policy
    from benchmarks.audit.reward import AuditedReward
    from benchmarks.audit.run import Audit
    from benchmarks.audit.scenes import Scene

NON_SOLVING = ("nothing", "format_only", "silent", "wrong_answer", "prompt_echo", "padded_wrong", "unparseable")
"""Policies of the panel: they know no answer and are right by no chance; here they name no references either."""

_DETERMINISM = ("deterministic", "batch_order", "batch_alone", "hash_seed")


def openenv_report(found: Audit, audited: AuditedReward, scenes: Sequence[Scene]) -> dict[str, Any]:
    """Return the report.

    Args:
        found: the audit.
        audited: the reward.
        scenes: those of the audit.
    """
    majority = majority_answer(scenes)
    exact = score_candidates(audited, [honest(scene) for scene in scenes], scenes)
    nothing = score_candidates(audited, [Candidate(layout="", reasoning="") for _ in scenes], scenes)
    panel, blind, best_other = _panel(audited, scenes, majority)
    oracle, floor = float(exact.mean()), float(nothing.mean())
    worst = max(panel, key=lambda name: panel[name])
    gaps = exact - best_other
    results = [
        _of_findings("runtime.reward_well_formed", found, ("finite",), "Return a finite number for every completion."),
        _of_findings("semantic.verifier_determinism", found, _DETERMINISM, "Score each completion by itself."),
        _result(
            "semantic.oracle_max",
            bool((gaps >= -TOLERANCE).all()),
            {"oracle_reward": oracle, "highest_reward": float(np.maximum(exact, best_other).mean())},
            f"the exact answer is beaten on {(gaps < -TOLERANCE).mean():.0%} of the scenes",
            "Nothing may score more than the exact answer; star audit lists what does.",
        ),
        _result(
            "semantic.floor_gap",
            oracle - floor > TOLERANCE,
            {"oracle_reward": oracle, "measured_floor": floor, "gap": oracle - floor},
            f"the empty completion scores {floor:.4g} of the oracle's {oracle:.4g}",
            "The empty completion must score less than the exact answer.",
        ),
        _result(
            "statistical.adversarial_floor",
            panel[worst] <= floor + TOLERANCE,
            {
                "measured_floor": floor,
                "adversarial_floor": panel[worst],
                "policy": worst,
                "panel": panel,
                "guessing": blind,
            },
            f"{worst} scores {panel[worst]:.4g}, the empty completion {floor:.4g}",
            "Nothing that does not solve the task may score more than the empty completion, not even for its format.",
        ),
        _result(
            "statistical.gameability_gap",
            bool((gaps > TOLERANCE).all()),
            {"gap": float(gaps.mean()), "smallest_gap": float(gaps.min()), "exploits": len(found.of("exploit"))},
            f"on {(gaps <= TOLERANCE).mean():.0%} of the scenes something else scores as much as the exact answer",
            "Close the exploits that star audit lists.",
        ),
    ]
    return {
        "report_schema_version": "1",
        "target": found.name,
        "task": found.task,
        "scenes": found.scenes,
        "levels_run": [2, 3, 4],
        "results": results,
        "verdict": "fail" if any(each["status"] == "fail" for each in results) else "pass",
    }


def _panel(
    audited: AuditedReward, scenes: Sequence[Scene], majority: tuple[Any, ...]
) -> tuple[dict[str, float], dict[str, float], NDArray[np.float64]]:
    """Return what policies score on average, those of the panel and those that guess; the most of others, (scenes,).

    The others are all that is not exact.
    """
    policies, places, candidates = [], [], []
    for policy in POLICIES:
        for at, scene in enumerate(scenes) if policy.is_for(scenes[0].task) else ():
            for candidate in written(policy, Belief(scene, scene, majority)):
                unnamed = replace(candidate, named=((),) * len(candidate.named))
                policies.append(policy)
                places.append(at)
                candidates.append(unnamed if policy.name in NON_SOLVING else candidate)
    totals = score_candidates(audited, candidates, [scenes[at] for at in places])
    place, total = np.array(places), np.nan_to_num(totals, nan=-np.inf)
    exact = exactness(audited, scenes)
    other = np.array([not exact(each, scenes[at]) for each, at in zip(candidates, places, strict=True)])
    best_other = np.array([total[(place == at) & other].max() for at in range(len(scenes))])

    def means(chosen: Callable[[Policy], bool]) -> dict[str, float]:
        found = {}
        for policy in dict.fromkeys(filter(chosen, policies)):
            mine = np.array([each is policy for each in policies])
            found[policy.name] = float(np.mean([total[mine & (place == at)].mean() for at in range(len(scenes))]))
        return found

    return means(lambda each: each.name in NON_SOLVING), means(lambda each: each.role == "blind"), best_other


def _of_findings(check_id: str, found: Audit, checks: Sequence[str], remediation: str) -> dict[str, Any]:
    """Return the result of checks that the audit has made: it passes if none of them failed."""
    failed: list[AuditFinding] = [each for each in found.of("check") if each.name in checks]
    evidence = "; ".join(f"{each.name}: {each.says}" for each in failed)
    return _result(check_id, not failed, {"failed": [each.name for each in failed]}, evidence, remediation)


def _result(check_id: str, passed: bool, measured: dict[str, Any], evidence: str, remediation: str) -> dict[str, Any]:
    """Return a `CheckResult`. Durations are not taken: a result is the same every time."""
    return {
        "check_id": check_id,
        "status": "pass" if passed else "fail",
        "measured": _plain(measured),
        "evidence": [] if passed else [evidence],
        "remediation": None if passed else remediation,
        "duration_s": 0.0,
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: None for what is no finite number."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
