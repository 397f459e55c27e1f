"""How other people's trainers are told to use the rewards: a file where one is needed, and the lines that name it."""

from __future__ import annotations

from typing import NamedTuple


class TrainerLines(NamedTuple):
    """How one trainer is told to use the rewards.

    Attributes:
        package: its distribution.
        version: the one that the lines are written for.
        file: name of a file to write next to the run, or None.
        code: what stands in it.
        lines: configuration or command line.
        data: what a row of the data holds.
    """

    package: str
    version: str
    file: str | None
    code: str
    lines: str
    data: str


_TRL_CODE = """\
from star_r1 import TaskReward

tvr = TaskReward("tvr", preset="default", name="tvr")
"""

_TRL_LINES = """\
# trl grpo --config grpo.yaml
reward_funcs:
  - star_r1.format_reward
  - star_r1.tvr_accuracy_reward
reward_weights: [1.0, 1.0]

# or, instead, one function for the sum of both, with any preset: the file above
# reward_funcs: [star_rewards.tvr]
"""

_VERL_CODE = """\
from star_r1 import score_completion


def compute_score(
    data_source,
    solution_str,
    ground_truth,
    extra_info=None,
    *,
    task="tvr",
    preset="default",
    reward_router_address=None,
    reward_model_tokenizer=None,
):
    extra = extra_info or {}
    score = score_completion(
        solution_str,
        ground_truth,
        task=task,
        preset=preset,
        references=extra.get("references"),
        relations=extra.get("relations"),
        options=extra.get("options"),
    )
    return {"score": score.total, "acc": float(score.correct), **score.parts}
"""

_VERL_LINES = """\
reward.custom_reward_function.path=$PWD/star_verl.py
reward.custom_reward_function.name=compute_score
+reward.custom_reward_function.reward_kwargs.task=tvr
+reward.custom_reward_function.reward_kwargs.preset=default
"""

_OPENRLHF_CODE = """\
import re

import torch
from star_r1 import score_batch

SPECIAL_TOKENS = re.compile(r"(?:\\s*(?:<[|｜][^<>]*[|｜]>|</s>|<eos>|<end_of_turn>))+\\s*\\Z")


def response(query, prompt):
    # A query is the decoded prompt and response, special tokens included. Only the prompt's end comes back as it was
    # written (an image's placeholder is repeated), so the cut is made there.
    end = prompt[-40:]
    return SPECIAL_TOKENS.sub("", query.split(end, prompt.count(end))[-1])


def reward_func(queries, prompts, labels, **kwargs):
    completions = [response(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
    batch = score_batch(completions, labels, task="tvr", preset="default")
    logs = {part: torch.tensor(values) for part, values in batch.parts.items()}
    return {
        "rewards": torch.tensor(batch.total, dtype=torch.float),
        "scores": torch.tensor(batch.unit, dtype=torch.float),
        "extra_logs": logs,
    }
"""

_OPENRLHF_LINES = """\
--reward.remote_url $PWD/star_openrlhf.py
--data.label_key target
"""

_SWIFT_CODE = """\
from star_r1 import tvr_reward
from swift.rewards import ORM, orms


class StarTVR(ORM):
    def __call__(self, completions, **columns):
        return tvr_reward(completions, **columns)


orms["star_tvr"] = StarTVR
"""

_SWIFT_LINES = """\
--external_plugins $PWD/star_swift.py
--reward_funcs star_tvr
"""

TRAINERS = {
    "trl": TrainerLines(
        "trl",
        "1.16.0",
        "star_rewards.py",
        _TRL_CODE,
        _TRL_LINES,
        "columns: prompt, target ('2.color.cyan, 0.shape.cube'), and images, id where you have them",
    ),
    "verl": TrainerLines(
        "verl",
        "0.9.1",
        "star_verl.py",
        _VERL_CODE,
        _VERL_LINES,
        "rows: reward_model={'style': 'rule', 'ground_truth': '2.color.cyan, 0.shape.cube'}; of questions also "
        "extra_info={'references': ..., 'relations': ..., 'options': ...}. The older top-level "
        "custom_reward_function.path is not read.",
    ),
    "openrlhf": TrainerLines(
        "openrlhf",
        "0.11.2",
        "star_openrlhf.py",
        _OPENRLHF_CODE,
        _OPENRLHF_LINES,
        "rows: the column named by --data.label_key holds '2.color.cyan, 0.shape.cube'",
    ),
    "swift": TrainerLines(
        "ms-swift",
        "4.6.0",
        "star_swift.py",
        _SWIFT_CODE,
        _SWIFT_LINES,
        "rows: a column target with '2.color.cyan, 0.shape.cube' beside messages and images",
    ),
}
"""By the name that ``star doctor --trainer`` takes."""
