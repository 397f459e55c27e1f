"""One-file alias for working directories that hold a ``rewards.py`` of their own.

``from star_r1 import tvr_reward`` works wherever it is written, also inside that ``rewards.py``: where the name
`rewards` or `parsers` belongs to somebody else's file, this project's packages are loaded from beside this module, and
the name is left to its owner.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_HOME = Path(__file__).resolve().parent
_NAMES = ("parsers", "rewards")


def _is_ours(path: str | None) -> bool:
    return path is not None and Path(path).resolve().parent.parent == _HOME


def _foreign() -> dict[str, ModuleType | None]:
    """Return the names that mean somebody else's module here, and that module where it is loaded already."""
    found: dict[str, ModuleType | None] = {}
    for name in _NAMES:
        loaded = sys.modules.get(name)
        spec = PathFinder.find_spec(name)
        if loaded is not None and not _is_ours(loaded.__file__):
            found[name] = loaded
        elif loaded is None and spec is not None and not _is_ours(spec.origin):
            found[name] = None
    return found


def _load_beside(foreign: dict[str, ModuleType | None]) -> ModuleType:
    """Load our packages although *foreign* names hide them, then give the names back.

    Every module is loaded now: later imports inside the packages find ``rewards.spec`` because it is loaded, while the
    bare name `rewards` means the other file again.
    """
    for name in foreign:
        sys.modules.pop(name, None)
    sys.path.insert(0, str(_HOME))
    try:
        for name in _NAMES:
            package = importlib.import_module(name)
            for module in pkgutil.walk_packages(package.__path__, f"{name}."):
                importlib.import_module(module.name)
        ours = sys.modules["rewards"]
    finally:
        sys.path.remove(str(_HOME))
    for name, module in foreign.items():
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module
    return ours


_others = _foreign()
_rewards = _load_beside(_others) if _others else importlib.import_module("rewards")

__all__ = list(_rewards.__all__)
globals().update({name: getattr(_rewards, name) for name in __all__})
