"""What is watched while a model trains: progress, losses that are no numbers, signals, and signs of a bad reward."""

from __future__ import annotations

import math
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    Logs = Mapping[str, Any]

STILL: Final = 5
"""So many logged steps in a row must agree before something is said to stand still."""


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


def advice(history: Sequence[Logs]) -> dict[str, str]:
    """Return what the logs of an RL run give reason to say, by kind: what was seen, and what to do.

    Args:
        history: logged steps, the oldest first.

    >>> advice([{"reward": 1.0, "tvr/prefilled": 0.9}] * 5)["prefilled"][:46]
    'most completions do not open with <think>: the'
    """
    steps = [logs for logs in history if "reward" in logs]
    found: dict[str, str] = {}
    recent = steps[-STILL:]
    if len(recent) < STILL:
        return found
    for name in [key for key in recent[-1] if key.startswith("rewards/") and key.endswith("/std")]:
        if all(float(logs.get(name, 1.0)) < 1e-6 for logs in recent):
            part = name.split("/")[1]
            mean = float(recent[-1].get(f"rewards/{part}/mean", math.nan))
            found[f"saturated {part}"] = (
                f"{part} is {mean:g} for every completion of the last {STILL} logged steps: it teaches nothing more; "
                "lower its weight, or leave it out of reward_funcs"
            )
    opened = [key for key in recent[-1] if key.endswith("/prefilled")]
    if any(float(logs.get(key, 0.0)) > 0.5 for key in opened for logs in recent[-1:]):
        found["prefilled"] = (
            "most completions do not open with <think>: the chat template probably writes it; "
            "set think_prefilled: true, so that it is not left to guessing"
        )
    if all(float(logs.get("frac_reward_zero_std", 0.0)) > 0.8 for logs in recent):
        found["equal groups"] = (
            "in four of five groups all completions earn the same: little is learnt; "
            "choose harder or easier prompts, more generations a prompt, or a higher temperature"
        )
    return found | _hacking(steps)


def _hacking(steps: Sequence[Logs]) -> dict[str, str]:
    """Say where the reward rises while the accuracy falls, between the first and the last third of a run."""
    names = [key for key in steps[-1] if key.endswith("/accuracy")]
    third = len(steps) // 3
    if not names or third < STILL:
        return {}

    def change(key: str) -> tuple[float, float]:
        first = np.array([float(logs[key]) for logs in steps[:third] if key in logs])
        last = np.array([float(logs[key]) for logs in steps[-third:] if key in logs])
        if min(first.size, last.size) < 2:
            return 0.0, 0.0
        error = math.sqrt(first.var(ddof=1) / first.size + last.var(ddof=1) / last.size)
        return float(last.mean() - first.mean()), 2 * error

    reward, reward_error = change("reward")
    accuracy, accuracy_error = change(names[0])
    if reward > reward_error and accuracy < -accuracy_error and accuracy < 0:
        return {
            "hacking": f"the reward rose by {reward:.2f} while the share of right answers fell by {-accuracy:.3f}: "
            "the policy earns without being right; read its completions (output_dir/completions, `star score`), "
            "and try preset: calibrated or a penalty that is higher"
        }
    return {}


def watching(
    on_progress: Callable[[Progress], None] | None, on_advice: Callable[[str], None] | None, *, stop: Stop
) -> Any:
    """Return a trainer's callback that reports and obeys.

    Args:
        on_progress: called after every step, and with the logs of logged steps.
        on_advice: called once for each kind of advice.
        stop: asked after every step.
    """
    from transformers import TrainerCallback

    class Watching(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.said: set[str] = set()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            if stop.agreed():
                control.should_save = control.should_training_stop = True
            if on_progress is not None and state.is_world_process_zero:
                on_progress(Progress(state.global_step, state.max_steps, {}))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
            if not state.is_world_process_zero:
                return
            if on_progress is not None:
                on_progress(Progress(state.global_step, state.max_steps, dict(logs or {})))
            for kind, text in advice(state.log_history).items():
                if on_advice is not None and kind not in self.said:
                    on_advice(f"step {state.global_step}: {text}")
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
