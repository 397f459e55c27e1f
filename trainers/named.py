"""Objects by the name that a configuration gives: ``module.function``, ``module:function``, ``file.py:function``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from rewards.errors import ConfigError


def named_object(name: str, what: str) -> Any:
    """Return what a dotted path or ``file.py:name`` names.

    Args:
        name: see the module.
        what: the configuration's key, for messages.

    Raises:
        ConfigError: if there is no such thing.

    >>> named_object("rewards.functions:tvr_reward", "reward_funcs").__name__
    'tvr_reward'
    """
    module, colon, attribute = name.rpartition(":")
    if not colon:
        module, _, attribute = name.rpartition(".")
    if not module or not attribute:
        raise ConfigError(f"{what}: {name!r} is neither module.function nor file.py:function")
    try:
        loaded = _load_file(Path(module)) if module.endswith(".py") else _load_module(module)
    except (ImportError, OSError, SyntaxError) as error:
        raise ConfigError(f"{what}: {name!r} cannot be imported: {error}") from error
    if not hasattr(loaded, attribute):
        raise ConfigError(f"{what}: {module} has no {attribute!r}")
    return getattr(loaded, attribute)


def _load_module(name: str) -> Any:
    if "" not in sys.path:  # as `python -m` does: a study's own modules lie where it is started
        sys.path.insert(0, "")
    return importlib.import_module(name)


def _load_file(path: Path) -> Any:
    """Import a file under its own name, so that what it defines can be pickled."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no Python file: {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module
