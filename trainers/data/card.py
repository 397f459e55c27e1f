"""What a data set says of itself, ``card.json``: how it is balanced, and whether its reference labels need relations.

SPAR names its objects in the question, so that under preset ``paper`` copying them may be rewarded without any look at
the images. How much R_ref a policy scores there that looks at no image decides whether relations must count. Under the
default reward such a policy scores exactly 0, with relations or without.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.files.write import write_whole
from parsers.references import VIEWER, normalise_name
from rewards.errors import ConfigError
from rewards.functions import TaskReward
from rewards.references import reference_names
from trainers.scenes.prompts import MULTIVIEW

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from trainers.data.training_rows import Row

    Rows = Sequence[Mapping[str, Any]]

CARD: Final = "card.json"
RELATION_WEIGHT: Final = 0.5
"""Share of R_ref that relations decide where names alone would score too much."""
LIMIT: Final = 0.5
"""Mean R_ref above which a policy that looks at nothing scores too much."""

_LABELLED = 0.9  # share of the rows with references that must have relations, too
_SCORED = 2000  # rows of each part on which the policies are tried
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
    """Score both policies with this project's own reward, under preset ``paper``.

    Neither looks at an image, but both make the best of what they know: of the relations that can be guessed, they
    guess for all pairs the one of the highest reward over the rows.

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
    # Under preset paper, the F1 of each view: the default R_ref of who says the same of every view is 0 on any labels.
    reward = TaskReward(
        "multiview", preset="paper", pays=("reference",), overrides={"relation_weight": relation_weight}
    )
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


class WeightChoice(NamedTuple):
    """How much of R_ref the relations decide, and why.

    Attributes:
        weight: share, in [0, 1].
        names: part -> what the policies that look at nothing score where only names count.
        weighted: the same at this weight; None where it is 0.
        warning: what the user should know, or None.
    """

    weight: float
    names: Mapping[str, Baselines]
    weighted: Mapping[str, Baselines] | None
    warning: str | None


def choose_relation_weight(rows: Mapping[str, Sequence[Row]], wanted: float | None) -> WeightChoice:
    """Decide whether relations must count: they must if naming objects is rewarded without a look at the images.

    Args:
        rows: part -> its rows.
        wanted: the user's choice; None: 0 if neither policy scores more than `LIMIT`, else `RELATION_WEIGHT`.

    Raises:
        ConfigError: relations must count, and too few rows have relation labels.
    """
    scored = {part: _spread(found) for part, found in rows.items()}
    names = {part: reference_baselines(found) for part, found in scored.items()}
    highest = max(each.highest for each in names.values())
    weight = wanted if wanted is not None else RELATION_WEIGHT if highest > LIMIT else 0.0
    labelled = _share_labelled(rows)
    if weight and labelled < (_LABELLED if wanted is None else 1e-9):
        raise ConfigError(
            f"under preset paper, a policy that looks at no image scores R_ref {highest:.2f} by names alone, so "
            f"relations must count, but only {labelled:.0%} of the rows have relation labels (of MindCube, use the "
            "file with grounded_cogmap); --relation-weight 0 goes on without them, as suits the default reward"
        )
    weighted = (
        {part: reference_baselines(found, relation_weight=weight) for part, found in scored.items()} if weight else None
    )
    left = highest if weighted is None else max(each.highest for each in weighted.values())
    return WeightChoice(weight, names, weighted, _warning(highest, weight, left))


def _spread(rows: Sequence[Row]) -> Sequence[Row]:
    return rows[:: max(1, len(rows) // _SCORED)]


def _share_labelled(rows: Mapping[str, Sequence[Row]]) -> float:
    referred = [row for part in rows.values() for row in part if row["references"] is not None]
    return sum(row["relations"] is not None for row in referred) / len(referred) if referred else 0.0


def _warning(highest: float, weight: float, left: float) -> str | None:
    if highest <= LIMIT:
        return None
    text = (
        f"under preset paper, a policy that looks at no image scores R_ref {highest:.2f} by names alone, more than "
        f"{LIMIT:g} (by default 0)"
    )
    if not weight:
        return f"{text}; relations do not count, as asked"
    still = "" if left <= LIMIT else "; that is still much: judge progress by R_ans"
    return f"{text}; train under that preset with relation_weight {weight:g}, under which it scores {left:.2f}{still}"


def write_generated_card(folder: Path, rows: Sequence[Row]) -> None:
    """Write the ``card.json`` of generated questions: how they are balanced, and what their references need."""
    choice = choose_relation_weight({"all": rows}, None)
    card = {
        "rows": len(rows),
        "categories": count_by(rows, "category"),
        "answers": {
            kind: count_by([row for row in rows if row["category"] == kind], "target") for kind in _kinds(rows)
        },
        "images": dict(sorted(Counter(len(row["references"]) for row in rows).items())),
        "prompt": MULTIVIEW,
        **blind_rewards(choice),
        "warnings": [] if choice.warning is None else [choice.warning],
    }
    write_card(folder, card)


def _kinds(rows: Sequence[Row]) -> list[str]:
    return sorted({row["category"] for row in rows})


def count_by(rows: Sequence[Row], column: str) -> dict[str, int]:
    """Return value -> rows that have it in a column, in the order of the values."""
    return dict(sorted(Counter(row[column] for row in rows).items()))


def blind_rewards(choice: WeightChoice) -> dict[str, Any]:
    """Return what a card says of the relations' weight, and of what policies score that look at no image."""
    weighted = choice.weighted
    return {
        "relation_weight": choice.weight,
        "blind_reference_reward": {part: each._asdict() for part, each in choice.names.items()},
        "blind_reference_reward_weighted": (
            None if weighted is None else {part: each._asdict() for part, each in weighted.items()}
        ),
    }


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write ``card.json``, whole or not at all."""
    write_whole(folder / CARD, json.dumps(card, indent=2, ensure_ascii=False) + "\n")
