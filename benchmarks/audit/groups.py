"""What real predictions make of a reward: groups in which all are rewarded the same teach nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.audit.reward import TOLERANCE
from rewards.score import score_batch

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


class Groups(NamedTuple):
    """Totals of predictions, by prompt. Shares are in [0, 1], of all groups with at least two predictions.

    Attributes:
        rows: predictions.
        groups: prompts with at least two predictions.
        size: predictions for each of those, on average.
        zero_variance: groups in which all are rewarded the same: their advantages are zero.
        all_best: groups in which all have the highest reward of the file; part of the above.
        all_worst: likewise the least.
        ties: of all pairs of unlike texts in a group, those that are rewarded the same.
        distinct: different totals in a group, on average.
        totals: how often each total occurs in the file, the least first.
        contradicting: share of the predictions whose answer contradicts the last values that the reasoning states, see
            `rewards.consistency`; None where it was not looked at.
    """

    rows: int
    groups: int
    size: float
    zero_variance: float
    all_best: float
    all_worst: float
    ties: float
    distinct: float
    totals: tuple[tuple[float, int], ...]
    contradicting: float | None = None


def contradicting_share(
    texts: Sequence[str], targets: Sequence[Any], task: str, *, options: Sequence[Any] | None = None, **reading: Any
) -> float:
    """Return the share of completions whose answer contradicts what their reasoning comes to, in [0, 1].

    Args:
        texts: the completions, (rows,).
        targets: (rows,).
        task: its name, or the path of its YAML file.
        options: of questions, (rows,).
        **reading: ``mode`` and ``think_prefilled`` of `rewards.score.score_batch`.
    """
    batch = score_batch(texts, targets, task=task, options=options, consistency_weight=1.0, **reading)
    return float((batch.parts["consistency"] < 0).mean())


def group_totals(totals: Sequence[float], prompts: Sequence[Hashable], texts: Sequence[str]) -> Groups:
    """Count ties and groups without variance.

    Args:
        totals: each prediction's reward, (rows,).
        prompts: what tells the groups apart, e.g. the id, (rows,).
        texts: the completions, (rows,).

    >>> found = group_totals([1.0, 1.0, 0.0, 2.0], ["a", "a", "b", "b"], ["x", "y", "x", "y"])
    >>> found.groups, found.zero_variance, found.ties
    (2, 0.5, 0.5)
    """
    members = defaultdict(list)
    for prompt, total, text in zip(prompts, totals, texts, strict=True):
        members[prompt].append((float(total), text))
    groups = [group for group in members.values() if len(group) > 1]
    paid = [np.array([total for total, _ in group]) for group in groups]
    flat = [each for each in paid if np.ptp(each) <= TOLERANCE]
    rounded = Counter(round(float(total), 9) for total in totals)
    best, worst = max(rounded, default=0.0), min(rounded, default=0.0)
    tied, unlike = _ties(groups)
    return Groups(
        rows=len(totals),
        groups=len(groups),
        size=_mean([len(group) for group in groups]),
        zero_variance=len(flat) / max(1, len(groups)),
        all_best=sum(abs(each[0] - best) <= TOLERANCE for each in flat) / max(1, len(groups)),
        all_worst=sum(abs(each[0] - worst) <= TOLERANCE for each in flat) / max(1, len(groups)),
        ties=tied / max(1, unlike),
        distinct=_mean([len(np.unique(np.round(each, 9))) for each in paid]),
        totals=tuple(sorted(rounded.items())),
    )


def _ties(groups: Sequence[Sequence[tuple[float, str]]]) -> tuple[int, int]:
    """Return how many pairs of unlike texts are rewarded the same, and how many there are."""
    tied = unlike = 0
    for group in groups:
        texts = Counter(text for _, text in group)
        by_total: dict[float, Counter[str]] = defaultdict(Counter)
        for total, text in group:
            by_total[round(total, 9)][text] += 1
        unlike += _unlike_pairs(texts)
        tied += sum(_unlike_pairs(each) for each in by_total.values())
    return tied, unlike


def _unlike_pairs(texts: Counter[str]) -> int:
    many = texts.total()
    return (many * many - sum(count * count for count in texts.values())) // 2


def _mean(values: Sequence[int]) -> float:
    return float(np.mean(values)) if values else 0.0
