"""The rewards as a step of a pipeline of Ray Data: `map_batches` over columns.

    python examples/score_ray.py examples/tvr_predictions.jsonl

`star score --engine ray` scores whole files on a cluster, with the table and the folder of parts.
"""

import sys
from typing import Any

import ray

from star_r1 import score_columns


def score(batch: dict[str, Any]) -> dict[str, Any]:
    return {**batch, **score_columns(batch, task="tvr", prefix="reward_")}


if __name__ == "__main__":
    scored = ray.data.read_json(sys.argv[1]).map_batches(score)
    good = scored.filter(lambda row: row["reward_error"] == "").materialize()
    print(f"{good.count()} of {scored.count()} rows, mean reward {good.mean('reward_total'):.6f}")
