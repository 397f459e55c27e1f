"""Exact expectations of tiered rewards: what guessing, hedging and silence score, from the chance of being right.

The model: a scene has true records that share no field with each other. For each of them a policy holds candidates, of
which at most one is true, each with its chance; the rest of the chance is on a record that it does not think of.
A wrong candidate still reaches one tier (or none): that is what the policy knows for sure, e.g. the object. It names so
many candidates of each, the likeliest last, and is rewarded with R_acc. Nothing is sampled: of one record there are as
many outcomes as candidates, and R_acc is affine in the numbers of matches.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rewards.errors import ConfigError, nearest
from rewards.tiered import Counts, count_matches, reward_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rewards.spec import TieredSpec
    from rewards.tiered import Record


MOST_GUESSES = 4
"""Guesses at one record up to which plans are compared."""


class GuessPlan(NamedTuple):
    """How many candidates of each true record a policy names, and its expected reward."""

    named: tuple[int, ...]
    expected: float


def successive(p: float, guesses: int = MOST_GUESSES) -> tuple[float, ...]:
    """Return the chances of candidates each of which is right with chance p, given that those before are wrong.

    >>> successive(0.5, 3)
    (0.5, 0.25, 0.125)
    """
    return tuple(p * (1 - p) ** at for at in range(guesses))


def expected_reward(
    spec: TieredSpec, chances: Sequence[Sequence[float]], named: Sequence[int], *, sure: str | None = None
) -> float:
    """Return the expected R_acc.

    Args:
        spec: the reward.
        chances: for each true record, the chances of the candidates, the likeliest first, adding up to at most 1.
        named: for each true record, how many of its candidates are named.
        sure: the tier, by its part, that a wrong candidate still reaches; None where it reaches none.

    Raises:
        ConfigError: for an unknown tier, or chances that are none.

    >>> from rewards import TVR
    >>> hedge, honest = expected_reward(TVR, [(0.5, 0.5)], [2]), expected_reward(TVR, [(0.5, 0.5)], [1])
    >>> hedge, honest
    (4.0, 2.0)
    """
    for each, many in zip(chances, named, strict=True):
        if sum(each) > 1 + 1e-9 or min(each, default=0.0) < 0 or not 0 <= many <= len(each):
            raise ConfigError(
                f"chances {tuple(each)} with {many} named: they add up to at most 1, and all named have one"
            )
    if spec.rule == "binary":
        return float(all(many == 1 for many in named)) * float(np.prod([each[0] for each in chances if each]))
    matches = [
        np.array([*each, max(0.0, 1.0 - sum(each))]) @ guess_outcomes(spec, len(each), many, sure)
        for each, many in zip(chances, named, strict=True)
    ]
    return float(total_given_matches(spec, np.sum(matches, axis=0), sum(named), len(chances)))


def guess_outcomes(spec: TieredSpec, candidates: int, named: int, sure: str | None) -> NDArray[np.int64]:
    """Return the matches of one true record, (candidates + 1, tiers): by which candidate it is, the last for none.

    Args:
        spec: the reward.
        candidates: how many there are.
        named: how many of them are named, the likeliest last.
        sure: the tier, by its part, that a wrong candidate still reaches; None where it reaches none.
    """
    said = [_record(spec, candidate, sure) for candidate in reversed(range(named))]
    truths = [[_record(spec, candidate, sure)] for candidate in range(candidates + 1)]
    return count_matches(spec, [said] * len(truths), [0] * len(truths), truths).matched


def total_given_matches(spec: TieredSpec, matches: NDArray[np.float64], n_pred: int, n_gt: int) -> NDArray[np.float64]:
    """Return the expected R_acc, (...); it is affine in the numbers of matches.

    Args:
        spec: the reward.
        matches: the expected matches at each tier, (..., tiers).
        n_pred: predictions.
        n_gt: true records.
    """
    nothing, *one_more = _marginal(spec, n_pred, n_gt)
    total: NDArray[np.float64] = nothing + matches @ (np.array(one_more) - nothing)
    return total


def _record(spec: TieredSpec, candidate: int, sure: str | None, change: int = 0) -> Record:
    """Return an abstract record: what is known of a change, and for the other fields which candidate it is."""
    if sure is not None and sure not in spec.parts[1:]:
        raise ConfigError(f"unknown tier {sure!r} below the exact one{nearest(sure, list(spec.parts[1:]))}")
    known = spec.table[spec.parts.index(sure)] if sure is not None else ()
    return tuple(f"{change}" if field in known else f"{change}:{candidate}" for field in spec.fields)


def _marginal(spec: TieredSpec, n_pred: int, n_gt: int) -> list[float]:
    """Return R_acc of so many predictions without a match, and with one match at each tier."""
    tiers = len(spec.table)
    matched = np.vstack([np.zeros(tiers, dtype=np.int64), np.eye(tiers, dtype=np.int64)])
    rows = np.ones(tiers + 1, dtype=np.int64)
    counts = Counts(matched, n_pred * rows, n_gt * rows, np.zeros(tiers + 1, dtype=np.bool_))
    total: list[float] = np.sum([*reward_parts(spec, counts).values()], axis=0).tolist()
    return total


class GuessPlans(NamedTuple):
    """Every way to spread guesses over the true records, the fewest predictions first.

    Attributes:
        named: for each plan, how many candidates of each true record it names.
        expected: its expected reward, (plans, chances).
        best: the place of the plan of the highest expected reward, of equals the one with the fewest predictions,
            (chances,).
    """

    named: tuple[tuple[int, ...], ...]
    expected: NDArray[np.float64]
    best: NDArray[np.int64]


def compare_plans(spec: TieredSpec, n_gt: int, ps: Sequence[float], *, sure: str | None = None) -> GuessPlans:
    """Compare plans where each guess is right with chance p, given that those before it at the record are wrong.

    Args:
        spec: the reward.
        n_gt: number of true records.
        ps: chances, (chances,).
        sure: the tier that a wrong guess still reaches.
    """
    spread = combinations_with_replacement(range(MOST_GUESSES, -1, -1), n_gt)
    named = tuple(sorted(spread, key=lambda plan: (sum(plan), plan)))
    expected = np.zeros((len(named), len(ps)))
    if spec.rule == "binary":
        expected[named.index((1,) * n_gt)] = np.asarray(ps) ** n_gt
    else:
        chances = np.array([successive(p) for p in ps]).reshape(-1, MOST_GUESSES)
        weights = np.column_stack([chances, 1.0 - chances.sum(axis=1)])
        matches = [weights @ guess_outcomes(spec, MOST_GUESSES, many, sure) for many in range(MOST_GUESSES + 1)]
        for at, plan in enumerate(named):
            expected[at] = total_given_matches(spec, np.sum([matches[many] for many in plan], axis=0), sum(plan), n_gt)
    return GuessPlans(named, expected, np.argmax(expected >= expected.max(axis=0) - 1e-9, axis=0))


def best_plan(spec: TieredSpec, n_gt: int, p: float, *, sure: str | None = None) -> GuessPlan:
    """Return the plan of the highest expected reward; of equals, the one with the fewest predictions.

    >>> from rewards import TVR
    >>> best_plan(TVR, 2, 0.9).named, best_plan(TVR, 2, 0.5).named
    ((1, 1), (2, 2))
    """
    found = compare_plans(spec, n_gt, [p], sure=sure)
    best = int(found.best[0])
    return GuessPlan(found.named[best], float(found.expected[best, 0]))


def guess_pays_from(spec: TieredSpec, *, beyond: bool, sure: str | None = None) -> float | None:
    """Return the chance of being right from which one guess more is profitable; None where it never does.

    Args:
        spec: the reward.
        beyond: whether there are already as many predictions as true records, one of them a miss (so that the guess
            can still match); otherwise one record has no prediction yet, and below the chance silence is better.
        sure: the tier that the guess reaches if it is wrong.

    >>> from rewards import TVR
    >>> guess_pays_from(TVR, beyond=True), guess_pays_from(TVR, beyond=False)
    (0.16666666666666666, 0.0)
    """
    certain = _record(spec, 0, sure, change=1)
    truth, wrong = _record(spec, 0, sure), _record(spec, 1, sure)
    before = [certain, *([_record(spec, 0, None, change=2)] if beyond else [])]
    rows = [before, [*before, truth], [*before, wrong]]
    counts = count_matches(spec, rows, [0] * 3, [[certain, truth]] * 3)
    silent, hit, miss = np.sum([*reward_parts(spec, counts).values()], axis=0).tolist()
    if max(hit, miss) <= silent + 1e-9:
        return None
    return float(np.clip((silent - miss) / (hit - miss), 0.0, 1.0)) if hit > miss else 0.0


class Hedge(NamedTuple):
    """Naming both of two candidates for one record instead of the likelier.

    Attributes:
        gain: how much more reward it gets where both are as likely.
        pays_below: the chance of the likelier, in [1/2, 1], below which it is profitable; 1/2 where it never does.
    """

    gain: float
    pays_below: float


def hedge(spec: TieredSpec, *, sure: str | None = None) -> Hedge:
    """Return the reward of hedging between two candidates; the gain is linear in the chance of the likelier.

    >>> from rewards import TVR
    >>> hedge(TVR).gain, round(hedge(TVR).pays_below, 3)
    (2.0, 0.833)
    """

    def gain(p: float) -> float:
        chances = [(p, 1 - p)]
        return expected_reward(spec, chances, [2], sure=sure) - expected_reward(spec, chances, [1], sure=sure)

    even, certain = gain(0.5), gain(1.0)
    if even <= 1e-9:
        return Hedge(min(even, 0.0) if even < -1e-9 else 0.0, 0.5)
    return Hedge(even, 1.0 if certain >= -1e-9 else 0.5 + 0.5 * even / (even - certain))


CHANCES = tuple(np.round(np.linspace(0.0, 1.0, 101), 2).tolist())
"""The chances p of the curves."""

N_GT = 2
"""True records in the scene of the curves."""

MOST = 4
"""Predictions up to which the curves of the expected reward go."""


class GuessAnalysis(NamedTuple):
    """What guessing is rewarded where a wrong guess still reaches one tier.

    Attributes:
        sure: that tier, by its part; None where it reaches none.
        within: the chance from which a guess is profitable while there are fewer predictions than true records; below
            it silence is better. None where a guess never is.
        beyond: likewise, with as many predictions as true records already, one of them a miss.
        hedge: naming both of two candidates.
        best: the number of predictions of the highest reward, of the fewest such, for `N_GT` records and each of
            `CHANCES`.
        expected: for 0, 1, ..., `MOST` predictions, spread for the highest reward, the expected reward at each of
            `CHANCES`.
    """

    sure: str | None
    within: float | None
    beyond: float | None
    hedge: Hedge
    best: tuple[int, ...]
    expected: tuple[tuple[float, ...], ...]

    @property
    def silence_pays(self) -> bool:
        """Whether there is a chance below which an unsure policy does better to leave a change out."""
        return self.within is None or self.within > 0


def analyze_guessing(spec: TieredSpec) -> tuple[GuessAnalysis, ...]:
    """Return the analysis for each tier that a wrong guess may reach, none first.

    >>> from rewards import TVR
    >>> from rewards.spec import preset_spec
    >>> [round(each.beyond, 3) for each in analyze_guessing(preset_spec(TVR, "paper"))]
    [0.167, 0.091, 0.0]
    """
    return tuple(_knowing(spec, sure) for sure in (None, *reversed(spec.parts[1:])))


def _knowing(spec: TieredSpec, sure: str | None) -> GuessAnalysis:
    plans = compare_plans(spec, N_GT, CHANCES, sure=sure)
    totals = np.array([sum(named) for named in plans.named])
    curves = [plans.expected[totals == many].max(axis=0) for many in range(MOST + 1)]
    return GuessAnalysis(
        sure,
        guess_pays_from(spec, beyond=False, sure=sure),
        guess_pays_from(spec, beyond=True, sure=sure),
        hedge(spec, sure=sure),
        tuple(totals[plans.best].tolist()),
        tuple(tuple(np.round(curve, 9).tolist()) for curve in curves),
    )
