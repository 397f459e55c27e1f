"""How much faster two processes score a file than one, against what this machine gives two processes at best.

    python -m tests.measure.workers FOLDER [--rows 640000] [--turns 3]

The file is written into FOLDER, and its two halves. The ceiling is the time of two runs at once, each of one half, that
have nothing to do with each other. All take turns, and the least of each counts; they write their output rows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.files.sources import split
from tests.measure.ray_cluster import write_rows


def seconds(*runs: list[str]) -> float:
    """Return how long some runs of ``star score`` take that begin at once."""
    start = time.monotonic()
    command = [sys.executable, "-m", "star_cli", "score", "--quiet", "--overwrite"]
    processes = [subprocess.Popen([*command, *run]) for run in runs]
    assert [each.wait() for each in processes] == [0] * len(runs)
    return time.monotonic() - start


def write_halves(path: Path) -> list[Path]:
    """Write the two halves of a file, cut at a line, beside it."""
    parts = split(str(path), path.stat().st_size // 2 + 1)
    assert parts is not None
    halves = [path.with_name(f"half{number}.jsonl") for number in range(len(parts))]
    with path.open("rb") as file:
        for half, (start, end) in zip(halves, parts, strict=True):
            with half.open("wb") as to:
                to.write(file.read(end - start))
    return halves


def main() -> None:
    """Print how long each takes, and what one process takes against it; exit with 1 if output differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=640_000)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    rows, one, two = (arguments.folder / f"{name}.jsonl" for name in ("rows", "one", "two"))
    write_rows(rows, arguments.rows)
    halves = write_halves(rows)
    ways = {
        "one process": [[str(rows), "--out", str(one)]],
        "two apart": [[str(half), "--out", f"{half.with_suffix('')}-scores.jsonl"] for half in halves],
        "--workers 2": [[str(rows), "--out", str(two), "--workers", "2"]],
    }
    found = dict.fromkeys(ways, float("inf"))
    for _ in range(arguments.turns):
        for name, runs in ways.items():
            found[name] = min(found[name], seconds(*runs))
    print(f"{arguments.rows:,} rows, {rows.stat().st_size / 1e9:.2f} GB")
    for name, taken in found.items():
        print(f"{name:14}{taken:8.2f} s{found['one process'] / taken:8.2f}", flush=True)
    raise SystemExit(one.read_bytes() != two.read_bytes())


if __name__ == "__main__":
    main()
