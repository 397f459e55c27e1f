"""What `star doctor --trainer` prints runs, as far as that goes without the trainers themselves."""

from __future__ import annotations

import importlib
import inspect
import pickle
import shlex
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import yaml

from rewards import score_completion
from rewards.targets import pack_gold
from star_cli.trainer_lines import TRAINERS

GOOD = "<think>b</think><answer>2.color.cyan</answer>"
TWICE = "<think>b</think><answer>2.color.cyan, 2.color.cyan</answer>"
BROKEN = "2.color.cyan"
COMPLETIONS = [GOOD, TWICE, BROKEN]
TARGET = "2.color.cyan, 0.shape.cube"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write a trainer's file and import it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def load(name):
        file = tmp_path / TRAINERS[name].file
        file.write_text(TRAINERS[name].code, encoding="utf-8")
        monkeypatch.delitem(sys.modules, file.stem, raising=False)
        return importlib.import_module(file.stem)

    return load


@pytest.mark.parametrize("name", TRAINERS)
def test_the_documentation_shows_the_same(name):
    page = Path(__file__).parents[2].joinpath("docs", "rewards.md").read_text(encoding="utf-8")
    assert f'```python title="{TRAINERS[name].file}"\n{TRAINERS[name].code.rstrip()}\n```' in page
    assert TRAINERS[name].lines.rstrip() in page


def totals(preset="default"):
    return [score_completion(text, TARGET, preset=preset).total for text in COMPLETIONS]


def test_trl(load):
    load("trl")
    config = yaml.safe_load(TRAINERS["trl"].lines)
    other = yaml.safe_load(TRAINERS["trl"].lines.rpartition("# reward_funcs")[2].join(["reward_funcs", ""]))
    logged = {}
    batch = {
        "prompts": ["p"] * 3,
        "completions": [[{"role": "assistant", "content": text}] for text in COMPLETIONS],
        "completion_ids": [[1]] * 3,
        "target": [TARGET] * 3,
        "trainer_state": SimpleNamespace(global_step=1),
        "log_extra": lambda name, column: logged.update({name: column}),
        "log_metric": lambda name, value: logged.update({name: value}),
    }

    def call(paths):
        functions = [
            getattr(importlib.import_module(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in paths
        ]
        for function in functions:
            pickle.loads(pickle.dumps(function))
            assert function.__name__
        return np.array([function(**batch) for function in functions])

    weighted = np.array(config["reward_weights"]) @ call(config["reward_funcs"])
    assert weighted.tolist() == totals()
    assert call(other["reward_funcs"])[0].tolist() == totals()
    assert logged["answer"] == ["2.color.cyan", "2.color.cyan, 2.color.cyan", None]


def test_verl(load):
    options = dict(line.lstrip("+").split("=", 1) for line in TRAINERS["verl"].lines.split())
    section = "reward.custom_reward_function."
    assert options[section + "path"] == "$PWD/" + TRAINERS["verl"].file
    function = getattr(load("verl"), options[section + "name"])
    names = [name for name in options if name.startswith(section + "reward_kwargs.")]
    kwargs = {name.rpartition(".")[2]: options[name] for name in names}
    assert set(kwargs) <= set(inspect.signature(function).parameters)
    compute_score = partial(function, **kwargs)
    scored = [
        compute_score(data_source="tvr", solution_str=text, ground_truth=TARGET, extra_info={"num_turns": 1})
        for text in COMPLETIONS
    ]
    assert [each["score"] for each in scored] == totals()
    assert len({tuple(each) for each in scored}) == 1  # the keys of the first sample are looked up in every other
    assert all(isinstance(value, float) for each in scored for value in each.values())
    positional = function("tvr", TWICE, TARGET)  # as verl.trainer.main_eval calls it
    assert positional["score"] == totals()[1]
    asked = function("mindcube", "<think>View 1: [a sofa, ball, left]</think><answer>B</answer>", "B", task="multiview",
                     extra_info={"references": [["sofa", "ball"]]})  # fmt: skip
    assert asked["score"] == 2.0
    packed = pack_gold({"target": "B", "references": [["sofa", "ball"]]})  # as `star data export` writes it
    again = function(
        "mindcube", "<think>View 1: [a sofa, ball, left]</think><answer>B</answer>", packed, task="multiview"
    )
    assert again == asked


PROMPT = (
    "<|im_start|>user\n<|image_pad|>Which changed? Use <think></think><answer></answer>.<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def test_openrlhf(load, monkeypatch):
    # All that the file asks of torch is to make tensors; numpy's arrays stand in.
    torch = ModuleType("torch")
    torch.tensor, torch.float = np.array, np.float32
    monkeypatch.setitem(sys.modules, "torch", torch)
    module = load("openrlhf")
    assert shlex.split(TRAINERS["openrlhf"].lines)[:2] == ["--reward.remote_url", "$PWD/" + TRAINERS["openrlhf"].file]
    seen = PROMPT.replace("<|image_pad|>", "<|image_pad|>" * 9)  # what the processor makes of it
    for text, total in zip(COMPLETIONS, totals(), strict=True):
        for prompt, begin in ((PROMPT, seen), ("Which changed? ", "Which changed? ")):
            for end in ("<|im_end|>", "<|im_end|>\n<|endoftext|>", "</s>", "<｜end▁of▁sentence｜>", ""):
                result = module.reward_func([begin + text + end], [prompt], [TARGET])
                assert result["rewards"].tolist() == [total]
                assert 0 <= result["scores"][0] <= 1
                assert sum(part[0] for part in result["extra_logs"].values()) == total


def test_openrlhf_with_several_turns_and_a_prefilled_opener(load, monkeypatch):
    torch = ModuleType("torch")
    torch.tensor, torch.float = np.array, np.float32
    monkeypatch.setitem(sys.modules, "torch", torch)
    module = load("openrlhf")
    prompt = PROMPT + GOOD + "<|im_end|>\n" + PROMPT + "<think>\n"
    assert module.response(prompt + "b</think><answer>x</answer><|im_end|>", prompt) == "b</think><answer>x</answer>"
    assert module.response(PROMPT + GOOD, PROMPT) == GOOD


def test_swift(load, monkeypatch):
    rewards = ModuleType("swift.rewards")
    rewards.orms = {}

    class ORM:
        def __init__(self, args=None, **kwargs):
            self.args = args

    rewards.ORM = ORM
    monkeypatch.setitem(sys.modules, "swift", ModuleType("swift"))
    monkeypatch.setitem(sys.modules, "swift.rewards", rewards)
    load("swift")
    line = shlex.split(TRAINERS["swift"].lines)
    assert line[:3] == ["--external_plugins", "$PWD/" + TRAINERS["swift"].file, "--reward_funcs"]
    reward = rewards.orms[line[3]](args=SimpleNamespace())
    columns = {"solution": [TARGET] * 3, "messages": [[]] * 3, "images": [[]] * 3, "prompt_id": list("aab")}
    paid = reward(COMPLETIONS, **columns, trainer_state=None, finish_reason=["stop"] * 3)
    assert paid == totals()


def test_easyr1(load):
    options = dict(line.split("=", 1) for line in TRAINERS["easyr1"].lines.split())
    path, _, name = options["worker.reward.reward_function"].rpartition(":")
    assert path == "$PWD/" + TRAINERS["easyr1"].file
    module = load("easyr1")
    assert module.REWARD_TYPE == "batch"
    items = [{"response": text, "response_length": len(text), "ground_truth": TARGET} for text in COMPLETIONS]
    scored = getattr(module, name)(items, preset="paper")  # partial(..., **reward_function_kwargs)
    assert [each["overall"] for each in scored] == totals("paper")
    assert len({tuple(each) for each in scored}) == 1  # every key is averaged over the batch
    question = {"response": "<think>View 1: [a sofa, ball, left]</think><answer>B</answer>", "response_length": 9}
    packed = pack_gold({"target": "B", "references": [["sofa", "ball"]]})
    (asked,) = getattr(module, name)([{**question, "ground_truth": packed}], task="multiview")
    assert (asked["overall"], asked["accuracy"]) == (2.0, 1.0)
