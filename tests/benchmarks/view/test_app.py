"""The page over HTTP: who may ask, what is answered, and that nothing else can be read."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.view.app import SCRIPTS, asset, serve
from rewards import ConfigError
from tests.benchmarks.view.view_inputs import write_data, write_run
from tests.benchmarks.view.view_server import served
from tests.http_pieces import requests


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    write_data(folder / "data")
    write_run(folder / "run", folder / "data")
    with served(folder / "run", "--images", folder / "data") as url:
        yield urlsplit(url)


def ask(address, path, *, whole=False, host=None, method="GET"):
    """Return status, headers and body of what lies below the token (or, *whole*, anywhere)."""
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request(method, path if whole else address.path + path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def test_no_function_of_the_page_has_the_name_of_another():
    """Its scripts share one scope: of two functions of one name only the last would be there."""
    names = re.findall(r"^ *(?:async )?function\*? ?([\w$]+)", "\n".join(map(asset, SCRIPTS)), re.MULTILINE)
    assert len(names) > 40
    assert sorted(names) == sorted(set(names))


def test_the_page_allows_nothing_from_outside(address):
    for path in ("", "page.css", "page.js", "api/runs", "api/groups", "image/0/0/0", "nothing", "api/groups?show=x"):
        _, headers, _ = ask(address, path)
        policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert {policy[each] for each in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
        assert policy["require-trusted-types-for"] == "'script'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Server"] is None


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:80", "127.0.0.1.evil.test", "localhost.evil.test:1", "", "0.0.0.0"]
)
def test_other_hosts_are_refused(address, host):
    assert ask(address, "api/runs", host=host)[0] == 400
    for own in ("127.0.0.1", "localhost"):
        assert ask(address, "api/runs", host=f"{own}:{address.port}")[0] == 200


def test_nothing_is_there_without_the_token(address):
    for path in ("/", "/api/runs", "/page.js", "/x/api/runs", "/%2e%2e/", "/favicon.ico"):
        assert ask(address, path, whole=True)[0] == 404
    for path in (
        "../../etc/passwd",
        "%2e%2e/%2e%2e/app.py",
        "app.py",
        "page.html",
        "image/0/0/..%2f..%2fx",
        "__init__.py",
    ):
        status, _, body = ask(address, path)
        assert status == 404
        assert b"import" not in body
    assert ask(address, "api/groups", method="POST")[0] == 405


def test_it_listens_on_one_address_alone(address):
    """Whoever listens on all addresses listens on this one too."""
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", address.port), timeout=5)


def test_what_is_answered(address):
    (run,) = json.loads(ask(address, "api/runs")[2])
    assert (run["groups"], run["rows"], run["steps"]) == (6, 24, [10.0, 20.0])
    found = json.loads(ask(address, "api/groups?step=20&sort=high")[2])
    assert (found["total"], found["rows"]) == (3, 12)
    means = [item["mean"] for item in found["items"]]
    assert means == sorted(means, reverse=True)
    assert json.loads(ask(address, "api/groups?offset=4")[2])["items"][0]["group"] == 4
    group = json.loads(ask(address, "api/group/0/5?preset=paper")[2])
    assert (group["title"], group["preset"], len(group["rows"])) == ("scene-2", "paper", 4)
    status, headers, body = ask(address, group["images"][0][0])
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert body.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "path",
    [
        *("api/group/0/6", "api/group/1/0", "image/0/99/0", "image/0/0/2", "api/groups?sort=x", "api/groups?low=x"),
        "api/group/0/0?preset=nothing",
    ],
)
def test_what_is_wrong_is_said_in_one_line(address, path):
    status, headers, body = ask(address, path)
    assert status == 422
    assert headers["Content-Type"].startswith("text/plain")
    assert body
    assert b"\n" not in body
    assert b"Traceback" not in body


@pytest.mark.slow
@settings(max_examples=80)
@given(pieces=requests(b"/api/runs"), data=st.data())
def test_any_bytes_in_any_order_at_any_pace_are_survived(address, pieces, data):
    """Each gets an answer or a closed connection, and the page is there for the next one."""
    below = [(piece.replace(b" /", b" " + address.path.encode(), 1), pause) for piece, pause in pieces]
    sent, found = data.draw(st.sampled_from([pieces, below])), b""
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        with suppress(OSError):
            for piece, pause in sent:
                connection.sendall(piece)
                time.sleep(pause)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while piece := connection.recv(2**16):
                found += piece
    assert found == b"" or re.match(rb"HTTP/1\.1 (?:100|200|304|4\d\d|505)\b", found), found
    assert b"Traceback" not in found
    assert ask(address, "api/runs")[0] == 200


def test_a_port_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="cannot listen"):
        serve(None, port=taken.getsockname()[1], on_start=print)
