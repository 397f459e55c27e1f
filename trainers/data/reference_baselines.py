"""How much R_ref a policy earns that looks at no image: by it, labels are worth training on or not.

SPAR names its objects in the question, so that copying them may pay without any look at the images.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from parsers.relations import VIEWER, normalise_name
from rewards.functions import TaskReward
from rewards.references import reference_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Rows = Sequence[Mapping[str, Any]]

LIMIT: Final = 0.5
"""Mean R_ref above which a policy that looks at nothing earns too much."""

_LONGEST = 5  # words of a name
_GUESSES: Final = ("left", "right", "behind", "in front of", None)  # of every pair; None: each before the camera


class Baselines(NamedTuple):
    """Mean R_ref over the rows with reference labels, in [0, 1]; None where there is no such row.

    Attributes:
        copying: of a policy that names, for every view, the objects that the question names.
        everything: of one that names every object of the scene for every view.
    """

    copying: float | None
    everything: float | None

    @property
    def highest(self) -> float:
        """The greater of the two; 0 where there is none."""
        return max((value for value in self if value is not None), default=0.0)


def reference_baselines(rows: Rows, *, relation_weight: float = 0.0) -> Baselines:
    """Score both policies with this project's own reward.

    Neither looks at an image, but both make the best of what they know: of the relations that can be guessed, they
    guess for all pairs the one that pays most over the rows.

    Args:
        rows: training rows with ``question`` (as the data set words it), ``target``, ``references``, ``relations``.
        relation_weight: share of R_ref that relations decide; rows without relation labels are then left out.
    """
    kept = [row for row in rows if row.get("references") is not None]
    if relation_weight:
        kept = [row for row in kept if row.get("relations") is not None]
    true = [set().union(*reference_names(row["references"]).values()) for row in kept]
    known = frozenset().union(*true)
    copied = [_mentioned(_asked(row), known) for row in kept]
    union = [names | more for names, more in zip(true, copied, strict=True)]
    return Baselines(_best(kept, copied, relation_weight), _best(kept, union, relation_weight))


def _asked(row: Mapping[str, Any]) -> str:
    return " . ".join([str(row["question"]), *(row.get("options") or ())])


def _mentioned(text: str, known: Collection[str]) -> set[str]:
    """Return the known names that a text mentions, the longest where one holds another."""
    words = "".join(char if char.isalnum() else " " for char in text).split()
    found: set[str] = set()
    at = 0
    while at < len(words):
        ends = range(min(at + _LONGEST, len(words)), at, -1)
        name, end = next(
            ((name, end) for end in ends if (name := normalise_name(" ".join(words[at:end]))) in known), ("", at + 1)
        )
        found |= {name} - {""}
        at = end
    return found


def _best(rows: Rows, names: Sequence[Collection[str]], relation_weight: float) -> float | None:
    if not rows:
        return None
    reward = TaskReward("multiview", pays=("reference",), overrides={"relation_weight": relation_weight})
    gold = ("target", "options", "references", "relations")
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in gold}
    means = []
    for guess in _GUESSES if relation_weight else _GUESSES[:1]:
        completions = [
            _completion(sorted(named), len(reference_names(row["references"])), guess)
            for row, named in zip(rows, names, strict=True)
        ]
        values = [value or 0.0 for value in reward(completions, **columns)]
        means.append(sum(values) / len(values))
    return max(means)


def _completion(names: Sequence[str], views: int, guess: str | None) -> str:
    """Return what a policy writes that says the same of every view."""
    if guess is None or len(names) == 1:
        triplets = [f"[{name}, {VIEWER}, in front of]" for name in names]
    else:
        triplets = [f"[{one}, {other}, {guess}]" for one, other in combinations(names, 2)]
    lines = [f"View {number}: {' '.join(triplets)}" for number in range(1, views + 1)]
    return "<think>" + "\n".join(lines) + "</think><answer>-</answer>"
