"""What an unsure policy does that maximizes a tiered reward, predicted from the exact analysis alone.

**What the policy knows.** A scene has n true records that share no field with each other, and the policy knows n. For
each record it has a ranked list of guesses: each is right with chance c, given that those before it are wrong, so that
the k-th is right with chance c (1 - c)^(k-1), as in `benchmarks.audit.expected`. A wrong guess still reaches the tier
*sure*; where it reaches none, it names a cell in which nothing changed. The *knowledge* p is the mean of c over all
records. With *spread* s = 0 every record is known equally well, c = p. Otherwise c is drawn for each record from
Beta(p (1 - s) / s, (1 - p) (1 - s) / s), whose mean is p and whose variance is s p (1 - p); with s = 1 each record is
known for certain (with chance p) or not at all. The policy sees c: it is calibrated.

**What it maximizes.** The expected R_acc, given the c of a scene: it names the k_1, ..., k_n guesses at the n records
that maximize it; of equals, the fewest. It writes them in the required format, the likeliest of each record last.

**What follows** for k guesses at a record that is known with chance c:

    exact set   all k = 1, and every guess is right: the product of the c
    Diff        cells of the final state that differ: k - 1 where a guess is right, k + 1 where none is, 1 for k = 0;
                where all guesses are values of one cell, the last one counts: 0 if it is right, else 1
    NDiff       Diff / n
    silence     the share of true records with k = 0

Nothing is sampled: the Beta distribution is taken at equally likely levels, each the mean of its part.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import combinations_with_replacement, product
from math import factorial, prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.expected import MOST_GUESSES, guess_outcomes, successive, total_given_matches
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rewards.spec import TieredSpec

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CHANCES = tuple(np.round(np.linspace(0.0, 1.0, 21), 2).tolist())
"""The knowledge p for which predictions are made."""

SPREADS = (0.0, 0.5)
"""The spreads for which predictions are made: every record known equally well, and some better than others."""

LEVELS = 12
"""Equally likely levels of c at which a Beta distribution is taken."""


class Prediction(NamedTuple):
    """What the policy does at one knowledge p, on average over scenes.

    Attributes:
        p: the knowledge: the mean chance that the first guess at a true record is right.
        spread: how unlike the records are known, in [0, 1].
        sure: the tier that a wrong guess still reaches, by its part; None where it reaches none.
        true: true records in a scene.
        predictions: predicted records.
        exact: chance that the predicted set is the true set, in [0, 1].
        diff: Diff, cells of the final state that differ, >= 0.
        ndiff: NDiff, Diff per true record, >= 0.
        silence: share of the true records for which nothing is named, in [0, 1].
        empty: share of answers that are empty, in [0, 1].
        reward: the expected R_acc.
    """

    p: float
    spread: float
    sure: str | None
    true: float
    predictions: float
    exact: float
    diff: float
    ndiff: float
    silence: float
    empty: float
    reward: float


def predict_all(spec: TieredSpec, changes: Sequence[int] = (1, 2, 3, 4)) -> tuple[Prediction, ...]:
    """Return the predictions for each tier that a wrong guess may reach, each of `SPREADS` and each of `CHANCES`.

    Args:
        spec: the reward.
        changes: numbers of true records, equally frequent.
    """
    return tuple(
        predict(spec, p, changes, spread=spread, sure=sure)
        for sure in (None, *reversed(spec.parts[1:]))
        for spread in SPREADS
        for p in CHANCES
    )


def predict(
    spec: TieredSpec,
    p: float,
    changes: Sequence[int] = (1, 2, 3, 4),
    *,
    spread: float = 0.0,
    sure: str | None = None,
) -> Prediction:
    """Return what a policy of knowledge *p* does that maximizes a reward; see the module for the model.

    Args:
        spec: the reward.
        p: the mean chance that the first guess at a true record is right, in [0, 1].
        changes: numbers of true records, equally frequent, each from 1.
        spread: how unlike the records are known, in [0, 1]; 0: all alike.
        sure: the tier, by its part, that a wrong guess still reaches; None where it reaches none.

    Raises:
        ConfigError: for values outside the above, or an unknown tier.

    >>> from rewards import TVR
    >>> from rewards.spec import preset_spec
    >>> predict(TVR, 0.9, [2]).predictions, predict(TVR, 0.5, [2]).predictions  # names both of two candidates
    (2.0, 4.0)
    >>> unsure = predict(preset_spec(TVR, "calibrated"), 0.5, [2])
    >>> unsure.predictions, unsure.exact, unsure.ndiff
    (2.0, 0.25, 1.0)
    """
    if not 0 <= p <= 1 or not 0 <= spread <= 1:
        raise ConfigError(f"knowledge {p} with spread {spread}: both are from 0 to 1")
    if not changes or min(changes) < 1:
        raise ConfigError(f"{list(changes)} true records: each number is from 1")
    levels, weights = _knowledge_levels(p, spread)
    means = np.mean([_scene(spec, n_gt, levels, weights, sure) for n_gt in changes], axis=0)
    return Prediction(p, spread, sure, float(np.mean(changes)), *means.tolist())


def _knowledge_levels(p: float, spread: float) -> tuple[Floats, Floats]:
    """Return the levels of c and how likely each is, (levels,) both."""
    if spread == 0 or p in (0.0, 1.0):
        return np.array([p]), np.ones(1)
    if spread == 1:
        return np.array([0.0, 1.0]), np.array([1 - p, p])
    from scipy.special import betainc, betaincinv  # noqa: PLC0415  slow to import, and only needed here

    # Beta(a, b) is cut at its quantiles into equally likely parts, of which the means are the levels. What of the mean
    # lies below x is p times the distribution function of Beta(a + 1, b) at x; of 1 - c likewise, from the other end.
    # So much lies near 0 and near 1 that only the nearer end's quantile is a number of its own: each half by itself.
    a, b = p * (1 - spread) / spread, (1 - p) * (1 - spread) / spread
    cuts = np.linspace(0.0, 1.0, LEVELS + 1)
    low, high = np.minimum(betaincinv(a, b, cuts), 0.5), np.minimum(betaincinv(b, a, 1 - cuts), 0.5)
    lower = np.diff(betainc(a + 1, b, low)) * p
    upper = np.diff(np.maximum(cuts - betainc(a, b, 0.5), 0.0)) + np.diff(betainc(b + 1, a, high)) * (1 - p)
    levels = np.clip((lower + upper) * LEVELS, 0.0, 1.0)
    return levels, np.full(LEVELS, 1 / LEVELS)


def _scene(spec: TieredSpec, n_gt: int, levels: Floats, weights: Floats, sure: str | None) -> tuple[float, ...]:
    """Return the fields of `Prediction` from ``predictions`` on, for scenes of *n_gt* true records."""
    known, orders = _ways(len(levels), n_gt)
    chance = orders * weights[known].prod(axis=1)  # how likely each way is, (ways,)
    plans = _plans(n_gt)
    if spec.rule == "binary":
        total = np.where((plans == 1).all(axis=1), np.prod(levels[known], axis=1)[:, None], 0.0)
    else:
        total = _totals(spec, levels, sure, known, plans)
    best = plans[np.argmax(total >= total.max(axis=1, keepdims=True) - 1e-9, axis=1)]  # (ways, n_gt)
    c = levels[known]
    found = 1 - (1 - c) ** best  # the chance that one of the k guesses is right
    diff = np.where(best > 0, best + 1 - 2 * found, 1.0)
    if sure is not None and set(spec.fields[:-1]) <= set(spec.table[spec.parts.index(sure)]):
        diff = np.where(best > 0, 1 - c, 1.0)
    n_pred = best.sum(axis=1)
    measured = (
        n_pred,
        np.where(best == 1, c, 0.0).prod(axis=1),
        diff.sum(axis=1),
        diff.mean(axis=1),
        (best == 0).mean(axis=1),
        n_pred == 0,
        total.max(axis=1),
    )
    return tuple(float(chance @ each) for each in measured)


@lru_cache(maxsize=16)
def _ways(levels: int, n_gt: int) -> tuple[Ints, Floats]:
    """Return every way that the records may be known, without their order, (ways, n_gt); and its orders, (ways,)."""
    ways = list(combinations_with_replacement(range(levels), n_gt))
    orders = [factorial(n_gt) / prod(map(factorial, Counter(way).values())) for way in ways]
    return np.array(ways), np.array(orders)


@lru_cache(maxsize=16)
def _plans(n_gt: int) -> Ints:
    """Return every plan, (plans, n_gt): how many guesses at each record; the fewest first, of equals the most even."""
    every = product(range(MOST_GUESSES + 1), repeat=n_gt)
    return np.array(sorted(every, key=lambda k: (sum(k), sorted(k, reverse=True), k)))


def _totals(spec: TieredSpec, levels: Floats, sure: str | None, known: Ints, plans: Ints) -> Floats:
    """Return the expected R_acc of each plan for each way that the records may be known, (ways, plans)."""
    n_gt = plans.shape[1]
    # The expected matches of one record at each tier, by its level and the number of guesses: (levels, guesses, tiers).
    chances = np.array([[*successive(c), max(0.0, 1 - sum(successive(c)))] for c in levels.tolist()])
    outcomes = [guess_outcomes(spec, MOST_GUESSES, many, sure) for many in range(MOST_GUESSES + 1)]
    matches: Floats = np.stack([chances @ each for each in outcomes], axis=1)
    # R_acc is what so many predictions are worth that match nothing, plus what each match adds, whatever their number.
    nothing = np.zeros(matches.shape[-1])
    unmatched = np.array([total_given_matches(spec, nothing, many, n_gt) for many in range(n_gt * MOST_GUESSES + 1)])
    added = total_given_matches(spec, matches, 1, n_gt) - unmatched[1]  # (levels, guesses)
    of_records = sum(added[:, plans[:, at]][known[:, at]] for at in range(n_gt))
    total: Floats = unmatched[plans.sum(axis=1)] + of_records
    return total
