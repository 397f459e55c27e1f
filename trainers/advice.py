"""What is watched while a model trains: progress, SIGTERM, and what the logs give reason to say of the reward."""

from __future__ import annotations

import math
import signal
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    import numpy.typing as npt

    Logs = Mapping[str, Any]

STILL: Final = 5
"""So many logged steps in a row must agree before something is said to stand still."""

CLIPPED: Final = "completions/clipped_ratio"  # as TRL calls the share of completions that have the greatest length


class TrainingFailed(RuntimeError):  # noqa: N818  the run failed, not the program
    """A run cannot go on: what happened, at which step, and what is left."""


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        step: steps done.
        total: steps in all.
        logs: what was logged last; empty between logged steps.
    """

    step: int
    total: int
    logs: Mapping[str, Any]


class Lengths(NamedTuple):
    """What is known of the length of completions before a run.

    Attributes:
        most: ``max_completion_length``, tokens.
        answers: tokens of the longest of the true answers that were looked at, with its tags.
    """

    most: int
    answers: int


def advice(history: Sequence[Logs], lengths: Lengths | None = None) -> dict[str, str]:
    """Return what the logs of an RL run give reason to say, by kind: what was seen, and what to do.

    Args:
        history: logged steps, the oldest first. What is missing, None or no number is passed over.
        lengths: of completions and answers, where they are known.

    >>> advice([{"reward": 1.0, "tvr/prefilled": 0.9}] * 5)["prefilled"][:46]
    'most completions do not open with <think>: the'
    """
    steps = [logs for logs in history if "reward" in logs]
    found: dict[str, str] = {}
    recent = steps[-STILL:]
    if len(recent) < STILL:
        return found
    for name in [key for key in recent[-1] if key.startswith("rewards/") and key.endswith("/std")]:
        if _all(recent, name, lambda spread: spread < 1e-6):
            part = name.split("/")[1]
            found[f"saturated {part}"] = _saturated(part, steps)
    if any(_all(recent[-1:], key, lambda share: share > 0.5) for key in recent[-1] if key.endswith("/prefilled")):
        found["prefilled"] = (
            "most completions do not open with <think>: the chat template probably writes it; "
            "set think_prefilled: true, so that it is not left to guessing"
        )
    if _all(recent, "frac_reward_zero_std", lambda share: share > 0.8):
        found["equal groups"] = (
            "in four of five groups all completions earn the same: little is learnt; "
            "choose harder or easier prompts, more generations a prompt, or a higher temperature"
        )
    if _all(recent, CLIPPED, lambda share: share > 0.1):
        found["clipped"] = _clipped(_values(recent, CLIPPED), lengths)
    return found | _hacking(steps) | _over_predicting(steps)


def _number(value: Any) -> float:
    """Return a number that trainers wrote, also as text; NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _values(steps: Sequence[Logs], name: str) -> npt.NDArray[np.float64]:
    """Return the numbers that were logged under a name, leaving out steps without."""
    found: npt.NDArray[np.float64] = np.array([_number(logs.get(name)) for logs in steps], dtype=np.float64)
    return found[np.isfinite(found)]


def _all(steps: Sequence[Logs], name: str, holds: Callable[[float], bool]) -> bool:
    """Return whether a number was logged in each of the steps and is such that..."""
    values = _values(steps, name)
    return len(values) == len(steps) and all(map(holds, values.tolist()))


def _saturated(part: str, steps: Sequence[Logs]) -> str:
    means = _values(steps, f"rewards/{part}/mean")
    mean = float(means[-1]) if means.size else math.nan
    same = f"{part} is {mean:g} for every completion of the last {STILL} logged steps: it teaches nothing"
    if mean <= 0 or mean < means.max(initial=-math.inf) - 1e-6:  # its floor: nobody earns it, or nobody does any more
        return (
            f"{same} until some completion earns more; read the completions and the faults; demonstrations of the "
            "format (stage 1), easier prompts or a higher temperature bring the first ones"
        )
    return f"{same} more; lower its weight, or leave it out of reward_funcs"


def _clipped(shares: npt.NDArray[np.float64], lengths: Lengths | None) -> str:
    text = f"{shares.mean():.0%} of the completions are cut off at max_completion_length"
    if lengths is None:
        return f"{text}, and earn nothing for their answers; raise it, or mask_truncated_completions: true"
    text += f", {lengths.most} tokens"
    if lengths.answers >= lengths.most:
        return f"{text}; the true answers alone have up to {lengths.answers}: raise it"
    return (
        f"{text}, where the true answers have at most {lengths.answers}: raise it if the reasoning needs more, "
        "or teach shorter reasoning; mask_truncated_completions: true leaves them out of the loss"
    )


def _change(steps: Sequence[Logs], key: str) -> tuple[float, float]:
    """Return by how much a number rose from the first to the last third of a run, and twice the error of that."""
    third = len(steps) // 3
    first, last = _values(steps[:third], key), _values(steps[-third:] if third else [], key)
    if min(first.size, last.size) < 2:
        return 0.0, 0.0
    error = math.sqrt(first.var(ddof=1) / first.size + last.var(ddof=1) / last.size)
    return float(last.mean() - first.mean()), 2 * error


def _hacking(steps: Sequence[Logs]) -> dict[str, str]:
    """Say where the reward rises while the accuracy falls."""
    names = [key for key in steps[-1] if key.endswith("/accuracy")]
    if not names or len(steps) // 3 < STILL:
        return {}
    reward, reward_error = _change(steps, "reward")
    accuracy, accuracy_error = _change(steps, names[0])
    if reward > reward_error and accuracy < -accuracy_error and accuracy < 0:
        return {
            "hacking": f"the reward rose by {reward:.2f} while the share of right answers fell by {-accuracy:.3f}: "
            "the policy earns without being right; read its completions (output_dir/completions, `star score`), "
            "and try preset: calibrated or a penalty that is higher"
        }
    return {}


def _over_predicting(steps: Sequence[Logs]) -> dict[str, str]:
    """Say where completions name more than is true while fewer are right: the paper's reward can be earned by that."""
    tasks = [key.removesuffix("/true_predictions") for key in steps[-1] if key.endswith("/true_predictions")]
    if not tasks or len(steps) // 3 < STILL:
        return {}
    task = tasks[0]
    named, true = (_values(steps[-STILL:], f"{task}/{name}") for name in ("predictions", "true_predictions"))
    accuracy, error = _change(steps, f"{task}/accuracy")
    if min(named.size, true.size) and named.mean() > 1.1 * true.mean() and accuracy < -error and accuracy < 0:
        return {
            "over-prediction": f"completions name {named.mean():.2f} changes where {true.mean():.2f} are true, and the "
            f"share of right answers fell by {-accuracy:.3f}: over-prediction; where a false change costs less than "
            "a right one earns, naming more than is seen is worth it; preset: calibrated makes a guess pay only "
            "above one half"
        }
    return {}


def fault_shares(faults: Iterable[str | None], most: int = 3) -> dict[str, float]:
    """Return the shares of the commonest faults of completions, under the names that they are logged by.

    >>> fault_shares(["no_answer", None, "no_answer", "missing_value"])
    {'faults/no_answer': 0.5, 'faults/missing_value': 0.25}
    """
    codes = list(faults)
    common = Counter(code for code in codes if code).most_common(most)
    return {f"faults/{code}": count / len(codes) for code, count in common}


def watching(
    on_progress: Callable[[Progress], None] | None,
    on_advice: Callable[[str], None] | None,
    *,
    stop: Stop,
    lengths: Lengths | None = None,
) -> Any:
    """Return a trainer's callback that reports and obeys. What only watches never ends a run: its errors are told.

    Args:
        on_progress: called after every step, and with the logs of logged steps.
        on_advice: called once for each kind of advice.
        stop: asked after every step.
        lengths: of completions and answers, where they are known.
    """
    from transformers import TrainerCallback

    class Watching(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.said: set[str] = set()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            if stop.agreed():
                control.should_save = control.should_training_stop = True
            if state.is_world_process_zero:
                self.show(Progress(state.global_step, state.max_steps, {}))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
            if not state.is_world_process_zero:
                return
            self.show(Progress(state.global_step, state.max_steps, dict(logs or {})))
            try:
                found = advice(state.log_history, lengths)
            except Exception as error:  # noqa: BLE001  whatever it is, training goes on
                found = {"advice": f"the logs cannot be judged: {type(error).__name__}: {error}"}
            for kind, text in found.items():
                self.say(kind, f"step {state.global_step}: {text}")

        def show(self, done: Progress) -> None:
            if on_progress is None:
                return
            try:
                on_progress(done)
            except Exception as error:  # noqa: BLE001  likewise
                self.say("progress", f"step {done.step}: progress cannot be shown: {type(error).__name__}: {error}")

        def say(self, kind: str, text: str) -> None:
            if on_advice is not None and kind not in self.said:
                with suppress(Exception):
                    on_advice(text)
            self.said.add(kind)

    return Watching()


class Stop:
    """Listens to SIGTERM while it is entered; the signal's old handler comes back afterwards."""

    def __init__(self) -> None:
        self.asked = False
        self._old: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGTERM, self._ask)
        return self

    def _ask(self, *_: object) -> None:
        self.asked = True

    def agreed(self) -> bool:
        """Return whether any process of the run was asked: they must all stop after the same step."""
        import torch
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
            device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
            flag = torch.tensor(int(self.asked), device=device)
            distributed.all_reduce(flag, distributed.ReduceOp.MAX)
            self.asked = bool(flag.item())
        return self.asked

    def __exit__(self, *_: object) -> None:
        if self._old is not None:
            signal.signal(signal.SIGTERM, self._old)
