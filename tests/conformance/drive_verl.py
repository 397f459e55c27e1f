"""verl: its reward loader and managers, on a `DataProto` as rollouts make it, configured by Hydra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import verl
from hydra import compose, initialize_config_dir
from verl import DataProto
from verl.trainer.ppo.reward import load_reward_manager

from results import QUESTIONS, ROWS, TVR, report, same_keys

FUNCTION = "reward.custom_reward_function"
ADAPTER = [f"{FUNCTION}.path=pkg://star_r1.verl", f"{FUNCTION}.name=compute_score"]


class Bytes:
    """A tokenizer whose tokens are bytes."""

    eos_token = "<|im_end|>"

    def decode(self, ids, skip_special_tokens=True):
        return bytes(int(each) for each in ids).decode()


def batch(rows, column, extra):
    texts = [row["text"].encode() for row in rows]
    longest = max(map(len, texts))
    responses, mask = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(2))
    for at, text in enumerate(texts):
        responses[at, : len(text)] = torch.tensor(list(text), dtype=torch.long)
        mask[at, : len(text)] = 1
    prompts = torch.zeros(len(rows), 1, dtype=torch.long)
    columns = {
        "data_source": [f"star-r1/{row['task']}" for row in rows],
        "reward_model": [{"style": "rule", "ground_truth": row[column]} for row in rows],
        "extra_info": [{name: row.get(name) for name in ("references", "options")} if extra else {} for row in rows],
        "__num_turns__": [2] * len(rows),
    }
    return DataProto.from_dict(
        tensors={
            "prompts": prompts, "responses": responses, "input_ids": torch.cat([prompts, responses], 1),
            "attention_mask": torch.cat([torch.ones(len(rows), 1, dtype=torch.long), mask], 1),
        },
        non_tensors={name: np.array(values, dtype=object) for name, values in columns.items()},
    )  # fmt: skip


def run(overrides, rows, column="gold", *, extra=False):
    folder = Path(verl.__file__).parent / "trainer" / "config"
    with initialize_config_dir(version_base=None, config_dir=str(folder)):
        config = compose("ppo_trainer", overrides=[*ADAPTER, *overrides])
    manager, data = load_reward_manager(config, Bytes()), batch(rows, column, extra)

    async def each():
        return [await manager.run_single(data[at : at + 1]) for at in range(len(rows))]

    found = manager.loop.run_until_complete(each())
    keys = same_keys([one["reward_extra_info"] for one in found], ("score", "acc", "format"))
    return [one["reward_score"] for one in found], keys


def main():
    dapo = ["reward.reward_manager.name=dapo", "+reward.reward_kwargs.overlong_buffer_cfg.enable=false"]
    for name, manager in (
        ("naive", ["reward.reward_manager.name=naive"]),
        ("dapo", [*dapo, "+reward.reward_kwargs.max_resp_len=1024"]),
    ):
        report(f"{name} manager, tvr", TVR, *run(manager, TVR))
        report(f"{name} manager, questions packed", QUESTIONS, *run(manager, QUESTIONS))
        report(f"{name} manager, extra_info", QUESTIONS, *run(manager, QUESTIONS, "target", extra=True))
        mixed = f"+{FUNCTION}.reward_kwargs.tasks=[tvr,multiview]"
        report(f"{name} manager, both tasks in one batch", ROWS, *run([*manager, mixed], ROWS))


if __name__ == "__main__":
    main()
