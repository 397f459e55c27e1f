"""Scoring on a local cluster of Ray: two nodes, one killed in the middle; the same bytes as here, and what a row costs.

    python -m tests.measure.ray_cluster FOLDER [--rows 2000000] [--kill]

It writes a file of rows into FOLDER, scores it in one process, and then into a folder of parts by Ray Data on two nodes
of one processor each. It exits with 1 if a byte or a figure differs. CPU time is that of all processes of the cluster
after a first small run, which starts them, against that of the one process after a first small run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.run.rewards import score_rewards
from tests.measure.prediction_rows import make_rows

COPIED = 20_000  # rows that are made; more are copies of them with other ids


def write_rows(path: Path, count: int) -> None:
    """Write rows whose groups are different in each copy."""
    made = b"".join(json.dumps(row).encode() + b"\n" for row in make_rows(min(count, COPIED)))
    with path.open("wb") as file:
        for copy in range(count // COPIED if count > COPIED else 1):
            file.write(made.replace(b'"prompt_id": ', b'"prompt_id": %d' % (copy + 1)))


def seconds_of(process: Any) -> float:
    """Return the CPU seconds of a process and of what it started, as far as they can still be seen."""
    import psutil

    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
            total += times.user + times.system
        except psutil.Error:
            pass
    return total


def kill_when(parts: Path, number: int, kill: Any) -> threading.Thread:
    """Kill a node as soon as so many parts are there."""

    def watch() -> None:
        while len(list(parts.glob("part-*.jsonl"))) < number:
            time.sleep(0.02)
        kill()
        print(f"killed a node after {len(list(parts.glob('part-*.jsonl')))} parts", flush=True)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Run both, compare, and print what they took."""
    import psutil
    import ray
    from ray.cluster_utils import Cluster

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--part-bytes", type=int, default=32 << 20)
    parser.add_argument("--kill", action="store_true")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    source, small, one, parts = (folder / name for name in ("rows.jsonl", "small.jsonl", "one.jsonl", "parts"))
    write_rows(source, arguments.rows)
    write_rows(small, 1000)
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()

    me = psutil.Process()
    score_rewards([str(small)])
    before, started = time.process_time(), time.monotonic()
    expected = score_rewards([str(source)], out=str(one), overwrite=True)
    alone, alone_wall = time.process_time() - before, time.monotonic() - started

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 200 << 20})
    node = cluster.add_node(num_cpus=1, object_store_memory=200 << 20)
    ray.init(address=cluster.address, log_to_driver=False)
    started = time.monotonic()
    score_rewards([str(small)], engine="ray", part_bytes=small.stat().st_size // 8)
    start_up = time.monotonic() - started
    if arguments.kill:
        kill_when(parts, 3, lambda: cluster.remove_node(node, allow_graceful=False))
    before, started = seconds_of(me), time.monotonic()
    found = score_rewards([str(source)], out=f"{parts}{os.sep}", engine="ray", part_bytes=arguments.part_bytes)
    spread, wall = seconds_of(me) - before, time.monotonic() - started
    alive = sum(each["Alive"] for each in ray.nodes())

    names = [each["name"] for each in json.loads((parts / "manifest.json").read_text())["parts"]]
    same = found == expected and sorted(path.name for path in parts.glob("part-*.jsonl")) == names
    with one.open("rb") as whole:
        for name in names:
            rows = (parts / name).read_bytes()
            same = same and whole.read(len(rows)) == rows
        same = same and not whole.read(1)
    print(f"{arguments.rows:,} rows of {source.stat().st_size / arguments.rows:,.0f} bytes, {len(names)} parts")
    print(f"one process  {alone:8.1f} s CPU  {alone_wall:8.1f} s  {1e6 * alone / arguments.rows:6.1f} us of CPU a row")
    print(f"Ray          {spread:8.1f} s CPU  {wall:8.1f} s  {1e6 * spread / arguments.rows:6.1f} us of CPU a row")
    print(f"ratio {spread / alone:.2f}; first small run {start_up:.1f} s; nodes at the end: {alive}; same: {same}")
    ray.shutdown()
    cluster.shutdown()
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
