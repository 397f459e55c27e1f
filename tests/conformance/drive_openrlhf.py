"""OpenRLHF: the single-turn agent, which calls the reward file, on decoded text with special tokens.

The package itself wants a compiler for GPUs when it is imported; `openrlhf.utils.agent` does not, below a parent that is
only a name.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
import sysconfig
from pathlib import Path
from types import ModuleType, SimpleNamespace

from results import QUESTIONS, TVR, report, same_keys
from tokenizer import byte_tokenizer

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


def run(rows, prompt, end="", column="gold", setting=""):
    file = Path("star_openrlhf.py")
    file.write_text(
        "from functools import partial\nfrom star_r1.openrlhf import reward_func\n"
        f"reward_func = partial(reward_func{setting})\n"
        if setting
        else "from star_r1.openrlhf import reward_func\n",
        encoding="utf-8",
    )
    tokenizer = byte_tokenizer()
    executor, engine = agent()(str(file.resolve())), Engine(tokenizer)
    sampling = SimpleNamespace(max_tokens=512, logprobs=None)

    async def each():
        found = []
        for row in rows:
            engine.text = row["text"] + end
            found.append(await executor.execute(prompt, row[column], sampling, 100_000, tokenizer, engine))
        return found

    found = asyncio.run(each())
    logged = [one["extra_logs"] for one in found if one["reward"] is not None]
    keys = same_keys(logged, ("correct", "format")) if len({row["task"] for row in rows}) == 1 else []
    return [None if one["reward"] is None else one["reward"].item() for one in found], keys


def main():
    prompt = byte_tokenizer().apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=True)
    for end in ("<|im_end|>", "<|im_end|>\n", "<turn|>", "<end_of_utterance>", "[EOS]", "<eos>", "<pad>"):
        named = re.sub(r"\W", "", end) + (" and a newline" if end.endswith("\n") else "")
        report(f"ends in the token {named}", TVR, *run(TVR, prompt, end))
    report("packed questions", QUESTIONS, *run(QUESTIONS, prompt, "<|im_end|>", setting=", task='multiview'"))
    report("raw prompt", TVR, *run(TVR, "What changed?\n", "<|im_end|>"))
    report("empty prompt", TVR, *run(TVR, "", "<|im_end|>"))


if __name__ == "__main__":
    main()
