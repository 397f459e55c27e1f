"""OpenRLHF: the single-turn agent, which calls the reward file or `star serve`, on decoded text with special tokens.

The package itself wants a compiler for GPUs when it is imported; `openrlhf.utils.agent` does not, below a parent that is
only a name.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

from results import QUESTIONS, ROWS, TVR, report, same_keys
from rows import COLUMNS
from tokenizer import byte_tokenizer

TOKEN = "a-token-of-the-conformance-run"
PROMPT = [{"role": "user", "content": "Which changed? Use <think></think><answer></answer>."}]


class Engine:
    """Gives back what it is told to."""

    def __init__(self, tokenizer):
        self.tokenizer, self.text = tokenizer, ""

    async def generate(self, *_, **__):
        ids = self.tokenizer(self.text, add_special_tokens=False)["input_ids"]
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=ids, finish_reason="stop", logprobs=None)])


def agent():
    base = Path(sysconfig.get_path("purelib")) / "openrlhf"
    for name, path in (("openrlhf", base), ("openrlhf.utils", base / "utils")):
        module = sys.modules[name] = ModuleType(name)
        module.__path__ = [str(path)]
    return importlib.import_module("openrlhf.utils.agent").SingleTurnAgentExecutor


def through_file(rows, prompt, end="", column="gold", setting=""):
    """Score rows by a file of one line."""
    file = Path("star_openrlhf.py")
    file.write_text(
        "from functools import partial\nfrom star_r1.openrlhf import reward_func\n"
        f"reward_func = partial(reward_func{setting})\n"
        if setting
        else "from star_r1.openrlhf import reward_func\n",
        encoding="utf-8",
    )
    return run(rows, prompt, end, column, str(file.resolve()))


@contextmanager
def served(*options):
    """Run `star serve` and yield the address that OpenRLHF is given, token included."""
    command = [sys.executable, "-m", "star_cli", "serve", "--port", "0", *options]
    server = subprocess.Popen(command, env=os.environ | {"STAR_TOKEN": TOKEN}, stderr=subprocess.PIPE, text=True)
    try:
        yield server.stderr.readline().split()[-1].replace("//", f"//star:{TOKEN}@") + "/get_reward"
    finally:
        server.terminate()
        assert server.wait(60) == 0


def run(rows, prompt, end, column, reward):
    tokenizer = byte_tokenizer()
    executor, engine = agent()(reward), Engine(tokenizer)
    sampling = SimpleNamespace(max_tokens=512, logprobs=None)

    async def each():
        found = []
        for row in rows:
            engine.text = row["text"] + end
            found.append(await executor.execute(prompt, row[column], sampling, 100_000, tokenizer, engine))
        return found

    found = asyncio.run(each())
    logged = [one["extra_logs"] for one in found if one["reward"] is not None]
    keys = same_keys(logged, ("correct", "format", "parsed", "prefilled"))
    rewards = [one["reward"] for one in found]
    return [None if each is None else each[0] if isinstance(each, list) else each.item() for each in rewards], keys


def label(row):
    return json.dumps({name: row[name] for name in (*COLUMNS, "task") if row.get(name) is not None})


def main():
    prompt = byte_tokenizer().apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=True)
    for end in ("<|im_end|>", "<|im_end|>\n", "<turn|>", "<end_of_utterance>", "[EOS]", "<eos>", "<pad>"):
        named = re.sub(r"\W", "", end) + (" and a newline" if end.endswith("\n") else "")
        report(f"ends in the token {named}", TVR, *through_file(TVR, prompt, end))
    report("packed questions", QUESTIONS, *through_file(QUESTIONS, prompt, "<|im_end|>", setting=", task='multiview'"))
    report("raw prompt", TVR, *through_file(TVR, "What changed?\n", "<|im_end|>"))
    report("empty prompt", TVR, *through_file(TVR, "", "<|im_end|>"))
    mixed = [{**row, "label": label(row)} for row in ROWS]
    tasks = ", tasks=('tvr', 'multiview')"
    report("both tasks", mixed, *through_file(mixed, prompt, "<|im_end|>", "label", tasks))
    with served() as address:
        report("star serve, tvr", TVR, *run(TVR, prompt, "<|im_end|>", "gold", address))
    with served("--task", "tvr", "--task", "multiview") as address:
        report("star serve, both tasks", mixed, *run(mixed, prompt, "<|im_end|>", "label", address))


if __name__ == "__main__":
    main()
