"""How long `star view` takes on many completions: python -m tests.measure.view [ROWS].

Rows are those of `examples/tvr_predictions.jsonl`, repeated with other reasoning, eight to a group; asked is over HTTP.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.request import urlopen

HOME = Path(__file__).resolve().parents[2]
ASKED = {
    "list: all groups": "api/groups?",
    "list: wrong outranks right, by spread": "api/groups?show=outranked&sort=spread",
    "list: a fault, by reward": "api/groups?fault=unclosed_think&sort=low",
    "list: one step, most instructive first": "api/groups?step=20&sort=instructive",
    "a group": "api/group/0/{group}?",
    "the same under preset paper": "api/group/0/{group}?preset=paper",
    "list: a text, read from the files": "api/groups?text=seen+{group}",
}


def write(path: Path, rows: int) -> None:
    given = [json.loads(line) for line in (HOME / "examples" / "tvr_predictions.jsonl").read_text("utf-8").splitlines()]
    with path.open("w", encoding="utf-8") as file:
        for at in range(rows):
            row, group = given[at % len(given)], at // 8
            text = row["completion"].replace("<think>", f"<think>Seen {at}. ", 1)
            columns = {"id": at, "prompt_id": group % 2500, "step": 10 + group // 2500 * 10, "target": row["target"]}
            file.write(json.dumps({**columns, "prompt": "Which objects changed? " * 30, "completion": text}) + "\n")


def memory(process: int) -> dict[str, float]:
    found = re.findall(r"Vm(RSS|HWM):\s*(\d+) kB", Path(f"/proc/{process}/status").read_text("utf-8"))
    return {name: int(kilobytes) / 1024 for name, kilobytes in found}


def main(rows: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size / 2**20:.0f} MB")
        command = [sys.executable, "-m", "star_cli", "view", str(path), "--no-open"]
        began = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(HOME), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]
            used = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text("utf-8").split()[13:15])) / os.sysconf(
                "SC_CLK_TCK"
            )
            print(f"open: {time.perf_counter() - began:.1f} s, {used:.1f} s of a core; memory {memory(process.pid)}")
            for name, what in ASKED.items():
                times, size = [], 0
                for at in range(9):
                    started = time.perf_counter()
                    with urlopen(address + what.format(group=(7919 * at + 13) % (rows // 8))) as answer:
                        size = len(answer.read())
                    times.append(time.perf_counter() - started)
                print(f"{name}: {median(times) * 1000:.0f} ms (slowest {max(times) * 1000:.0f}), {size / 1024:.0f} KB")
            print(f"memory afterwards: {memory(process.pid)}")
            process.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
