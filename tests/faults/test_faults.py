"""A part of `make test-faults`: some failures of the commands that people give most; and that the trial would find one."""

import sys
from pathlib import Path

import pytest

from benchmarks.files import write
from tests.faults.commands import can_run, surroundings
from tests.faults.trial import try_all

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="handles are named by /proc"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("name", "every"),
    [
        ("score to a file", 3), ("score to parts", 11), ("report", 3), ("data generate", 11), ("data cot, oracle", 5),
        ("data cot, server", 7), ("data filter", 7), ("data export", 3), ("data mix", 17),
    ],
)  # fmt: skip
def test_a_call_that_fails_or_a_death_in_it_loses_nothing(name, every, monkeypatch):
    if not can_run(name):
        pytest.skip("its package is not installed")
    with surroundings(name, monkeypatch):
        done = try_all(name, every)
    assert done.wrong == []
    assert done.runs >= 8


def test_a_file_that_is_written_past_the_module_is_found(monkeypatch):
    monkeypatch.setattr(write, "write_whole", lambda path, content: Path(path).write_text(content))
    done = try_all("report", 3)
    assert [line.partition(":")[0] for line in done.wrong] == ["open of report.html by star_cli/report.py"]
