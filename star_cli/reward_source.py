"""The reward that a command is about: one of ours under options, or the user's own function."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.audit import AuditedReward
from benchmarks.audit.differential import protocol_reward
from benchmarks.audit.reward import call_convention
from benchmarks.registry import BENCHMARKS
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError
from rewards.functions import TaskReward
from rewards.named import named_object
from rewards.score import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class RewardSource:
    """Where a reward comes from; plain values, so that another process can load the same one.

    Attributes:
        reference: the user's function: ``package.module.function``, ``package.module:function`` or
            ``path/file.py:function``; or a benchmark's scorer, ``mmsi:official``. None for ours.
        task: whose answers it grades.
        preset, overrides, mode: of ours.
        think_prefilled: whether the chat template already wrote ``<think>``; then completions come without it.
        with_format: whether the format point is rewarded, of ours.
        target_column: the name under which the user's function takes the target; None finds it in its signature.
        messages: whether the user's function takes completions as lists of messages.
    """

    reference: str | None = None
    task: str = "tvr"
    preset: str = "default"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    mode: Literal["strict", "lenient"] = "strict"
    think_prefilled: bool | Literal["auto"] = "auto"
    with_format: bool = True
    target_column: str | None = None
    messages: bool = False

    @property
    def settings(self) -> tuple[Any, ...]:
        """What only our own rewards have."""
        return (self.preset, dict(self.overrides), self.mode, self.with_format)

    @property
    def name(self) -> str:
        """What reports call it."""
        if self.reference is not None:
            return self.reference
        changes = ", ".join(f"{name}={value}" for name, value in self.overrides.items())
        return f"{self.task}/{self.preset}" + (f" ({changes})" if changes else "")


def load_reward(source: RewardSource) -> AuditedReward:
    """Return the reward.

    Raises:
        ConfigError: if there is no such task, preset, option, file, module or function.
    """
    if source.reference is None:
        task, _ = resolve(source.task, source.preset, **source.overrides)
        paid = None if source.with_format else tuple(part for part in task.parts if part != "format")
        reward = TaskReward(source.task, source.preset, paid, source.overrides, source.mode, source.think_prefilled)
        return AuditedReward(reward, source.name, prefilled=source.think_prefilled is True)
    prefilled = source.think_prefilled is True
    benchmark, _, protocol = source.reference.partition(":")
    if protocol in ("official", "strict") and not benchmark.endswith(".py"):
        scorer = protocol_reward(benchmark, protocol, source.task)
        if scorer is None:
            raise ConfigError(f"{source.reference} does not score the answers of the task {source.task!r}")
        return AuditedReward(scorer, source.reference, prefilled=prefilled)
    if benchmark in BENCHMARKS and protocol:
        raise ConfigError(f"{source.reference}: a benchmark's scorers are {benchmark}:official and {benchmark}:strict")
    function = load_function(source.reference)
    convention = call_convention(_parameters(function))
    if convention != "trl":
        if source.target_column or source.messages:
            raise ConfigError(f"{source.reference} is called as in {convention}: without a target column or messages")
        return AuditedReward(function, source.name, prefilled=prefilled, convention=convention)
    accepts = _columns(function)
    if accepts is not None and "completions" not in _parameters(function):
        raise ConfigError(
            f"{source.reference} cannot be called as a reward: it takes {', '.join(accepts) or 'nothing'}, and neither "
            "`completions` (TRL), nor what verl or EasyR1 hand over (docs/audit.md, Your own reward)"
        )
    known = [name for name in TARGET_COLUMNS if accepts is not None and name in accepts]
    named = [name for name in TARGET_COLUMNS if name in _parameters(function)]
    target = source.target_column or next(iter([*named, *known]), "target")
    if accepts is not None and target not in accepts:
        raise ConfigError(
            f"{source.reference} takes no column {target!r}; it takes {', '.join(accepts) or 'none'}; "
            "name the one of the target with --target-column"
        )
    return AuditedReward(function, source.name, target, source.messages, accepts, prefilled=prefilled)


def load_function(reference: str) -> Callable[..., Any]:
    """Import a function as trainers do: the working directory is on the path.

    Raises:
        ConfigError: if it cannot be imported.
    """
    found = named_object(reference)
    if inspect.isclass(found) or not callable(found):
        kind = "a class; name an instance of it" if inspect.isclass(found) else "no function"
        raise ConfigError(f"{reference} is {kind}")
    function: Callable[..., Any] = found
    return function


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def _columns(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """Return the columns that a function takes by name; None where it takes any."""
    parameters = _parameters(function)
    if not parameters or any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return None
    return tuple(name for name in parameters if name != "completions")
