"""The rewards of a data frame of polars, also of a file in batches.

python examples/score_polars.py examples/tvr_predictions.jsonl
"""

import sys

import polars as pl

from star_r1 import score_columns


def score(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.hstack(pl.DataFrame(score_columns(rows, task="tvr", prefix="reward_")))


scored = score(pl.read_ndjson(sys.argv[1]))
good = scored.filter(pl.col("reward_error") == "")
print(f"{len(good)} of {len(scored)} rows, mean reward {good['reward_total'].mean():.6f}")
