"""How the intervals of a table are found, and how its signature says so."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from benchmarks.statistics import bootstrap_interval, mean_interval
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.statistics import Interval

Kind = Literal["formula", "bootstrap", "bca"]


class Intervals(NamedTuple):
    """Settings of confidence intervals.

    Attributes:
        kind: ``"formula"`` (Wilson's for shares, Student's for other means, both robust to clusters), ``"bootstrap"``
            (of clusters, percentiles) or ``"bca"`` (likewise, corrected for bias and skewness).
        resamples: number of resamples.
        seed: of the resamples.
        level: confidence, between 0 and 1.
    """

    kind: Kind = "formula"
    resamples: int = 1000
    seed: int = 0
    level: float = 0.95

    def function(self) -> Callable[..., Interval]:
        """Return what turns values and ``clusters=`` into an interval.

        Raises:
            ConfigError: for settings that make no sense.
        """
        if not 0 < self.level < 1:
            raise ConfigError(f"a level is between 0 and 1, as in 0.95, and not {self.level}")
        if self.kind == "formula":
            return partial(mean_interval, level=self.level)
        if self.kind not in ("bootstrap", "bca"):
            raise ConfigError(f"there are no intervals {self.kind!r}; there are formula, bootstrap, bca")
        if self.resamples < 1:
            raise ConfigError(f"a bootstrap has at least 1 resample, not {self.resamples}")
        return partial(
            bootstrap_interval,
            method="percentile" if self.kind == "bootstrap" else "bca",
            resamples=self.resamples,
            seed=self.seed,
            level=self.level,
        )

    def signed(self) -> dict[str, str]:
        """Return the settings that numbers depend on."""
        settings = {"interval": self.kind, "level": f"{self.level:g}"}
        drawn = {"resamples": str(self.resamples), "seed": str(self.seed)}
        return settings if self.kind == "formula" else settings | drawn
