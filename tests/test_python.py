"""Which Pythons it runs on: those whose `re` reads the grammars' terminals rightly; others are refused, not used."""

import re
import subprocess
import tomllib
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parents[1]
PROBE = "import re, sys; print(bool(re.fullmatch('(?:ab?c)*+', 'a')) if sys.version_info >= (3, 11) else None)"


def test_this_one_reads_possessive_groups():
    assert re.fullmatch("(?:ab?c)*+", "a") is None
    assert re.fullmatch("(?:ab?c)*+", "abcac")


def test_pip_refuses_older_ones():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11.5"


def test_one_that_misreads_them_is_refused_with_the_reason():
    """With a real one, where there is one: that of Debian 12 is 3.11.2."""
    pythons = {path for name in ("python3", "python3.11", "/usr/bin/python3") if (path := which(name))}
    wrong = [
        path for path in pythons
        if subprocess.run([path, "-c", PROBE], capture_output=True, text=True, check=False).stdout.strip() == "True"
    ]  # fmt: skip
    if not wrong:
        pytest.skip("there is no such Python here")
    done = subprocess.run([wrong[0], "-c", "import parsers"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(
        r"\nImportError: star-r1 needs Python 3\.11\.5 or later: .* misreads possessive groups$", done.stderr.strip()
    )
