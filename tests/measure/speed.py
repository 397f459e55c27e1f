"""How fast ``star score`` is, in CPU time per row, against decoding the same rows and against other rewards.

    python -m tests.measure.speed [--rows 100000]

Only the ratios within one run carry over to another machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from benchmarks.files.sources import read_chunks
from tests.measure.prediction_rows import make_rows, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Cost(NamedTuple):
    """What a process took: CPU seconds and the most memory it held, in MB."""

    cpu: float
    memory: float


def measure(works: Mapping[str, Callable[[], Any]], *, rounds: int = 5) -> dict[str, float]:
    """Return the least CPU seconds of each, taking turns: a busy moment of the machine then falls on all alike."""
    least = dict.fromkeys(works, float("inf"))
    for turn in range(rounds):
        for name, work in works.items():
            if turn and name in _SLOW:
                continue
            start = time.process_time()
            work()
            least[name] = min(least[name], time.process_time() - start)
    return least


_MATH = "TRL accuracy_reward (math-verify)"
_SLOW = (_MATH,)
"""What is measured once: it takes as long as all the rest."""

_WITH_MEMORY = """
import json, resource, sys
from star_cli.main import star
star(sys.argv[1:], standalone_mode=False)
spent = resource.getrusage(resource.RUSAGE_SELF)
held = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps([spent.ru_utime + spent.ru_stime, int(held[0]) / 1024]))
"""
# VmHWM, since the figure of getrusage is not less than what the parent held when it started the process.


def run(*arguments: str, repeats: int = 4) -> Cost:
    """Run ``star`` with some arguments in processes of their own (on Linux), and return the least of their costs."""
    command = [sys.executable, "-c", _WITH_MEMORY, *arguments]
    # An installed package is compiled; a checkout is after the first run, unless Python is told not to.
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    costs = [
        json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, env=compiled).stdout)
        for _ in range(repeats)
    ]
    return Cost(*map(min, zip(*costs, strict=True)))


def decoders(path: Path) -> dict[str, Callable[[], Any]]:
    """Return ways to decode all rows of a file and do nothing with them."""
    lines = path.read_bytes().splitlines()
    found: dict[str, Callable[[], Any]] = {
        "json, line by line": lambda: _drain(map(json.loads, lines)),
        "msgspec, line by line": lambda: _drain(map(msgspec.json.decode, lines)),
        "msgspec, our blocks (with reading)": lambda: _drain(read_chunks(str(path))),
    }
    if orjson := _optional("orjson"):
        found["orjson, line by line"] = lambda: _drain(map(orjson.loads, lines))
    return found


def ours(completions: list[str], targets: list[Any]) -> dict[str, Callable[[], Any]]:
    """Return our parser, and our reward on batches."""
    from parsers.completion import parse_completion
    from parsers.records import parse_transformations
    from rewards import format_reward, tvr_reward

    def parse() -> None:
        for text in completions:
            if (answer := parse_completion(text).answer) is not None:
                parse_transformations(answer)

    def pay(reward: Callable[..., Any], size: int) -> None:
        for start in range(0, len(completions), size):
            reward(completions[start : start + size], target=targets[start : start + size])

    rewards = {
        f"{each.__name__}, batches of {n}": (each, n) for each in (tvr_reward, format_reward) for n in (8, 64, 512)
    }
    return {"our parsers": parse} | {name: partial(pay, *how) for name, how in rewards.items()}


def others(completions: list[str], targets: list[Any]) -> dict[str, Callable[[], Any]]:
    """Return what else a user could install; nothing where it is not installed."""
    found: dict[str, Callable[[], Any]] = {}
    if trl := _optional("trl.rewards"):
        messages = [[{"role": "assistant", "content": text}] for text in completions]
        found["TRL think_format_reward"] = lambda: trl.think_format_reward(messages)
        if _optional("math_verify"):
            found[_MATH] = lambda: trl.accuracy_reward(messages, targets)
    return found


def parquet_runs(large: Path, small: Path) -> dict[str, Cost]:
    """Score the same rows out of Parquet files of one row group; nothing where pyarrow is not installed."""
    if not (parquet := _optional("pyarrow.parquet")):
        return {}
    found = {}
    for name, path in (("star score, whole", large), ("star score of a tenth of the rows", small)):
        table = import_module("pyarrow.json").read_json(path)
        target = path.with_suffix(".parquet")
        parquet.write_table(table, target, row_group_size=len(table))
        found[name] = run("score", "--quiet", str(target), repeats=2)
    return found


def _drain(values: Iterable[Any]) -> None:
    deque(values, maxlen=0)


def _optional(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        return None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large, small, least = (Path(folder, f"{name}.jsonl") for name in ("large", "small", "least"))
        for path, count in ((large, arguments.rows), (small, arguments.rows // 10), (least, 8)):
            write_rows(path, count, arguments.seed)
        print(f"{arguments.rows:,} rows of {large.stat().st_size / arguments.rows:,.0f} bytes\n")
        costs = measure(decoders(large))
        unit = costs.get("orjson, line by line", costs["json, line by line"])
        rows = list(make_rows(min(arguments.rows, 20_000), arguments.seed))
        completions, targets = [row["completion"] for row in rows], [row["solution"] for row in rows]
        rewards = measure(ours(completions, targets) | others(completions, targets), rounds=8)
        costs |= {name: seconds * arguments.rows / len(rows) for name, seconds in rewards.items()}
        del rows, completions, targets
        out = str(Path(folder, "scores.jsonl"))
        runs = {
            "star score, whole": run("score", "--quiet", str(large)),
            "star score, whole, with --out": run("score", "--quiet", str(large), "--out", out, "--overwrite"),
            "star score of a tenth of the rows": run("score", "--quiet", str(small)),
            "star score of 8 rows": run("score", "--quiet", str(least)),
        }
        runs |= {f"{name}, in one Parquet row group": cost for name, cost in parquet_runs(large, small).items()}
    print(f"{'':44}{'us/row':>9}{'ratio':>9}")
    for name, seconds in costs.items():
        print(f"{name:44}{1e6 * seconds / arguments.rows:9.2f}{seconds / unit:9.2f}")
    start_up = runs["star score of 8 rows"].cpu
    for name, cost in list(runs.items())[:2]:
        for which, cpu in ((name, cost.cpu), (name.replace("whole", "without start-up"), cost.cpu - start_up)):
            print(f"{which:44}{1e6 * cpu / arguments.rows:9.2f}{cpu / unit:9.2f}")
    print(f"\n{'processes':60}{'CPU s':>9}{'most MB':>9}")
    for name, cost in runs.items():
        print(f"{name:60}{cost.cpu:9.2f}{cost.memory:9.1f}")


if __name__ == "__main__":
    main()
