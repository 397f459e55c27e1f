"""OpenRLHF: a file of one line, named on the command line.

    # star_openrlhf.py
    from star_r1.openrlhf import reward_func

    --reward.remote_url $PWD/star_openrlhf.py --data.input_key input --data.label_key label --data.apply_chat_template

Settings are given in that file: ``reward_func = functools.partial(star_r1.openrlhf.reward_func, preset="calibrated")``.
A row's label is '2.color.cyan, 0.shape.cube', or all that it holds packed into one string, its task included, as `star
data export --to openrlhf` writes it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rewards.messages import strip_special_tokens
from trainers.adapters.score_row import score_row

if TYPE_CHECKING:
    from collections.abc import Sequence


def response(query: str, prompt: str) -> str:
    """Return what a model wrote: a query is the decoded prompt and response, special tokens included.

    Only the prompt's end comes back as it was written, since an image's placeholder is repeated; the cut is made there.
    """
    end = prompt[-40:]
    return strip_special_tokens(query.split(end, prompt.count(end))[-1] if end else query)


def reward_func(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **settings: Any
) -> dict[str, Any]:
    """Return ``rewards`` (totals), ``scores`` (normalized, 0 to 1, for dynamic filtering) and ``extra_logs`` (parts).

    Raises:
        DataError: for a wrong label. It is logged first: OpenRLHF takes an exception for "no reward" without a word.
    """
    import torch

    try:
        rows = zip(queries, prompts, labels, strict=True)
        scores = [score_row(response(query, prompt), label, **settings) for query, prompt, label in rows]
    except Exception:
        logging.getLogger(__name__).exception("star_r1.openrlhf: no reward")
        raise
    flat = [score.flat() for score in scores]
    return {
        "rewards": torch.tensor([score.total for score in scores], dtype=torch.float),
        "scores": torch.tensor([score.unit for score in scores], dtype=torch.float),
        "extra_logs": {name: torch.tensor([each[name] for each in flat]) for name in flat[0]},
    }
