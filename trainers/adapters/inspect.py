"""inspect_ai: a scorer.

    from star_r1.inspect import star_scorer
    Task(dataset=..., solver=generate(), scorer=star_scorer("tvr"))

A sample's target is '2.color.cyan, 0.shape.cube', or all of a question packed; its metadata may hold references,
relations, options and task. The score's value holds total, correct, parsed, prefilled, unit and the parts, each with
mean and standard error; its explanation says what is wrong with the text, its metadata holds the code of that fault.
Reasoning that inspect_ai keeps apart from the text is put in front of it again.
"""

from __future__ import annotations

from typing import Any

from rewards.messages import completion_text
from trainers.adapters.score_row import flat_names, flat_row, only, score_row


def star_scorer(task: str = "tvr", **settings: Any) -> Any:
    """Return a scorer for rows of a task; settings are those of `score_completion`."""
    from inspect_ai.scorer import Score, mean, scorer, stderr

    def make() -> Any:
        async def score(state: Any, target: Any) -> Any:
            text = completion_text(state.output.message)
            found = score_row(text, only(target), state.metadata, task=task, **settings)
            value = flat_row(found, names)
            fault = None if found.fault is None else found.fault.message
            return Score(
                value=value, answer=text, explanation=fault, metadata={"fault": found.fault and found.fault.code}
            )

        return score

    names = flat_names([task], **settings)
    return scorer(metrics={each: [mean(), stderr()] for each in names}, name=f"star_{task}")(make)()
