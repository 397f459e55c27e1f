"""What a prepared data set says of itself: ``card.json``; and whether its reference labels need their relations."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rewards.errors import ConfigError
from trainers.data.layout import METADATA, write_whole
from trainers.data.prepared_rows import PROMPT
from trainers.data.reference_baselines import LIMIT, Baselines, reference_baselines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trainers.data.leakage import TestSet
    from trainers.data.prepare import Settings
    from trainers.data.training_rows import Row

CARD: Final = "card.json"
RELATION_WEIGHT: Final = 0.5
"""Share of R_ref that relations decide where names alone would pay too much."""

_LABELLED = 0.9  # share of the rows with references that must have relations, too
_SCORED = 2000  # rows of each part on which the policies are tried


class WeightChoice(NamedTuple):
    """How much of R_ref the relations decide, and why.

    Attributes:
        weight: share, in [0, 1].
        names: part -> what the policies that look at nothing earn where only names count.
        weighted: the same at this weight; None where it is 0.
        warning: what the user should know, or None.
    """

    weight: float
    names: Mapping[str, Baselines]
    weighted: Mapping[str, Baselines] | None
    warning: str | None


def choose_relation_weight(rows: Mapping[str, Sequence[Row]], wanted: float | None) -> WeightChoice:
    """Decide whether relations must count: they must if naming objects pays without a look at the images.

    Args:
        rows: part -> its rows.
        wanted: the user's choice; None: 0 if neither policy earns more than `LIMIT`, else `RELATION_WEIGHT`.

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
            f"a policy that looks at no image earns R_ref {highest:.2f} by names alone, so relations must count, but "
            f"only {labelled:.0%} of the rows have relation labels (of MindCube, use the file with grounded_cogmap); "
            "--relation-weight 0 goes on without them"
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
    text = f"by names alone, a policy that looks at no image earns R_ref {highest:.2f}, more than {LIMIT:g}"
    if not weight:
        return f"{text}; relations do not count, as asked"
    still = "" if left <= LIMIT else "; that is still much: judge progress by R_ans"
    return f"{text}; train with relation_weight {weight:g}, under which it earns {left:.2f}{still}"


def write_generated_card(folder: Path, rows: Sequence[Row]) -> dict[str, Any]:
    """Write the ``card.json`` of generated questions: how they are balanced, and what their references need."""
    choice = choose_relation_weight({"all": rows}, None)
    card = {
        "rows": len(rows),
        "categories": _counted(rows, "category"),
        "answers": {
            kind: _counted([row for row in rows if row["category"] == kind], "target") for kind in _kinds(rows)
        },
        "images": dict(sorted(Counter(len(row["references"]) for row in rows).items())),
        "prompt": PROMPT,
        **_of_choice(choice),
        "warnings": [] if choice.warning is None else [choice.warning],
    }
    write_whole(folder / CARD, _written(card))
    return card


def _kinds(rows: Sequence[Row]) -> list[str]:
    return sorted({row["category"] for row in rows})


def _counted(rows: Sequence[Row], column: str) -> dict[str, int]:
    return dict(sorted(Counter(row[column] for row in rows).items()))


def _of_choice(choice: WeightChoice) -> dict[str, Any]:
    weighted = choice.weighted
    return {
        "relation_weight": choice.weight,
        "blind_reference_reward": {part: each._asdict() for part, each in choice.names.items()},
        "blind_reference_reward_weighted": (
            None if weighted is None else {part: each._asdict() for part, each in weighted.items()}
        ),
    }


def _written(card: Mapping[str, Any]) -> bytes:
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()


def write_card(
    folder: Path,
    settings: Settings,
    rows: Mapping[str, Sequence[Row]],
    choice: WeightChoice,
    *,
    dropped: Mapping[str, int],
    tests: TestSet,
) -> dict[str, Any]:
    """Write ``card.json`` and return what it holds."""
    card = {
        "source": settings.name,
        "file": settings.path.name,
        "seed": settings.seed,
        "prompt": PROMPT,
        "rows": {part: len(found) for part, found in rows.items()},
        "asked_for": {"sft": settings.sft, "rl": settings.rl},
        "categories": {part: _counted(found, "category") for part, found in rows.items()},
        "groups": {part: len({row["group"] for row in found}) for part, found in rows.items()},
        "with_references": {part: sum(row["references"] is not None for row in found) for part, found in rows.items()},
        "with_relations": {part: sum(row["relations"] is not None for row in found) for part, found in rows.items()},
        "left_out": dict(sorted(dropped.items())),
        "test_sets": {
            "files": [f"{name}: {path.name}" for name, path in settings.tests],
            "questions": tests.samples,
            "images": len(tests.images),
        },
        **_of_choice(choice),
        "warnings": _warnings(settings, rows, choice),
        "sha256": {part: hashlib.sha256((folder / part / METADATA).read_bytes()).hexdigest() for part in rows},
    }
    write_whole(folder / CARD, _written(card))
    return card


def _warnings(settings: Settings, rows: Mapping[str, Sequence[Row]], choice: WeightChoice) -> list[str]:
    found = [] if choice.warning is None else [choice.warning]
    for part, wanted in (("sft", settings.sft), ("rl", settings.rl)):
        if len(rows[part]) < wanted:
            found.append(f"{part}: {len(rows[part])} rows of {wanted} that were asked for; there are no more")
    if not settings.tests:
        found.append("no test set was given, so nothing was compared with one (--test)")
    return found
