"""What is watched while a model trains: progress, SIGTERM, and what the logs give reason to say of the reward."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trainers.alarm import STILL, alarms, all_of, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    import numpy as np
    import numpy.typing as npt

    Logs = Mapping[str, Any]

PATIENCE: Final = 15.0
"""Seconds that a step may go on after SIGTERM before that is told; torchrun kills after 30."""

CLIPPED: Final = "completions/clipped_ratio"  # as TRL calls the share of completions that have the greatest length

LEFT_OUT: Final = "updates_left_out"  # updates whose gradient was not finite, since the last logged step


class TrainingFailed(RuntimeError):  # noqa: N818  the run failed, not the program
    """A run cannot go on: what happened, at which step, and what is left.

    Attributes:
        lost: another process of the run is gone; each of those that are left raises this, and `first_to_say` finds one.
    """

    lost = False


def first_to_say(what: str) -> bool:
    """Return whether no other process of the run has asked to say this yet.

    Processes count in the store by which they have found each other. The launcher keeps it, so that it outlives any of
    them; where it is gone, too, each speaks.
    """
    from torch.distributed import distributed_c10d

    try:
        store = distributed_c10d._get_default_store()  # noqa: SLF001  torch has no public name for it
        return int(store.add(f"star_r1/{what}", 1)) == 1
    except (ValueError, RuntimeError):  # no processes; no store any more
        return True


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
        answers: tokens of the longest of the targets that were looked at, with its tags.
    """

    most: int
    answers: int


def advice(history: Sequence[Logs], lengths: Lengths | None = None) -> dict[str, str]:
    """Return what the logs of a run give reason to say, by kind: what was seen, and what to do.

    Args:
        history: logged steps, the oldest first. What is missing, None or no number is passed over.
        lengths: of completions and answers, where they are known.

    >>> advice([{"reward": 1.0, "tvr/prefilled": 0.9}] * 5)["prefilled"][:46]
    'most completions do not open with <think>: the'
    """
    steps = [logs for logs in history if "reward" in logs]
    found: dict[str, str] = {}
    if any(LEFT_OUT in logs for logs in history[-1:]):
        found["left out"] = (
            "a gradient was not finite, though the loss was: that update was left out, so that the weights are as they "
            "were; if it happens often, lower the learning_rate, or try attn_implementation: eager"
        )
    recent = steps[-STILL:]
    if len(recent) < STILL:
        return found
    for name in [key for key in recent[-1] if key.startswith("rewards/") and key.endswith("/std")]:
        if all_of(recent, name, lambda spread: spread < 1e-6):
            part = name.split("/")[1]
            found[f"saturated {part}"] = _saturated(part, steps)
    if any(all_of(recent[-1:], key, lambda share: share > 0.5) for key in recent[-1] if key.endswith("/prefilled")):
        found["prefilled"] = (
            "most completions do not open with <think>: the chat template probably writes it; "
            "set think_prefilled: true, so that it is not left to guessing"
        )
    if all_of(recent, "frac_reward_zero_std", lambda share: share > 0.8):
        found["equal groups"] = (
            "in four of five groups all completions score the same: little is learned; "
            "choose harder or easier prompts, more generations a prompt, or a higher temperature"
        )
    if all_of(recent, CLIPPED, lambda share: share > 0.1):
        found["clipped"] = _clipped(values(recent, CLIPPED), lengths)
    return found | alarms(steps)


def _saturated(part: str, steps: Sequence[Logs]) -> str:
    means = values(steps, f"rewards/{part}/mean")
    mean = float(means[-1]) if means.size else math.nan
    same = f"{part} is {mean:g} for every completion of the last {STILL} logged steps: it teaches nothing"
    if mean <= 0 or mean < means.max(initial=-math.inf) - 1e-6:  # its floor: nobody gets it, or nobody does any more
        return (
            f"{same} until some completion scores more; read the completions and the faults; demonstrations of the "
            "format (stage 1), easier prompts or a higher temperature bring the first ones"
        )
    return f"{same} more; lower its weight, or leave it out of reward_funcs"


def _clipped(shares: npt.NDArray[np.float64], lengths: Lengths | None) -> str:
    text = f"{shares.mean():.0%} of the completions are cut off at max_completion_length"
    if lengths is None:
        return f"{text}, and score nothing for their answers; raise it, or mask_truncated_completions: true"
    text += f", {lengths.most} tokens"
    if lengths.answers >= lengths.most:
        return f"{text}; the targets alone have up to {lengths.answers}: raise it"
    return (
        f"{text}, where the targets have at most {lengths.answers}: raise it if the reasoning needs more, "
        "or teach shorter reasoning; mask_truncated_completions: true leaves them out of the loss"
    )


def fault_shares(faults: Iterable[str | None]) -> dict[str, float]:
    """Return the shares of the three commonest faults of completions, under the names that they are logged by.

    >>> fault_shares(["no_answer", None, "no_answer", "missing_value"])
    {'faults/no_answer': 0.5, 'faults/missing_value': 0.25}
    """
    codes = list(faults)
    common = Counter(code for code in codes if code).most_common(3)
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


class Launcher:
    """Watches over the launcher of this process (torchrun, or accelerate, which uses it) while it is entered.

    A launcher ends its processes, but not where it is killed (SIGKILL, out of memory): they would train on with nobody
    to stop them. So each of them looks for it every second and ends, and the first of its machine says so. Without a
    launcher nothing is watched: a run may outlive the shell that started it.

    Args:
        say: takes the line; standard error if None.

    Attributes:
        left: tells what there is to go on from.
    """

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self.left: Callable[[], str] = lambda: "no step was made"
        self._say = say or (lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
        self._started_by = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        if self._started_by is not None:
            self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._gone():
            if self._over.wait(1):
                return
        try:
            if os.environ.get("LOCAL_RANK", "0") == "0":
                self._say(f"the launcher (process {self._started_by}) is gone, and so this run ends; {self.left()}")
        finally:
            os._exit(1)  # the main thread may wait for ever for another process of the run

    def _gone(self) -> bool:
        return self._started_by not in (None, os.getppid())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._gone():
            self._thread.join()  # the error is that the other processes have ended first; one line is enough
        self._over.set()


class Stop:
    """Listens to SIGTERM while it is entered; the signal's old handler comes back afterwards.

    Args:
        on_late: called where a step goes on for `PATIENCE` seconds after the signal. A process that waits for
            one that is gone runs no Python, so that a thread tells.
    """

    def __init__(self, on_late: Callable[[], None] = lambda: None) -> None:
        self.asked = False
        self._on_late = on_late
        self._ended = threading.Event()  # the step in which the signal came
        self._old: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGTERM, self._ask)
            self._heard, self._hear = os.pipe()
            os.set_blocking(self._hear, False)
            self._old_hear = signal.set_wakeup_fd(self._hear, warn_on_full_buffer=False)
            if hasattr(os, "register_at_fork"):  # Windows has none
                os.register_at_fork(after_in_child=self._leave_to_parent)
            threading.Thread(target=self._wait, args=(self._heard,), daemon=True).start()
        return self

    def _wait(self, heard: int) -> None:
        with suppress(OSError):  # closed at the end
            while (number := os.read(heard, 1)) and number[0] != signal.SIGTERM:
                pass
            if number and not self._ended.wait(PATIENCE):
                self._on_late()
        os.close(heard)

    def _leave_to_parent(self) -> None:
        """In a forked child: SIGTERM ends it as it would have, and is no news to the run."""
        if self._old is not None:
            signal.signal(signal.SIGTERM, self._old)
            signal.set_wakeup_fd(self._old_hear)

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
        if self.asked:
            self._ended.set()
        return self.asked

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._old is not None:
            signal.signal(signal.SIGTERM, self._old)
            signal.set_wakeup_fd(self._old_hear)
            os.close(self._hear)
            self._old = None
