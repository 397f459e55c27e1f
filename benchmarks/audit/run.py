"""The whole audit of one reward."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks.audit.checks import (
    BATCHED,
    check_cliff,
    check_isomorphic,
    check_length,
    check_repeatable,
    check_rules,
    probes,
)
from benchmarks.audit.constants import constant_answers
from benchmarks.audit.cost import cost_findings, measure
from benchmarks.audit.expected import CHANCES, N_GT, analyze_guessing
from benchmarks.audit.exploits import find_exploits, find_incentives
from benchmarks.audit.policies import POLICIES
from benchmarks.audit.search import SEARCH, find_learned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.audit.constants import ConstantAnswer
    from benchmarks.audit.cost import Cost
    from benchmarks.audit.expected import GuessAnalysis
    from benchmarks.audit.findings import AuditFinding, Kind
    from benchmarks.audit.groups import Groups
    from benchmarks.audit.reward import AuditedReward
    from benchmarks.audit.scenes import Scene
    from benchmarks.audit.search import Search
    from rewards.spec import TieredSpec

_UNSURE = 6  # scenes on which policies are unsure
_SEARCHED = 4  # scenes that the learned policy searches
_PROBED = 8  # scenes whose completions are scored again


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        name: of the reward.
        task: of the scenes.
        scenes: how many there were.
        policies: how many tried.
        findings: exploits, then incentives, then checks.
        cost: times, or None where they were not taken.
        expectation: of a tiered reward, what guessing is rewarded; otherwise empty.
        groups: of real predictions, ties and groups without variance.
        constants: of places, sets, words and maps, what the same answer to every question scores; otherwise empty.
    """

    name: str
    task: str
    scenes: int
    policies: int
    findings: tuple[AuditFinding, ...]
    cost: Cost | None = None
    expectation: tuple[GuessAnalysis, ...] = ()
    groups: Groups | None = None
    constants: tuple[ConstantAnswer, ...] = ()

    def of(self, kind: Kind) -> tuple[AuditFinding, ...]:
        """Return the findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)


def audit(
    audited: AuditedReward,
    scenes: Sequence[Scene],
    *,
    spec: TieredSpec | None = None,
    accuracies: Sequence[float] = (0.9, 0.6, 0.3),
    search: Search | None = SEARCH,
    timed: bool = True,
    further: Sequence[AuditFinding] = (),
    groups: Groups | None = None,
) -> Audit:
    """Audit a reward on scenes.

    A reward that looks at other rows of the batch fails a check, and everything else is scored one by one, so that the
    findings are the reward's and not the batch's. Of one that does not give the same twice there are neither incentives
    nor further checks, since an expectation cannot be told from noise.

    Args:
        audited: the reward.
        scenes: all of one task.
        spec: of our own tiered rewards, for the exact analysis.
        accuracies: chances of knowing each true record, for the learned policy.
        search: how long the learned policy searches; None leaves it out.
        timed: whether to measure the cost, the only part that is not the same every time.
        further: findings of checks that were made elsewhere, such as on the hash seed.
        groups: of real predictions.

    >>> from benchmarks.audit.reward import AuditedReward
    >>> from benchmarks.audit.scenes import draw_scenes
    >>> from rewards.functions import TaskReward
    >>> from rewards.tasks import load_task
    >>> audited = AuditedReward(TaskReward("tvr", "naive_binary"))
    >>> found = audit(audited, draw_scenes(load_task("tvr"), 4), search=None, timed=False)
    >>> found.of("exploit")[0].name
    'repeat'
    """
    task = scenes[0].task
    asked = probes(scenes[:_PROBED], POLICIES)
    repeatable = check_repeatable(audited, asked)
    broken = {finding.name for finding in repeatable}
    steady = "deterministic" not in broken
    single = replace(audited, alone=True) if broken.intersection(BATCHED) else audited
    exploits = find_exploits(single, scenes, POLICIES)
    names = {finding.name for finding in exploits}
    incentives = find_incentives(single, scenes[:_UNSURE], POLICIES, skip=names) if steady else []
    if search is not None:
        few = [scene for scene in scenes if len(scene.target) in (1, 2)][:_SEARCHED]
        learned = find_learned(single, few, accuracies if steady else (), search)
        exploits += [finding for finding in learned if finding.kind == "exploit"]
        incentives += [finding for finding in learned if finding.kind == "incentive"]
    checks = repeatable
    if steady:
        checks = [
            *check_rules(single, scenes),
            *check_cliff(single, scenes),
            *check_isomorphic(single, scenes[:_PROBED], POLICIES),
            *check_length(single, scenes[:_SEARCHED]),
            *repeatable,
            *further,
        ]
    cost = measure(audited, asked) if timed else None
    if cost is not None:
        checks += cost_findings(cost, scenes[0])
    return Audit(
        audited.name,
        task.name,
        len(scenes),
        sum(policy.is_for(task) for policy in POLICIES) + (search is not None),
        (*exploits, *incentives, *checks),
        cost,
        () if spec is None else analyze_guessing(spec),
        groups,
        constant_answers(single, scenes) if steady else (),
    )


def as_dict(found: Audit) -> dict[str, Any]:
    """Return an audit as plain values, for JSON; the curves stand over ``chances``."""
    plain = asdict(found)
    plain["findings"] = [_finding(each) for each in found.findings]
    plain["cost"] = (
        None
        if found.cost is None
        else found.cost._asdict() | {"growth": [each._asdict() for each in found.cost.growth]}
    )
    plain["constants"] = [each._asdict() for each in found.constants]
    plain["groups"] = None if found.groups is None else found.groups._asdict()
    plain["expectation"] = [
        each._asdict() | {"hedge": each.hedge._asdict(), "silence_pays": each.silence_pays}
        for each in found.expectation
    ]
    if found.expectation:
        plain |= {"chances": list(CHANCES), "n_gt": N_GT}
    return plain


def _finding(finding: AuditFinding) -> dict[str, Any]:
    plain = asdict(finding) | {"pays_while": finding.pays_while}
    for which in ("smallest", "largest"):
        example = getattr(finding, which)
        if example is not None:
            plain[which]["worlds"] = [
                {"target": world.target, "chance": world.chance}
                | {"paid": _number(world.paid), "against": _number(world.against)}
                for world in example.worlds
            ]
            plain[which] |= {"paid": _number(example.paid), "against": _number(example.against)}
    return plain


def _number(value: float) -> float | None:
    """Return a number as JSON knows it: None for what is none."""
    return value if math.isfinite(value) else None
