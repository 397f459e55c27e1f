"""The real packages score the same rows, and get the same totals: ``make conformance`` or, of some, ``ONLY="verl trl"``.

Each framework has an environment of its own under ``.venv-conformance/``, with the version that its adapter names. There
``tests/conformance/drive_NAME.py`` puts the rows through the framework's own reward path. What comes out is written into
the table of ``docs/integrations.md``; what could not be installed says so there, unless it was proven before. The exit
code is 1 where a total differs or a drive fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.conformance.rows import make_rows
from trainers.adapters import VERSIONS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "integrations.md"
FOLDER = ROOT / ".venv-conformance"
TABLE = re.compile(r"(<!-- conformance -->\n\n(?:\|.*\n){2})((?:\|.*\n)*)")
OURS = ("numpy", "scipy", "lark", "pydantic", "pyyaml", "msgspec", "click", "rich")


class Environment(NamedTuple):
    """How a framework is installed.

    Attributes:
        also: further requirements, which restrict what the framework may bring along.
        alone: whether the framework comes without its own requirements: they need a GPU's compiler.
        without: what it brings along and is taken away again: a build for GPUs, say.
        python: the interpreter that it needs.
        source: an environment variable with the folder of its sources, of a framework that is no package.
    """

    also: tuple[str, ...] = ()
    alone: bool = False
    without: tuple[str, ...] = ()
    python: str = "python3"
    source: str | None = None


SERVE = ("starlette", "uvicorn", "prometheus-client")
TORCH = "torch==2.13.0"  # first and alone: else the others choose a build of it for themselves
ENVIRONMENTS = {
    "trl": Environment((TORCH, "peft", "pillow", "pyarrow")),
    "verl": Environment((TORCH, "transformers<5.11")),
    "openrlhf": Environment((TORCH, "transformers", "aiohttp", "pylatexenc", *SERVE), alone=True),
    "swift": Environment((TORCH,)),
    "easyr1": Environment((TORCH, "transformers<5.11", "verl==0.9.1"), source="EASYR1"),  # its requirements are verl's
    "verifiers": Environment((TORCH, "pillow")),
    "inspect": Environment(("openai",)),
    "lmms": Environment((TORCH, "filelock<3.20"), without=("torchvision",)),
    "lighteval": Environment((TORCH,)),
    "nemo_gym": Environment(python="python3.13"),
    "openenv": Environment(),
    "skyrl": Environment(),
}
"""Framework -> its environment. Of slime and AReaL, which run in images with GPUs, only the signatures are tested."""


class Unavailable(Exception):  # noqa: N818  no error: the table says so
    """A framework that cannot be installed here."""


class Failed(Exception):  # noqa: N818  it is told, and the others are tried
    """A framework whose drive ended with an error."""


def install(name: str) -> Path:
    """Return the interpreter of a framework's environment, made anew where its requirements have changed."""
    environment, (package, version) = ENVIRONMENTS[name], VERSIONS[name]
    if environment.source is not None and not os.environ.get(environment.source):
        raise Unavailable(f"is no package: set {environment.source} to a checkout of {version}")
    folder = FOLDER / name
    framework = [] if environment.source else [f"{package}=={version}"]
    steps = [["install", TORCH]] if TORCH in environment.also else []
    if environment.alone:
        steps += [["install", *OURS, *environment.also], ["install", "--no-deps", *framework]]
    else:
        steps += [["install", *OURS, *environment.also, *framework]]
    if environment.without:
        steps += [["uninstall", "-y", *environment.without]]
    done, python = folder / "installed.json", folder / "bin" / "python"
    if done.exists() and json.loads(done.read_text("utf-8")) == steps:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    try:
        subprocess.run([environment.python, "-m", "venv", folder], check=True, capture_output=True, text=True)
        for step in steps:
            command = [python, "-m", "pip", "-q", "--disable-pip-version-check", *step]
            subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise Unavailable(next((line for line in said if line.startswith("ERROR")), said[-1])[:160]) from error
    done.write_text(json.dumps(steps), encoding="utf-8")
    return python


def drive(name: str, python: Path, rows: Path) -> list[dict]:
    """Return what each path of a framework gave: its name, the number of rows, the mismatches, the keys logged."""
    found = rows.with_name(f"{name}.jsonl")
    found.unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [python, Path(__file__).with_name(f"drive_{name}.py"), rows, found]  # by path: some bring a `tests` along
    done = subprocess.run(command, cwd=rows.parent, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{name} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return [json.loads(line) for line in found.read_text("utf-8").splitlines()]


def proven(name: str) -> bool:
    """Return whether the page's table holds what this version of a framework was proven by."""
    version = " ".join(VERSIONS[name])
    rows = (row.split("|") for row in TABLE.search(PAGE.read_text("utf-8"))[2].splitlines())
    return any(row[1].strip() == name and row[2].strip() == version and row[5].strip() for row in rows)


def write_table(name: str, lines: list[tuple[str, ...]]) -> None:
    """Replace a framework's rows in the page's table."""
    text = PAGE.read_text("utf-8")
    head, rows = TABLE.search(text).groups()
    order = list(VERSIONS)
    kept = [row for row in rows.splitlines() if row.split("|")[1].strip() != name]
    kept += [f"| {' | '.join((name, *line))} |" for line in lines]
    kept.sort(key=lambda row: order.index(row.split("|")[1].strip()))
    PAGE.write_text(TABLE.sub(lambda _: head + "".join(f"{row}\n" for row in kept), text), encoding="utf-8")


def main() -> None:
    """Install, drive, compare, write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", choices=[[], *ENVIRONMENTS], help="of frameworks; all by default")
    names = options.parse_args().names or list(ENVIRONMENTS)
    FOLDER.mkdir(exist_ok=True)
    rows = FOLDER / "rows.json"
    rows.write_text(json.dumps(make_rows()), encoding="utf-8")
    today, wrong, passed = datetime.now(UTC).date().isoformat(), 0, 0
    for name in names:
        package, version = VERSIONS[name]
        try:
            results = drive(name, install(name), rows)
        except Unavailable as error:
            print(f"{name}: not installed: {error}", file=sys.stderr)
            if not proven(name):
                write_table(name, [(f"{package} {version}", f"not installed: {error}", "", "", today)])
            continue
        except Failed as error:
            print(error, file=sys.stderr)
            wrong += 1
            continue
        lines = []
        for each in results:
            print(f"{name}: {each['path']}: {each['rows']} rows, {len(each['mismatches'])} mismatches")
            for mismatch in each["mismatches"][:5]:
                print(f"  {mismatch}")
            wrong, passed = wrong + bool(each["mismatches"]), passed + (not each["mismatches"])
            lines.append((f"{package} {version}", each["path"], str(each["rows"]), str(len(each["mismatches"])), today))
        write_table(name, lines)
    print(f"{passed} passed, {wrong} failed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
