"""How other people's trainers are told to use the rewards: a file where one is needed, and the lines that name it."""

from __future__ import annotations

from typing import NamedTuple


class TrainerLines(NamedTuple):
    """How one trainer is told to use the rewards.

    Attributes:
        package: its distribution.
        version: the one that the lines are written for.
        file: name of a file to write next to the run.
        code: what stands in it.
        lines: configuration or command line.
        data: what a row of the data holds.
    """

    package: str
    version: str
    file: str
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
from star_r1 import score_completion, unpack_gold


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
    gold = {name: (extra_info or {}).get(name) for name in ("references", "relations", "options")}
    gold |= unpack_gold(ground_truth)  # one string of `star data export` may hold all of it
    score = score_completion(solution_str, gold.pop("target"), task=task, preset=preset, **gold)
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
from star_r1 import score_batch, unpack_gold

TASK, PRESET = "tvr", "default"
SPECIAL_TOKENS = re.compile(r"(?:\\s*(?:<[|｜][^<>]*[|｜]>|</s>|<eos>|<end_of_turn>))+\\s*\\Z")


def response(query, prompt):
    # A query is the decoded prompt and response, special tokens included. Only the prompt's end comes back as it was
    # written (an image's placeholder is repeated), so the cut is made there.
    end = prompt[-40:]
    return SPECIAL_TOKENS.sub("", query.split(end, prompt.count(end))[-1])


def reward_func(queries, prompts, labels, **kwargs):
    completions = [response(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
    gold = [unpack_gold(label) for label in labels]
    columns = {name: [each.get(name) for each in gold] for name in ("references", "relations", "options")}
    targets = [each["target"] for each in gold]
    batch = score_batch(completions, targets, task=TASK, preset=PRESET, **columns)
    logs = {part: torch.tensor(values) for part, values in batch.parts.items()}
    return {
        "rewards": torch.tensor(batch.total, dtype=torch.float),
        "scores": torch.tensor(batch.unit, dtype=torch.float),
        "extra_logs": logs,
    }
"""

_OPENRLHF_LINES = """\
--reward.remote_url $PWD/star_openrlhf.py
--data.input_key input
--data.label_key label
--data.apply_chat_template
"""

_SWIFT_CODE = """\
from star_r1 import score_batch, unpack_gold
from swift.rewards import ORM, orms

TASK, PRESET = "tvr", "default"


class StarReward(ORM):
    def __call__(self, completions, solution, **others):
        gold = [unpack_gold(each) for each in solution]
        columns = {name: [each.get(name) for each in gold] for name in ("references", "relations", "options")}
        targets = [each["target"] for each in gold]
        return score_batch(completions, targets, task=TASK, preset=PRESET, **columns).total.tolist()


orms["star"] = StarReward
"""

_SWIFT_LINES = """\
--external_plugins $PWD/star_swift.py
--reward_funcs star
"""

_EASYR1_CODE = """\
from star_r1 import score_completion, unpack_gold

REWARD_NAME = "star"
REWARD_TYPE = "batch"


def compute_score(reward_inputs, task="tvr", preset="default"):
    found = []
    for item in reward_inputs:
        gold = unpack_gold(item["ground_truth"])
        score = score_completion(item["response"], gold.pop("target"), task=task, preset=preset, **gold)
        found.append({"overall": score.total, "accuracy": float(score.correct), **score.parts})
    return found
"""

_EASYR1_LINES = """\
data.prompt_key=prompt
data.answer_key=answer
data.format_prompt=null
worker.reward.reward_function=$PWD/star_easyr1.py:compute_score
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
        "rows: columns input, images, and label with '2.color.cyan, 0.shape.cube', as `star data export --to openrlhf` "
        "writes them",
    ),
    "swift": TrainerLines(
        "ms-swift",
        "4.6.0",
        "star_swift.py",
        _SWIFT_CODE,
        _SWIFT_LINES,
        "rows: a column solution with '2.color.cyan, 0.shape.cube' beside messages and images, as `star data export "
        "--to swift` writes them",
    ),
    "easyr1": TrainerLines(
        "EasyR1",
        "the sources of July 2026",
        "star_easyr1.py",
        _EASYR1_CODE,
        _EASYR1_LINES,
        "rows: prompt, images, and answer with '2.color.cyan, 0.shape.cube', as `star data export --to easyr1` writes "
        "them. EasyR1 is no package; its own distribution is called verl.",
    ),
}
"""By the name that ``star doctor --trainer`` takes."""
