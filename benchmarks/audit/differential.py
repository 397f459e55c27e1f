"""Two rewards on the same texts: where one calls right what the other does not, how often, and the smallest examples.

A reward *accepts* a text if it gives it at least what it gives the exact answer to the same scene, and that more than a
wrong answer; so rewards of any scale can be compared. With the other reward as the reference, stricter or official:

    false-positive rate  share of the texts that the reference refuses which the reward accepts
    false-negative rate  share of the texts that the reference accepts which the reward refuses

The texts are what the attack policies write, the right answer and a wrong one in the dialects of `DIALECTS`, and random
changes of the right answer. The rates are about these texts; they say that there is a difference, not how often a model
meets it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.audit.findings import Counterexample, Example, example, known_case, shrink
from benchmarks.audit.policies import unlike, written
from benchmarks.audit.reward import TOLERANCE, honest, score_candidates
from benchmarks.audit.search import answer_pool, mutate
from benchmarks.audit.uncertainty import Belief, majority_answer
from benchmarks.registry import BENCHMARKS, find_benchmark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.policies import Policy
    from benchmarks.audit.reward import AuditedReward, Candidate
    from benchmarks.audit.scenes import Scene

_START = "<think>{reasoning}</think>"

DIALECTS = {
    "full_stop": f"{_START}<answer>{{answer}}.</answer>",
    "label": f"{_START}<answer>Answer: {{answer}}</answer>",
    "sentence": f"{_START}<answer>The answer is {{answer}}.</answer>",
    "bold": f"{_START}<answer>**{{answer}}**</answer>",
    "code": f"{_START}<answer>`{{answer}}`</answer>",
    "fence": f"{_START}<answer>\n```\n{{answer}}\n```\n</answer>",
    "boxed": f"{_START}<answer>\\boxed{{{{{{answer}}}}}}</answer>",
    "brackets": f"{_START}<answer>[{{answer}}]</answer>",
    "parentheses": f"{_START}<answer>({{answer}})</answer>",
    "quotes": f'{_START}<answer>"{{answer}}"</answer>',
    "new_lines": f"{_START}\n<answer>\n{{answer}}\n</answer>\n",
    "no_answer_block": f"{_START}\n\n{{answer}}",
    "answer_alone": "{answer}",
    "prose": "I compared the views, and so the answer is {answer}.",
    "upper_case_tags": "<THINK>{reasoning}</THINK><ANSWER>{answer}</ANSWER>",
}
"""Ways in which models write an answer, as layouts of a `Candidate`, by name."""

FUZZED = 40
"""Random changes of the right answer on each scene."""


class Differential(NamedTuple):
    """How two rewards differ. Rates are in [0, 1]; None where the reference refuses, or accepts, no text.

    Attributes:
        name: of the reward.
        reference: the name of the one that it is compared with.
        task: of the scenes.
        scenes: how many there were.
        texts: how many texts, each on its scene.
        accepted: how many of them the reward accepts.
        reference_accepted: how many the reference accepts.
        false_positive_rate: see the module.
        false_negative_rate: likewise.
        false_positives: where the texts come from that only the reward accepts, and how many they are.
        false_negatives: likewise of those that only the reference accepts.
        false_positive: the smallest example of one; its worlds hold what the reward gives it, and the exact answer.
        false_negative: likewise.
    """

    name: str
    reference: str
    task: str
    scenes: int
    texts: int
    accepted: int
    reference_accepted: int
    false_positive_rate: float | None
    false_negative_rate: float | None
    false_positives: dict[str, int]
    false_negatives: dict[str, int]
    false_positive: Example | None
    false_negative: Example | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        plain = self._asdict()
        for which in ("false_positive", "false_negative"):
            shown: Example | None = plain[which]
            if shown is not None:
                plain[which] = {"completion": shown.completion, "target": shown.worlds[0].target}
        return plain


def compare_rewards(
    audited: AuditedReward,
    reference: AuditedReward,
    scenes: Sequence[Scene],
    policies: Sequence[Policy],
    *,
    seed: int = 0,
) -> Differential:
    """Compare two rewards.

    Args:
        audited: the reward.
        reference: the one that is taken to be right.
        scenes: all of one task.
        policies: whose texts are scored, beside dialects and random changes.
        seed: of the random changes.
    """
    majority = majority_answer(scenes)
    tried = [
        (source, scene, candidate)
        for at, scene in enumerate(scenes)
        for candidate, source in _texts(scene, policies, majority, np.random.default_rng([seed, at])).items()
    ]
    cases = [known_case(scene, honest(scene), candidate) for _, scene, candidate in tried]
    mine, theirs = accepts(audited, cases), accepts(reference, cases)

    def rate(wrong: NDArray[np.bool_], of: NDArray[np.bool_]) -> float | None:
        return float(wrong.sum() / of.sum()) if of.any() else None

    def sources(at: NDArray[np.bool_]) -> dict[str, int]:
        return dict(Counter(source for (source, *_), here in zip(tried, at, strict=True) if here).most_common())

    def smallest(at: NDArray[np.bool_], accepting: AuditedReward, refusing: AuditedReward) -> Example | None:
        shown = [case for case, here in zip(cases, at, strict=True) if here]
        if not shown:
            return None
        start = min(shown, key=lambda case: (len(case.worlds[0].target), len(repr(case.candidate))))
        return example(audited, shrink(start, partial(_only_one_accepts, accepting, refusing)))

    return Differential(
        audited.name,
        reference.name,
        scenes[0].task.name,
        len(scenes),
        len(tried),
        int(mine.sum()),
        int(theirs.sum()),
        rate(mine & ~theirs, ~theirs),
        rate(theirs & ~mine, theirs),
        sources(mine & ~theirs),
        sources(theirs & ~mine),
        smallest(mine & ~theirs, audited, reference),
        smallest(theirs & ~mine, reference, audited),
    )


def accepts(audited: AuditedReward, cases: Sequence[Counterexample]) -> NDArray[np.bool_]:
    """Return in which cases the candidate scores at least what the exact answer scores, and that more than a wrong one.

    A reward that gives the exact answer no more than a wrong one cannot read it: then it accepts nothing.
    """
    scenes = [case.worlds[0] for case in cases]
    exact = [honest(scene) for scene in scenes]
    wrong = [replace(each, items=(unlike(scene),)) for each, scene in zip(exact, scenes, strict=True)]
    mine, right, least = (
        score_candidates(audited, candidates, scenes)
        for candidates in ([case.candidate for case in cases], exact, wrong)
    )
    accepted: NDArray[np.bool_] = (mine >= right - TOLERANCE) & (right > least + TOLERANCE)
    return accepted


def _only_one_accepts(accepting: AuditedReward, refusing: AuditedReward, cases: Sequence[Counterexample]) -> list[bool]:
    found: list[bool] = (accepts(accepting, cases) & ~accepts(refusing, cases)).tolist()
    return found


def _texts(
    scene: Scene, policies: Sequence[Policy], majority: tuple[Any, ...], rng: np.random.Generator
) -> dict[Candidate, str]:
    """Return what is scored on a scene, each once, with where it comes from."""
    exact = honest(scene)
    found = {exact: "exact"}
    for policy in policies:
        if policy.is_for(scene.task):
            for candidate in written(policy, Belief(scene, scene, majority)):
                found.setdefault(candidate, policy.name)
    for name, layout in DIALECTS.items():
        found.setdefault(replace(exact, layout=layout), f"{name}, right")
        found.setdefault(replace(exact, items=(unlike(scene),), layout=layout), f"{name}, wrong")
    start = known_case(scene, exact, exact)
    pool = answer_pool(start)
    for _ in range(FUZZED):
        candidate = exact
        for _ in range(1 + int(rng.integers(3))):
            candidate = mutate(candidate, start, pool, rng)
        found.setdefault(candidate, "random change")
    return found


def protocol_reward(benchmark: str, protocol: str, task: str) -> Callable[..., list[float]] | None:
    """Return a benchmark's own scorer, or our strict one, as a reward: the score of each row. None for other tasks.

    Args:
        benchmark: one of `benchmarks.registry.BENCHMARKS`.
        protocol: ``official`` or ``strict``.
        task: the name of a task whose answers the benchmark scores.
    """
    columns = find_benchmark(benchmark).tasks.get(task) if benchmark in BENCHMARKS else None
    if columns is None or protocol not in ("official", "strict"):
        return None

    def reward(completions: Sequence[str], target: Sequence[str], options: Any = None, **_: Any) -> list[float]:
        from benchmarks import evaluate  # noqa: PLC0415  loads every benchmark

        rows = [
            {"response": text, "target": gold, "id": number, **columns}
            for number, (text, gold) in enumerate(zip(completions, target, strict=True))
        ]
        if "options" in find_benchmark(benchmark).required:
            rows = [row | {"options": given} for row, given in zip(rows, options or (), strict=True)]
        scores = evaluate(rows, benchmark, protocol, strict_input=True).row_scores[f"{protocol}.score"]
        return [float(score) for score in scores]

    return reward
