"""inspect_ai: `eval` of a task with the scorer on a model that answers as it is told, and the scorer on parsed reasoning.

inspect_ai counts tokens with an encoding that it would download; a stand-in counts bytes.
"""

from __future__ import annotations

import asyncio
import tempfile

import tiktoken


class Encoding:
    def encode(self, text, **_):
        return list(text.encode())

    encode_ordinary = encode


tiktoken.get_encoding = lambda _: Encoding()

from inspect_ai import Task
from inspect_ai import eval as run_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ModelOutput, get_model
from inspect_ai.model._openai import chat_message_assistant_from_openai
from inspect_ai.scorer import Target
from inspect_ai.solver import TaskState
from openai.types.chat import ChatCompletionMessage

from star_r1.inspect import star_scorer
from results import QUESTIONS, TVR, report, same_keys


def metadata(row):
    return {name: row.get(name) for name in ("references", "options")}


def evaluated(rows, task):
    outputs = [ModelOutput.from_content("mockllm/model", row["text"]) for row in rows]
    samples = [Sample(id=row["id"], input="q", target=row["target"], metadata=metadata(row)) for row in rows]
    (log,) = run_eval(
        Task(dataset=MemoryDataset(samples), scorer=star_scorer(task)), display="none", log_dir=tempfile.mkdtemp(),
        model=get_model("mockllm/model", custom_outputs=outputs), max_connections=1, max_samples=1,
    )  # fmt: skip
    assert log.status == "success", log.error
    scores = {sample.id: sample.scores[f"star_{task}"].value for sample in log.samples}
    return [scores[row["id"]]["total"] for row in rows], same_keys(list(scores.values()), ("total", "correct"))


def parsed(rows, task):
    """Score messages as inspect_ai makes them of a server's answer: reasoning becomes a content part of its own."""
    score = star_scorer(task)

    async def each():
        found = []
        for row in rows:
            answer = ChatCompletionMessage(role="assistant", content=row["text"])
            output = ModelOutput.from_content("mockllm", "")
            output.choices[0].message = chat_message_assistant_from_openai("m", answer, [])
            state = TaskState(
                model="mockllm/model", sample_id=row["id"], epoch=1, input="q", messages=[ChatMessageUser(content="q")],
                metadata={}, output=output,
            )  # fmt: skip
            found.append((await score(state, Target(row["gold"]))).value["total"])
        return found

    return asyncio.run(each())


def main():
    for task, rows in (("tvr", TVR), ("multiview", QUESTIONS)):
        report(f"eval, {task}", rows, *evaluated(rows, task))
        report(f"scorer on parsed reasoning, {task}", rows, parsed(rows, task))


if __name__ == "__main__":
    main()
