"""TRL: the trainers' own `_calculate_rewards`, with messages, plain text, and reasoning that a template keeps apart."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from star_r1 import answer_reward, format_reward, multiview_reward, reference_reward, tvr_accuracy_reward, tvr_reward
from results import QUESTIONS, ROWS, TVR, reasoning, report
from tokenizer import write_text_model

WORK = Path(tempfile.mkdtemp())
MODEL = str(write_text_model(WORK / "model"))
COLUMNS = ("references", "options", "id", "task")


def by_name(path):
    """Load a function as ``trl grpo --reward_funcs`` does."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def message(row, kind):
    think, rest = reasoning(row)
    if kind == "plain":
        return row["text"]
    if kind == "messages" or think is None:
        return [{"role": "assistant", "content": row["text"]}]
    return [{"role": "assistant", kind: think, "content": rest}]


def run(trainer_class, config_class, functions, rows, *, kind="messages", gold="gold"):
    data = [
        {"prompt": "q" if kind == "plain" else [{"role": "user", "content": "q"}], "target": row[gold]} for row in rows
    ]
    data = [each | {name: row.get(name) for name in COLUMNS} for each, row in zip(data, rows, strict=True)]
    config = config_class(
        output_dir=str(WORK / "out"), per_device_train_batch_size=4, num_generations=4, report_to="none", use_cpu=True,
        bf16=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = trainer_class(model=MODEL, reward_funcs=functions, args=config, train_dataset=Dataset.from_list(data))
    inputs = list(trainer.train_dataset)
    completions = [message(row, kind) for row in rows]
    rewards = trainer._calculate_rewards(inputs, [each["prompt"] for each in inputs], completions, [[1]] * len(rows))
    logged = getattr(trainer, "_pending_metrics", {})
    return rewards.nansum(1).tolist(), list(
        logged
    )  # as TRL weighs them: a function is silent about the other task's rows


def main():
    grpo, rloo = (GRPOTrainer, GRPOConfig), (RLOOTrainer, RLOOConfig)
    for name, classes in (("GRPO", grpo), ("RLOO", rloo)):
        report(f"{name}, tvr_reward", TVR, *run(*classes, [tvr_reward], TVR))
        report(f"{name}, multiview_reward", QUESTIONS, *run(*classes, [multiview_reward], QUESTIONS))
    two = [format_reward, tvr_accuracy_reward]
    report("GRPO, format and accuracy, plain text", TVR, *run(*grpo, two, TVR, kind="plain", gold="target"))
    named = [by_name("star_r1.tvr.default")]
    report("GRPO, star_r1.tvr.default", TVR, *run(*grpo, named, TVR))
    both = [*named, by_name("star_r1.multiview.default")]
    report("GRPO, both tasks in one data set", ROWS, *run(*grpo, both, ROWS))
    for kind in ("reasoning_content", "thinking"):
        report(f"GRPO, {kind} apart", TVR, *run(*grpo, [tvr_reward], TVR, kind=kind))
        report(f"GRPO, {kind} apart, questions", QUESTIONS, *run(*grpo, [multiview_reward], QUESTIONS, kind=kind))
    report("GRPO, answer and reference", QUESTIONS, *run(*grpo, [answer_reward, reference_reward], QUESTIONS))


if __name__ == "__main__":
    main()
