"""What is true of this installation and its surroundings. Nothing prints, and nothing that is looked for is loaded."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
import tomllib
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from star_cli.chat_templates import find_template, read_prefill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from star_cli.trainer_lines import TrainerLines

DISTRIBUTION = "star-r1"
PACKAGES = ("parsers", "rewards", "benchmarks", "trainers", "star_cli")
"""Our top-level packages."""

_HOME = Path(__file__).resolve().parent.parent
_DEVELOPMENT = ("test", "dev", "docs", "mutation")
"""Extras that only this project's own developers need."""
_DRIVERS = ("libcuda.so.1", "nvcuda.dll")


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        topic: what it is about, in a word or two.
        status: ``"wrong"`` makes `star doctor` exit with 1.
        text: what was found.
        advice: what to do, or empty.
    """

    topic: str
    status: Literal["ok", "note", "wrong"]
    text: str
    advice: str = ""


class Requirement(NamedTuple):
    """A distribution that this one asks for.

    Attributes:
        name: of the distribution.
        minimum: the lowest version, or empty.
        extra: the extra that asks for it, or None.
    """

    name: str
    minimum: str
    extra: str | None


def check_installation(folder: Path) -> list[Finding]:
    """Return what can be said of versions, extras, names that are taken, and the GPU; *folder* is where scripts run."""
    return [*_versions(), *_extras(), *_shadows(folder), *_same_names(), _gpu()]


def read_requirements() -> tuple[str | None, list[Requirement]]:
    """Return our version and what we ask for; from ``pyproject.toml``, without version, where we are not installed."""
    try:
        return metadata.version(DISTRIBUTION), list(map(parse_requirement, metadata.requires(DISTRIBUTION) or []))
    except metadata.PackageNotFoundError:
        project = _HOME / "pyproject.toml"
        if not project.is_file():
            return None, []
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = declared.get("optional-dependencies", {})
    marked = [f'{each}; extra == "{extra}"' for extra, asked in extras.items() for each in asked]
    return None, list(map(parse_requirement, [*declared["dependencies"], *marked]))


def parse_requirement(text: str) -> Requirement:
    """Take a requirement apart.

    >>> parse_requirement('torch>=2.6; extra == "train"')
    Requirement(name='torch', minimum='2.6', extra='train')
    """
    name = re.match(r"[A-Za-z0-9._-]+", text)
    minimum = re.search(r">=\s*([0-9][0-9.]*)", text.partition(";")[0])
    extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", text)
    return Requirement(name.group() if name else text, minimum[1] if minimum else "", extra[1] if extra else None)


def _versions() -> Iterator[Finding]:
    version, requirements = read_requirements()
    yield Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")
    if version is None:
        yield Finding("star-r1", "note", f"not installed, running from {_HOME}", "pip install -e .")
    else:
        yield Finding("star-r1", "ok", f"{version} ({_HOME})")
    for each in requirements:
        if each.extra is None:
            yield _version(each)


def _version(required: Requirement) -> Finding:
    found = installed(required.name)
    if found is None:
        return Finding(required.name, "wrong", "not installed", f"pip install {required.name}")
    if _is_older(found, required.minimum):
        advice = f"pip install '{required.name}>={required.minimum}'"
        return Finding(required.name, "wrong", f"{found} is older than {required.minimum}", advice)
    return Finding(required.name, "ok", found)


def installed(name: str) -> str | None:
    """Return the version of an installed distribution, without importing it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_older(version: str, minimum: str) -> bool:
    """Compare the numbers that both begin with; what follows (``rc1``, ``+cpu``) is not looked at."""
    have, want = ([int(number) for number in re.findall(r"\d+", each.partition("+")[0])] for each in (version, minimum))
    return [*have, *[0] * len(want)][: len(want)] < want


def _extras() -> Iterator[Finding]:
    """Yield for each extra what of it is installed."""
    _, requirements = read_requirements()
    names = dict.fromkeys(each.extra for each in requirements if each.extra)
    for extra in (name for name in names if name not in _DEVELOPMENT):
        asked = [each for each in requirements if each.extra == extra]
        found = {each: installed(each.name) for each in asked}
        missing = [each.name for each, version in found.items() if version is None]
        old = [each.name for each, version in found.items() if version is not None and _is_older(version, each.minimum)]
        text = ", ".join(f"{each.name} {version}" for each, version in found.items() if version is not None)
        text = "; ".join(
            part
            for part in (text, missing and f"not installed: {', '.join(missing)}", old and f"too old: {', '.join(old)}")
            if part
        )
        advice = f"where you need it: pip install '{DISTRIBUTION}[{extra}]'" if missing or old else ""
        yield Finding(f"extra {extra}", "note" if advice else "ok", text, advice)


def _shadows(folder: Path) -> Iterator[Finding]:
    """Yield files or packages named like ours that Python would import instead."""
    specs = [PathFinder.find_spec(name, path) for path in (None, [str(folder)]) for name in PACKAGES]
    origins = {spec.origin: spec.name for spec in specs if spec is not None and spec.origin is not None}
    foreign = {path: name for path, name in origins.items() if Path(path).resolve().parent.parent != _HOME}
    for path, name in foreign.items():
        advice = f"where it is found first, write `from star_r1 import ...`, which is always ours; or rename {path}"
        yield Finding(name, "wrong", f"{path} hides our package {name!r}", advice)
    if not foreign:
        yield Finding("names", "ok", f"{', '.join(PACKAGES)} are ours, here and on the import path")


def _same_names() -> Iterator[Finding]:
    """Yield other distributions that install a package of ours: their files lie in the same folder as ours."""
    providers = metadata.packages_distributions()
    for name in PACKAGES:
        for other in dict.fromkeys(providers.get(name, [])):
            if other.lower().replace("_", "-") != DISTRIBUTION:
                advice = f"pip uninstall {other} && pip install --force-reinstall --no-deps {DISTRIBUTION}"
                yield Finding(name, "wrong", f"the distribution {other!r} also installs a package {name!r}", advice)


def _gpu() -> Finding:
    """Ask the driver, not torch, how many GPUs can be seen."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = count_gpus()
    build = installed("torch")
    if count is None:
        return Finding("CUDA", "note", "no driver: training runs on the CPU")
    if not count:
        said = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES={hidden!r})"
        return Finding("CUDA", "note", f"the driver shows no GPU{said}")
    if build is not None and build.endswith("+cpu"):
        advice = "install a CUDA build of torch to use them"
        return Finding("CUDA", "note", f"GPUs to be seen: {count}, but torch {build} is built for the CPU", advice)
    return Finding("CUDA", "ok", f"GPUs to be seen: {count}")


def count_gpus() -> int | None:
    """Return how many GPUs the CUDA driver shows this process; None without a driver."""
    for name in _DRIVERS:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
        return count.value
    return None


_PREFILLS: dict[str, tuple[Literal["ok", "note", "wrong"], str, str]] = {
    "open": (
        "ok",
        "opens <think> itself, so completions come without it",
        "think_prefilled='auto', the default here, pays them the format point; other format rewards may not",
    ),
    "closed": (
        "wrong",
        "writes <think> and </think> itself, so there is no reasoning and no completion earns the format point",
        "turn thinking on in the template, or use another one",
    ),
    "none": ("ok", "does not open <think>: the prompt must ask for it", ""),
    "unknown": ("note", "holds <think> and </think>; only rendering tells which it writes", "pip install jinja2"),
}


def check_template(source: Path) -> list[Finding]:
    """Return whether the chat template of a model's folder, or in a file, opens ``<think>`` itself."""
    try:
        template, path = find_template(source)
        prefill = read_prefill(template)
    except (LookupError, ValueError, OSError) as error:
        return [Finding("chat template", "wrong", str(error))]
    status, text, advice = _PREFILLS[prefill.state]
    if prefill.switch is not None:
        value, state = prefill.switch
        text += f"; with enable_thinking={value} it {_PREFILLS[state][1]}"
    return [Finding("chat template", status, f"{path} {text} ({prefill.how})", advice)]


def check_trainer(lines: TrainerLines) -> list[Finding]:
    """Return whether a trainer is installed, and whether in the version that its lines are written for."""
    found = installed(lines.package)
    if found is None:
        return [Finding(lines.package, "note", f"not installed here; the lines below are for {lines.version}")]
    if found.split(".")[:2] != lines.version.split(".")[:2]:
        return [Finding(lines.package, "note", f"{found}; the lines below are for {lines.version}")]
    return [Finding(lines.package, "ok", found)]
