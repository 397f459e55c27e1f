"""What `star serve` bears, on loopback: ``python -m tests.measure.serve [--seconds 5] [--workers 2]``.

The load is made by this process, on the same machine: what it prints is a lower bound. Every step ends after so many
seconds. Rows are those of the conformance run, with reasoning of 1,500 characters; every good answer is checked. The
processor time of the server and its processes (Linux) says what a machine can do that has nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple

from rewards import score_completion
from tests.conformance.rows import make_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

Address = tuple[str, int]
PROMPT = "<|im_start|>user\nWhich objects changed?<|im_end|>\n<|im_start|>assistant\n"
MALFORMED = (
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 5000,
    b"{}",
    b'{"completions": 5}',
    b'{"completions": ["a"], "targets": []}',
)
FILLER = "View 1: [red cube, ball, left]. " * 47


class Request(NamedTuple):
    """What is sent, and whether an answer to it is right."""

    body: bytes
    right: Callable[[bytes], bool] | None
    path: str = "/score"


class Server(NamedTuple):
    """One that runs."""

    address: Address
    pid: int


class Load(NamedTuple):
    """What came of one step; *cpu*: of the server and its processes, in seconds."""

    seconds: float
    times: dict[int, list[float]]
    wrong: int
    cpu: float = 0.0

    def line(self, name: str, rows: int = 1) -> str:
        """Return a line of the table."""
        answered = sum(map(len, self.times.values()))
        good = self.times.get(200, [])
        statuses = ", ".join(f"{status}: {len(found)}" for status, found in sorted(self.times.items()))
        return (
            f"| {name} | {answered / self.seconds:,.0f} | {len(good) * rows / self.seconds:,.0f} | {spread(good)} "
            f"| {self.cpu / max(answered, 1) * 1e3:,.2f} | {statuses} | {self.wrong} |"
        )


def spread(times: Sequence[float]) -> str:
    """Return median and 99th percentile in milliseconds."""
    if len(times) < 2:
        return "–"
    found = quantiles(times, n=100, method="inclusive")
    return f"{found[49] * 1e3:,.1f} / {found[98] * 1e3:,.1f}"


def requests_of_openrlhf() -> Iterator[Request]:
    """Yield requests for one row each."""
    made = []
    for row in make_rows(200, 60):
        text = row["text"].replace("<think>", f"<think>{FILLER}", 1)
        others = {name: row[name] for name in ("references", "options") if row.get(name) is not None}
        total = score_completion(text, row["target"], task=row["task"], **others).total
        label = json.dumps({"target": row["target"], "task": row["task"], **others})
        body = json.dumps({"query": [f"{PROMPT}{text}<|im_end|>"], "prompts": [PROMPT], "labels": [label]}).encode()
        made.append(Request(body, lambda found, total=total: json.loads(found)["rewards"] == [total], "/get_reward"))
    return cycle(made)


def requests_of_batches(size: int) -> Iterator[Request]:
    """Yield requests for many rows each."""
    rows, draw, made = make_rows(200, 0), random.Random(3), []
    for _ in range(8):
        some = draw.choices(rows, k=size)
        texts = [row["text"].replace("<think>", f"<think>{FILLER}", 1) for row in some]
        totals = [score_completion(text, row["target"]).total for text, row in zip(texts, some, strict=True)]
        body = json.dumps({"completions": texts, "targets": [row["target"] for row in some]}).encode()

        def right(found: bytes, totals: list[float] = totals) -> bool:
            return [each["total"] for each in json.loads(found)["scores"]] == totals

        made.append(Request(body, right))
    return cycle(made)


def with_malformed(good: Iterator[Request], share: float) -> Iterator[Request]:
    """Yield requests of which a share is malformed."""
    draw = random.Random(5)
    while True:
        yield Request(draw.choice(MALFORMED), None) if draw.random() < share else next(good)


async def ask(address: Address, request: Request, link: list) -> tuple[int, bytes]:
    """Send a request over a connection that is kept, and return status and body."""
    if not link:
        link[:] = await asyncio.open_connection(*address, limit=2**24)
    reader, writer = link
    head = f"POST {request.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(request.body)}\r\n\r\n"
    writer.write(head.encode() + request.body)
    told = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(re.search(rb"content-length: (\d+)", told)[1]))
    if b"connection: close" in told:
        writer.close()
        link.clear()
    return int(told[9:12]), body


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and of those that it has started; 0 where there is no ``/proc``."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if pid in (int(entry.name), int(fields[1])):  # the fourth field is the parent
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


async def closed_loop(server: Server, requests: Iterator[Request], clients: int, seconds: float) -> Load:
    """Let so many clients ask, each again when it has its answer."""
    times: dict[int, list[float]] = {}
    wrong = 0
    end = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal wrong
        link: list = []
        while time.perf_counter() < end:
            request, began = next(requests), time.perf_counter()
            status, body = await ask(server.address, request, link)
            times.setdefault(status, []).append(time.perf_counter() - began)
            wrong += bool(status == 200 and request.right is not None and not request.right(body))
            wrong += bool(request.right is None and status not in (400, 422))
            if status == 503:
                await asyncio.sleep(1.0)  # as Retry-After says, and OpenRLHF does
        if link:
            link[1].close()

    began, before = time.perf_counter(), cpu_seconds(server.pid)
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(time.perf_counter() - began, times, wrong, cpu_seconds(server.pid) - before)


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[Server]:
    """Run a server in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "star_cli",
        "serve",
        "--port",
        "0",
        "--task",
        "tvr",
        "--task",
        "multiview",
        *options,
    ]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    try:
        host, port = re.search(rb"http://(\S+):(\d+)", await process.stderr.readline()).groups()
        yield Server((host.decode(), int(port)), process.pid)
    finally:
        process.terminate()
        said = (await process.stderr.read()).decode()
        await process.wait()
        print(said, end="", file=sys.stderr)


async def overload(server: Server, clients: int, seconds: float) -> tuple[Load, list[float]]:
    """Let ten times as many clients ask as are admitted; and look meanwhile how long the event loop takes."""
    looks: list[float] = []

    async def look() -> None:
        while True:
            began = time.perf_counter()
            _, writer = link = await asyncio.open_connection(*server.address)
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await link[0].read()
            writer.close()
            looks.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    found = await closed_loop(server, requests_of_openrlhf(), clients, seconds)
    looking.cancel()
    return found, looks


async def measure(seconds: float, workers: int) -> None:
    """Print the tables."""
    print("| what | answers/s | rows/s | ms, p50 / p99 | server's CPU ms | statuses | wrong |")
    print("| --- | ---: | ---: | ---: | ---: | --- | ---: |")
    async with running("--workers", str(workers)) as server:
        await closed_loop(server, requests_of_openrlhf(), 4, 1.0)
        for clients in (1, 16, 128):
            found = await closed_loop(server, requests_of_openrlhf(), clients, seconds)
            print(found.line(f"`/get_reward`, one row, {clients} clients"), flush=True)
        for size, clients in ((64, 4), (1024, 4)):
            found = await closed_loop(server, requests_of_batches(size), clients, seconds)
            print(found.line(f"`/score`, {size} rows, {clients} clients", size), flush=True)
        found = await closed_loop(server, with_malformed(requests_of_openrlhf(), 0.5), 16, seconds)
        print(found.line("half of the requests malformed, 16 clients"), flush=True)
    async with running("--workers", str(workers), "--waiting", "32") as server:
        await closed_loop(server, requests_of_openrlhf(), 4, 1.0)
        found, looks = await overload(server, 320, seconds)
        print(found.line("ten times more than `--waiting 32` admits"))
        print(f"\nLoad of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
        print(f"Overload: a 503 took {spread(found.times.get(503, []))} ms, `/health` meanwhile {spread(looks)} ms.")


def main() -> None:
    """Read the options and measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="of each step")
    options.add_argument("--workers", type=int, default=2)
    asyncio.run(measure(**vars(options.parse_args())))


if __name__ == "__main__":
    main()
