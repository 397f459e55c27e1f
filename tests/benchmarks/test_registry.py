"""The one list of benchmarks and data sets."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.benchmark import Benchmark
from benchmarks.registry import BENCHMARKS, DATA_SETS, ENTRIES, find_benchmark, find_reader
from rewards.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_is_found_under_its_own_name(name):
    found = find_benchmark(name)
    assert isinstance(found, Benchmark)
    assert found.name == name


@pytest.mark.parametrize("name", [*DATA_SETS, "trance"])
def test_a_data_set_has_a_reader(name):
    assert list(inspect.signature(find_reader(name)).parameters) == ["path", "options"]


def test_every_entry_leads_somewhere():
    assert all(entry.benchmark or entry.reader for entry in ENTRIES.values())


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no benchmark 'mmsy' \(did you mean 'mmsi'\?\); there are tvr, mindcube,"):
        find_benchmark("mmsy")
    with pytest.raises(ConfigError, match=r"no benchmark 'spar7m'"):
        find_benchmark("spar7m")
    with pytest.raises(ConfigError, match=r"no data set 'mindcube-cogmap' \(did you mean 'mindcube'\?\)"):
        find_reader("mindcube-cogmap")


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("from benchmarks import evaluate; evaluate([{'response': 'B', 'answer': 'B'}], 'mmsi')", "pydantic tvr spar"),
        ("import benchmarks.run.rewards", "pydantic scipy.special"),
        ("from benchmarks.datasets import load", "pydantic benchmark"),
    ],
)
def test_only_what_is_asked_for_is_imported(code, absent):
    """Pydantic is for records from outside alone, and a benchmark does not load the others."""
    child = f"import sys, json; {code}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", child], check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    loaded = set(json.loads(done.stdout))
    names = [name if name in ("pydantic", "scipy.special") else f"benchmarks.{name}" for name in absent.split()]
    assert [name for name in names if name in loaded] == []
