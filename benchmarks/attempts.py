"""Several completions of one prompt: pass@k and mean@k."""

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


def several_attempts(
    correct: npt.ArrayLike,
    prompts: Clusters,
    *,
    clusters: Clusters | None = None,
    interval: Callable[..., Interval] = mean_interval,
) -> dict[str, AtK]:
    """Return pass@k and mean@k for k = 1, 2, 4, ... up to the most completions that a prompt has; {} if that is one.

    >>> list(several_attempts([1, 0, 0], ["a", "a", "b"]))
    ['pass@1', 'mean@1', 'pass@2', 'mean@2']
    """
    most = int(np.bincount(cluster_codes(prompts)).max(initial=0))
    return {
        f"{name}@{k}": at_k(correct, prompts, k, clusters=clusters, interval=interval)
        for k in (2**i for i in range(most.bit_length() if most > 1 else 0))
        for name, at_k in (("pass", pass_at_k), ("mean", mean_at_k))
    }


def _of_prompts(clusters: Clusters | None, first: npt.NDArray[np.int64]) -> Clusters | None:
    """Return the cluster of each prompt, given by the place of its first row."""
    return None if clusters is None else cluster_codes(clusters)[first]


def _mean(values: Floats, clusters: Clusters | None, interval: Callable[..., Interval]) -> Interval | None:
    """Average prompts' values; where they are all 0 or 1, as the share that they are."""
    if not len(values):
        return None
    return interval(values.astype(bool) if np.isin(values, (0, 1)).all() else values, clusters=clusters)


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
