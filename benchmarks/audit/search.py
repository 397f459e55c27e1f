"""The learned policy: an evolutionary search that maximizes the reward and knows the scene only so well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.exploits import exploit
from benchmarks.audit.findings import (
    AuditFinding,
    Counterexample,
    example,
    expected_totals,
    gains,
    is_incentive,
    known_case,
    shrink,
)
from benchmarks.audit.policies import LONG
from benchmarks.audit.reward import COMMA, OR, PLAIN, REASONING, TOLERANCE, exactness, honest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.audit.reward import AuditedReward, Candidate
    from benchmarks.audit.scenes import Scene
    from rewards.tiered import Record


LONGEST = 12
"""Pieces of an answer up to which the search goes."""

LAYOUTS = (
    PLAIN,
    "{answer}",
    "<think>{reasoning} <answer>{answer}</answer></think><answer></answer>",
    "<think>{reasoning}</think><answer></answer><answer>{answer}</answer>",
    "<think>{reasoning}</think><answer>{answer}</answer> {answer}",
)
SEPARATORS = (COMMA, "</answer><answer>", OR)


@dataclass(frozen=True, slots=True)
class Search:
    """How long to search.

    Attributes:
        rounds: generations.
        brood: candidates that are scored in each.
        keep: of them, the best that have offspring.
        seed: of the search.
    """

    rounds: int = 16
    brood: int = 24
    keep: int = 6
    seed: int = 0


SEARCH = Search()


def find_learned(
    audited: AuditedReward,
    scenes: Sequence[Scene],
    accuracies: Sequence[float] = (0.9, 0.6, 0.3),
    search: Search = SEARCH,
) -> list[AuditFinding]:
    """Search each scene for answers that are rewarded too much; no policy tells the search what to try.

    Args:
        audited: the reward.
        scenes: with one or two true records, the worlds that may be are otherwise too many.
        accuracies: chances of knowing each true record, or the answer of a question, for the search for incentives.
        search: how long.

    Returns:
        At most one exploit (the scene is known) and one incentive for each accuracy.
    """
    hits = []
    exact = exactness(audited, scenes)
    for scene in scenes:
        start = known_case(scene, honest(scene), honest(scene))
        candidate, gain = evolve(audited, start, search, exact=exact)
        if gain >= -TOLERANCE:
            hits.append((gain, known_case(scene, honest(scene), candidate)))
    said = ("learned", "an evolutionary search that knows the scene and maximizes the reward")
    found = [exploit(audited, said, hits, scenes=len(scenes), exact=exact)] if hits else []
    for p in accuracies:
        found += _incentive(audited, scenes, p, search)
    return found


def _incentive(audited: AuditedReward, scenes: Sequence[Scene], p: float, search: Search) -> list[AuditFinding]:
    """Return the finding of a search that knows each true record with chance p, if it is rewarded more than honesty."""
    gained = []
    for at, scene in enumerate(scenes):
        guess = believe(scene, p, np.random.default_rng([search.seed, at]))
        start = Counterexample(guess.worlds, guess.chances(p), honest(scene), honest(scene))
        candidate, gain = evolve(audited, start, search)
        gained.append((gain, start._replace(candidate=candidate), guess))
    cases = [case for case in gained if case[0] > TOLERANCE]
    if not cases:
        return []
    smallest = min(cases, key=lambda case: (len(case[1].honest.items), len(case[1].candidate.items)))[1]
    return [
        AuditFinding(
            "incentive",
            "learned",
            "evolutionary search maximizing the reward",
            share=len(cases) / len(scenes),
            smallest=example(audited, shrink(smallest, partial(is_incentive, audited))),
            largest=example(audited, max(cases, key=lambda case: case[0])[1]),
            about=f"each true record known with chance {p:g}",
            size=float(np.mean([gain for gain, *_ in gained])),
            at=p,
            pays_between=_pays_between(audited, [case[1:] for case in cases], p),
        )
    ]


def _pays_between(
    audited: AuditedReward, cases: Sequence[tuple[Counterexample, Guess]], p: float
) -> tuple[float, float]:
    """Return around *p* the chances, in thousandths, between which the candidates found at *p* gain on average."""
    grid = np.linspace(0.0, 1.0, 1001)
    gain = np.zeros_like(grid)
    for case, guess in cases:
        each = np.eye(len(case.worlds))
        by_world = [gains(audited, [case._replace(chances=tuple(one))])[0] for one in each]
        gain += np.array([guess.chances(chance) for chance in grid]) @ by_world
    at = int(np.searchsorted(grid, p))
    low = high = at
    while low > 0 and gain[low - 1] > TOLERANCE:
        low -= 1
    while high < len(grid) - 1 and gain[high + 1] > TOLERANCE:
        high += 1
    return float(grid[low]), float(grid[high])


class Guess(NamedTuple):
    """The worlds that a policy holds possible.

    Attributes:
        worlds: one for each combination of candidates, the best guess first.
        others: for each world and true record, how many candidates there are beside the guess, and whether the world
            has the guess.
    """

    worlds: tuple[Scene, ...]
    others: tuple[tuple[tuple[int, bool], ...], ...]

    def chances(self, p: float) -> tuple[float, ...]:
        """Return the chance of each world if each guess is right with chance p, or as likely as the others."""
        return tuple(float(np.prod([_chance(p, *each) for each in world])) for world in self.others)


def _chance(p: float, others: int, guessed: bool) -> float:
    right = max(p, 1 / (others + 1))
    return right if guessed else (1 - right) / others


def believe(scene: Scene, p: float, rng: np.random.Generator) -> Guess:
    """Return what a policy holds possible which knows each true record with chance p.

    What a record may be instead shares its first fields, as many as are drawn; there are so many such candidates that
    the guess is the likeliest.
    """
    alternatives: list[list[tuple[Record, int, bool]]] = []
    for record in scene.target:
        sure = int(rng.integers(len(record)))
        taken = {true[: sure + 1] for true in scene.target}
        near = [each for each in scene.universe if each[:sure] == record[:sure] and each[: sure + 1] not in taken]
        many = min(len(near), max(1, int(np.ceil(1 / max(p, 0.1))) - 1))
        others = [near[place] for place in rng.permutation(len(near))[:many]]
        alternatives.append([(record, many, True), *((other, many, False) for other in others)])
    combinations = list(product(*alternatives))
    worlds = tuple(replace(scene, target=tuple(record for record, *_ in each)) for each in combinations)
    return Guess(worlds, tuple(tuple((many, guessed) for _, many, guessed in each) for each in combinations))


def evolve(
    audited: AuditedReward,
    start: Counterexample,
    search: Search,
    exact: Callable[[Candidate, Scene], bool] | None = None,
) -> tuple[Candidate, float]:
    """Return the candidate that the search ends with, and how much more it is rewarded than the honest one.

    Args:
        audited: the reward.
        start: the worlds, and the honest candidate from which the search sets out.
        search: how long.
        exact: what is exact in the first world, which it may not end with; None: it may end with anything.
    """
    rng = np.random.default_rng(search.seed)
    pool = answer_pool(start)
    baseline = float(expected_totals(audited, [start.honest], start.worlds, start.chances)[0])
    paid = {start.honest: baseline}
    for _ in range(search.rounds):
        parents = sorted(paid, key=lambda candidate: -paid[candidate])[: search.keep]
        brood = {mutate(parents[int(rng.integers(len(parents)))], start, pool, rng) for _ in range(search.brood)}
        fresh = sorted(
            (candidate for candidate in brood if candidate not in paid), key=repr
        )  # sets have no order of their own
        expected = expected_totals(audited, fresh, start.worlds, start.chances)
        paid |= zip(fresh, np.nan_to_num(expected, nan=-np.inf).tolist(), strict=True)
    allowed = [candidate for candidate in paid if exact is None or not exact(candidate, start.worlds[0])]
    best = max(allowed, key=lambda candidate: paid[candidate])
    return best, paid[best] - baseline


def answer_pool(start: Counterexample) -> list[Record]:
    """Return the records to draw from: those that may be true as often as those that share something with them."""
    likely = list(dict.fromkeys(record for world in start.worlds for record in world.target))
    universe = start.worlds[0].universe
    near = [each for each in universe if any(each[:1] == record[:1] for record in likely)]
    return [*likely * max(1, len(near) // len(likely)), *near, *universe[:: max(1, len(universe) // 20)]]


def mutate(candidate: Candidate, start: Counterexample, pool: Sequence[Record], rng: np.random.Generator) -> Candidate:
    """Return a candidate with one thing changed at random: an item, a name, the layout, a separator, the reasoning."""
    moves: list[Callable[[], Candidate]] = [
        lambda: _insert(candidate, pool[int(rng.integers(len(pool)))], rng),
        lambda: _insert(candidate, pool[int(rng.integers(len(pool)))], rng),
        lambda: _remove(candidate, rng),
        lambda: _insert(_remove(candidate, rng), pool[int(rng.integers(len(pool)))], rng),
        lambda: _rename(candidate, start, rng),
        lambda: replace(candidate, layout=LAYOUTS[int(rng.integers(len(LAYOUTS)))]),
        lambda: replace(candidate, separator=SEPARATORS[int(rng.integers(len(SEPARATORS)))]),
        lambda: replace(candidate, reasoning=(REASONING, LONG, "")[int(rng.integers(3))]),
    ]
    return moves[int(rng.integers(len(moves)))]()


def _insert(candidate: Candidate, record: Record, rng: np.random.Generator) -> Candidate:
    if len(candidate.items) >= LONGEST:
        return candidate
    at = int(rng.integers(len(candidate.items) + 1))
    return replace(candidate, items=(*candidate.items[:at], record, *candidate.items[at:]))


def _remove(candidate: Candidate, rng: np.random.Generator) -> Candidate:
    if not candidate.items:
        return candidate
    at = int(rng.integers(len(candidate.items)))
    return replace(candidate, items=(*candidate.items[:at], *candidate.items[at + 1 :]))


def _rename(candidate: Candidate, start: Counterexample, rng: np.random.Generator) -> Candidate:
    """Name one visible object more, or one less, in one view of a question."""
    if not candidate.named:
        return candidate
    view = int(rng.integers(len(candidate.named)))
    visible = start.worlds[0].visible[view]
    if not visible:
        return candidate
    name = visible[int(rng.integers(len(visible)))]
    names = candidate.named[view]
    changed = tuple(other for other in names if other != name) if name in names else (*names, name)
    return replace(candidate, named=(*candidate.named[:view], changed, *candidate.named[view + 1 :]))
