"""Small data sets of the worked examples, drawn from a seed: prompts, targets, and answers of all sorts.

>>> row = next(draw_rows("scene_graph", 1))
>>> row["id"], row["target"]
('scene_graph-0-0', '(lamp, above, fork), (mug, left, lamp)')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.examples.answers import write_answer
from benchmarks.examples.flowchart import draw_flowchart
from benchmarks.examples.scene_graph import draw_scene_graph
from rewards.errors import ConfigError
from rewards.tasks import load_task
from rewards.tasks.prompts import fill_prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GENERATORS", "draw_rows"]

GENERATORS = {"flowchart": draw_flowchart, "scene_graph": draw_scene_graph}
"""Name of a task -> what draws one problem of it."""


def draw_rows(name: str, count: int, *, seed: int = 0, samples: int = 1) -> Iterator[dict[str, Any]]:
    """Yield rows of a data set; problem *i* depends on (seed, i) only.

    Args:
        name: one of `GENERATORS`.
        count: how many problems.
        seed: of the data set.
        samples: completions for each problem, right and wrong ones, a row each.

    Raises:
        ConfigError: if the task has no generator.
    """
    if name not in GENERATORS:
        raise ConfigError(f"there is no generator of data for task {name!r}; there are {', '.join(GENERATORS)}")
    task = load_task(name)
    assert task.record_format is not None
    for at in range(count):
        rng = np.random.default_rng([seed, at])
        problem = GENERATORS[name](rng)
        for sample in range(samples):
            yield {
                "id": f"{name}-{at}-{sample}",
                "prompt_id": f"{name}-{at}",
                "prompt": fill_prompt(task, problem.columns),
                "target": ", ".join(map(task.record_format.render, problem.target)),
                "completion": write_answer(task.record_format, problem, rng),
                **problem.columns,
            }
