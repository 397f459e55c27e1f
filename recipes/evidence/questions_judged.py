"""What completions of held-out questions are worth: answers, and the references that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from parsers.completion import parse_completion
from parsers.references import normalise_name, parse_references
from rewards.references import score_informedness, score_references
from rewards.score import score_batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from recipes.evidence.held_out import HeldOut

    Floats = npt.NDArray[np.float64]

RIGHT: Final = "accuracy"
"""The measure by which an arm may end."""


class Judged(NamedTuple):
    """What completions are worth, an array of each scene.

    Attributes:
        accuracy: whether the answer is right.
        well_formed: whether the tags are right.
        reward: R_ans + w R_ref, the default.
        plain: R_ans + R_ref, preset ``paper``.
        informedness: R_ref of the default, in [-1, 1].
        f1: R_ref of preset ``paper``, in [0, 1].
        precision: of the names of each view, those that are true there; mean over views, 0 for one that names none.
        recall: of the true names of each view, those that are named there; mean over views.
        own: of the objects that one view alone shows, those that are named there.
        other: those that are named in the other view.
        both: those that are named in both.
        same: whether both views name the same objects, and some.
        named: names in a view, mean over views.
    """

    accuracy: Floats
    well_formed: Floats
    reward: Floats
    plain: Floats
    informedness: Floats
    f1: Floats
    precision: Floats
    recall: Floats
    own: Floats
    other: Floats
    both: Floats
    same: Floats
    named: Floats


def judge(held_out: HeldOut, texts: Sequence[str]) -> Judged:
    """Return what completions of the first scenes are worth, one of each scene."""
    rows = held_out.rows[: len(texts)]
    targets, references = [row["target"] for row in rows], [row["references"] for row in rows]
    scored, plain = (
        score_batch(list(texts), targets, task="multiview", references=references, preset=preset)
        for preset in ("default", "paper")
    )
    named = [_references(text, truth) for text, truth in zip(texts, references, strict=True)]
    columns = {key: np.array([each[key] for each in named], dtype=np.float64) for key in named[0]}
    return Judged(
        accuracy=np.asarray(scored.correct, dtype=np.float64),
        well_formed=np.asarray(scored.well_formed, dtype=np.float64),
        reward=np.asarray(scored.total, dtype=np.float64),
        plain=np.asarray(plain.total, dtype=np.float64),
        **columns,
    )


def _references(text: str, truth: list[list[str]]) -> dict[str, float]:
    """Return what the references of one completion are worth."""
    parsed = parse_references(parse_completion(text).think or "")
    informedness = score_informedness(parsed, truth)
    assert informedness is not None  # two views never show the same objects
    true = [frozenset(map(normalise_name, names)) for names in truth]
    said = [parsed.names(view) for view in (1, 2)]
    alone = [(name, view) for view in (0, 1) for name in true[view] - true[1 - view]]
    hits = [len(true[view] & said[view]) for view in (0, 1)]
    return {
        "informedness": informedness.value,
        "f1": score_references(parsed, truth).value,
        "precision": sum(hits[view] / max(1, len(said[view])) for view in (0, 1)) / 2,
        "recall": sum(hits[view] / len(true[view]) for view in (0, 1)) / 2,
        "own": sum(name in said[view] for name, view in alone) / len(alone),
        "other": sum(name in said[1 - view] for name, view in alone) / len(alone),
        "both": sum(name in said[0] and name in said[1] for name, _ in alone) / len(alone),
        "same": float(bool(said[0]) and said[0] == said[1]),
        "named": (len(said[0]) + len(said[1])) / 2,
    }


def summary(judged: Judged, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Return means with their standard errors."""
    which = np.ones(len(judged.accuracy), dtype=bool) if chosen is None else chosen
    count = int(which.sum())
    found: dict[str, Any] = {"scenes": count}
    for name, column in judged._asdict().items() if count else ():
        some = column[which]
        found[name] = round(float(some.mean()), 5)
        found[f"{name}_se"] = round(float(some.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0, 5)
    return found


def groups(held_out: HeldOut, count: int) -> dict[str, dict[str, npt.NDArray[np.bool_]]]:
    """Return masks of the first *count* scenes by kind of question and number of objects."""
    rows = held_out.rows[:count]
    columns: Mapping[str, list[str]] = {
        "views": [row["view"] for row in rows],
        "objects": [str(len({name for names in row["references"] for name in names})) for row in rows],
    }
    return {
        name: {value: np.array([each == value for each in column]) for value in sorted(set(column))}
        for name, column in columns.items()
    }


def in_full(held_out: HeldOut, judged: Judged) -> dict[str, Any]:
    """Return the summary, also by group; of each scene, whether it is right, and its R_ref of both kinds in percent."""
    found = summary(judged)
    for name, masks in groups(held_out, len(judged.accuracy)).items():
        found[name] = {value: summary(judged, mask) for value, mask in masks.items()}
    found |= guessed(held_out, len(judged.accuracy))
    found["each"] = {
        "correct": "".join(str(int(right)) for right in judged.accuracy),
        "informedness": [round(100 * value) for value in judged.informedness],
        "f1": [round(100 * value) for value in judged.f1],
        "both": [round(100 * value) for value in judged.both],
    }
    return found


def guessed(held_out: HeldOut, count: int) -> dict[str, float]:
    """Return how many answers are right that do not look.

    ``chance`` is any option; ``floor`` for each kind of question the option that is right most often by its place,
    chosen on the held-out scenes themselves, so that it is rather too high.
    """
    some = held_out.items[:count]
    chance = float(np.mean([1 / len(item.options) for item in some]))
    right = 0
    for kind in {item.kind for item in some}:
        places = [item.options.index(item.answer) for item in some if item.kind == kind]
        right += int(np.bincount(places).max())
    return {"chance": round(chance, 5), "floor": round(right / len(some), 5)}
