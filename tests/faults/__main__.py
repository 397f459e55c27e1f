"""``python -m tests.faults [NAME]...``: every call of every command fails in every way; prints what came of it."""

import resource
import sys
import time
import warnings

import pytest

from tests.faults.commands import COMMANDS, can_run, surroundings
from tests.faults.inject import WAYS
from tests.faults.trial import try_all


def cpu():
    """Seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(names):
    warnings.simplefilter("ignore")
    begun, found = time.monotonic(), {}
    for name in names or COMMANDS:
        if not can_run(name):
            sys.stdout.write(f"{name}: not installed here\n")
            continue
        before = cpu()
        with pytest.MonkeyPatch.context() as patch, surroundings(name, patch):
            found[name] = done = try_all(name)
        ends = ", ".join(f"{count} {end}" for end, count in done.ends.most_common())
        sys.stdout.write(
            f"{name}: {len(done.points)} points, {done.runs} runs: {ends}; {done.left} left hidden; "
            f"{cpu() - before:.0f} s of CPU\n"
        )
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
        f"{time.monotonic() - begun:.0f} s, {cpu():.0f} s of CPU\n"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
