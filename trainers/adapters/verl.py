"""verl: a reward function by its path; no file is needed.

    reward.custom_reward_function.path=pkg://star_r1.verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.preset=default

Every setting of `score_completion` is a ``reward_kwargs``: task, preset, mode, think_prefilled, scale, ... A row holds
``reward_model={"style": "rule", "ground_truth": "2.color.cyan, 0.shape.cube"}``, or all of a question packed into that
string as `star data export --to verl` writes it. Its task is that of ``extra_info.task``, of a ``data_source``
"star-r1/multiview", or of ``reward_kwargs.task``, which a task file of your own needs (``reward_kwargs.task=FILE``).
The older top-level ``custom_reward_function.path`` is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainers.adapters.score_row import flat_names, flat_row, score_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    tasks: Sequence[str] = (),
    reward_router_address: str | None = None,  # noqa: ARG001  verl passes both to every function
    reward_model_tokenizer: Any = None,  # noqa: ARG001
    **settings: Any,
) -> dict[str, float | str]:
    """Return ``score`` (the total), ``acc`` (1 if correct), `Score.flat`, and the code of the fault, as verl logs them.

    Numbers are averaged in validation; the fault, or an empty text, stands in the rollouts that verl writes.

    Args:
        data_source: of the row, which may name its task.
        solution_str: the decoded response.
        ground_truth: the target, plain or packed.
        extra_info: further columns of the row.
        tasks: the tasks that one batch mixes: verl looks the keys of its first row up in every other.
        reward_router_address: not used.
        reward_model_tokenizer: not used.
        **settings: of `score_completion`.
    """
    score = score_row(solution_str, ground_truth, {**(extra_info or {}), "data_source": data_source}, **settings)
    logged = flat_row(score, flat_names(tasks, **settings)) if tasks else score.flat()
    fault = "" if score.fault is None else score.fault.code
    return {"score": score.total, "acc": float(score.correct), **logged, "fault": fault}
