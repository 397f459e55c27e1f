"""``star doctor``: what is installed, what conflicts, and what a trainer needs in its configuration.

Three stories, each apart: the installation and its surroundings, a model's chat template, the lines for a trainer.
Nothing that is looked for is loaded.
"""

from __future__ import annotations

import ast
import ctypes
import json
import os
import platform
import re
import runpy
import sys
import textwrap
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from star_cli.console import echo
from star_cli.main import PACKAGES, foreign_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DISTRIBUTION = "star-r1"
_HOME = Path(__file__).resolve().parent.parent
_ADAPTERS = _HOME / "trainers" / "adapters"
VERSIONS: dict[str, tuple[str, str]] = runpy.run_path(str(_ADAPTERS / "__init__.py"))["VERSIONS"]
"""Those of `trainers.adapters`, by the file itself: the doctor reports a foreign package `trainers`."""

_DEVELOPMENT = ("test", "dev", "docs", "mutation")
"""Extras that only this project's own developers need."""
_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "bold red")}


class Diagnosis(NamedTuple):
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


@click.command(short_help="Check the installation, chat templates and trainer settings.")
@click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model's folder; checks its chat template.",
)
@click.option(
    "--chat-template",
    "template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A chat template to check: .jinja, or JSON that holds it.",
)
@click.option(
    "--trainer",
    type=click.Choice(list(VERSIONS)),
    help="Print what to write for this trainer or evaluation, and the code behind it.",
)
@click.option(
    "--write",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --trainer: write the file that it needs into DIR.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(
    model: Path | None, template: Path | None, trainer: str | None, write: Path | None, *, as_json: bool
) -> None:
    """Check the installation, chat templates and trainer settings.

    Reports versions and extras, other packages or files that shadow this one, whether a GPU is visible (without loading
    torch) and whether a chat template opens <think> itself. Exits with 1 if something is wrong.
    """
    found = check_installation(Path.cwd())
    found += [each for source in (model, template) if source for each in check_template(source)]
    if write is not None and trainer is None:
        raise click.UsageError("--write needs --trainer: it writes the file that this trainer needs")
    shown = None if trainer is None else read_adapter(trainer)
    if shown is not None:
        found += check_trainer(shown)
        if write is not None:
            _write(shown, write)
    if as_json:
        data = {"findings": [each._asdict() for each in found], "trainer": shown and shown._asdict()}
        echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        _print(found, shown, folder=write)
    if any(each.status == "wrong" for each in found):
        raise SystemExit(1)


def _print(found: Sequence[Diagnosis], adapter: Adapter | None, *, folder: Path | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from star_cli.screen import Screen

    console = Screen()
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in found:
        mark, style = _MARKS[each.status]
        said = Text(each.text)
        if each.advice:
            said.append(f"\n{each.advice}", style="dim")
        table.add_row(Text(mark, style=style), Text(each.topic), said)
    console.print(table)
    if adapter is not None:
        echo(f"\n# {adapter.package} {adapter.version}")
        place = folder / adapter.file if folder and adapter.file else None
        echo(f"{adapter.about}# written: {place}" if place else adapter.source.rstrip())


# --- the installation -------------------------------------------------------------------------------------------------


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


def check_installation(folder: Path) -> list[Diagnosis]:
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


def _versions() -> Iterator[Diagnosis]:
    version, requirements = read_requirements()
    yield Diagnosis("python", "ok", f"{platform.python_version()} ({sys.executable})")
    if version is None:
        yield Diagnosis("star-r1", "note", f"not installed, running from {_HOME}", "pip install -e .")
    else:
        yield Diagnosis("star-r1", "ok", f"{version} ({_HOME})")
    for each in requirements:
        if each.extra is None:
            yield _version(each)


def _version(required: Requirement) -> Diagnosis:
    found = installed(required.name)
    if found is None:
        return Diagnosis(required.name, "wrong", "not installed", f"pip install {required.name}")
    if _is_older(found, required.minimum):
        advice = f"pip install '{required.name}>={required.minimum}'"
        return Diagnosis(required.name, "wrong", f"{found} is older than {required.minimum}", advice)
    return Diagnosis(required.name, "ok", found)


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


def _extras() -> Iterator[Diagnosis]:
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
        yield Diagnosis(f"extra {extra}", "note" if advice else "ok", text, advice)


def _shadows(folder: Path) -> Iterator[Diagnosis]:
    """Yield files or packages named like ours that Python would import instead."""
    foreign = foreign_packages() | foreign_packages([str(folder)])
    for path, name in foreign.items():
        advice = f"where it is found first, write `from star_r1 import ...`, which is always ours; or rename {path}"
        yield Diagnosis(name, "wrong", f"{path} hides our package {name!r}", advice)
    if not foreign:
        yield Diagnosis("names", "ok", f"{', '.join(PACKAGES)} are ours, here and on the import path")


def _same_names() -> Iterator[Diagnosis]:
    """Yield other distributions that install a package of ours: their files lie in the same folder as ours."""
    providers = metadata.packages_distributions()
    for name in PACKAGES:
        for other in dict.fromkeys(providers.get(name, [])):
            if other.lower().replace("_", "-") != DISTRIBUTION:
                advice = f"pip uninstall {other} && pip install --force-reinstall --no-deps {DISTRIBUTION}"
                yield Diagnosis(name, "wrong", f"the distribution {other!r} also installs a package {name!r}", advice)


def _gpu() -> Diagnosis:
    """Ask the driver, not torch, how many GPUs can be seen."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = count_gpus()
    build = installed("torch")
    if count is None:
        return Diagnosis("CUDA", "note", "no driver: training runs on the CPU")
    if not count:
        said = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES={hidden!r})"
        return Diagnosis("CUDA", "note", f"the driver shows no GPU{said}")
    if build is not None and build.endswith("+cpu"):
        advice = "install a CUDA build of torch to use them"
        return Diagnosis("CUDA", "note", f"GPUs to be seen: {count}, but torch {build} is built for the CPU", advice)
    return Diagnosis("CUDA", "ok", f"GPUs to be seen: {count}")


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


# --- chat templates ---------------------------------------------------------------------------------------------------

State = Literal["open", "closed", "none", "unknown"]

_QUESTION = "Which objects changed between the two images?"
_MESSAGES: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": _QUESTION}],
    [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": _QUESTION}]}],
)
_SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


class Prefill(NamedTuple):
    """What stands behind the question where the model begins to write.

    Attributes:
        state: ``"open"``: ``<think>``, so completions lack it; ``"closed"``: ``<think>`` and ``</think>``, so there is
            no reasoning; ``"none"``: neither; ``"unknown"``: the text of the template does not tell.
        how: ``"rendered"`` with jinja2, or ``"scanned"`` where that is not installed.
        switch: a value of the template's ``enable_thinking`` that changes the state, and the state then.
    """

    state: State
    how: Literal["rendered", "scanned"]
    switch: tuple[bool, State] | None = None


_PREFILLS: dict[str, tuple[Literal["ok", "note", "wrong"], str, str]] = {
    "open": (
        "ok",
        "opens <think> itself, so completions come without it",
        "think_prefilled='auto', the default here, gives them the format point; other format rewards may not",
    ),
    "closed": (
        "wrong",
        "writes <think> and </think> itself, so there is no reasoning and no completion scores the format point",
        "turn thinking on in the template, or use another one",
    ),
    "none": ("ok", "does not open <think>: the prompt must ask for it", ""),
    "unknown": ("note", "holds <think> and </think>; only rendering tells which it writes", "pip install jinja2"),
}


def check_template(source: Path) -> list[Diagnosis]:
    """Return whether the chat template of a model's folder, or in a file, opens ``<think>`` itself."""
    try:
        template, path = find_template(source)
        prefill = read_prefill(template)
    except (LookupError, ValueError, OSError) as error:
        return [Diagnosis("chat template", "wrong", str(error))]
    status, text, advice = _PREFILLS[prefill.state]
    if prefill.switch is not None:
        value, state = prefill.switch
        text += f"; with enable_thinking={value} it {_PREFILLS[state][1]}"
    return [Diagnosis("chat template", status, f"{path} {text} ({prefill.how})", advice)]


def find_template(source: Path) -> tuple[str, Path]:
    """Return the chat template of a model's folder, or of a file of its own, and the file that it stands in.

    Looks where transformers does: ``chat_template.jinja``, ``chat_template.json``, ``tokenizer_config.json``.

    Raises:
        LookupError: if there is none; the message says where it was looked for.
    """
    if source.is_file():
        return _read(source), source
    names = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")
    for path in (source / name for name in names):
        if path.is_file():
            try:
                return _read(path), path
            except LookupError:
                continue
    raise LookupError(f"{source}: there is no chat template in {', '.join(names)}")


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text).get("chat_template") if path.suffix == ".json" else text
    except (ValueError, AttributeError) as error:
        raise LookupError(f"{path}: not readable: {error}") from error
    if isinstance(found, list):  # several templates by name
        named = {str(each.get("name")): each.get("template") for each in found}
        found = named.get("default", next(iter(named.values()), None))
    if isinstance(found, str):
        return found
    raise LookupError(f"{path}: there is no chat template in it")


def read_prefill(template: str) -> Prefill:
    """Say what a chat template writes where the model begins, by rendering it or, without jinja2, by scanning it.

    Raises:
        ValueError: if the template cannot be rendered.

    >>> read_prefill("{{ messages[0].content }}{% if add_generation_prompt %}<|assistant|><think>{% endif %}").state
    'open'
    """
    try:
        import jinja2  # noqa: F401
    except ImportError:
        return Prefill(scan(template), "scanned")
    state = _tags(_generation_prompt(template))
    for value in (False, True) if "enable_thinking" in template else ():
        switched = _tags(_generation_prompt(template, enable_thinking=value))
        if switched != state:
            return Prefill(state, "rendered", (value, switched))
    return Prefill(state, "rendered")


def scan(template: str) -> State:
    """Say what the end of a template's text shows, without rendering it."""
    _, asked, tail = template.rpartition("add_generation_prompt")
    state = _tags(tail if asked else "")
    return "unknown" if "</think>" in tail else state


def _tags(text: str) -> State:
    if text.rfind("<think>") > text.rfind("</think>"):
        return "open"
    return "closed" if "</think>" in text else "none"


def _generation_prompt(template: str, **variables: Any) -> str:
    """Return what the template writes behind a user's question."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda _: "2025-01-01"}
    # transformers marks the assistant's words with a tag of its own.
    plain = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)
    error: Exception | None = None
    for messages in _MESSAGES:
        try:
            rendered = environment.from_string(plain).render(
                **dict.fromkeys(_SPECIAL_TOKENS, ""), messages=messages, add_generation_prompt=True, **variables
            )
        except Exception as caught:  # noqa: BLE001  a template is somebody's program and may raise anything
            error = caught
            continue
        _, asked, tail = rendered.rpartition(_QUESTION)
        if asked:
            return tail
    raise ValueError(f"the template does not render a user's question: {error or 'it leaves it out'}")


# --- trainers ---------------------------------------------------------------------------------------------------------


class Adapter(NamedTuple):
    """How a framework is told to use the rewards.

    Attributes:
        package: its distribution.
        version: the one that the adapter is proven against.
        file: name of the file that a user writes, or None where a configuration's own lines are enough.
        code: what stands in it.
        about: what a user writes, with configuration and rows.
        source: the adapter's own code, which begins with that.
    """

    package: str
    version: str
    file: str | None
    code: str | None
    about: str
    source: str


_FILE = re.compile(r"^    # (\w+\.py)\n((?:    .*\n)+)", re.MULTILINE)
"""A file in an adapter's first lines: a comment with its name, and what stands in it."""


def read_adapter(name: str) -> Adapter:
    """Return what `trainers.adapters` says of a framework, without importing it."""
    source = (_ADAPTERS / f"{name}.py").read_text(encoding="utf-8")
    about = ast.get_docstring(ast.parse(source), clean=False) or ""
    written = _FILE.search(about)
    file, code = (written[1], textwrap.dedent(written[2])) if written else (None, None)
    return Adapter(*VERSIONS[name], file, code, about, source)


def _write(adapter: Adapter, folder: Path) -> None:
    if adapter.file is None or adapter.code is None:
        raise click.ClickException(f"{adapter.package} needs no file: its configuration names the reward")
    from benchmarks.files.write import write_whole

    path = folder / adapter.file
    if path.exists() and path.read_text(encoding="utf-8") != adapter.code:
        raise click.ClickException(f"{path} exists already and differs; move it away first")
    write_whole(path, adapter.code)


def check_trainer(adapter: Adapter) -> list[Diagnosis]:
    """Return whether a framework is installed, and whether in the version that its adapter is proven against."""
    found = installed(adapter.package)
    if found is None:
        return [Diagnosis(adapter.package, "note", f"not installed here; the lines below are for {adapter.version}")]
    if found.split(".")[:2] != adapter.version.split(".")[:2]:
        return [Diagnosis(adapter.package, "note", f"{found}; the lines below are for {adapter.version}")]
    return [Diagnosis(adapter.package, "ok", found)]
