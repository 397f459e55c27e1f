"""The reward over HTTP: ``POST /score`` and ``/get_reward``, ``GET /health`` and ``/metrics``.

The event loop moves bytes only: it admits a request or refuses it, waits for its body, queues it, waits for its answer.
What is in a body, processes of their own read (`trainers.serve.workers`). Needs the extra ``serve``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import ipaddress
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rewards.errors import ConfigError
from trainers.serve.answers import LOG, Answer, check_served
from trainers.serve.workers import TOO_LONG, Job, Worker, serve_queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from trainers.serve.answers import Served

PATHS: Final = ("/score", "/get_reward", "/health", "/metrics")
DRAINED: Final = 4
"""Times the size limit that is read of a body that is too large: most clients read no answer before they are done."""


class Limits(NamedTuple):
    """What a server bears.

    Attributes:
        body: bytes of one request.
        waiting: requests that are read, wait or are scored; further ones get 503.
        timeout: seconds in which a body must have arrived, and then its answer been made.
    """

    body: int = 8 * 2**20
    waiting: int = 1024
    timeout: float = 30.0

    @property
    def held(self) -> int:
        """Bytes of all such requests together."""
        return 16 * self.body


class Refused(Exception):  # noqa: N818  an answer, and no error of the server
    """A request that is answered without being scored."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Metrics:
    """What ``/metrics`` tells, in a registry of its own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

        disable_created_metrics()  # a second line for each number, which nobody reads
        own: dict[str, Any] = {"registry": CollectorRegistry()}
        self.registry = own["registry"]
        self.requests = Counter("star_requests", "Requests answered.", ["path", "status"], **own)
        self.seconds = Histogram(
            "star_request_seconds", "Seconds from a request's first line to its answer.", ["path"], **own
        )
        self.rows = Counter("star_rows", "Rows, by whether they could be scored.", ["outcome"], **own)
        self.faults = Counter("star_faults", "Completions with a fault, by its code.", ["code"], **own)
        self.waiting = Gauge("star_waiting_requests", "Requests that are read, wait or are scored.", **own)
        self.held = Gauge("star_held_bytes", "Bytes of their bodies.", **own)

    def note(self, found: Answer) -> None:
        """Count the rows of an answer."""
        self.rows.labels("scored").inc(found.rows - found.errors)
        self.rows.labels("error").inc(found.errors)
        for code, count in found.faults.items():
            self.faults.labels(code).inc(count)


def make_app(served: Served, workers: Sequence[Worker], limits: Limits, token: str | None) -> Any:
    """Return the ASGI application.

    Args:
        served: what it scores with.
        workers: processes that do so; they end with the application.
        limits: what it bears.
        token: what clients must show, as ``Authorization: Bearer TOKEN`` or the password of ``Basic``; None: nothing.
    """
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    metrics = Metrics()
    queue: asyncio.Queue[Job] = asyncio.Queue()  # bounded by what is admitted
    held = _Held(limits, metrics)

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        # A process that is stuck holds one thread until another has ended it.
        with ThreadPoolExecutor(2 * len(workers)) as threads:
            tasks = [asyncio.create_task(serve_queue(queue, each, threads, limits.timeout)) for each in workers]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                for worker in workers:
                    worker.stop()

    async def score(request: Any) -> Any:
        _authorize(request.headers.get("authorization"), token)
        with held.admit(request.headers) as body:
            late = Refused(408, "the body did not arrive in time", connection="close")
            await _within(limits.timeout, body.read(request), late)
            job = Job(request.url.path, bytes(body.data), asyncio.get_running_loop().create_future())
            queue.put_nowait(job)
            found: Answer = await _within(limits.timeout, job.answer, Refused(504, json.loads(TOO_LONG)["error"]))
        metrics.note(found)
        return Response(found.body, found.status, media_type="application/json")

    async def health(_: Any) -> Any:
        scoring = sum(worker.alive for worker in workers)
        found = {"status": "ok" if scoring else "no process scores", "tasks": list(served.tasks)}
        return JSONResponse({**found, "workers": scoring, "waiting": held.requests}, 200 if scoring else 503)

    async def tell(request: Any) -> Any:
        _authorize(request.headers.get("authorization"), token)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def refuse(_: Any, error: Any) -> Any:
        return JSONResponse({"error": error.message}, error.status, error.headers)

    async def unknown(request: Any, error: Any) -> Any:
        asked = f"{request.method} {request.url.path[:100]}: {error.detail}"
        message = f"{asked}; there are POST /score and /get_reward, GET /health and /metrics"
        return JSONResponse({"error": message}, error.status_code, getattr(error, "headers", None))

    async def failed(*_: Any) -> Any:
        return JSONResponse({"error": "internal error; the server's log says more"}, 500)

    app = Starlette(
        routes=[
            Route("/score", score, methods=["POST"]),
            Route("/get_reward", score, methods=["POST"]),
            Route("/health", health),
            Route("/metrics", tell),
        ],
        lifespan=lifespan,
        exception_handlers={Refused: refuse, 404: unknown, 405: unknown, Exception: failed},
    )
    return _measured(app, metrics)


def _measured(app: Any, metrics: Metrics) -> Any:
    """Return an application that counts its requests, and whose exceptions are one line of the log."""

    async def measured(scope: dict[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        began, path, status = time.perf_counter(), scope["path"] if scope["path"] in PATHS else "other", "none"

        async def sent(message: dict[str, Any]) -> None:
            nonlocal status
            status = str(message.get("status", status))
            await send(message)

        try:
            await app(scope, receive, sent)
        except Exception as error:  # noqa: BLE001  it has been answered by `failed`, or nobody is there any more
            LOG.error("%s: %s: %s", path, type(error).__name__, " ".join(str(error).split())[:300])
        finally:
            metrics.requests.labels(path, status).inc()
            metrics.seconds.labels(path).observe(time.perf_counter() - began)

    return measured


async def _within(seconds: float, awaitable: Awaitable[Any], late: Refused) -> Any:
    try:
        return await asyncio.wait_for(awaitable, seconds)
    except TimeoutError:
        raise late from None


# --- who may ask, and how much ----------------------------------------------------------------------------------------


def _authorize(header: str | None, token: str | None) -> None:
    """Refuse a request without the token. OpenRLHF's client sends no header but that of ``http://star:TOKEN@host/``."""
    if token is None:
        return
    scheme, _, value = (header or "").partition(" ")
    shown = value.strip()
    if scheme.lower() == "basic":
        try:
            shown = base64.b64decode(shown, validate=True).decode("utf-8", "replace").partition(":")[2]
        except binascii.Error:
            shown = ""
    if scheme.lower() not in ("basic", "bearer") or not hmac.compare_digest(
        shown.encode("utf-8", "replace"), token.encode()
    ):
        raise Refused(401, "a token is needed: Authorization: Bearer TOKEN", www_authenticate="Bearer")


class _Held:
    """The requests that a server holds: a new one is admitted, or told to come again."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self.requests = self.bytes = 0

    @contextlib.contextmanager
    def admit(self, headers: Any) -> Any:
        """Hold a request for as long as it takes."""
        declared = headers.get("content-length", "")
        size = int(declared) if declared.isdecimal() else 0
        expects = headers.get("expect", "").lower() == "100-continue"  # it has not been sent: no need to read it
        body = _Body(self, size if size <= self.limits.body else 0, too_large=size > self.limits.body, skip=expects)
        if self.requests >= self.limits.waiting or self.bytes + body.size > self.limits.held:
            raise Refused(503, "too many requests wait; come again", retry_after="1")
        self.requests += 1
        self.hold(body.size)
        try:
            yield body
        finally:
            self.requests -= 1
            self.hold(-body.size)

    def hold(self, size: int) -> None:
        self.bytes += size
        self.metrics.waiting.set(self.requests)
        self.metrics.held.set(self.bytes)


class _Body:
    """The body of a request, as it arrives."""

    def __init__(self, held: _Held, size: int, *, too_large: bool, skip: bool) -> None:
        self.held, self.size, self.too_large, self.skip = held, size, too_large, skip
        self.data = bytearray()

    async def read(self, request: Any) -> None:
        """Read it to its end.

        Raises:
            Refused: it is too large, the server holds too much, or the client has gone.
        """
        from starlette.requests import ClientDisconnect

        limit, seen = self.held.limits.body, 0
        refused = Refused(413, f"the body is larger than {limit} bytes; send fewer rows at a time", connection="close")
        if self.too_large and self.skip:
            raise refused
        try:
            async for chunk in request.stream():
                seen += len(chunk)
                self.too_large |= seen > limit
                if seen > DRAINED * limit:
                    break
                if not self.too_large:
                    self._grow(chunk)
        except ClientDisconnect:
            raise Refused(400, "the client has gone") from None
        if self.too_large:
            raise refused

    def _grow(self, chunk: bytes) -> None:
        self.data += chunk
        more = len(self.data) - self.size
        if more > 0:  # of a body whose length was not told
            if self.held.bytes + more > self.held.limits.held:
                raise Refused(503, "too many requests wait; come again", retry_after="1", connection="close")
            self.size += more
            self.held.hold(more)


# --- the server -------------------------------------------------------------------------------------------------------


def serve(
    served: Served,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    workers: int = 2,
    limits: Limits = Limits(),  # noqa: B008  a value
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests that are there by then are answered first.

    Args:
        served: what is scored with.
        host: where to listen; beyond loopback only with a token.
        port: 0 takes a free one.
        token: see `make_app`.
        workers: processes that score.
        limits: what is borne.
        on_start: called with the address, when requests can come.

    Raises:
        ConfigError: a setting is wrong, or the address cannot be listened on.
    """
    try:
        import prometheus_client  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise ConfigError(f"star serve needs more packages: pip install 'star-r1[serve]' ({error})") from None
    check_served(served)
    listening = listen(host, port, token)
    running: list[Worker] = []
    try:
        running += [Worker(served) for _ in range(workers)]
        for worker in running:
            worker.wait()
    except (EOFError, OSError) as error:
        for worker in running:
            worker.stop(patience=0)
        raise ConfigError(f"a process cannot be started: {error or 'it ended at once'}") from None
    config = uvicorn.Config(
        make_app(served, running, limits, token),
        http=_impatient(limits.timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(2 * limits.timeout) + 5,
    )
    server = uvicorn.Server(config)
    for each in (signal.SIGTERM, signal.SIGINT):  # uvicorn ends by the signal that it was stopped by, once all is done
        signal.signal(each, lambda *_: None)
    if on_start is not None:
        shown, number = listening.getsockname()[:2]
        on_start(f"http://{f'[{shown}]' if ':' in shown else shown}:{number}")
    server.run(sockets=[listening])


def listen(host: str, port: int, token: str | None) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: it cannot, or may not without a token.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        if token is None and not all(
            ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found
        ):
            raise ConfigError(
                f"{host} can be reached from other machines: a token is needed (--token-file, or STAR_TOKEN)"
            )
        family, kind, protocol, _, address = found[0]
        # `socket.create_server` names no protocol; without one asyncio leaves Nagle's algorithm on, 40 ms an answer.
        listening = socket.socket(family, kind, protocol)
        with contextlib.ExitStack() as undo:
            undo.callback(listening.close)
            if os.name == "posix":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(address)
            listening.listen(2048)
            undo.pop_all()
            return listening
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from None


def _impatient(timeout: float) -> Any:
    """Return uvicorn's protocol for connections whose next request must have begun within a time, headers and all."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.last_cycle = None
            self.patience = self.loop.call_later(timeout, self.check_progress)

        def connection_lost(self, exc: Exception | None) -> None:
            self.patience.cancel()
            super().connection_lost(exc)

        def check_progress(self) -> None:
            """Close a connection on which no request has begun since the last look, and none is being answered."""
            answering = self.cycle is not None and not self.cycle.response_complete
            if not answering and self.cycle is self.last_cycle:
                self.transport.abort()
                return
            self.last_cycle = self.cycle
            self.patience = self.loop.call_later(timeout, self.check_progress)

    return Impatient
