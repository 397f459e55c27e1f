"""What the arms will do, from what the start knows alone, as ``star audit --predict`` tells it; nothing is trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.audit.predictions import predict
from benchmarks.files.write import write_whole
from recipes.evidence.study import read_result
from rewards.errors import ConfigError
from rewards.score import resolve
from rewards.spec import TieredSpec

if TYPE_CHECKING:
    from pathlib import Path

    from recipes.evidence.study import Study

MEASURES: Final = {"tacc": -1, "ndiff": 1, "predictions": -1}
"""What is ranked; -1: rank 1 has the most, 1: the least."""


def predicted(study: Study, name: str, known: dict[str, Any]) -> dict[str, float]:
    """Return what a policy does that maximizes an arm's reward.

    Wrong guesses reach different tiers: the prediction is the mean over the tiers, by the share of the start's wrong
    guesses that reach each.

    Args:
        study: what the arm is part of.
        name: of the arm.
        known: the start's knowledge, see `recipes.evidence.held_out.Knowledge`.
    """
    arm = study.arm(name)
    spec = resolve("tvr", arm.get("preset", "default"), **arm.get("overrides", {}))[1]
    assert isinstance(spec, TieredSpec)
    low, high = study.world.changes
    changes = range(low, high + 1)
    found = {"tacc": 0.0, "ndiff": 0.0, "predictions": 0.0, "silence": 0.0, "r_acc": 0.0}
    for tier, share in known["wrong"].items():
        sure = None if tier == "none" else tier
        each = predict(spec, known["p"], list(changes), spread=known["spread"], sure=sure)
        told = {"tacc": each.exact, "ndiff": each.ndiff, "predictions": each.predictions}
        told |= {"silence": each.silence, "r_acc": each.reward}
        for key, value in told.items():
            found[key] += share * value
    return {key: round(value, 4) for key, value in found.items()}


def ranks(values: dict[str, float], sign: int) -> dict[str, float]:
    """Return ranks from 1; equals share the mean of theirs.

    >>> ranks({"a": 0.5, "b": 0.9, "c": 0.5}, -1)
    {'a': 2.5, 'b': 1.0, 'c': 2.5}
    """
    from scipy.stats import rankdata

    return dict(zip(values, rankdata([sign * value for value in values.values()]).tolist(), strict=True))


def write_predictions(study: Study, folder: Path, start_seed: int = 0, *, to: Path | None = None) -> Path:
    """Write ``predictions.json`` from the start's result in a folder.

    Args:
        study: what is predicted.
        folder: of the results.
        start_seed: of the start.
        to: the folder to write to; beside the study if left out, where what is to be committed lies.

    Raises:
        ConfigError: the start has no result there.
    """
    start = read_result(folder, "start", start_seed)
    if start is None or "knowledge" not in start:
        raise ConfigError(f"{folder}: no result of the start that tells its knowledge")
    names = study.call(study.values["predicted"])["arms"]
    arms = {name: predicted(study, name, start["knowledge"]) for name in names}
    ranked = {
        measure: ranks({name: found[measure] for name, found in arms.items()}, sign)
        for measure, sign in MEASURES.items()
    }
    content = {
        "from": {key: start[key] for key in ("arm", "seed", "commit", "config_hash", "knowledge")},
        "true": sum(study.world.changes) / 2,
        "arms": arms,
        "ranks": ranked,
    }
    name = "predictions.json" if study.path.stem == "study" else f"predictions-{study.path.stem}.json"
    path = (to or (folder if study.tiny else study.path.parent)) / name
    write_whole(path, json.dumps(content, indent=1) + "\n")
    return path
