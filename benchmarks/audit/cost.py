"""What a reward costs: time per completion, and how it grows on text that is made to be slow to read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.findings import AuditFinding, Example
from benchmarks.audit.reward import score_texts
from benchmarks.audit.scenes import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.audit.checks import Probes
    from benchmarks.audit.reward import AuditedReward
    from benchmarks.audit.scenes import Scene

    Clock = Callable[[], float]

SIZES = tuple(900 * 4**step for step in range(5))
"""Characters of the adversarial texts, 0.9 kB to 230 kB; answers of 64 kB and more are not read by our parsers."""

SLOW = 1.7
"""Growth exponent from which a reward is reported: its time grows clearly faster than the text."""

_ENOUGH = 0.25  # seconds for one text after which no longer ones are tried
_COUNTS = 0.02  # seconds below which a growth is not worth a report
_REPEATS = 3
_WINDOW = 3  # sizes over which a slope is taken


class Growth(NamedTuple):
    """How the time grows on one family of texts.

    Attributes:
        family: what the texts repeat.
        sizes: characters.
        seconds: for each size that was tried.
        exponent: time ~ size^exponent, the largest over three consecutive sizes (from some size on, a reward may
            refuse to read).
    """

    family: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    exponent: float

    @property
    def longest(self) -> int:
        """The size that took longest, in characters."""
        return self.sizes[int(np.argmax(self.seconds))]


class Cost(NamedTuple):
    """What a reward costs.

    Attributes:
        p50, p99: seconds for one completion in a call of its own.
        batch: seconds for one completion in one call for all.
        growth: on each family of texts.
    """

    p50: float
    p99: float
    batch: float
    growth: tuple[Growth, ...]


def families(scene: Scene) -> dict[str, Callable[[int], str]]:
    """Return texts of about so many characters: what makes parsers and regular expressions slow."""
    record = spell(scene.task, scene.universe[0])
    units = {
        "words in the reasoning": ("<think>", "and then ", "</think><answer></answer>"),
        "opened reasoning": ("", "<think>", ""),
        "closed reasoning": ("", "<think></think>", ""),
        "opened answers": ("<think>", "<answer>", ""),
        "closed answers": ("<think></think>", "<answer></answer>", ""),
        "answers, and more": ("<think>", "</think><answer></answer>", "x"),
        "spaces after the reasoning": ("<think></think>", " \n", "x"),
        "open angles": ("", "<", ""),
        "brackets in the answer": ("<think></think><answer>", "(", "</answer>"),
        "lists in the answer": ("<think></think><answer>", "[", "</answer>"),
        "separators in the answer": ("<think></think><answer>", ", ", "</answer>"),
        "digits in the answer": ("<think></think><answer>", "7", "</answer>"),
        "spaces in the answer": ("<think></think><answer>", " \n", "x</answer>"),
        "records in the answer": ("<think></think><answer>", f"{record}, ", "</answer>"),
        "triplets in the reasoning": ("<think>View 1: ", "[sofa, lamp, left] ", "</think><answer>A</answer>"),
        "open triplets": ("<think>View 1: ", "[sofa, ", "</think><answer>A</answer>"),
    }
    return {name: _repeated(*parts) for name, parts in units.items()}


def _repeated(head: str, unit: str, tail: str) -> Callable[[int], str]:
    return lambda size: head + unit * max(1, size // len(unit)) + tail


def measure(audited: AuditedReward, asked: Probes, *, clock: Clock = time.perf_counter, single: int = 200) -> Cost:
    """Time a reward.

    Args:
        audited: the reward.
        asked: ordinary completions.
        clock: returns seconds.
        single: how many completions are scored in a call of their own.
    """
    start = clock()
    score_texts(audited, asked.texts, asked.scenes)
    batch = (clock() - start) / len(asked.texts)
    alone = [
        _time(audited, text, scene, clock) for text, scene in zip(asked.texts[:single], asked.scenes, strict=False)
    ]
    scene = asked.scenes[0]
    growth = tuple(_growth(audited, name, text, scene, clock) for name, text in families(scene).items())
    return Cost(float(np.median(alone)), float(np.quantile(alone, 0.99)), batch, growth)


def _time(audited: AuditedReward, text: str, scene: Scene, clock: Clock) -> float:
    start = clock()
    score_texts(audited, [text], [scene])
    return clock() - start


def _growth(audited: AuditedReward, family: str, text: Callable[[int], str], scene: Scene, clock: Clock) -> Growth:
    seconds: list[float] = []
    for size in SIZES:
        seconds.append(min(_time(audited, text(size), scene, clock) for _ in range(_REPEATS)))
        if seconds[-1] > _ENOUGH:
            break
    sizes = SIZES[: len(seconds)]
    return Growth(family, sizes, tuple(seconds), growth_exponent(sizes, seconds))


def growth_exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the largest slope of log time over log size, over three consecutive sizes; 0 for a single size.

    >>> round(growth_exponent([10, 100, 1000, 10000], [0.1, 10.0, 1000.0, 0.1]), 6)
    2.0
    """
    if len(sizes) < 2:
        return 0.0
    x, y = np.log(sizes), np.log(np.maximum(seconds, 1e-9))
    width = min(_WINDOW, len(sizes))
    windows = [slice(at, at + width) for at in range(len(sizes) - width + 1)]
    return max(float(np.polyfit(x[each], y[each], 1)[0]) for each in windows)


def cost_findings(cost: Cost, scene: Scene) -> list[AuditFinding]:
    """Return a finding if the time grows clearly faster than the text on some family, with the worst one."""
    slow = [each for each in cost.growth if each.exponent > SLOW and max(each.seconds) > _COUNTS]
    if not slow:
        return []
    worst = max(slow, key=lambda each: each.exponent)
    says = (
        f"time grows as size^{worst.exponent:.1f} on {worst.family}: "
        f"{max(worst.seconds):.2f} s for {worst.longest:,} characters"
    )
    shown = families(scene)[worst.family](60)
    example = Example(shown, shown, ())  # how long it takes, not what it gives
    return [AuditFinding("check", "growth", says, share=len(slow) / len(cost.growth), smallest=example)]
