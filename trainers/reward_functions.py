"""Reward functions as a configuration names them, watched while they run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import rewards
from rewards import ConfigError, TaskReward
from rewards.functions import TARGET_COLUMNS
from rewards.named import named_object
from rewards.score import resolve, score_batch
from trainers.config import prefilled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trainers.config import StarArguments

OURS: Final = tuple(name for name in rewards.__all__ if name.endswith("_reward"))


@dataclass(frozen=True)
class WatchedReward:
    """A reward function that says by name what is wrong with it, and logs its time and the accuracy per view.

    Attributes:
        function: any TRL reward function.
        name: what trainers log it as.
        task: by which accuracy per view is measured; None leaves that out.
        think_prefilled: see `parsers.completion.parse_completion`.
    """

    function: Callable[..., Any]
    name: str
    task: str | None = None
    think_prefilled: Any = "auto"

    @property
    def __name__(self) -> str:  # trainers name a reward by it
        return self.name

    def __call__(self, completions: Sequence[Any], log_metric: Any = None, **columns: Any) -> Any:
        """Return what the function returns.

        Raises:
            ConfigError: it does not return one number or None a completion.
        """
        began = time.perf_counter()
        values = self.function(completions=completions, log_metric=log_metric, **columns)
        step = getattr(columns.get("trainer_state"), "global_step", None)
        self._check(values, len(completions), "" if step is None else f"step {step}: ")
        if log_metric is not None:
            if self.task is not None:
                self._log_views(completions, columns, log_metric)
            log_metric("reward_seconds", time.perf_counter() - began)
        return values

    def _check(self, values: Any, rows: int, where: str) -> None:
        try:
            found = len(values)
        except TypeError:
            raise ConfigError(
                f"{where}reward function {self.name!r} returned {type(values).__name__}, not a list"
            ) from None
        if found != rows:
            raise ConfigError(
                f"{where}reward function {self.name!r} returned {found} values for {rows} completions; "
                "it must return one number, or None, for each"
            )
        bad = next((at for at, value in enumerate(values) if value is not None and not np.isfinite(value)), None)
        if bad is not None:
            raise ConfigError(f"{where}reward function {self.name!r} returned {values[bad]} for completion {bad}")

    def _log_views(self, completions: Sequence[Any], columns: dict[str, Any], log_metric: Any) -> None:
        views = columns.get("view")
        targets = next((columns[name] for name in TARGET_COLUMNS if columns.get(name) is not None), None)
        if views is None or targets is None:
            return
        rows = [at for at, target in enumerate(targets) if target is not None and views[at] is not None]
        assert self.task is not None
        batch = score_batch(
            [completions[at] for at in rows],
            [targets[at] for at in rows],
            task=self.task,
            think_prefilled=self.think_prefilled,
        )
        kinds = np.array([str(views[at]) for at in rows])
        for view in sorted(set(kinds.tolist())):
            log_metric(f"accuracy/{view}", float(batch.correct[kinds == view].mean()))


def reward_functions(star: StarArguments) -> list[Any]:
    """Return the reward functions of a configuration.

    Raises:
        ConfigError: an unknown one, or one name twice (trainers would mix up their numbers).
    """
    settings: dict[str, Any] = {"preset": star.preset, "overrides": star.reward_overrides or {}}
    settings["think_prefilled"] = prefilled(star)
    task, _ = resolve(star.task, star.preset, **settings["overrides"])
    found: list[tuple[str, Any]] = []
    for name in star.reward_funcs or ["task_reward"]:
        if name == "task_reward":
            short = f"{task.name}_reward"
            found.append((short, TaskReward(task=star.task, name=short, **settings)))
        elif name in OURS:
            known = {"think_prefilled": settings["think_prefilled"]} if name == "format_reward" else settings
            found.append((name, partial(getattr(rewards, name), **known)))
        elif "." in name or ":" in name:
            function = named_object(name, "reward_funcs")
            found.append((getattr(function, "__name__", type(function).__name__), function))
        else:
            from rewards.errors import nearest

            raise ConfigError(f"unknown reward function {name!r}{nearest(name, ['task_reward', *OURS])}")
    names = [name for name, _ in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two reward functions are called {twice!r}; each needs a name of its own")
    think = settings["think_prefilled"]
    return [
        # TRL gathers coroutines itself, and tests their length
        function
        if iscoroutinefunction(function)
        else WatchedReward(function, name, task=star.task if at == 0 else None, think_prefilled=think)
        for at, (name, function) in enumerate(found)
    ]
