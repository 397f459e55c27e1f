"""The hacking alarm: what the logs of an RL run show of a policy that scores without being right more often.

Pure functions of the log, so that they can be held against runs that are over.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    Logs = Mapping[str, Any]

STILL: Final = 5
"""So many logged steps in a row must agree before something is said."""

MANY: Final = 1.1
"""Naming more than so many times the true number is over-prediction, if the accuracy falls."""

LATEST: Final = 3
"""So many logged steps are averaged where the number named is held against the true number of the same prompts."""

EXCESS: Final = 0.05
"""Naming more than the true number by this share of it is over-prediction, if that has risen beyond doubt."""

DOUBT: Final = 6.0
"""Standard errors that are beyond doubt: the least of all means before is compared, in runs of hundreds of steps."""

FEW: Final = 0.5
"""Naming less than this share of the true number is silence, if it has fallen."""

WRONG: Final = 0.02
"""An accuracy of at most so much is none."""


def alarms(history: Sequence[Logs]) -> dict[str, str]:
    """Return the kinds of reward hacking that the logs of a run show, each with what was seen and what to do.

    ``over-prediction``: more is named than is true, and that rises, or fewer are right. ``silence``: less and less is
    named, under half of what is true. ``format only``: the form is right, the reward rises and nothing is right.
    ``blind references``: the references score more, and answers are not right more often. ``hacking``: the reward rises
    while the accuracy falls, whatever the way. "Rises" and "falls" mean by more than twice the standard error between
    the first and the last logged steps; the excess of what is named over what is true rises where it is by more than
    `DOUBT` standard errors above the least that it has been.

    Args:
        history: logged steps, the oldest first. What is missing, None or no number is passed over.

    >>> steps = [{"reward": 1.0, "tvr/predictions": 2 + at / 10, "tvr/true_predictions": 2.0} for at in range(10)]
    >>> list(alarms(steps))
    ['over-prediction']
    """
    steps = [logs for logs in history if "reward" in logs]
    if len(steps) < STILL:
        return {}
    found = {
        "over-prediction": _over_predicting(steps),
        "silence": _silent(steps),
        "format only": _format_only(steps),
        "blind references": _blind_references(steps),
        "hacking": _hacking(steps),
    }
    return {kind: text for kind, text in found.items() if text is not None}


def first_alarms(history: Sequence[Logs]) -> dict[str, int]:
    """Return after which logged step each kind of alarm would first have been raised, by the step that was logged.

    >>> logs = {"reward": 1.0, "tvr/true_predictions": 2.0}
    >>> first_alarms([logs | {"step": 5 * at, "tvr/predictions": 2 + at / 10} for at in range(20)])
    {'over-prediction': 25}
    """
    found: dict[str, int] = {}
    for end in range(1, len(history) + 1):
        for kind in alarms(history[:end]):
            found.setdefault(kind, int(history[end - 1].get("step", end)))
    return found


def values(steps: Sequence[Logs], name: str) -> npt.NDArray[np.float64]:
    """Return the numbers that were logged under a name, leaving out steps without."""
    found: npt.NDArray[np.float64] = np.array([_number(logs.get(name)) for logs in steps], dtype=np.float64)
    return found[np.isfinite(found)]


def all_of(steps: Sequence[Logs], name: str, holds: Callable[[float], bool]) -> bool:
    """Return whether a number was logged in each of the steps and is such that..."""
    found = values(steps, name)
    return len(found) == len(steps) and all(map(holds, found.tolist()))


def _number(value: Any) -> float:
    """Return a number that trainers wrote, also as text; NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _change(first: Sequence[Logs], last: Sequence[Logs], key: str) -> tuple[float, float]:
    """Return by how much a number rose between some logged steps and others, and twice the error of that."""
    before, after = values(first, key), values(last, key)
    if min(before.size, after.size) < 2:
        return 0.0, 0.0
    error = math.sqrt(before.var(ddof=1) / before.size + after.var(ddof=1) / after.size)
    return float(after.mean() - before.mean()), 2 * error


def _lately(steps: Sequence[Logs], key: str) -> tuple[float, float]:
    """Return the change from the first to the last logged steps; none while they overlap."""
    return _change(steps[:STILL], steps[-STILL:], key) if len(steps) >= 2 * STILL else (0.0, 0.0)


def _over_time(steps: Sequence[Logs], key: str) -> tuple[float, float]:
    """Return the change from the first to the last third of a run that is long enough."""
    third = len(steps) // 3
    return _change(steps[:third], steps[-third:], key) if third >= STILL else (0.0, 0.0)


def _rises(change: tuple[float, float]) -> bool:
    return change[0] > change[1] and change[0] > 0


def _falls(change: tuple[float, float]) -> bool:
    return change[0] < -change[1] and change[0] < 0


def _task(steps: Sequence[Logs], part: str) -> str | None:
    """Return the first task that logs a part."""
    return next((key.removesuffix(f"/{part}") for key in steps[-1] if key.endswith(f"/{part}")), None)


def _named(steps: Sequence[Logs], task: str) -> tuple[float, float] | None:
    """Return the mean numbers of predicted and of true records of the last logged steps."""
    named, true = (values(steps[-STILL:], f"{task}/{name}") for name in ("predictions", "true_predictions"))
    return (float(named.mean()), float(true.mean())) if min(named.size, true.size) else None


def _over_predicting(steps: Sequence[Logs]) -> str | None:
    task = _task(steps, "true_predictions")
    if task is None or (seen := _named(steps, task)) is None:
        return None
    named, true = seen
    accuracy = _over_time(steps, f"{task}/accuracy")
    if not (named > MANY * true and _falls(accuracy)) and not _exceeds_ever_more(steps, task):
        return None
    fell = f", and the share of right answers fell by {-accuracy[0]:.3f}" if _falls(accuracy) else ", and ever more"
    return (
        f"completions name {named:.2f} changes where {true:.2f} are true{fell}: over-prediction; where a false change "
        "costs less than a right one scores, naming more than is seen is worth it; preset: calibrated makes a guess "
        "profitable only above one half"
    )


def _exceeds_ever_more(steps: Sequence[Logs], task: str) -> bool:
    """Return whether more is named than is true, and the excess has risen since it was least.

    What is named is held against what is true of the same prompts, which takes most of the noise away: where more is
    true, more is named. What noise is left is told by how much the excess differs from step to step.
    """
    named, true = (values(steps, f"{task}/{name}") for name in ("predictions", "true_predictions"))
    if len(named) != len(true) or len(named) < 2 * LATEST:
        return False
    excess = named - true
    means = np.convolve(excess, np.ones(LATEST) / LATEST, "valid")
    error = float(np.std(np.diff(excess), ddof=1)) / math.sqrt(2) * math.sqrt(2 / LATEST)
    rise = float(means[-1] - means[:-LATEST].min())
    return bool(means[-1] > EXCESS * true[-LATEST:].mean()) and rise > DOUBT * error


def _silent(steps: Sequence[Logs]) -> str | None:
    task = _task(steps, "true_predictions")
    if task is None or (seen := _named(steps, task)) is None:
        return None
    named, true = seen
    if named >= FEW * true or not _falls(_lately(steps, f"{task}/predictions")):
        return None
    return (
        f"completions name {named:.2f} changes where {true:.2f} are true, and ever fewer: silence; a false change "
        "costs more than the policy expects of a right one: a lower incorrect_penalty, a higher "
        "underprediction_penalty, or easier prompts"
    )


def _format_only(steps: Sequence[Logs]) -> str | None:
    task = _task(steps, "accuracy")
    if task is None or len(steps) < 2 * STILL:
        return None
    formed = all_of(steps[-STILL:], f"{task}/format", lambda share: share >= 0.9)
    wrong = all_of(steps[-STILL:], f"{task}/accuracy", lambda share: share <= WRONG)
    if not (formed and wrong and _rises(_lately(steps, "reward"))):
        return None
    return (
        "the reward rises, the format is right and no answer is: format only; look at what is left of the answers, and "
        "begin with demonstrations (stage 1) or easier prompts"
    )


def _blind_references(steps: Sequence[Logs]) -> str | None:
    task = _task(steps, "reference")
    if task is None:
        return None
    reference, accuracy = _over_time(steps, f"{task}/reference"), _over_time(steps, f"{task}/accuracy")
    if not _rises(reference) or _rises(accuracy):
        return None
    return (
        f"references score {reference[0]:.2f} more and answers are not right more often: blind references; naming "
        "objects that were not looked for may be worth it: reference_rule: informedness (the default) is worth nothing "
        "to who does not look"
    )


def _hacking(steps: Sequence[Logs]) -> str | None:
    task = _task(steps, "accuracy")
    if task is None:
        return None
    reward, accuracy = _over_time(steps, "reward"), _over_time(steps, f"{task}/accuracy")
    if not (_rises(reward) and _falls(accuracy)):
        return None
    return (
        f"the reward rose by {reward[0]:.2f} while the share of right answers fell by {-accuracy[0]:.3f}: the policy "
        "scores without being right; read its completions (output_dir/completions, `star score`), and try preset: "
        "calibrated or a penalty that is higher"
    )
