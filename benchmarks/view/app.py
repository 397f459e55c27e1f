"""The page over HTTP, on loopback alone: ASGI, with the texts of rows read from their files as they are looked at."""

from __future__ import annotations

import json
import secrets
import socket
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.extras import need
from benchmarks.page import render, theme
from benchmarks.view.detail import group_data
from benchmarks.view.listing import find_groups, items, read_query, summary
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from benchmarks.view.images import Images
    from benchmarks.view.index import Run
    from benchmarks.view.listing import Partners

HOST: Final = "127.0.0.1"
PAGE_ROWS: Final = 100
"""Groups that the list is given at a time."""
SCRIPTS: Final = ("source.js", "show.js", "page.js")
_KINDS: Final = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Should a text ever slip through, the browser still runs nothing, loads nothing and writes no markup."""
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def check_packages() -> None:
    """Raise a ConfigError unless what a server needs is installed: before 10^5 rows are read, not afterwards."""
    for module in ("starlette", "uvicorn", "PIL.Image"):
        need(module, package="'star-r1[view]'", purpose="star view without --out")


class View(NamedTuple):
    """What is shown.

    Attributes:
        runs: one, or two side by side.
        partners: of the first run's groups in the second.
        images: finds the images of rows.
        command: options for ``star explain`` that say what else the rows are scored by.
    """

    runs: Sequence[Run]
    partners: Partners | None
    images: Images
    command: Sequence[str] = ()

    def summaries(self) -> list[dict[str, Any]]:
        """Return what the page knows from the start of each run."""
        return [summary(run, self.partners if at == 0 else None) for at, run in enumerate(self.runs)]

    def group(self, run: int, group: int, preset: str | None = None) -> dict[str, Any]:
        """Return a group as the page shows it, with its images by name and its partner in the other run."""
        data = group_data(self.runs[run], group, preset, self.command)
        (row,) = self.runs[run].rows(self.runs[run].groups.of(group)[:1])
        try:
            named = [[f"image/{run}/{group}/{at}", image.name] for at, image in enumerate(self.images.of(row))]
            problem = ""
        except DataError as error:
            named, problem = [], error.message
        partner = -1 if run or self.partners is None else int(self.partners.groups[group])
        return data | {"images": named, "no_images": problem, "partner": None if partner < 0 else partner}


def page(*, embedded: dict[str, Any] | None = None, policy: str = "", title: str = "") -> str:
    """Return the page: for a server, or with all of its data in it.

    Args:
        embedded: what a page without a server shows.
        policy: its content security policy, from hashes of what it runs.
        title: of the window.
    """
    parts = {"style": asset("page.css"), "scripts": [asset(name) for name in SCRIPTS], "icon": asset("icon.svg")}
    inlined = {} if embedded is None else parts
    window = f"{title} · star view"
    return render(
        "benchmarks.view", "page.html", embedded=embedded, policy=policy, title=window, names=SCRIPTS, **inlined
    )


def asset(name: str) -> str:
    """Return a file of the page; a style begins with the theme of all pages."""
    text = files("benchmarks.view").joinpath(name).read_text(encoding="utf-8")
    return theme() + text if name.endswith(".css") else text


def make_app(view: View, token: str) -> Starlette:
    """Return the ASGI application. All of it lies below ``/TOKEN/``: other users of the machine do not know that.

    A request for another host than this machine's loopback is refused (DNS rebinding).
    """
    from starlette.applications import Starlette  # noqa: PLC0415  an extra
    from starlette.middleware import Middleware  # noqa: PLC0415
    from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415
    from starlette.responses import PlainTextResponse, Response  # noqa: PLC0415
    from starlette.routing import Mount, Route  # noqa: PLC0415

    def answer(found: Any) -> Response:
        content = json.dumps(found, allow_nan=False, separators=(",", ":")).encode("ascii")
        return Response(content, media_type="application/json", headers=_HEADERS)

    def checked(endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def run(request: Request) -> Response:
            try:
                return endpoint(request)
            except (DataError, ConfigError) as error:
                return PlainTextResponse(str(error), 422, headers=_HEADERS)

        return run

    def show_page(_: Request) -> Response:
        return Response(page(title=view.runs[0].name), media_type="text/html", headers=_HEADERS)

    def show_asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in (*SCRIPTS, "page.css", "icon.svg"):
            return PlainTextResponse("there is no such file", 404, headers=_HEADERS)
        return Response(asset(name), media_type=_KINDS[name.rpartition(".")[2]], headers=_HEADERS)

    def show_runs(_: Request) -> Response:
        return answer(view.summaries())

    def show_groups(request: Request) -> Response:
        asked = dict(request.query_params)
        found = find_groups(view.runs[0], read_query(asked), view.partners)
        start = int(asked["offset"]) if asked.get("offset", "").isdecimal() else 0
        rows = int(view.runs[0].groups.size[found].sum())
        shown = items(view.runs[0], found[start : start + PAGE_ROWS].tolist(), view.partners)
        return answer({"total": len(found), "rows": rows, "items": shown})

    def show_group(request: Request) -> Response:
        run, group = _place(request, view)
        return answer(view.group(run, group, request.query_params.get("preset") or None))

    def show_image(request: Request) -> Response:
        run, group = _place(request, view)
        (row,) = view.runs[run].rows(view.runs[run].groups.of(group)[:1])
        named, at = view.images.of(row), request.path_params["at"]
        if at >= len(named):
            raise DataError("there is no such image")
        picture = view.images.read(named[at])
        kept = {"Cache-Control": "private, max-age=3600"}
        return Response(picture.content, media_type=picture.kind, headers=_HEADERS | kept)

    routes = [
        Route("/", show_page),
        Route("/api/runs", show_runs),
        Route("/api/groups", checked(show_groups)),
        Route("/api/group/{run:int}/{group:int}", checked(show_group)),
        Route("/image/{run:int}/{group:int}/{at:int}", checked(show_image)),
        Route("/{name}", show_asset),
    ]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False)
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], middleware=[hosts])


def _place(request: Request, view: View) -> tuple[int, int]:
    """Return the run and the group that a request names."""
    run, group = request.path_params["run"], request.path_params["group"]
    if run >= len(view.runs) or group >= len(view.runs[run].groups):
        raise DataError("there is no such group")
    return run, group


def serve(view: View, *, port: int, on_start: Callable[[str], None]) -> None:
    """Serve until the process is interrupted.

    Args:
        view: what is shown.
        port: to listen on; 0 takes a free one.
        on_start: called with the address, when requests can come.

    Raises:
        ConfigError: the port is taken.
    """
    import uvicorn  # noqa: PLC0415  an extra

    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise ConfigError(f"cannot listen on {HOST}:{port}: {error.strerror}; --port 0 takes a free port") from None
    token = secrets.token_urlsafe(16)
    config = uvicorn.Config(
        make_app(view, token),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    on_start(f"http://{HOST}:{listening.getsockname()[1]}/{token}/")
    uvicorn.Server(config).run(sockets=[listening])
