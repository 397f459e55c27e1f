"""The rewards of a data set of Hugging Face: `datasets.map` over columns.

python examples/score_datasets.py examples/tvr_predictions.jsonl
"""

import sys

from datasets import load_dataset

from star_r1 import score_columns

rows = load_dataset("json", data_files=sys.argv[1], split="train")
scored = rows.map(score_columns, batched=True, fn_kwargs={"task": "tvr", "prefix": "reward_"})
good = scored.filter(lambda row: row["reward_error"] == "")
print(f"{len(good)} of {len(scored)} rows, mean reward {sum(good['reward_total']) / len(good):.6f}")
