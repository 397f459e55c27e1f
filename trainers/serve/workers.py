"""Processes that answer requests: one that is stuck or dies takes no other request with it, and the server lives on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, NamedTuple

from trainers.serve.answers import LOG, LOG_FORMAT, Answer, answer

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from multiprocessing.connection import Connection

    from trainers.serve.answers import Served

TOGETHER: Final = 32
"""Requests that a process takes at a time, where as many wait: small ones cost more to hand over than to answer."""
TOGETHER_BYTES: Final = 2**18
TURNOVER: Final = 2**30
"""Bytes of requests after which a process makes room for a fresh one: parsers remember texts that they have read."""
TOO_LONG: Final = b'{"error":"the request took too long; send it in smaller parts"}'
BROKEN: Final = b'{"error":"the process that scored this request ended (out of memory?); send it in smaller parts"}'


class Job(NamedTuple):
    """A request that waits for its answer."""

    path: str
    body: bytes
    answer: asyncio.Future[Answer]


READY: Final = "ready"


def run(connection: Connection, served: Served) -> None:
    """Answer requests until the other end is closed: what a process does."""
    logging.basicConfig(format=LOG_FORMAT, level=logging.WARNING)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # those of a whole group reach it too; the server says when to end
    for task in served.tasks:  # grammars are built when they are first needed: let no request wait for that
        answer("/score", json.dumps({"completions": [""], "targets": ["B"], "task": task}).encode(), served)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(READY)
        while True:
            connection.send([answer(path, body, served) for path, body in connection.recv()])


class Worker:
    """One process, and the requests that it is given."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.seen = 0
        self.busy = False
        self._start()

    def wait(self) -> None:
        """Wait until the process is ready; blocks.

        Raises:
            EOFError, OSError: the process has ended.
        """
        self.connection.recv()

    def _start(self) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=run, args=(theirs, self.served), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends when the process does

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.is_alive()

    def ask(self, requests: list[tuple[str, bytes]]) -> list[Answer]:
        """Return the answers to some requests; blocks.

        Raises:
            EOFError, OSError: the process has ended.
        """
        self.busy = True
        try:
            self.connection.send(requests)
            found: list[Answer] = self.connection.recv()
        finally:
            self.busy = False
        return found

    def restart(self) -> None:
        """Put a fresh process in the place of this one, whatever it does; blocks until that is ready."""
        self.process.kill()  # first: it is what ends an `ask` that still waits
        self.process.join()
        self.connection.close()
        self.seen = 0
        self._start()
        self.wait()

    def stop(self, patience: float = 5.0) -> None:
        """End the process: of itself within so many seconds, or by force."""
        if self.busy:  # its `ask` ends with it, and only then may the connection be closed
            self.process.kill()
            self.process.join()
        self.connection.close()
        self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


async def serve_queue(queue: asyncio.Queue[Job], worker: Worker, threads: Executor, patience: float) -> None:
    """Hand requests to a worker, some at a time, for as long as this is not cancelled."""
    while True:
        try:
            jobs = await _take(queue)
            if jobs:
                await _answer(jobs, worker, threads, patience)
            if worker.seen > TURNOVER:
                await asyncio.get_running_loop().run_in_executor(threads, worker.restart)
        except Exception as error:  # noqa: BLE001  no process could be started, say: it is tried again
            LOG.error("no process scores: %s: %s", type(error).__name__, error)
            await asyncio.sleep(1.0)


async def _take(queue: asyncio.Queue[Job]) -> list[Job]:
    """Wait for a request and take those behind it that are small; nobody waits any longer for some."""
    jobs = [await queue.get()]
    size = len(jobs[0].body)
    while len(jobs) < TOGETHER and size < TOGETHER_BYTES and not queue.empty():
        jobs.append(queue.get_nowait())
        size += len(jobs[-1].body)
    return [job for job in jobs if not job.answer.done()]


async def _answer(jobs: list[Job], worker: Worker, threads: Executor, patience: float, *, again: bool = True) -> None:
    """Set the answers of some requests; *again*: whether to ask once more where the process has ended."""
    loop = asyncio.get_running_loop()
    worker.seen += sum(len(job.body) for job in jobs)
    asked = loop.run_in_executor(threads, worker.ask, [(job.path, job.body) for job in jobs])
    try:
        found = await asyncio.wait_for(asked, patience)
    except (TimeoutError, EOFError, OSError) as error:
        late = isinstance(error, TimeoutError)  # which is an OSError
        LOG.error("a process %s, and is started anew", f"took more than {patience:g} s" if late else "has ended")
        await loop.run_in_executor(threads, worker.restart)
        if len(jobs) > 1 or (again and not late):  # one of several did it, or none: each is asked alone
            for job in jobs:
                if not job.answer.done():
                    await _answer([job], worker, threads, patience, again=len(jobs) > 1 and not late)
            return
        found = [Answer(504, TOO_LONG) if late else Answer(500, BROKEN)]
    for job, each in zip(jobs, found, strict=True):
        if not job.answer.done():
            job.answer.set_result(each)
