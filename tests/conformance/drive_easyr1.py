"""EasyR1, from a checkout whose folder stands in ``EASYR1``: its reward manager on a `DataProto`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, os.environ["EASYR1"])

from verl.protocol import DataProto
from verl.workers.reward.config import RewardConfig
from verl.workers.reward.function import AutoRewardManager

from results import QUESTIONS, TVR, report


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def decode(self, ids, skip_special_tokens=True):
        return bytes(int(each) for each in ids).decode()


def run(rows, column="gold", **settings):
    file = Path("star_easyr1.py")
    file.write_text("from star_r1.easyr1 import REWARD_NAME, REWARD_TYPE, compute_score\n", encoding="utf-8")
    config = RewardConfig(reward_function=f"{file.resolve()}:compute_score", reward_function_kwargs=settings)
    config.post_init()
    texts = [row["text"].encode() for row in rows]
    longest = max(map(len, texts))
    responses, mask = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(2))
    for at, text in enumerate(texts):
        responses[at, : len(text)] = torch.tensor(list(text), dtype=torch.long)
        mask[at, : max(len(text), 1)] = 1  # EasyR1 writes the reward at the last token
    data = DataProto.from_dict(
        tensors={"responses": responses, "response_mask": mask},
        non_tensors={"ground_truth": np.array([row[column] for row in rows], dtype=object)},
    )
    rewards, metrics = AutoRewardManager(config, Bytes()).compute_reward(data)
    assert metrics["overall"] == [row["total"] for row in rows]
    return rewards.sum(1).tolist(), list(metrics)


def main():
    report("batch reward, tvr", TVR, *run(TVR))
    report("batch reward, plain targets", TVR, *run(TVR, "target", think_prefilled="auto"))
    report("batch reward, questions packed", QUESTIONS, *run(QUESTIONS, task="multiview"))


if __name__ == "__main__":
    main()
