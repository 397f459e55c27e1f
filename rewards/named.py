"""Objects by the name that somebody writes: ``module.function``, ``module:function``, ``path/file.py:function``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError, nearest

if TYPE_CHECKING:
    from types import ModuleType


def named_object(name: str, what: str | None = None) -> Any:
    """Return what a name stands for; the working directory is on the path, as under ``python -m``.

    Args:
        name: see the module.
        what: the configuration's key, for messages.

    Raises:
        ConfigError: if there is no such thing, or importing it fails.

    >>> named_object("rewards.functions:tvr_reward").__name__
    'tvr_reward'
    """
    key = f"{what}: " if what else ""
    place, colon, attribute = name.rpartition(":")
    if not colon:
        place, _, attribute = name.rpartition(".")
    if not colon and name.endswith(".py"):
        raise ConfigError(f"{key}{name!r} names a file and no function in it; write {name}:function")
    if not place or not attribute:
        raise ConfigError(f"{key}{name!r} names no function; write package.module.function or file.py:function")
    try:
        module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    except Exception as error:  # somebody's module may raise anything
        raise ConfigError(f"{key}{name!r} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        raise ConfigError(f"{key}{place} has no {attribute!r}{_what_there_is(module, attribute)}{_hidden(module)}")
    return getattr(module, attribute)


def _load_module(name: str) -> ModuleType:
    if os.getcwd() not in sys.path:  # noqa: PTH109  as the interpreter writes it
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    return import_module(name)


def _load_file(path: Path) -> ModuleType:
    """Run a file as a module, with what lies beside it on the path.

    It gets its own name, by which pickle and dataclasses look it up, unless another module has that name already.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    loaded = sys.modules.get(path.stem)
    mine = loaded is None or Path(getattr(loaded, "__file__", None) or "").resolve() == path.resolve()
    spec = spec_from_file_location(path.stem if mine else f"file_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module
    beside = str(path.parent.resolve())
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module.__name__]
        raise
    finally:
        sys.path.remove(beside)
    return module


def _what_there_is(module: ModuleType, name: str) -> str:
    """Return the functions of a module for a message: the nearest, or all; of one that has none, its modules."""
    functions = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
    if functions:
        return nearest(name, functions)
    modules = [each.name for each in iter_modules(getattr(module, "__path__", None) or ())]
    return " and no functions at all" + (f", but modules: {', '.join(modules)}" if modules else "")


def _hidden(module: ModuleType) -> str:
    """Point at a file of the working directory that another module of its name hides: somebody's ``rewards.py``."""
    file = Path(f"{module.__name__}.py")
    if not file.is_file() or file.resolve() == Path(module.__file__ or "").resolve():
        return ""
    return f"; it was loaded from {module.__file__}: for the file here write {file}:..."
