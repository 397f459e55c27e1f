"""What an audit found, as values, and the smallest example that shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from benchmarks.audit.reward import (
    COMMA,
    PLAIN,
    REASONING,
    TOLERANCE,
    Candidate,
    is_exact,
    score_candidates,
    write,
)
from benchmarks.audit.scenes import Scene, drop, drop_view, target_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.reward import AuditedReward
    from rewards.tiered import Record


Kind = Literal["exploit", "incentive", "check"]


class World(NamedTuple):
    """One way that things may be, and the rewards there.

    Attributes:
        target: the target; of questions with the true references.
        chance: that it is so.
        paid: the policy's reward.
        against: the reward of the exact answer, or, under uncertainty, of the honest best guess.
    """

    target: str
    chance: float
    paid: float
    against: float


@dataclass(frozen=True, slots=True)
class Example:
    """One case that shows a finding.

    Attributes:
        completion: what the policy writes.
        honest: what it is compared with: the exact answer, or the honest best guess.
        worlds: one where the scene is known; under uncertainty, all that may be; none where it is not about a reward.
    """

    completion: str
    honest: str
    worlds: tuple[World, ...]

    @property
    def paid(self) -> float:
        """The policy's expected reward."""
        return sum(world.chance * world.paid for world in self.worlds)

    @property
    def against(self) -> float:
        """What the exact answer, or the honest best guess, is rewarded, in expectation."""
        return sum(world.chance * world.against for world in self.worlds)


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that an audit found.

    Attributes:
        kind: ``"exploit"``: an answer that scores at least what a better one does, see `find_exploits`;
            ``"incentive"``: a policy that is rewarded more under uncertainty than the honest best guess; ``"check"``:
            the reward lacks a property that it should have.
        name: of the policy or the check.
        says: one line for people.
        share: of the scenes on which it shows, in [0, 1].
        smallest: the smallest example that shows it.
        largest: the example that gains most.
        about: of an incentive, what the policy is unsure of and how: ``"value, two candidates"``.
        size: of an incentive, the mean gain at the p where it is largest.
        at: that p, the chance that the guess is right.
        pays_between: of an incentive, the chances p between which it is profitable; an end inside the range is a
            break-even.
        means: of a policy that sees nothing, what it scores on average over the scenes and over all that it may write,
            and what the policy scores that it is compared with; the example is of one scene.
    """

    kind: Kind
    name: str
    says: str
    share: float = 1.0
    smallest: Example | None = None
    largest: Example | None = None
    about: str = ""
    size: float = 0.0
    at: float = 1.0
    pays_between: tuple[float, float] | None = None
    means: tuple[float, float] | None = None

    @property
    def pays_while(self) -> str:
        """Where an incentive is profitable, in words, with its break-even chance; empty for other findings."""
        if self.pays_between is None:
            return ""
        low, high = self.pays_between
        if self.about.endswith("likely not there"):
            return "always" if high >= 1 else f"when P(present) > {1 - high:.3g}"
        if high >= 1:
            return "always" if low <= 0 else f"when P(correct) > {low:.3g}"
        return f"when P(correct) < {high:.3g}"


_AT_ONCE = 24  # smaller cases that are scored in one call


class Counterexample(NamedTuple):
    """A case.

    Attributes:
        worlds: the scenes that may be.
        chances: of each, adding up to 1.
        honest: the exact answer, or the honest best guess.
        candidate: what is rewarded too much.
    """

    worlds: tuple[Scene, ...]
    chances: tuple[float, ...]
    honest: Candidate
    candidate: Candidate


def known_case(scene: Scene, honest: Candidate, candidate: Candidate) -> Counterexample:
    """Return the case of a scene that is known."""
    return Counterexample((scene,), (1.0,), honest, candidate)


def expected_totals(
    audited: AuditedReward, candidates: Sequence[Candidate], worlds: Sequence[Scene], chances: Sequence[float]
) -> NDArray[np.float64]:
    """Return each candidate's expected reward, (candidates,)."""
    rows = [candidate for candidate in candidates for _ in worlds]
    paid = score_candidates(audited, rows, [*worlds] * len(candidates)).reshape(len(candidates), len(worlds))
    expected: NDArray[np.float64] = paid @ np.asarray(chances)
    return expected


def gains(audited: AuditedReward, cases: Sequence[Counterexample]) -> NDArray[np.float64]:
    """Return how much more each candidate is rewarded than the honest one, in expectation, (cases,)."""
    candidates = [candidate for each in cases for candidate in (each.candidate, each.honest) for _ in each.worlds]
    scenes = [scene for each in cases for _ in range(2) for scene in each.worlds]
    paid = iter(score_candidates(audited, candidates, scenes).tolist())
    found = []
    for each in cases:
        mine, honest = (np.dot(list(islice(paid, len(each.worlds))), each.chances) for _ in range(2))
        found.append(float(mine - honest))
    return np.array(found)


def is_exploit(
    audited: AuditedReward,
    cases: Sequence[Counterexample],
    exact: Callable[[Candidate, Scene], bool] = is_exact,
) -> list[bool]:
    """Return which cases show an exploit: the candidate is not exact and scores at least what the exact one does."""
    paid = gains(audited, cases) >= -TOLERANCE
    return [
        bool(enough) and not exact(each.candidate, each.worlds[0]) for enough, each in zip(paid, cases, strict=True)
    ]


def is_incentive(audited: AuditedReward, cases: Sequence[Counterexample]) -> list[bool]:
    """Return which cases show an incentive: the candidate is rewarded more."""
    return [bool(gain > TOLERANCE) for gain in gains(audited, cases)]


def shrink(case: Counterexample, shows: Callable[[Sequence[Counterexample]], Sequence[bool]]) -> Counterexample:
    """Return a smallest case that still shows it: nothing can be left out of the scene or of the candidate.

    Args:
        case: where to start.
        shows: which cases show it, such as `is_exploit`.
    """
    while True:
        smaller = _smaller(case)
        while batch := list(islice(smaller, _AT_ONCE)):
            kept = next((each for each, still in zip(batch, shows(batch), strict=True) if still), None)
            if kept is not None:
                case = kept
                break
        else:
            return case


def _smaller(case: Counterexample) -> Iterator[Counterexample]:
    """Yield the same case with something left out, the largest steps first."""
    candidate = case.candidate
    if candidate.layout != PLAIN:
        yield case._replace(candidate=replace(candidate, layout=PLAIN))
    if candidate.separator != COMMA:
        yield case._replace(candidate=replace(candidate, separator=COMMA))
    for record in case.honest.items:
        if not isinstance(record, str) and len(case.honest.items) > 1:
            yield from _without_record(case, record)
    for at in range(len(case.worlds[0].references)):
        if len(case.worlds[0].references) > 1:
            yield _without_view(case, at)
    if len(candidate.reasoning) > len(REASONING):
        yield case._replace(candidate=replace(candidate, reasoning=REASONING))
        yield case._replace(
            candidate=replace(candidate, reasoning=candidate.reasoning[: len(candidate.reasoning) // 2])
        )
    step = len(candidate.items)
    while step > 0:
        for start in range(0, len(candidate.items), step):
            kept = candidate.items[:start] + candidate.items[start + step :]
            yield case._replace(candidate=replace(candidate, items=kept))
        step //= 2
    for view, names in enumerate(candidate.named):
        for name in names:
            fewer = tuple(other for other in names if other != name)
            named = (*candidate.named[:view], fewer, *candidate.named[view + 1 :])
            yield case._replace(candidate=replace(candidate, named=named))


def _without_record(case: Counterexample, record: Record) -> Iterator[Counterexample]:
    """Leave out a record that is true in all worlds, and what the candidate says of it or of its object."""
    if not all(record in world.target and len(world.target) > 1 for world in case.worlds):
        return
    worlds = tuple(drop(world, record) for world in case.worlds)
    honest = replace(case.honest, items=tuple(item for item in case.honest.items if item != record))
    for width in (1, None):
        items = tuple(item for item in case.candidate.items if item[:width] != record[:width])
        yield Counterexample(worlds, case.chances, honest, replace(case.candidate, items=items))


def _without_view(case: Counterexample, at: int) -> Counterexample:
    worlds = tuple(drop_view(world, at) for world in case.worlds)
    honest, candidate = (
        replace(each, named=(*each.named[:at], *each.named[at + 1 :])) for each in (case.honest, case.candidate)
    )
    return Counterexample(worlds, case.chances, honest, candidate)


def example(audited: AuditedReward, case: Counterexample) -> Example:
    """Return the case in words and numbers."""
    scenes = [*case.worlds]
    paid = score_candidates(audited, [case.candidate] * len(scenes), scenes).tolist()
    against = score_candidates(audited, [case.honest] * len(scenes), scenes).tolist()
    worlds = zip(map(truth_text, scenes), case.chances, paid, against, strict=True)
    return Example(
        write(case.candidate, scenes[0]), write(case.honest, scenes[0]), tuple(World(*each) for each in worlds)
    )


def truth_text(scene: Scene) -> str:
    """Return what is true in a scene: its target and, of questions, the references of each view."""
    views = [f"view {number}: {', '.join(names) or 'none'}" for number, names in enumerate(scene.references, start=1)]
    return "; ".join([target_text(scene), *views])
