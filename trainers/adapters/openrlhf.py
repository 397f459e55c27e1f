"""OpenRLHF: a file of one line, named on the command line.

    # star_openrlhf.py
    from star_r1.openrlhf import reward_func

    --reward.remote_url $PWD/star_openrlhf.py --data.input_key input --data.label_key label --data.apply_chat_template

Settings are given in that file: ``reward_func = functools.partial(star_r1.openrlhf.reward_func, preset="calibrated")``,
and the tasks that a data set mixes: ``tasks=("tvr", "multiview")``. A row's label is '2.color.cyan, 0.shape.cube', or
all that it holds packed into one string, as `star data export --to openrlhf` writes it; that may name its task.

Over HTTP, from a server that other machines share: ``--reward.remote_url http://127.0.0.1:8000/get_reward``, see `star
serve`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rewards.errors import DataError
from rewards.messages import strip_special_tokens
from trainers.adapters.score_row import flat_names, flat_row, score_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewards.batch_score import Score


def response(query: str, prompt: str) -> str:
    """Return what a model wrote: a query is the decoded prompt and response, special tokens included.

    Only the prompt's end comes back as it was written, since an image's placeholder is repeated; the cut is made there.

    Raises:
        DataError: where that end is not in the query, so that the prompt would be graded with the response.
    """
    end = prompt[-40:]
    if end not in query:
        raise DataError(f"the query does not hold the end of its prompt, {end!r}: the response cannot be told from it")
    return strip_special_tokens(query.split(end, prompt.count(end))[-1] if end else query)


def score_queries(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **settings: Any
) -> list[Score]:
    """Score responses behind their prompts, (rows,) each.

    Raises:
        DataError: for a wrong label, or a query without its prompt; its ``row`` says where. Also for columns of unequal
            length.
    """
    if len(queries) != len(prompts) or len(queries) != len(labels):
        counts = f"{len(queries)} queries, {len(prompts)} prompts and {len(labels)} labels"
        raise DataError(f"there are {counts}; pass one of each for every row")
    scores = []
    for row, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True)):
        try:
            scores.append(score_row(response(query, prompt), label, **settings))
        except DataError as error:
            raise DataError(error.message, row=row) from error
    return scores


def logs(scores: Sequence[Score], tasks: Sequence[str], **settings: Any) -> dict[str, list[float]]:
    """Return ``extra_logs``: `Score.flat` by its keys, which are those of all *tasks* where a data set mixes some."""
    flat = [flat_row(score, flat_names(tasks, **settings)) if tasks else score.flat() for score in scores]
    return {name: [each[name] for each in flat] for name in (flat[0] if flat else ())}


def reward_func(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], *, tasks: Sequence[str] = (), **settings: Any
) -> dict[str, Any]:
    """Return ``rewards`` (totals), ``scores`` (normalized, 0 to 1, for dynamic filtering) and ``extra_logs`` (parts).

    Args:
        queries: the decoded prompts and responses, (rows,).
        prompts: as they were asked, (rows,).
        labels: the targets, plain or packed, (rows,).
        tasks: the tasks that a data set mixes: OpenRLHF needs the same keys in every row's ``extra_logs``.
        **settings: of `score_completion`.

    Raises:
        DataError: for a wrong label. It is logged first: OpenRLHF takes an exception for "no reward" without a word.
    """
    import torch

    try:
        scores = score_queries(queries, prompts, labels, **settings)
        extra = logs(scores, tasks, **settings)
    except Exception:
        logging.getLogger(__name__).exception("star_r1.openrlhf: no reward")
        raise
    return {
        "rewards": torch.tensor([score.total for score in scores], dtype=torch.float),
        "scores": torch.tensor([score.unit for score in scores], dtype=torch.float),
        "extra_logs": {name: torch.tensor(values) for name, values in extra.items()},
    }
