"""Several completions of one prompt: pass@k, mean@k, majority@k and consistency."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.statistics import Interval, cluster_codes, mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from benchmarks.statistics import Clusters, Floats


class AtK(NamedTuple):
    """A mean over prompts.

    Attributes:
        k: number of attempts.
        mean: over prompts with at least k completions; None where there is none.
        left_out: number of prompts with fewer.
    """

    k: int
    mean: Interval | None
    left_out: int


def pass_at_k(
    correct: npt.ArrayLike,
    prompts: Clusters,
    k: int,
    *,
    clusters: Clusters | None = None,
    interval: Callable[..., Interval] = mean_interval,
) -> AtK:
    """Chance that at least one of k attempts is right, averaged over prompts.

    Of a prompt's n completions c are right; the unbiased estimate of its chance is
    ``1 - C(n - c, k) / C(n, k)`` (M. Chen et al., *Evaluating Large Language Models Trained on Code*, 2021,
    equation 1). The numbers n may differ.

    Args:
        correct: ``(rows,)`` of booleans.
        prompts: ``(rows,)``, the id of each row's prompt; a row whose id is None is a prompt of its own.
        k: attempts, at least 1.
        clusters: ``(rows,)``, ids of what prompts share, e.g. a scene; a prompt's is that of its first row.
        interval: from the prompts' values and ``clusters=`` to their mean with its bounds.

    Raises:
        ValueError: k below 1, or not as many ids as rows.

    >>> pass_at_k([1, 0, 0, 0, 0, 0], ["a", "a", "a", "a", "b", "b"], 2).mean.estimate
    0.25
    """
    count, right, first = _per_prompt(correct, prompts, k)
    enough = count >= k
    count, right = count[enough], right[enough]
    all_wrong = np.ones(len(count))
    for i in range(k):
        all_wrong *= np.maximum(count - right - i, 0) / (count - i)
    return AtK(k, _mean(1 - all_wrong, _of_prompts(clusters, first[enough]), interval), int((~enough).sum()))


def mean_at_k(
    correct: npt.ArrayLike,
    prompts: Clusters,
    k: int,
    *,
    clusters: Clusters | None = None,
    interval: Callable[..., Interval] = mean_interval,
) -> AtK:
    """Mean share of right answers among k attempts, averaged over prompts; see `pass_at_k` for the arguments.

    The mean of ``c / n`` over prompts with n >= k completions, which is what any k of the n have on average.
    A prompt with many completions counts as much as one with few.

    >>> mean_at_k([1, 0, 0, 0, 1, 1], ["a", "a", "a", "a", "b", "b"], 2).mean.estimate
    0.625
    """
    count, right, first = _per_prompt(correct, prompts, k)
    enough = count >= k
    share = right[enough] / count[enough]
    return AtK(k, _mean(share, _of_prompts(clusters, first[enough]), interval), int((~enough).sum()))


def majority_at_k(
    correct: npt.ArrayLike,
    prompts: Clusters,
    answers: npt.NDArray[np.uint64],
    k: int,
    *,
    clusters: Clusters | None = None,
    interval: Callable[..., Interval] = mean_interval,
) -> AtK:
    """Share of prompts with k or more completions whose most frequent answer is right (X. Wang et al., 2022).

    A completion without an answer has no vote. Of equally frequent answers one is drawn: if one of two is right, the
    prompt counts a half. See `pass_at_k` for the other arguments.

    Args:
        correct: ``(rows,)`` of booleans.
        prompts: ``(rows,)``, ids.
        answers: ``(rows,)``, a number for each answer, the same iff two answers are the same; 0 for none.
        k: attempts, at least 1.
        clusters: ``(rows,)``, ids.
        interval: see `pass_at_k`.

    >>> majority_at_k([1, 1, 0, 0, 1], ["a", "a", "a", "b", "b"], np.array([1, 1, 2, 1, 2]), 2).mean.estimate
    0.75
    """
    count, _, first = _per_prompt(correct, prompts, k)
    votes, answer_of, prompt_of = _votes(prompts, answers)
    most = np.zeros(len(count))
    np.maximum.at(most, prompt_of, votes)
    leads = votes == most[prompt_of]
    # Whether an answer is right, and then the share of the right ones among a prompt's leading answers.
    right = np.zeros(len(votes), dtype=bool)
    voted = answer_of >= 0
    right[answer_of[voted]] = np.asarray(correct, dtype=bool)[voted]
    leading = np.bincount(prompt_of, weights=leads, minlength=len(count))
    won = np.bincount(prompt_of, weights=leads & right, minlength=len(count)) / np.maximum(leading, 1)
    enough = count >= k
    return AtK(k, _mean(won[enough], _of_prompts(clusters, first[enough]), interval), int((~enough).sum()))


def consistency(
    prompts: Clusters,
    answers: npt.NDArray[np.uint64],
    *,
    clusters: Clusters | None = None,
    interval: Callable[..., Interval] = mean_interval,
) -> AtK:
    """Chance that two completions of a prompt give the same answer, averaged over prompts with two or more.

    A completion without an answer agrees with none. See `majority_at_k` for the arguments.

    >>> consistency(["a", "a", "a", "b"], np.array([1, 1, 2, 1])).mean.estimate
    0.3333333333333333
    """
    count, _, first = _per_prompt(np.zeros(len(answers)), prompts, 2)
    votes, _, prompt_of = _votes(prompts, answers)
    agreeing = np.bincount(prompt_of, weights=votes * (votes - 1), minlength=len(count))
    enough = count >= 2
    agreed = agreeing[enough] / (count[enough] * (count[enough] - 1))
    return AtK(2, _mean(agreed, _of_prompts(clusters, first[enough]), interval), int((~enough).sum()))


def several_attempts(
    correct: npt.ArrayLike,
    prompts: Clusters,
    *,
    answers: npt.NDArray[np.uint64] | None = None,
    clusters: Clusters | None = None,
    interval: Callable[..., Interval] = mean_interval,
) -> dict[str, AtK]:
    """Return all numbers about prompts with several completions; {} if no prompt has any.

    pass@k and mean@k are for k = 1, 2, 4, ... up to the most completions that a prompt has; where *answers* tell what
    was said, majority@k of the most, and consistency.

    >>> list(several_attempts([1, 0, 0], ["a", "a", "b"]))
    ['pass@1', 'mean@1', 'pass@2', 'mean@2']
    >>> list(several_attempts([1, 0, 0], ["a", "a", "b"], answers=np.array([1, 2, 2])))[4:]
    ['majority@2', 'consistency']
    """
    most = int(np.bincount(cluster_codes(prompts)).max(initial=0))
    if most < 2:
        return {}
    found = {
        f"{name}@{k}": at_k(correct, prompts, k, clusters=clusters, interval=interval)
        for k in (2**i for i in range(most.bit_length()))
        for name, at_k in (("pass", pass_at_k), ("mean", mean_at_k))
    }
    if answers is None or not answers.any():
        return found
    majority = majority_at_k(correct, prompts, answers, most, clusters=clusters, interval=interval)
    agreement = consistency(prompts, answers, clusters=clusters, interval=interval)
    return found | {f"majority@{most}": majority, "consistency": agreement}


def _votes(
    prompts: Clusters, answers: npt.NDArray[np.uint64]
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count how often each answer was given to each prompt.

    Returns:
        The votes for each (prompt, answer), the number of that pair for each row (-1 for a row without an answer), and
        the prompt of each pair.
    """
    codes = cluster_codes(prompts)
    said = answers != 0
    pairs, pair_of, votes = np.unique(
        np.stack([codes[said].astype(np.uint64), answers[said]]), axis=1, return_inverse=True, return_counts=True
    )
    answer_of = np.full(len(answers), -1, dtype=np.int64)
    answer_of[said] = pair_of.reshape(-1)
    return votes.astype(np.float64), answer_of, pairs[0].astype(np.int64)


def _of_prompts(clusters: Clusters | None, first: npt.NDArray[np.int64]) -> Clusters | None:
    """Return the cluster of each prompt, given by the place of its first row."""
    return None if clusters is None else cluster_codes(clusters)[first]


def _mean(values: Floats, clusters: Clusters | None, interval: Callable[..., Interval]) -> Interval | None:
    """Average prompts' values, which are shares."""
    if not len(values):
        return None
    return interval(values.astype(bool) if np.isin(values, (0, 1)).all() else values, clusters=clusters, share=True)


def _per_prompt(correct: npt.ArrayLike, prompts: Clusters, k: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return each prompt's number of completions and of right ones, and the place of its first row."""
    flags = np.asarray(correct, dtype=np.float64)
    if k < 1:
        raise ValueError(f"k is at least 1, not {k}")
    if len(flags) != len(prompts):
        raise ValueError(f"{len(flags)} rows have {len(prompts)} prompt ids")
    codes = cluster_codes(prompts)
    _, first = np.unique(codes, return_index=True)
    return np.bincount(codes).astype(np.float64), np.bincount(codes, weights=flags).astype(np.float64), first
