"""verifiers: `Task.score` on traces, with functions plugged by configuration, and the taskset as its loader finds it."""

from __future__ import annotations

import asyncio
from itertools import islice

import verifiers.v1 as vf
from verifiers.v1.graph import MessageNode
from verifiers.v1.utils.loaders import taskset_class, taskset_config_type

from results import QUESTIONS, TVR, reasoning, report, same_keys


class Data(vf.TaskData):
    """A row of somebody's own taskset."""

    target: str
    references: list | None = None
    options: list | None = None


class Plain(vf.Task[Data, vf.State, vf.TaskConfig]):
    """A task without any code of its own."""


def trace(message):
    node = MessageNode(message=message, sampled=True)
    return vf.Trace.model_construct(task=None, nodes=[node], rewards={}, metrics={}, errors=[], root_reply=None)


def message(row, apart):
    think, rest = reasoning(row) if apart else (None, row["text"])
    return vf.AssistantMessage(content=rest, reasoning_content=think)


def run(rows, function, *, apart=False, column="gold"):
    config = vf.TaskConfig(
        rewards={"star": {"fn": f"star_r1.verifiers:{function}"}},
        metrics={"parts": {"fn": f"star_r1.verifiers:{function}_parts"}},
    )
    totals, logged = [], []

    async def each():
        for at, row in enumerate(rows):
            columns = {} if column == "gold" else {name: row.get(name) for name in ("references", "options")}
            task = Plain(Data(idx=at, prompt="q", target=row[column], **columns), config)
            found = trace(message(row, apart))
            await task.score(found)
            totals.append(found.reward)
            logged.append({**found.rewards, **found.metrics})

    asyncio.run(each())
    return totals, same_keys(logged, ("star", "total", "correct", "format"))


def taskset(rows):
    """Score generated rows of the taskset that ``--env.taskset.id star-r1`` finds; each target earns everything."""
    chosen = taskset_class("star-r1")
    config = taskset_config_type("star-r1")
    found, expected = [], []

    async def each():
        for task in islice(chosen(config(id="star-r1", rows=rows, size=64)), 6):
            assert await task.validate(None)
            assert sum(part.type == "image_url" for part in task.data.prompt[0].content) >= 2
            one = trace(vf.AssistantMessage(content=f"<answer>{task.data.target}</answer>", reasoning_content="b"))
            await task.score(one)
            found.append(one.reward)
            expected.append(
                {
                    "id": task.data.id,
                    "kind": rows,
                    "total": one.metrics["total"].value
                    if hasattr(one.metrics["total"], "value")
                    else one.metrics["total"],
                }
            )

    asyncio.run(each())
    report(f"taskset star-r1, generated rows, {rows}", expected, found)


def main():
    for apart in (False, True):
        kind = "reasoning apart" if apart else "text"
        report(f"plugged tvr, {kind}", TVR, *run(TVR, "tvr", apart=apart))
        report(f"plugged multiview, {kind}", QUESTIONS, *run(QUESTIONS, "multiview", apart=apart, column="target"))
    report("plugged tvr_default, a preset by its name", TVR, *run(TVR, "tvr_default"))
    taskset("tvr")
    taskset("multiview")


if __name__ == "__main__":
    main()
