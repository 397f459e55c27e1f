"""Every example of the documentation runs, and shows what it says.

The blocks of a page run in their order, in one folder and one namespace: a block with a title is written as that file;
``python`` runs, with ``>>>`` as a doctest; ``console`` runs the lines after ``$`` that call ``star`` or make its input;
``json`` and ``yaml`` must be just that. Other languages are for reading.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from tests.docs.pages import HOME, PAGES, read_blocks

_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_RUNNABLE = re.compile(r"(?:star|echo|printf|cat|head|sed)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if (HOME / "examples").is_dir():
        (tmp_path / "examples").symlink_to(HOME / "examples")
    namespace = {"__name__": "__main__"}
    for block in read_blocks(page):
        where = f"{page.name}, line {block.line}"
        if block.title is not None:
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and ">>>" in block.text:
            run_doctest(block.text, namespace, where)
        elif block.language == "python":
            exec(compile(block.text, where, "exec"), namespace)
        elif block.language == "console":
            run_console(block.text, tmp_path, where)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            yaml.safe_load(block.text)


def run_doctest(text, namespace, where):
    test = doctest.DocTestParser().get_doctest(text, namespace, where, where, 0)
    report = []
    doctest.DocTestRunner(optionflags=_FLAGS).run(test, out=report.append, clear_globs=False)
    namespace.update(test.globs)
    assert not report, "".join(report)


def run_console(text, folder, where):
    """Run each command and compare what it prints; the environment is that of a terminal of 100 columns."""
    command = folder / "bin" / "star"
    if not command.exists():
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m star_cli "$@"\n')
        command.chmod(0o755)
    env = os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(HOME),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, expected = step.partition("\n")
        while line.endswith("\\"):
            more, _, expected = expected.partition("\n")
            line = line[:-1] + more
        if not _RUNNABLE.match(line):
            continue
        done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False)
        got = "\n".join(each.rstrip() for each in (done.stdout + done.stderr).rstrip().splitlines())
        same = doctest.OutputChecker().check_output(expected.rstrip(), got, doctest.ELLIPSIS)
        assert same, f"{where}: $ {line}\nexpected:\n{expected}\ngot:\n{got}"


def test_examples_are_found():
    """The parser of pages sees blocks of every kind; without it the tests above would pass on nothing."""
    languages = [block.language for page in PAGES for block in read_blocks(page)]
    assert languages.count("python") >= 15
    assert languages.count("console") >= 5
    with pytest.raises(AssertionError, match="Expected"):
        run_doctest(">>> 1 + 1\n3\n", {}, "here")


def test_a_console_block_that_is_wrong_fails(tmp_path):
    run_console("$ echo a\na\n", tmp_path, "here")
    with pytest.raises(AssertionError, match="got"):
        run_console("$ echo a\nb\n", tmp_path, "here")
