"""What other people's programs import: the rewards, and `evaluate`, `audit` and `train`.

>>> from star_r1 import tvr_reward
>>> tvr_reward(["<think>It turned.</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"], preset="paper")
[6.0]

The rewards also work where somebody else's ``rewards.py`` or ``parsers.py`` lies, even inside that file: this project's
packages are then loaded from beside this one, and the name is left to its owner. `evaluate`, `audit` and `train` load
when they are asked for, and refuse where a name of theirs is taken.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from benchmarks import evaluate as evaluate
    from benchmarks.audit import audit as audit
    from rewards import (
        TVR,
        BatchScore,
        ConfigError,
        DataError,
        Score,
        TaskReward,
        TieredSpec,
        answer_reward,
        completion_text,
        format_reward,
        multiview_reward,
        reference_reward,
        score_batch,
        score_columns,
        score_completion,
        strip_special_tokens,
        task_parts,
        tvr_accuracy_reward,
        tvr_reward,
        unpack_gold,
        warm_up,
    )
    from trainers import train as train

    __version__: str

__all__ = [
    "TVR",
    "BatchScore",
    "ConfigError",
    "DataError",
    "Score",
    "TaskReward",
    "TieredSpec",
    "answer_reward",
    "completion_text",
    "format_reward",
    "multiview_reward",
    "reference_reward",
    "score_batch",
    "score_columns",
    "score_completion",
    "strip_special_tokens",
    "task_parts",
    "tvr_accuracy_reward",
    "tvr_reward",
    "unpack_gold",
    "warm_up",
]

_HOME = Path(__file__).resolve().parent.parent
_CORE = ("parsers", "rewards")
_LAZY = {"evaluate": "benchmarks", "audit": "benchmarks.audit", "train": "trainers"}


def _foreign(*names: str) -> dict[str, str]:
    """Return which of our names mean somebody else's file here, and that file."""
    found = {}
    for name in names:
        loaded = sys.modules.get(name)
        spec = PathFinder.find_spec(name) if loaded is None else None
        path = getattr(loaded, "__file__", None) if spec is None else spec.origin
        if (loaded or spec) and (path is None or Path(path).resolve().parent.parent != _HOME):
            found[name] = path or "a folder without code"
    return found


def _import_rewards() -> ModuleType:
    """Import our `rewards`, and give names that are somebody else's back to them.

    Then every module that the face needs is imported now: later imports inside our packages find ``rewards.spec``
    because it is loaded, while the bare name `rewards` means the other file again.
    """
    foreign = _foreign(*_CORE, "trainers")
    if not foreign:
        return import_module("rewards")
    theirs = {name: sys.modules.pop(name, None) for name in foreign}
    sys.path.insert(0, str(_HOME))
    try:
        for name in (*_CORE, "trainers.adapters"):
            for module in walk_packages(import_module(name).__path__, f"{name}."):
                import_module(module.name)
        ours = sys.modules["rewards"]
    finally:
        sys.path.remove(str(_HOME))
        for name, other in theirs.items():
            sys.modules.pop(name, None)
            if other is not None:
                sys.modules[name] = other
    return ours


if not TYPE_CHECKING:
    _rewards = _import_rewards()
    globals().update({name: getattr(_rewards, name) for name in __all__ if name != "TVR"})
    _names = globals().pop("__all__")

    def __getattr__(name: str) -> Any:
        """Load what is asked for: rewards need neither the benchmarks nor a trainer."""
        if name == "__all__":  # where verifiers looks for a taskset of the id star-r1
            return [*_names, "StarTaskset"] if "verifiers" in sys.modules else _names
        if name == "TVR":  # read from its YAML file when it is needed
            return _rewards.TVR
        if name == "StarTaskset":
            return import_module("trainers.adapters.verifiers").StarTaskset
        if name == "__version__":
            from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  20 ms that not all need

            try:
                return version("star-r1")
            except PackageNotFoundError:
                return "source"
        if name not in _LAZY:
            raise AttributeError(f"module 'star_r1' has no attribute {name!r}")
        for package, path in _foreign(*_CORE, "benchmarks", "trainers").items():
            raise ImportError(
                f"star_r1.{name} needs the package {package!r} of star-r1, but {path} is in the way: rename it"
            )
        return getattr(import_module(_LAZY[name]), name)

    def __dir__() -> list[str]:
        return [*_names, *_LAZY, "__all__", "__version__"]
