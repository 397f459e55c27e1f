"""How completions and rewards changed over the steps of a training run, from the tables that trainers log."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.files.chunks import BadRow
from benchmarks.files.columns import ROLES
from benchmarks.files.rows import read_chunks
from rewards.errors import DataError
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SUFFIXES: Final = (".parquet", ".jsonl", ".jsonl.gz")
_NOT_REWARDS: Final = frozenset({"step", "gen_step", "advantage", "advantages", "epoch", "id", "prompt_id", "index"})


class Spread(NamedTuple):
    """Numbers of one step: their mean, and the 10th and 90th percentile."""

    mean: float
    low: float
    high: float


class Training(NamedTuple):
    """A training run.

    Attributes:
        steps: in order.
        lengths: of the completions, in characters, for each step.
        rewards: name of a column -> its numbers for each step; a step without any has NaN-free zeros left out.
        completions: number of completions.
    """

    steps: Sequence[int]
    lengths: Sequence[Spread]
    rewards: Mapping[str, Mapping[int, Spread]]
    completions: int


def completion_files(path: Path) -> list[str]:
    """Return the files of a run's completions: those of a folder, in order of their names, or the file itself."""
    if not path.is_dir():
        return [str(path)]
    return sorted(str(file) for file in path.rglob("*") if file.name.endswith(SUFFIXES))


def read_training(files: Sequence[str]) -> Training:
    """Read the completions that a trainer has logged: rows with a step, a completion and columns of rewards.

    Raises:
        DataError: there are no such rows.
    """
    lengths: defaultdict[int, list[int]] = defaultdict(list)
    rewards: defaultdict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in files:
        for chunk in read_chunks(path):
            for row in chunk.rows:
                if not isinstance(row, BadRow):
                    _add(row, lengths, rewards)
    if not lengths:
        raise DataError(f"{', '.join(files)}: no row has a step and a completion, as tables of completions have")
    steps = sorted(lengths)
    return Training(
        steps,
        [_spread(lengths[step]) for step in steps],
        {name: {step: _spread(column[step]) for step in sorted(column)} for name, column in rewards.items()},
        sum(map(len, lengths.values())),
    )


def _add(
    row: Mapping[str, Any],
    lengths: defaultdict[int, list[int]],
    rewards: defaultdict[str, defaultdict[int, list[float]]],
) -> None:
    step = row.get("step", row.get("gen_step"))
    completion = next((row[name] for name in ROLES["completion"] if row.get(name) is not None), None)
    if completion is None or not isinstance(step, int | float):
        return
    lengths[int(step)].append(len(completion_text(completion)))
    for name, value in row.items():
        if name not in _NOT_REWARDS and type(value) in (int, float) and np.isfinite(value):
            rewards[name][int(step)].append(float(value))


def _spread(values: Sequence[float]) -> Spread:
    low, high = np.percentile(values, [10, 90]).tolist()
    return Spread(float(np.mean(values)), low, high)
