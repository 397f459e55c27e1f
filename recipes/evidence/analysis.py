"""What the committed results of the study say: estimates, intervals, rank correlations. Nothing here needs torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from recipes.evidence.study import HERE, RESULTS
from rewards import tvr_accuracy_reward
from trainers.alarm import first_alarms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

DRAWS: Final = 2000  # of a bootstrap
MEASURES: Final = ("tacc", "ndiff", "predictions")
LATELY: Final = 5  # logged steps that are averaged at either end of a run
SEEDS: Final = 3  # runs of an arm with which seeds count
RUINED: Final = ("paper", "no_incorrect_penalty")
"""Arms whose seeds differ more than others': how fast a policy falls is not even."""
FEW: Final = "few/"
"""Before the name of an arm that saw few scenes, each ten times; its results lie in a folder of that name."""
FREE: Final = 10  # degrees of freedom with which the noise of seeds needs no other arms
ALIKE: Final = 0.1  # share by which the steps of runs that are compared may differ


class Estimate(NamedTuple):
    """A mean with its 95% interval."""

    value: float
    low: float
    high: float

    def wider(self, half: float) -> Estimate:
        """Return the same with a wider interval: half of another, independent cause's is added in squares."""
        both = float(np.hypot(self.high - self.value, half))
        return Estimate(self.value, self.value - both, self.value + both)

    @property
    def sign(self) -> int:
        """1 or -1 where the interval leaves zero out, else 0."""
        return (self.low > 0) - (self.high < 0)


class Correlation(NamedTuple):
    """Spearman's rank correlation with 95% intervals: arms as they are, and arms as a sample too."""

    value: float
    over_scenes: tuple[float, float]
    over_arms: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Results:
    """The results of a study.

    Intervals are of 95%, over held-out scenes, paired where arms are compared, and over seeds where `noise` tells what
    these make.

    Attributes:
        seeds: the runs of each arm, by its name, in the order of their seeds.
        true: how many changes each held-out scene has, in the order of the outcomes.
        objects: how many objects each has.
        predictions: what was said of arms before they were trained.
        few: whether the arms that were predicted stand here as they were trained on few scenes.
    """

    seeds: Mapping[str, Sequence[dict[str, Any]]]
    true: Array
    objects: Array
    predictions: Mapping[str, Any]
    few: bool = False

    @property
    def runs(self) -> Mapping[str, dict[str, Any]]:
        """The first run of each arm."""
        return {name: runs[0] for name, runs in self.seeds.items()}

    @cache  # noqa: B019  # read once a process
    def of_seeds(self, name: str) -> dict[int, dict[str, Array]]:
        """Return what was measured of each held-out scene after training, by seed and measure."""
        found = {}
        for run in self.seeds[name]:
            each = run["final"]["each"]
            correct, diff, named = (digits(each[key]) for key in ("correct", "diff", "predictions"))
            found[int(run["seed"])] = {"tacc": correct, "ndiff": diff / self.true, "predictions": named}
        return found

    @cache  # noqa: B019
    def outcomes(self, name: str) -> dict[str, Array]:
        """Return what was measured of each held-out scene, by measure; the mean over seeds."""
        every = list(self.of_seeds(name).values())
        return {measure: np.mean([each[measure] for each in every], axis=0) for measure in MEASURES}

    @cache  # noqa: B019
    def noise(self, measure: str, *, few: bool = False) -> tuple[float, int] | None:
        """Return the variance that seeds make in an arm's mean, and its degrees of freedom; None: too few seeds.

        It is that of the arms of a kind, on few scenes or not; of the others where these leave more degrees of freedom
        and the kind itself fewer than `FREE`.
        """
        found = [each for kind in (few, not few) if (each := self.left_over(measure, few=kind)) is not None]
        return max(found, key=lambda each: min(each[1], FREE), default=None)

    @cache  # noqa: B019
    def left_over(self, measure: str, *, few: bool) -> tuple[float, int] | None:
        """Return what is left of a table of arms and seeds once both have been taken out, of one kind.

        Arms are those that have `SEEDS` seeds, without `RUINED`; seeds are those that all of them have.
        """
        names = [
            name
            for name, runs in self.seeds.items()
            if len(runs) >= SEEDS and name.startswith(FEW) == few and name.removeprefix(FEW) not in RUINED
        ]
        every = [self.of_seeds(name) for name in names]
        shared = sorted(set.intersection(*map(set, every))) if every else []
        if len(names) < 2 or len(shared) < SEEDS:
            return None
        means = np.array([[each[seed][measure].mean() for seed in shared] for each in every])
        left = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0) + means.mean()
        free = (len(names) - 1) * (len(shared) - 1)
        return float((left**2).sum()) / free, free

    def mean(self, name: str, measure: str, some: npt.NDArray[np.bool_] | None = None) -> Estimate:
        """Return an arm's mean over scenes, or over some of them."""
        column = self.outcomes(name)[measure]
        found = estimate(column if some is None else column[some])
        noise = self.noise(measure, few=name.startswith(FEW))
        if noise is None or "from" not in self.runs[name]:
            return found
        return found.wider(student.ppf(0.975, noise[1]) * np.sqrt(noise[0] / len(self.seeds[name])))

    def difference(self, name: str, other: str, measure: str, some: npt.NDArray[np.bool_] | None = None) -> Estimate:
        """Return by how much an arm exceeds another on the same scenes, over the seeds of both.

        Against the start, from which all seeds of an arm begin, it is over the seeds of that arm.
        """
        one, two = self.of_seeds(name), self.of_seeds(other)
        began = {int(run["seed"]): run.get("from", "").rpartition("-") for run in self.seeds[name]}
        trained = "from" in self.runs[other] and not all(begins[0] == other for begins in began.values())
        shared = sorted(one.keys() & two.keys()) if trained else sorted(one)
        columns = [one[seed][measure] - two[seed if trained else int(began[seed][2] or 0)][measure] for seed in shared]
        by_seed = [float(column.mean()) for column in columns]
        column = np.mean(columns, axis=0)
        found = estimate(column if some is None else column[some])
        noise = self.noise(measure, few=name.startswith(FEW))
        if noise is None or "from" not in self.runs[name]:
            return found
        if {name.removeprefix(FEW), other.removeprefix(FEW)} & set(RUINED) and len(shared) >= SEEDS:
            alone = np.std(by_seed, ddof=1) / np.sqrt(len(shared))
            return found.wider(student.ppf(0.975, len(shared) - 1) * alone)
        return found.wider(student.ppf(0.975, noise[1]) * np.sqrt((1 + trained) * noise[0] / len(shared)))

    def beside(self, name: str, other: str) -> tuple[str, str] | None:
        """Return two arms under the names of their runs that can be compared; None: there are none.

        They saw each scene once, or few scenes; they share seeds, and with these took about as many steps.
        """
        for kind in ("", FEW):
            steps = [{run["seed"]: run["steps"] for run in self.seeds.get(kind + arm, ())} for arm in (name, other)]
            shared = steps[0].keys() & steps[1].keys()
            one, two = (sum(each[seed] for seed in shared) for each in steps)
            if shared and abs(one - two) <= ALIKE * two:
                return kind + name, kind + other
        return None

    def either(self, name: str) -> str:
        """Return an arm's name, with each scene once where it was run so, else on few scenes."""
        return name if name in self.seeds else FEW + name

    def views(self, *names: str) -> npt.NDArray[np.bool_]:
        """Return which held-out scenes are seen from given views; scene ``i`` is seen from view ``i mod 3``."""
        order = ("center", "left", "right")
        return np.isin(np.arange(len(self.true)) % len(order), [order.index(name) for name in names])

    @property
    def predicted(self) -> Mapping[str, dict[str, float]]:
        """What was said of each arm."""
        found: Mapping[str, dict[str, float]] = self.predictions["arms"]
        return found


def read_results(folder: Path, scenes: str = "scenes.json") -> Results:
    """Return the results in a folder that are whole, and what was said before."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["complete"]:
            runs.setdefault(found["arm"], []).append(found)
    for each in runs.values():
        each.sort(key=lambda run: int(run["seed"]))
    told = json.loads((HERE / scenes).read_text(encoding="utf-8"))
    predictions = json.loads((HERE / scenes.replace("scenes", "predictions")).read_text(encoding="utf-8"))
    return Results(runs, digits(told["true"]), digits(told["objects"]), predictions)


def read_drawn(folder: Path = RESULTS) -> Results:
    """Return the results of the drawn study, those on few scenes with `FEW` before their names."""
    once, few = (read_results(folder / name) for name in ("study", FEW.strip("/")))
    return replace(once, seeds={**once.seeds, **{FEW + name: runs for name, runs in few.seeds.items()}})


def on_few_scenes(results: Results) -> Results:
    """Return the results with the arms that were predicted as they were trained on few scenes."""
    return replace(
        results, seeds={**results.seeds, **{name: results.seeds[FEW + name] for name in results.predicted}}, few=True
    )


def headline(results: Results) -> Results:
    """Return the results with the arms that were predicted as they are told: compared seed by seed.

    They are of the seeds that all of them have with each scene once; where there is none, on few scenes.
    """
    shared = set.intersection(*({run["seed"] for run in results.seeds.get(name, ())} for name in results.predicted))
    if not shared:
        return on_few_scenes(results)
    chosen = {name: [run for run in results.seeds[name] if run["seed"] in shared] for name in results.predicted}
    return replace(results, seeds={**results.seeds, **chosen})


@cache
def digits(text: str) -> Array:
    """Return numbers that are written as a digit each, up to 35.

    >>> digits("01z").tolist()
    [0.0, 1.0, 35.0]
    """
    return np.array([int(digit, 36) for digit in text], dtype=np.float64)


def estimate(column: Array) -> Estimate:
    """Return the mean of independent values with its 95% interval."""
    mean, error = float(column.mean()), float(column.std(ddof=1) / np.sqrt(len(column)))
    return Estimate(mean, mean - 1.96 * error, mean + 1.96 * error)


def spearman(one: Array, other: Array) -> Array:
    """Return rank correlations of rows; NaN where all of a row are equal.

    >>> spearman(np.array([[1.0, 2, 3]]), np.array([[3.0, 2, 1]])).tolist()
    [-1.0]
    """
    first, second = (rankdata(values, axis=1) for values in (one, other))
    first, second = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (first, second))
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    with np.errstate(invalid="ignore"):
        found: Array = (first * second).sum(axis=1) / size
    return found


def correlation(results: Results, measure: str, arms: Sequence[str] | None = None) -> Correlation:
    """Return how the order that was said agrees with the one that came about.

    Args:
        results: of the study.
        measure: of `MEASURES`.
        arms: which; all that were predicted if left out.
    """
    names = list(results.predicted if arms is None else arms)
    said = np.array([[results.predicted[name][measure] for name in names]])
    columns = np.stack([results.outcomes(name)[measure] for name in names], axis=1)
    drawn = _weights(len(columns)) @ columns
    by_scene = spearman(np.repeat(said, DRAWS, axis=0), drawn)
    chosen = np.random.default_rng(1).integers(len(names), size=(DRAWS, len(names)))
    both = spearman(said[0][chosen], np.take_along_axis(drawn, chosen, axis=1))
    return Correlation(order(results, measure, names), _middle(by_scene), _middle(both))


def order(results: Results, measure: str, arms: Sequence[str] | None = None) -> float:
    """Return Spearman's rank correlation between what was said and what came about."""
    names = list(results.predicted if arms is None else arms)
    said = [results.predicted[name][measure] for name in names]
    means = [results.mean(name, measure).value for name in names]
    return float(spearman(np.array([said]), np.array([means]))[0])


@cache
def _weights(count: int) -> Array:
    """Return how often each scene is drawn, as a share of all draws."""
    return np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=DRAWS) / count


def _middle(values: Array) -> tuple[float, float]:
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def trained_ranks(results: Results, measure: str) -> dict[str, float]:
    """Return ranks from 1 of what came about: of NDiff the least first, else the most."""
    names = list(results.predicted)
    means = np.array([results.mean(name, measure).value for name in names])
    return dict(zip(names, rankdata(means if measure == "ndiff" else -means).tolist(), strict=True))


def way_gone(results: Results, name: str, measure: str) -> float:
    """Return which share of the way from the start to what was said training has gone; 1 is there."""
    start, now = results.mean("start", measure).value, results.mean(name, measure).value
    return (now - start) / (results.predicted[name][measure] - start)


def logged(runs: Sequence[Mapping[str, Any]], key: str, *, last: bool) -> float:
    """Return the mean of what was logged at the beginning or at the end of an arm's runs."""
    every = [run["curve"][-LATELY:] if last else run["curve"][:LATELY] for run in runs]
    return float(np.mean([step[key] for steps in every for step in steps]))


def break_even(run: Mapping[str, Any]) -> float:
    """Return how likely right a guess beyond the true number must be to be worth it under an arm's reward.

    The chance comes from three answers to two changes: one right and one wrong, and those with a third guess that is
    right, or wrong.
    """
    options = {"preset": run["config"]["preset"], **run["config"]["reward_overrides"]}
    known, target = "2.color.cyan, 5.size.small", "2.color.cyan, 0.shape.cube"
    answers = [known, f"{known}, 0.shape.cube", f"{known}, 7.shape.cube"]
    texts = [f"<think> </think><answer>{answer}</answer>" for answer in answers]
    without, right, wrong = tvr_accuracy_reward(texts, target=[target] * 3, **options)
    gain, loss = right - without, without - wrong
    return loss / (gain + loss) if gain + loss else float("nan")


class AlarmRecord(NamedTuple):
    """What the hacking alarm said of a run.

    Attributes:
        raised: the kinds, each with the step at which it was raised first.
        fell: the first step at which held-out accuracy was under the start's by more than twice its standard error.
    """

    raised: dict[str, int]
    fell: int | None

    @property
    def early(self) -> int | None:
        """How many steps before the fall the first alarm was raised; negative: after it; None: no fall or no alarm."""
        return None if self.fell is None or not self.raised else self.fell - min(self.raised.values())


def alarm_record(run: Mapping[str, Any]) -> AlarmRecord:
    """Return what the alarm would have said of a recorded run, and when its held-out accuracy fell."""
    fell, tests = None, run["tests"]
    if run["stage"] == "rl" and tests and tests[0]["step"] == 0:
        right = "tacc" if "tacc" in tests[0] else "accuracy"  # of questions
        least = tests[0][right]
        fell = next((test["step"] for test in tests if test[right] < least - 2 * test[f"{right}_se"]), None)
    return AlarmRecord(first_alarms(run["curve"]), fell)
