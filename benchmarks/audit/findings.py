"""What an audit found, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["exploit", "incentive", "check"]


class World(NamedTuple):
    """One way that things may be, and what is paid there.

    Attributes:
        target: the true answer; of questions with the true references.
        chance: that it is so.
        paid: to the policy.
        against: paid to the exact answer, or, under uncertainty, to the honest best guess.
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
        worlds: one where the scene is known; under uncertainty, all that may be; none where it is not about payment.
    """

    completion: str
    honest: str
    worlds: tuple[World, ...]

    @property
    def paid(self) -> float:
        """What the policy is paid, in expectation."""
        return sum(world.chance * world.paid for world in self.worlds)

    @property
    def against(self) -> float:
        """What the exact answer, or the honest best guess, is paid, in expectation."""
        return sum(world.chance * world.against for world in self.worlds)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        kind: ``"exploit"``: a non-exact answer that is paid at least what the exact answer is, on the same scene;
            ``"incentive"``: a policy that is paid more under uncertainty than the honest best guess; ``"check"``: the
            reward lacks a property that it should have.
        name: of the policy or the check.
        says: one line for people.
        share: of the scenes on which it shows, in [0, 1].
        smallest: the smallest example that shows it.
        largest: the example that gains most.
        about: of an incentive, what the policy is unsure of and how: ``"value, two candidates"``.
        size: of an incentive, the mean gain at the p where it is largest.
        at: that p, the chance that the guess is right.
        pays_between: of an incentive, the chances p between which it pays; an end inside the range is a break-even.
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

    @property
    def pays_while(self) -> str:
        """Where an incentive pays, in words, with its break-even chance; empty for other findings."""
        if self.pays_between is None:
            return ""
        low, high = self.pays_between
        if self.about.endswith("likely not there"):
            return "however unlikely it is there" if high >= 1 else f"while it is there with chance > {1 - high:.3g}"
        if high >= 1:
            return "at every chance" if low <= 0 else f"while the guess is right with chance > {low:.3g}"
        return f"while the guess is right with chance < {high:.3g}"
