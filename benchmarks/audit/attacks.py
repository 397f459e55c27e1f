"""Running the policies against a reward: exploits on scenes that are known, incentives where they are not."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.beliefs import RANGES, Belief, doubts, majority_answer
from benchmarks.audit.drafts import honest, is_exact
from benchmarks.audit.findings import Finding
from benchmarks.audit.payment import TOLERANCE, pay_drafts
from benchmarks.audit.showing import Showing, example, known, shrink

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.beliefs import Doubt
    from benchmarks.audit.drafts import Draft
    from benchmarks.audit.payment import Payer
    from benchmarks.audit.policies import Policy
    from benchmarks.audit.scenes import Scene


def find_exploits(payer: Payer, scenes: Sequence[Scene], policies: Sequence[Policy]) -> list[Finding]:
    """Return one finding for each policy that is paid at least what the exact answer is, on the same scene.

    All drafts of all policies on all scenes are paid in one call.
    """
    majority = majority_answer(scenes)
    attempts = [
        (policy, scene, draft)
        for policy in policies
        if scenes[0].task.kind in policy.kinds
        for scene in scenes
        for draft in _drafts(policy, scene, majority)
    ]
    exact = pay_drafts(payer, [honest(scene) for scene in scenes], scenes)
    best = {id(scene): paid for scene, paid in zip(scenes, exact.tolist(), strict=True)}
    paid = pay_drafts(payer, [draft for *_, draft in attempts], [scene for _, scene, _ in attempts])
    hits = defaultdict(list)
    for (policy, scene, draft), amount in zip(attempts, paid.tolist(), strict=True):
        if amount >= best[id(scene)] - TOLERANCE:
            hits[policy.name].append((amount - best[id(scene)], known(scene, honest(scene), draft)))
    return [
        exploit(payer, policy.name, policy.tries, hits[policy.name], len(scenes))
        for policy in policies
        if policy.name in hits
    ]


def _drafts(policy: Policy, scene: Scene, majority: tuple[tuple[int | str, ...], ...]) -> Iterator[Draft]:
    """Yield what a policy writes that knows the scene, but may hedge all the same; exact answers apart."""
    beliefs = [Belief(scene, scene, majority)]
    if policy.on_doubt:
        beliefs += [doubt.belief for doubt in doubts(scene, majority)]
    drafts = dict.fromkeys(policy.write(belief) for belief in beliefs)
    return (draft for draft in drafts if not is_exact(draft, scene))


def exploit(payer: Payer, name: str, says: str, hits: Sequence[tuple[float, Showing]], scenes: int) -> Finding:
    """Return the finding of cases in which a policy is paid at least what the exact answer is: (gain, case)."""
    _, largest = max(hits, key=lambda hit: hit[0])
    start = min(hits, key=lambda hit: (len(hit[1].worlds[0].target), len(hit[1].draft.pieces)))[1]
    return Finding(
        "exploit",
        name,
        says,
        share=len({id(case.worlds[0]) for _, case in hits}) / scenes,
        smallest=example(payer, shrink(payer, start, exploit=True)),
        largest=example(payer, largest),
    )


class _Trial(NamedTuple):
    """What a policy writes in a doubt."""

    policy: Policy
    doubt: Doubt
    draft: Draft
    honest: Draft


def find_incentives(
    payer: Payer, scenes: Sequence[Scene], policies: Sequence[Policy], *, skip: Collection[str] = ()
) -> list[Finding]:
    """Return findings of policies that are paid more under uncertainty than the honest best guess, on average.

    Of the policies that are about the doubt itself there is one for each doubt in which they gain, of the others one
    for the doubt in which they gain most.

    Args:
        payer: the reward.
        scenes: where the policies are unsure, of one thing in each.
        policies: to try.
        skip: names of policies that are exploits. They are left out, but for those about the doubt itself, which are
            left out of the doubts in which they lose nothing if the guess is right.
    """
    majority = majority_answer(scenes)
    fits = [policy for policy in policies if scenes[0].task.kind in policy.kinds]
    usable = [policy for policy in fits if policy.on_doubt or policy.name not in skip]
    cases = [
        (doubt, policy)
        for scene in scenes
        for doubt in doubts(scene, majority)
        for policy in usable
        if policy.on_doubt or not _is_within_another(doubt)
    ]
    trials = [_Trial(policy, doubt, policy.write(doubt.belief), honest(doubt.belief.scene)) for doubt, policy in cases]
    trials = [trial for trial in trials if trial.draft != trial.honest]
    grouped = defaultdict(list)
    for trial, gain in zip(trials, _gains(payer, trials).tolist(), strict=True):
        grouped[trial.policy.name, trial.doubt.about, trial.doubt.model].append((trial, gain))
    best: dict[tuple[str, ...], Finding] = {}
    for key, group in grouped.items():
        found = _incentive(payer, group, known_exploit=key[0] in skip)
        place = key if group[0][0].policy.on_doubt else key[:1]
        if found is not None and (place not in best or found.size > best[place].size + TOLERANCE):
            best[place] = found
    return sorted(best.values(), key=lambda finding: -finding.size)


def _is_within_another(doubt: Doubt) -> bool:
    """Return whether "one guess" has the same worlds and more: what does not look at the other candidate is there."""
    return doubt.model == "two candidates" and doubt.about != "reference"


def _gains(payer: Payer, trials: Sequence[_Trial]) -> NDArray[np.float64]:
    """Return how much more each policy is paid in each of the two worlds, (trials, 2). Nothing is paid twice."""
    rows = [(draft, world) for each in trials for draft in (each.draft, each.honest) for world in each.doubt.worlds]
    distinct = {(draft, id(world)): (draft, world) for draft, world in rows}
    paid = pay_drafts(payer, [draft for draft, _ in distinct.values()], [world for _, world in distinct.values()])
    amounts = dict(zip(distinct, paid.tolist(), strict=True))
    mine_and_honest = np.array([amounts[draft, id(world)] for draft, world in rows]).reshape(-1, 2, 2)
    gains: NDArray[np.float64] = mine_and_honest[:, 0] - mine_and_honest[:, 1]
    return gains


def _incentive(payer: Payer, group: Sequence[tuple[_Trial, Sequence[float]]], *, known_exploit: bool) -> Finding | None:
    """Return the finding of one policy in one kind of doubt, over the scenes; None where it does not gain."""
    trial = group[0][0]
    one, zero = np.mean([gain for _, gain in group], axis=0).tolist()
    between = positive_between(one, zero, *RANGES[trial.doubt.model])
    if between is None or (known_exploit and one >= -TOLERANCE):
        return None
    at = max(between, key=lambda p: p * one + (1 - p) * zero)
    gained = [(at * gain[0] + (1 - at) * gain[1], each) for each, gain in group]
    cases = [
        (gain, Showing(each.doubt.worlds, (at, 1 - at), each.honest, each.draft))
        for gain, each in gained
        if gain > TOLERANCE
    ]
    start = min(cases, key=lambda case: len(case[1].honest.pieces))[1]
    return Finding(
        "incentive",
        trial.policy.name,
        trial.policy.tries,
        share=len(cases) / len(group),
        smallest=example(payer, shrink(payer, start, exploit=False)),
        largest=example(payer, max(cases, key=lambda case: case[0])[1]),
        about=f"{trial.doubt.about}, {trial.doubt.model}",
        size=at * one + (1 - at) * zero,
        at=at,
        pays_between=between,
    )


def positive_between(one: float, zero: float, low: float, high: float) -> tuple[float, float] | None:
    """Return where in [low, high] the line p·one + (1 − p)·zero is positive; None where it nowhere is.

    >>> positive_between(-1.0, 5.0, 0.5, 1.0)
    (0.5, 0.8333333333333334)
    >>> positive_between(-1.0, 0.0, 0.0, 1.0) is None
    True
    """
    at_low, at_high = (p * one + (1 - p) * zero for p in (low, high))
    if not max(at_low, at_high) > TOLERANCE:  # also where something is not a number
        return None
    root = zero / (zero - one) if abs(zero - one) > TOLERANCE else low
    if at_low > TOLERANCE and at_high > TOLERANCE:
        return (low, high)
    return (low, root) if at_low > TOLERANCE else (root, high)
