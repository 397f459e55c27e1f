"""Rewards side by side: what each is given for, on drawn scenes, in shares of what the exact answer scores.

A policy of *knowledge* p has a ranked list of guesses at what it does not know, each right with chance p given that
those before it are wrong, as in `benchmarks.audit.predictions`. It may stay silent, give its first guess, or name
several, the likeliest last or first; it does what scores most on average, of equals the least. Of a question it does
not know the answer; of records the last field of each (``value``), or which they are at all (``record``). What each way
of writing scores is measured, not assumed, so any reward can be asked.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from itertools import product
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.audit.policies import POLICIES, written
from benchmarks.audit.reward import COMMA, OR, AuditedReward, Candidate, honest, score_candidates
from benchmarks.audit.run import Audit, as_dict, audit
from benchmarks.audit.scenes import draw_scenes
from benchmarks.audit.uncertainty import Belief, majority_answer
from rewards.functions import TaskReward
from rewards.tasks import load_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from benchmarks.audit.scenes import Scene
    from rewards.tiered import Record

KNOWLEDGE = (0.3, 0.6, 0.9)
"""The knowledge p at which behavior is predicted."""

OURS = (
    ("tvr", "naive_binary"), ("tvr", "paper"), ("tvr", "default"), ("choice", "default"), ("number", "default"),
)  # fmt: skip
"""Tasks and presets of ours that stand beside them; the naive binary reward is the baseline of the paper."""

_FOLDER = Path(__file__).parent
_BLIND = ("nothing", "format_only", "silent", "majority", "first_k", "blind_guess")
_MOST = 3  # guesses at one thing
_FEW = 2  # true records in the scenes on which behavior is predicted
_CHANCES = np.linspace(0.005, 0.995, 199)


class Entry(NamedTuple):
    """One reward of the zoo, and how it is asked.

    Attributes:
        name: its file and function, ``video_r1.choice``, or the task and preset of one of ours.
        task: whose answers it is asked about: a name, or the path of a file.
        reward: called as TRL calls it, with the target in ``solution``.
        target: how its data write a target.
        writes: what its prompt asks for in place of our tags.
        columns: further columns of each row.
        cogmap: the cognitive map among what it writes, if there is one.
    """

    name: str
    task: str
    reward: Callable[..., Any]
    target: str = "{}"
    writes: Mapping[str, str] = {}
    columns: Mapping[str, Any] = {}
    cogmap: str = ""

    def audited(self, cogmap: str | None = None) -> AuditedReward:
        """Return it for an audit, which writes and targets our way; with another cognitive map if one is given."""
        if "/" in self.name:
            return AuditedReward(self.reward, self.name)

        def call(completions: Sequence[str], solution: Sequence[str], **_: Any) -> list[float]:
            texts = [self.write(text, cogmap) for text in completions]
            given = {name: [value] * len(texts) for name, value in self.columns.items()}
            found: list[float] = self.reward(texts, solution=list(map(self.target.format, solution)), **given)
            return found

        return AuditedReward(call, self.name, target_column="solution")

    def write(self, text: str, cogmap: str | None = None) -> str:
        """Return a completion as this reward's prompt asks for it."""
        for tag, asked in self.writes.items():
            text = text.replace(tag, asked if cogmap is None else asked.replace(self.cogmap, cogmap))
        return text


class Behavior(NamedTuple):
    """What a policy does that maximizes a reward.

    Attributes:
        p: its knowledge.
        unsure: of what it is: ``answer``, ``value`` or ``record``.
        guesses: how many it names at each thing; 0: none.
        earns: share of the exact answer's reward.
    """

    p: float
    unsure: str
    guesses: int
    earns: float


class Compared(NamedTuple):
    """A reward among the others; its scores are shares of what the exact answer scores.

    Attributes:
        name, task: of its entry.
        exact: what the exact answer scores.
        wrong: a wrong answer in the right form.
        blind: the most that a policy scores which sees nothing, and which it is.
        two_named: naming both of two candidates that are equally likely, in the better of all ways to write that, and
            naming one of them; by what it is unsure of.
        all_named: naming all that can be answered, in the order in which it is asked.
        copied: copying the prompt as reasoning and answer.
        guess_from: the chance from which a guess scores more than silence, by what it is unsure of; 0: any chance;
            above
            1: never.
        hedge_below: the chance up to which several guesses score more than one; 0: nowhere, 1: everywhere.
        behavior: at each of `KNOWLEDGE`.
        audit: all findings.
    """

    name: str
    task: str
    exact: float
    wrong: float
    blind: float
    blind_policy: str
    two_named: Mapping[str, tuple[float, float]]
    all_named: float
    copied: float
    guess_from: Mapping[str, float]
    hedge_below: Mapping[str, float]
    behavior: tuple[Behavior, ...]
    audit: Audit

    def plain(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return self._asdict() | {"behavior": [each._asdict() for each in self.behavior], "audit": as_dict(self.audit)}


def modules() -> tuple[dict[str, ModuleType], dict[str, str]]:
    """Return the files of this folder that hold rewards, by name; and those that need a package that is not there."""
    found, absent = {}, {}
    for name in sorted(each.name for each in iter_modules([str(_FOLDER)])):
        try:
            module = import_module(f"benchmarks.zoo.{name}")
        except ModuleNotFoundError as error:
            absent[name] = str(error.name)
            continue
        if hasattr(module, "AUDITED"):
            found[name] = module
    return found, absent


def entries(found: Mapping[str, ModuleType]) -> Iterator[Entry]:
    """Yield each reward of the modules with each task that it is asked about, then ours, by task."""
    theirs = [
        Entry(
            f"{name}.{reward.__name__}",
            str(_FOLDER / task) if task.endswith(".yaml") else task,
            reward,
            getattr(module, "TARGET", "{}"),
            getattr(module, "WRITES", {}),
            getattr(module, "COLUMNS", {}),
            getattr(module, "MAP", ""),
        )
        for name, module in found.items()
        for task, rewards in module.AUDITED.items()
        for reward in rewards
    ]
    ours = [Entry(f"{task}/{preset}", task, TaskReward(task, preset)) for task, preset in OURS]
    yield from sorted((*theirs, *ours), key=lambda each: {"choice": 1, "number": 2}.get(each.task, 0))


def compare(entry: Entry, *, scenes: int = 24, timed: bool = True) -> Compared:
    """Return what a reward is given for.

    Args:
        entry: the reward.
        scenes: how many to draw; the same for all rewards of a task.
        timed: whether to measure the cost, the only part that is not the same every time.
    """
    audited, drawn = entry.audited(), draw_scenes(load_task(entry.task), scenes)
    majority = majority_answer(drawn)
    exact = float(score_candidates(audited, [honest(scene) for scene in drawn], drawn).mean())

    def share(name: str) -> float:
        policy = next(each for each in POLICIES if each.name == name)
        rows = [(each, scene) for scene in drawn for each in written(policy, Belief(scene, scene, majority))]
        return float(score_candidates(audited, *map(list, zip(*rows, strict=True))).mean()) / exact

    kind = drawn[0].task.kind
    blind = {name: share(name) for name in _BLIND if kind in _policy_kinds(name)}
    best = max(blind, key=blind.__getitem__)
    sorts = ("value", "record") if kind == "records" else ("answer",)
    few = [scene for scene in drawn if len(scene.target) <= _FEW]
    plans = {unsure: _plans(audited, few, unsure) for unsure in sorts}
    everything = [replace(honest(scene), items=scene.universe) for scene in drawn]
    return Compared(
        entry.name,
        drawn[0].task.name,
        exact,
        share("wrong_answer"),
        blind[best],
        best,
        {unsure: _two_named(each) for unsure, each in plans.items()},
        float(score_candidates(audited, everything, drawn).mean()) / exact,
        share("prompt_echo"),
        {unsure: _guess_from(each) for unsure, each in plans.items()},
        {unsure: _hedge_below(each) for unsure, each in plans.items()},
        tuple(_behavior(plans[unsure], p, unsure) for unsure in sorts for p in KNOWLEDGE),
        audit(audited, drawn, search=None, timed=timed),
    )


def _policy_kinds(name: str) -> tuple[str, ...]:
    return next(each.kinds for each in POLICIES if each.name == name)


class _Plan(NamedTuple):
    """A way to write guesses, and what it scores on average for each outcome.

    Attributes:
        guesses: at each thing.
        worth: by how many things there are, and then by which guess at each is right (the last: none of them).
    """

    guesses: int
    worth: Mapping[int, Mapping[tuple[int, ...], float]]

    def expected(self, p: float) -> float:
        """Return what it scores at knowledge p, over scenes of each number of things."""
        return self.expected_with([p * (1 - p) ** at for at in range(self.guesses)] + [(1 - p) ** self.guesses])

    def expected_with(self, chances: Sequence[float]) -> float:
        """Return what it scores where these are the chances of each guess, and then of none, to be right."""
        totals = [
            sum(float(np.prod([chances[at] for at in outcome])) * value for outcome, value in outcomes.items())
            for outcomes in self.worth.values()
        ]
        return float(np.mean(totals))


def _plans(audited: AuditedReward, scenes: Sequence[Scene], unsure: str) -> list[_Plan]:
    """Return every way to write up to `_MOST` guesses; the fewest first."""
    plans = []
    exact = {
        many: _mean(audited, [(honest(scene), scene) for scene in scenes if len(scene.target) == many])
        for many in {len(scene.target) for scene in scenes}
    }
    for guesses in range(_MOST + 1):
        separators = (COMMA, OR) if unsure == "answer" and guesses > 1 else (COMMA,)
        orders = (-1, 1) if guesses > 1 else (1,)
        for order, separator in product(orders, separators):
            found: dict[int, dict[tuple[int, ...], list[tuple[Candidate, Scene]]]] = {}
            for scene in scenes:
                for outcome in product(range(guesses + 1), repeat=len(scene.target)):
                    items = _guessed(scene, outcome, guesses, order, unsure)
                    row = (replace(honest(scene), items=items, separator=separator), scene)
                    found.setdefault(len(outcome), {}).setdefault(outcome, []).append(row)
            worth = {
                many: {outcome: _mean(audited, rows) / exact[many] for outcome, rows in outcomes.items()}
                for many, outcomes in found.items()
            }
            plans.append(_Plan(guesses, worth))
    return plans


def _mean(audited: AuditedReward, rows: Sequence[tuple[Candidate, Scene]]) -> float:
    return float(score_candidates(audited, [each for each, _ in rows], [scene for _, scene in rows]).mean())


def _guessed(scene: Scene, outcome: Sequence[int], guesses: int, order: int, unsure: str) -> tuple[Record, ...]:
    """Return the guesses at each true record, of which the one at its outcome is right."""
    items: list[Record] = []
    taken = {*scene.target}
    for true, right in zip(scene.target, outcome, strict=True):
        wrong = [each for each in _instead(scene, true, unsure) if each not in taken][: guesses - (right < guesses)]
        taken.update(wrong if unsure == "record" else ())
        named = [*wrong[:right], true, *wrong[right:]] if right < guesses else wrong
        items += named[::order]
    return tuple(items)


def _instead(scene: Scene, true: Record, unsure: str) -> list[Record]:
    """Return what may be named in the place of a true record."""
    if unsure == "value":
        return [each for each in scene.universe if each[:-1] == true[:-1] and each != true]
    if unsure == "answer":
        return [each for each in scene.universe if each != true]
    unlike = [
        each
        for each in scene.universe
        if all(one != other for known in scene.target for one, other in zip(each, known, strict=True))
    ]
    return list({each[:-1]: each for each in unlike}.values())


def _two_named(plans: Sequence[_Plan]) -> tuple[float, float]:
    """Return what naming two candidates scores, one of which is right, and naming one of them."""

    def even(plan: _Plan) -> float:
        return plan.expected_with([0.5, 0.5] + [0.0] * (plan.guesses - 1))

    return max(even(plan) for plan in plans if plan.guesses == 2), even(plans[1])


def _guess_from(plans: Sequence[_Plan]) -> float:
    """Return the chance from which one guess scores more than silence: 0 where any does, above 1 where none does."""
    earns = [p for p in _CHANCES.tolist() if plans[1].expected(p) > plans[0].expected(p) + 1e-9]
    return 1.01 if not earns else 0.0 if earns[0] == _CHANCES[0] else round(earns[0], 2)


def _hedge_below(plans: Sequence[_Plan]) -> float:
    """Return the chance up to which several guesses score more than one: 0 where they never do."""
    several = [plan for plan in plans if plan.guesses > 1]
    gains = [p for p in _CHANCES.tolist() if max(each.expected(p) for each in several) > plans[1].expected(p) + 1e-9]
    return 0.0 if not gains else 1.0 if gains[-1] == _CHANCES[-1] else round(gains[-1], 2)


def _behavior(plans: Sequence[_Plan], p: float, unsure: str) -> Behavior:
    earned = [plan.expected(p) for plan in plans]
    best = next(at for at, value in enumerate(earned) if value >= max(earned) - 1e-9)
    return Behavior(p, unsure, plans[best].guesses, earned[best])


def earned_by_maps(entry: Entry) -> dict[str, tuple[float, float]]:
    """Return what cognitive maps score beside a right and a wrong answer; nothing for a reward that asks for none.

    The constant map is compared with the true one as it stands in one scene in four: the same for every scene.
    """
    if not entry.cogmap:
        return {}
    turned = [_turned(json.loads(entry.cogmap), quarters) for quarters in range(4)]
    maps = {
        "the true map": [entry.cogmap],
        "one constant map": turned,
        "objects and views, both empty": ['{"objects": [], "views": []}'],
        "an empty object": ["{}"],
        "text that is no map": ["{the sofa is left of the lamp"],
        "nothing": [""],
    }
    (scene,) = draw_scenes(load_task(entry.task), 1)
    wrong = next(record for record in scene.universe if record not in scene.target)
    answers = (honest(scene), replace(honest(scene), items=(wrong,)))
    earned = {}
    for name, texts in maps.items():
        totals = [score_candidates(entry.audited(text), answers, [scene] * 2) for text in texts]
        right, mistaken = np.mean(totals, axis=0).tolist()
        earned[name] = (right, mistaken)
    return earned


def _turned(value: Any, quarters: int) -> str:
    """Return a cognitive map turned clockwise on its 10x10 grid, as JSON."""
    ring = ("up", "right", "down", "left")
    value = json.loads(json.dumps(value))
    places = [*value.get("objects", ()), *value.get("views", ())] if "objects" in value else [*value.values()]
    for place in places:
        for _ in range(quarters):
            x, y = place["position"]
            place["position"] = [9 - y, x]
            if "facing" in place:
                place["facing"] = ring[(ring.index(place["facing"]) + 1) % 4]
    return json.dumps(value)
