"""Balanced sampling: the same number from every category, without keeping a data set in memory."""

from __future__ import annotations

import heapq
from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from benchmarks.datasets import Sample


def draw_order(seed: int, *key: str) -> int:
    """Return a number by which things are ordered at random: a function of the seed and the thing alone."""
    text = "\0".join([str(seed), *key])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def quotas(available: Mapping[str, int], total: int) -> dict[str, int]:
    """Divide a number evenly over categories; what one cannot give, the others do.

    >>> quotas({"rotation": 2, "among": 50, "around": 50}, 21)
    {'rotation': 2, 'among': 10, 'around': 9}
    """
    given = dict.fromkeys(available, 0)
    open_ = sorted(available)
    left = min(total, sum(available.values()))
    while left:
        each = max(left // len(open_), 1)
        for name in open_:
            more = min(each, available[name] - given[name], left)
            given[name] += more
            left -= more
        open_ = [name for name in open_ if given[name] < available[name]]
    return given


def divide_groups(sizes: Mapping[str, int], share: float, seed: int) -> frozenset[str]:
    """Choose groups that together hold a share of all samples, as nearly as whole groups allow.

    >>> sorted(divide_groups({"a": 10, "b": 10, "c": 10, "d": 10}, 0.25, seed=0))
    ['a']
    """
    chosen: set[str] = set()
    inside = seen = 0
    for group in sorted(sizes, key=lambda name: (draw_order(seed, "group", name), name)):
        seen += sizes[group]
        if inside + sizes[group] / 2 <= share * seen:
            chosen.add(group)
            inside += sizes[group]
    return frozenset(chosen)


def draw(
    samples: Iterable[Sample], wanted: Mapping[tuple[str, str], int], part_of: Callable[[Sample], str], seed: int
) -> dict[tuple[str, str], list[Sample]]:
    """Draw samples at random from each part and category.

    Args:
        samples: in any order, which makes no difference.
        wanted: (part, category) -> how many, at most.
        part_of: says which part a sample is of.
        seed: of the draw.

    Returns:
        (part, category) -> its samples, in the order in which they were drawn.
    """
    heaps: dict[tuple[str, str], list[int]] = {key: [] for key in wanted}  # the greatest order first
    held: dict[tuple[str, str], dict[int, Sample]] = {key: {} for key in wanted}
    for sample in samples:
        key = (part_of(sample), sample.category)
        order = draw_order(seed, sample.category, sample.id, sample.prompt)
        if not wanted.get(key) or order in held[key]:  # the same record again is the same sample
            continue
        held[key][order] = sample
        heapq.heappush(heaps[key], -order)
        if len(heaps[key]) > wanted[key]:
            del held[key][-heapq.heappop(heaps[key])]
    return {key: [found[order] for order in sorted(found)] for key, found in held.items()}


def count(samples: Iterable[Sample]) -> dict[str, Counter[str]]:
    """Return how many samples each group has of each category."""
    sizes: dict[str, Counter[str]] = {}
    for sample in samples:
        sizes.setdefault(sample.group, Counter())[sample.category] += 1
    return sizes
