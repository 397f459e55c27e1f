"""The exact analysis of one tiered reward, as a report shows it: thresholds, hedging, and curves over the chance p."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.expected import Hedge, compare_plans, guess_pays_from, hedge

if TYPE_CHECKING:
    from rewards.spec import TieredSpec

CHANCES = tuple(np.round(np.linspace(0.0, 1.0, 101), 2).tolist())
"""The chances p of the curves."""

N_GT = 2
"""True records in the scene of the curves."""

MOST = 4
"""Predictions up to which the curves of the expected reward go."""


class Knowing(NamedTuple):
    """What guessing pays where a wrong guess still reaches one tier.

    Attributes:
        sure: that tier, by its part; None where it reaches none.
        within: the chance from which a guess pays while there are fewer predictions than true records; below it
            silence pays. None where it never pays.
        beyond: likewise, with as many predictions as true records already, one of them a miss.
        hedge: naming both of two candidates.
        best: the number of predictions that pays most, of the fewest such, for `N_GT` records and each of `CHANCES`.
        expected: for 0, 1, ..., `MOST` predictions, spread as pays most, the expected reward at each of `CHANCES`.
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


def expectation(spec: TieredSpec) -> tuple[Knowing, ...]:
    """Return the analysis for each tier that a wrong guess may reach, none first.

    >>> from rewards.spec import TVR, preset_spec
    >>> [round(each.beyond, 3) for each in expectation(preset_spec(TVR, "paper"))]
    [0.167, 0.091, 0.0]
    """
    return tuple(_knowing(spec, sure) for sure in (None, *reversed(spec.parts[1:])))


def _knowing(spec: TieredSpec, sure: str | None) -> Knowing:
    plans = compare_plans(spec, N_GT, CHANCES, sure=sure)
    totals = np.array([sum(named) for named in plans.named])
    curves = [plans.expected[totals == many].max(axis=0) for many in range(MOST + 1)]
    return Knowing(
        sure,
        guess_pays_from(spec, beyond=False, sure=sure),
        guess_pays_from(spec, beyond=True, sure=sure),
        hedge(spec, sure=sure),
        tuple(totals[plans.best].tolist()),
        tuple(tuple(np.round(curve, 9).tolist()) for curve in curves),
    )
