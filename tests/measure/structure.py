"""How large the project is, and through how many files a call goes: ``python -m tests.measure.structure [--json]``.

Sizes are those of the packages. Of each call are counted: the files of the packages in which a function ran, and the
changes of package, that is, how often a function of another package than the last one was entered. Imports do not
count; calls run warm, so that what is built once (grammars, tasks) does not either.

It measures the packages that Python imports: ``PYTHONPATH=ELSEWHERE python tests/measure/structure.py`` measures those
of another folder.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import shutil
import sys
import tempfile
import tokenize
from contextlib import redirect_stdout
from functools import partial, reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = ("parsers", "rewards", "benchmarks", "trainers", "star_cli", "star_r1")
SHORT, LONG = 60, 600
LINES = {
    "tvr.jsonl": [
        {"id": number, "completion": f"<think>b</think><answer>{answer}</answer>", "target": "2.color.cyan"}
        for number, answer in enumerate(["2.color.cyan", "2.color.red, 2.colr.cyan", "none", "0.size.small"] * 16)
    ],
    "mmsi.jsonl": [
        {"id": number, "response": f"<answer>{answer}</answer>", "answer": "A", "category": "MSR"}
        for number, answer in enumerate("ABAC")
    ],
}
CALLS = {
    "star score, 64 rows": ["score", "tvr.jsonl"],
    "star score --benchmark mmsi, 4 rows": ["score", "mmsi.jsonl", "--benchmark", "mmsi"],
    "star explain": ["explain", "tvr.jsonl", "--line", "2"],
    "star audit, 4 scenes": ["audit", "--scenes", "4", "--no-search", "--no-cost"],
    "star data generate, 3 scenes": ["data", "generate", "{new}", "--count", "3"],
}
"""What is called -> the arguments of ``star``; ``{new}`` is another name each time."""


class Size(NamedTuple):
    """What was counted in a package.

    Attributes:
        files: with code; an empty ``__init__.py`` is none.
        lines: all of them.
        code: lines without blank ones, comments and docstrings.
        comments: lines that hold a comment.
        short: files under `SHORT` lines.
        long: files over `LONG` lines.
        functions: with methods.
    """

    files: int = 0
    lines: int = 0
    code: int = 0
    comments: int = 0
    short: int = 0
    long: int = 0
    functions: int = 0

    def plus(self, other: Size) -> Size:
        """Return the sums."""
        return Size(*(one + another for one, another in zip(self, other, strict=True)))


def size(source: str) -> Size:
    """Count in one file.

    >>> size('def f():\\n    "Return 1."\\n    return 1  # one\\n')
    Size(files=1, lines=3, code=2, comments=1, short=1, long=0, functions=1)
    """
    if not source.strip():
        return Size()
    lines = source.count("\n") + (not source.endswith("\n"))
    nodes = list(ast.walk(ast.parse(source)))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings: set[int] = set()
    for node in nodes:
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            text = node.body[0]
            docstrings |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    code, comments = set(), set()
    layout = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in layout:
            code |= set(range(token.start[0], token.end[0] + 1))
    functions = sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in nodes)
    return Size(1, lines, len(code - docstrings), len(comments), int(lines < SHORT), int(lines > LONG), functions)


def packages() -> dict[str, Path]:
    """Return the packages that can be imported, each with its folder; a module of one file with that file."""
    specs = {name: find_spec(name) for name in PACKAGES}
    files = {name: Path(spec.origin) for name, spec in specs.items() if spec is not None and spec.origin is not None}
    return {name: file.parent if file.stem == "__init__" else file for name, file in files.items()}


def sizes() -> dict[str, Size]:
    """Return the size of each package."""
    found = {}
    for name, place in packages().items():
        files = place.rglob("*.py") if place.is_dir() else [place]
        found[name] = reduce(Size.plus, (size(file.read_text(encoding="utf-8")) for file in files), Size())
    return found


class Way(NamedTuple):
    """The way of a call: the files in which functions ran, and how often the package changed."""

    files: int
    changes: int


def follow(call: Any) -> Way:
    """Run a call and note where functions of the packages run."""
    home = {str(place): name for name, place in packages().items()}
    where: dict[str, str | None] = {}
    files: set[str] = set()
    changes, last = 0, None

    def note(frame: Any, event: str, _: Any) -> None:
        nonlocal changes, last
        file = frame.f_code.co_filename
        if event != "call" or frame.f_code.co_name == "<module>":
            return
        if file not in where:
            where[file] = next((name for folder, name in home.items() if file.startswith(folder)), None)
        if (package := where[file]) is None:
            return
        files.add(file)
        changes += last not in (None, package)
        last = package

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return Way(len(files), changes)


def ways() -> dict[str, Way]:
    """Follow each call, the second time that it is made."""
    from rewards import tvr_reward
    from star_cli.main import star

    found = {}
    rows = LINES["tvr.jsonl"][:2]
    columns = {"completions": [row["completion"] for row in rows], "target": [row["target"] for row in rows]}
    calls = {"tvr_reward, 2 rows": lambda _: tvr_reward(**columns)}
    for name, arguments in CALLS.items():
        calls[name] = lambda new, given=arguments: star([each.format(new=new) for each in given], standalone_mode=False)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, each in LINES.items():
                Path(name).write_text("".join(json.dumps(row) + "\n" for row in each), encoding="utf-8")
            for name, call in calls.items():
                with redirect_stdout(io.StringIO()):
                    call("first")
                    found[name] = follow(partial(call, "second"))
                shutil.rmtree("first", ignore_errors=True)
                shutil.rmtree("second", ignore_errors=True)
        finally:
            os.chdir(before)
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true", help="print JSON")
    given = options.parse_args()
    by_package, followed = sizes(), ways()
    total = reduce(Size.plus, by_package.values(), Size())
    if given.json:
        figures = {name: each._asdict() for name, each in {**by_package, "together": total}.items()}
        print(
            json.dumps({"sizes": figures, "calls": {name: way._asdict() for name, way in followed.items()}}, indent=2)
        )
        return
    print(f"{'package':<12}" + "".join(f"{name:>11}" for name in Size._fields))
    for name, each in {**by_package, "together": total}.items():
        print(f"{name:<12}" + "".join(f"{value:>11,}" for value in each))
    print(f"\n{'call':<40}{'files':>7}{'changes of package':>20}")
    for name, way in followed.items():
        print(f"{name:<40}{way.files:>7}{way.changes:>20}")


if __name__ == "__main__":
    main()
