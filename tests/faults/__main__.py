"""``python -m tests.faults [NAME]...``: every call of every command fails in every way; prints what came of it."""

import sys
import time
import warnings

import pytest

from tests.faults.commands import COMMANDS, can_run, surroundings
from tests.faults.inject import WAYS
from tests.faults.trial import try_all


def main(names):
    warnings.simplefilter("ignore")
    begun, found = time.monotonic(), {}
    for name in names or COMMANDS:
        if not can_run(name):
            sys.stdout.write(f"{name}: not installed here\n")
            continue
        with pytest.MonkeyPatch.context() as patch, surroundings(name, patch):
            found[name] = done = try_all(name)
        ends = ", ".join(f"{count} {end}" for end, count in done.ends.most_common())
        sys.stdout.write(f"{name}: {len(done.points)} points, {done.runs} runs: {ends}; {done.left} left hidden\n")
        for each in done.wrong:
            sys.stdout.write(f"  {each}\n")
        sys.stdout.flush()
    lines = set().union(*(done.lines for done in found.values()))
    points, runs = (
        sum(counts) for counts in zip(*((len(done.points), done.runs) for done in found.values()), strict=True)
    )
    wrong = sum(len(done.wrong) for done in found.values())
    sys.stdout.write(
        f"{len(found)} commands, {points} points at {len(lines)} lines, {len(WAYS)} ways: {runs} runs, {wrong} wrong, "
        f"{time.monotonic() - begun:.0f} s\n"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
