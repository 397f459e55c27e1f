"""A learned policy: an evolutionary search over drafts that is paid by the reward and knows the scene only so well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.attacks import exploit
from benchmarks.audit.drafts import COMMA, OR, PLAIN, REASONING, honest, is_exact
from benchmarks.audit.findings import Finding
from benchmarks.audit.payment import TOLERANCE
from benchmarks.audit.policies import LONG
from benchmarks.audit.showing import Showing, example, expect, gains, known, shrink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.audit.drafts import Draft
    from benchmarks.audit.payment import Payer
    from benchmarks.audit.scenes import Scene
    from rewards.conflicts import Record

LONGEST = 12
"""Pieces of an answer up to which the search goes."""

LAYOUTS = (
    PLAIN,
    "{answer}",
    "<think>{reasoning} <answer>{answer}</answer></think><answer></answer>",
    "<think>{reasoning}</think><answer></answer><answer>{answer}</answer>",
    "<think>{reasoning}</think><answer>{answer}</answer> {answer}",
)
JOINTS = (COMMA, "</answer><answer>", OR)


@dataclass(frozen=True, slots=True)
class Search:
    """How long to search.

    Attributes:
        rounds: generations.
        brood: drafts that are paid in each.
        keep: of them, the best that have offspring.
        seed: of the search.
    """

    rounds: int = 16
    brood: int = 24
    keep: int = 6
    seed: int = 0


SEARCH = Search()


def find_learned(
    payer: Payer,
    scenes: Sequence[Scene],
    accuracies: Sequence[float] = (0.9, 0.6, 0.3),
    search: Search = SEARCH,
) -> list[Finding]:
    """Search each scene for answers that are paid too much; no policy tells the search what to try.

    Args:
        payer: the reward.
        scenes: with one or two true records, the worlds that may be are otherwise too many.
        accuracies: chances of knowing each true record, or the answer of a question, for the search for incentives.
        search: how long.

    Returns:
        At most one exploit (the scene is known) and one incentive for each accuracy.
    """
    hits = []
    for scene in scenes:
        draft, gain = evolve(payer, Showing((scene,), (1.0,), honest(scene), honest(scene)), search, exact=False)
        if gain >= -TOLERANCE:
            hits.append((gain, known(scene, honest(scene), draft)))
    found = [exploit(payer, "learned", "a search that knows the scene", hits, len(scenes))] if hits else []
    for p in accuracies:
        found += _incentive(payer, scenes, p, search)
    return found


def _incentive(payer: Payer, scenes: Sequence[Scene], p: float, search: Search) -> list[Finding]:
    """Return the finding of a search that knows each true record with chance p, if it is paid more than honesty."""
    gained = []
    for at, scene in enumerate(scenes):
        guess = believe(scene, p, np.random.default_rng([search.seed, at]))
        start = Showing(guess.worlds, guess.chances(p), honest(scene), honest(scene))
        draft, gain = evolve(payer, start, search, exact=True)
        gained.append((gain, start._replace(draft=draft), guess))
    cases = [case for case in gained if case[0] > TOLERANCE]
    if not cases:
        return []
    smallest = min(cases, key=lambda case: (len(case[1].honest.pieces), len(case[1].draft.pieces)))[1]
    return [
        Finding(
            "incentive",
            "learned",
            "a search that is paid by the reward",
            share=len(cases) / len(scenes),
            smallest=example(payer, shrink(payer, smallest, exploit=False)),
            largest=example(payer, max(cases, key=lambda case: case[0])[1]),
            about=f"each true record known with chance {p:g}",
            size=float(np.mean([gain for gain, *_ in gained])),
            at=p,
            pays_between=_pays_between(payer, [case[1:] for case in cases], p),
        )
    ]


def _pays_between(payer: Payer, cases: Sequence[tuple[Showing, Guess]], p: float) -> tuple[float, float]:
    """Return around *p* the chances, in thousandths, between which the drafts found at *p* gain on average."""
    grid = np.linspace(0.0, 1.0, 1001)
    gain = np.zeros_like(grid)
    for showing, guess in cases:
        each = np.eye(len(showing.worlds))
        by_world = [gains(payer, [showing._replace(chances=tuple(one))])[0] for one in each]
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
    candidates: list[list[tuple[Record, int, bool]]] = []
    for record in scene.target:
        sure = int(rng.integers(len(record)))
        taken = {true[: sure + 1] for true in scene.target}
        near = [each for each in scene.universe if each[:sure] == record[:sure] and each[: sure + 1] not in taken]
        many = min(len(near), max(1, int(np.ceil(1 / max(p, 0.1))) - 1))
        others = [near[place] for place in rng.permutation(len(near))[:many]]
        candidates.append([(record, many, True), *((other, many, False) for other in others)])
    combinations = list(product(*candidates))
    worlds = tuple(replace(scene, target=tuple(record for record, *_ in each)) for each in combinations)
    return Guess(worlds, tuple(tuple((many, guessed) for _, many, guessed in each) for each in combinations))


def evolve(payer: Payer, start: Showing, search: Search, *, exact: bool) -> tuple[Draft, float]:
    """Return the draft that the search ends with, and how much more it is paid than the honest one.

    Args:
        payer: the reward.
        start: the worlds, and the honest draft from which the search sets out.
        search: how long.
        exact: whether the exact answer of the first world may be what it ends with.
    """
    rng = np.random.default_rng(search.seed)
    pool = _pool(start)
    baseline = float(expect(payer, [start.honest], start.worlds, start.chances)[0])
    paid = {start.honest: baseline}
    for _ in range(search.rounds):
        parents = sorted(paid, key=lambda draft: -paid[draft])[: search.keep]
        brood = {_mutate(parents[int(rng.integers(len(parents)))], start, pool, rng) for _ in range(search.brood)}
        fresh = sorted((draft for draft in brood if draft not in paid), key=repr)  # sets have no order of their own
        expected = expect(payer, fresh, start.worlds, start.chances)
        paid |= zip(fresh, np.nan_to_num(expected, nan=-np.inf).tolist(), strict=True)
    allowed = [draft for draft in paid if exact or not is_exact(draft, start.worlds[0])]
    best = max(allowed, key=lambda draft: paid[draft])
    return best, paid[best] - baseline


def _pool(start: Showing) -> list[Record]:
    """Return the records to draw from: those that may be true as often as those that share something with them."""
    likely = list(dict.fromkeys(record for world in start.worlds for record in world.target))
    universe = start.worlds[0].universe
    near = [each for each in universe if any(each[:1] == record[:1] for record in likely)]
    return [*likely * max(1, len(near) // len(likely)), *near, *universe[:: max(1, len(universe) // 20)]]


def _mutate(draft: Draft, start: Showing, pool: Sequence[Record], rng: np.random.Generator) -> Draft:
    moves: list[Callable[[], Draft]] = [
        lambda: _insert(draft, pool[int(rng.integers(len(pool)))], rng),
        lambda: _insert(draft, pool[int(rng.integers(len(pool)))], rng),
        lambda: _remove(draft, rng),
        lambda: _insert(_remove(draft, rng), pool[int(rng.integers(len(pool)))], rng),
        lambda: _rename(draft, start, rng),
        lambda: replace(draft, layout=LAYOUTS[int(rng.integers(len(LAYOUTS)))]),
        lambda: replace(draft, joint=JOINTS[int(rng.integers(len(JOINTS)))]),
        lambda: replace(draft, reasoning=(REASONING, LONG, "")[int(rng.integers(3))]),
    ]
    return moves[int(rng.integers(len(moves)))]()


def _insert(draft: Draft, record: Record, rng: np.random.Generator) -> Draft:
    if len(draft.pieces) >= LONGEST:
        return draft
    at = int(rng.integers(len(draft.pieces) + 1))
    return replace(draft, pieces=(*draft.pieces[:at], record, *draft.pieces[at:]))


def _remove(draft: Draft, rng: np.random.Generator) -> Draft:
    if not draft.pieces:
        return draft
    at = int(rng.integers(len(draft.pieces)))
    return replace(draft, pieces=(*draft.pieces[:at], *draft.pieces[at + 1 :]))


def _rename(draft: Draft, start: Showing, rng: np.random.Generator) -> Draft:
    """Name one visible object more, or one less, in one view of a question."""
    if not draft.named:
        return draft
    view = int(rng.integers(len(draft.named)))
    visible = start.worlds[0].visible[view]
    if not visible:
        return draft
    name = visible[int(rng.integers(len(visible)))]
    names = draft.named[view]
    changed = tuple(other for other in names if other != name) if name in names else (*names, name)
    return replace(draft, named=(*draft.named[:view], changed, *draft.named[view + 1 :]))
