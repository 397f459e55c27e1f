"""Does a reward depend on Python's hash seed? Fresh processes are asked; run as a module, this is such a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.audit.checks import compare
from benchmarks.audit.reward import columns, score_rows
from rewards.errors import ConfigError
from star_cli.reward_source import RewardSource, load_reward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit import AuditedReward, AuditFinding
    from benchmarks.audit.checks import Probes

_MOST = 400  # completions that are asked about
_SEEDS = (1, 2, 3)


def check_hash_seed(source: RewardSource, audited: AuditedReward, asked: Probes) -> list[AuditFinding]:
    """Return a finding if the reward is another one under another hash seed: ranks would disagree.

    Raises:
        ConfigError: if a process fails.
    """
    some = type(asked)(asked.texts[:_MOST], asked.scenes[:_MOST])
    given = columns(audited, some.scenes)
    first, *others = (totals_under(source, some.texts, given, seed) for seed in _SEEDS)
    differing = next((each for each in others if not np.array_equal(each, first, equal_nan=True)), first)
    return compare("hash_seed", "the reward depends on Python's hash seed", some, first, differing)


def totals_under(
    source: RewardSource, texts: Sequence[str], given: Mapping[str, Sequence[Any]], seed: int
) -> NDArray[np.float64]:
    """Return what a reward gives in a process of its own under one hash seed, (rows,).

    Raises:
        ConfigError: if the process fails.
    """
    request = json.dumps({"source": asdict(source), "texts": list(texts), "columns": given})
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", "star_cli.hash_seed"],
        input=request,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(f"the reward cannot be loaded in a process of its own: {last}")
    answer = done.stdout.rpartition("\n\x1e")[2]  # what the reward prints stands before it
    return np.array([np.nan if value is None else value for value in json.loads(answer)], dtype=np.float64)


def answer_request() -> None:
    """Read a request from standard input and print what the reward gives."""
    request = json.load(sys.stdin)
    audited = load_reward(RewardSource(**request["source"]))
    totals = score_rows(audited, request["texts"], request["columns"])
    sys.stdout.write("\n\x1e" + json.dumps([None if np.isnan(value) else value for value in totals.tolist()]))


if __name__ == "__main__":
    answer_request()
