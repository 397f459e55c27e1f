"""`star serve` as it runs: a process on a free port of loopback, asked by sockets and by the standard library's client."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.rows import make_rows
from tests.http_pieces import requests

for name in ("starlette", "uvicorn", "prometheus_client"):
    pytest.importorskip(name, reason="in the extra serve")

ROOT = Path(__file__).parents[3]
ROWS = make_rows(60, 24)
GOOD = "<think>a</think><answer>2.color.cyan</answer>"
TOKEN = "correct-horse-battery-staple"
MIB = 2**20


def environment(**more):
    return (
        {name: value for name, value in os.environ.items() if name != "STAR_TOKEN"} | {"PYTHONPATH": str(ROOT)} | more
    )


def start(*options, **more):
    command = [sys.executable, "-m", "star_cli", "serve", "--port", "0", *options]
    return subprocess.Popen(command, env=environment(**more), stderr=subprocess.PIPE, text=True)


@contextmanager
def server(*options, **more):
    """Run a server, yield it and its address, and stop it; what it wrote is in its ``log``."""
    process = start(*options, **more)
    try:
        line = process.stderr.readline()
        found = re.fullmatch(r"star serve: http://(\S+):(\d+)\n", line)
        assert found, line + process.stderr.read()
        process.log = []
        reader = threading.Thread(target=lambda: process.log.extend(process.stderr), daemon=True)
        reader.start()
        try:
            yield process, (found[1].strip("[]"), int(found[2]))
        finally:
            process.terminate()
            process.wait(300)
            reader.join(60)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def shared(*options):
    with server("--task", "tvr", "--task", "multiview", "--max-mb", "1", *options) as (process, where):
        yield where
    assert process.returncode == 0
    assert not [line for line in process.log if "Traceback" in line]


@pytest.fixture(scope="module")
def address():
    """A server that waits for a machine that is busy with other things."""
    yield from shared("--timeout", "120")


@pytest.fixture(scope="module")
def impatient():
    """A server that gives its clients two seconds; what it says of others has to be asked for `until` it says so."""
    yield from shared("--timeout", "2", "--max-mb", "8")


def ask(address, method="POST", path="/score", body=b"", headers=None):
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers.items()), answer.read()
    finally:
        connection.close()


def post(address, path="/score", headers=None, **request):
    status, _, body = ask(address, path=path, body=json.dumps(request).encode(), headers=headers)
    return status, json.loads(body)


def good(address, **more):
    return post(address, completions=[GOOD], targets=["2.color.cyan"], **more)


def alive(address):
    status, found = good(address)
    return status == 200 and found["scores"][0]["total"] == 6.0


def raw(address, sent, *, done=False):
    """Send bytes and return what comes back until the other side closes; *done*: say that no more will come."""
    with socket.create_connection(address, timeout=100) as connection:
        connection.sendall(sent)
        if done:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while piece := connection.recv(2**16):
            found += piece
    return found


def waiting(address):
    return json.loads(ask(address, "GET", "/health")[2])["waiting"]


def until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def long_request(count):
    """Return a body that takes some tenths of a second a row: answers that are hard on the parser, each another."""
    rows = [f"<think>{at}</think><answer>{at} {'[(' * 31_000}</answer>" for at in range(count)]
    return json.dumps({"completions": rows, "targets": ["2.color.cyan"] * count}).encode()


# --- answers ----------------------------------------------------------------------------------------------------------


def test_the_rows_of_the_conformance_run(address):
    columns = {name: [row.get(name) for row in ROWS] for name in ("references", "options", "task")}
    request = {"completions": [row["text"] for row in ROWS], "targets": [row["target"] for row in ROWS]}
    status, found = post(address, **request, **columns)
    assert status == 200
    assert [each["total"] for each in found["scores"]] == [row["total"] for row in ROWS]
    assert [each["parts"] for each in found["scores"]] == [row["parts"] for row in ROWS]


def test_openrlhf_asks_for_one_row_at_a_time_and_for_many_at_once(address):
    prompt = "<|im_start|>user\nUse <think></think>.<|im_end|>\n<|im_start|>assistant\n"

    def reward(row):
        label = json.dumps({name: row[name] for name in ("target", "references", "options", "task") if row.get(name)})
        request = {"query": [prompt + row["text"] + "<|im_end|>"], "prompts": [prompt], "labels": [label]}
        status, found = post(address, path="/get_reward", **request)
        assert status == 200, found
        return found

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(reward, ROWS))
    assert [each["rewards"] for each in found] == [[row["total"]] for row in ROWS]
    assert len({tuple(each["extra_logs"]) for each in found}) == 1


def test_health_and_metrics(address):
    status, _, body = ask(address, "GET", "/health")
    assert status == 200
    assert json.loads(body) == {"status": "ok", "tasks": ["tvr", "multiview"], "workers": 2, "waiting": 0}
    post(address, completions=[None, GOOD, GOOD], targets=["2.color.cyan", "2.color.cyan", "2.color.cyna"])
    status, headers, body = ask(address, "GET", "/metrics")
    text = body.decode()
    assert headers["content-type"].startswith("text/plain")
    for line in ('star_requests_total{path="/score",status="200"}', 'star_rows_total{outcome="error"}',
                 'star_faults_total{code="empty"}', "star_waiting_requests 0.0", "star_held_bytes 0.0",
                 'star_request_seconds_bucket{le="+Inf",path="/score"}'):  # fmt: skip
        assert line in text
    assert "python_gc" not in text  # a registry of its own


# --- requests that are wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/nothing", 404), ("GET", "/score", 405), ("DELETE", "/get_reward", 405), ("POST", "/health", 405)],
)  # fmt: skip
def test_other_paths_and_methods(address, method, path, status):
    found, _, body = ask(address, method, path)
    assert found == status
    assert "there are POST /score" in json.loads(body)["error"]


@pytest.mark.parametrize("head", ["Content-Length: {}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("megabytes", [1.5, 3])
def test_too_large_a_body(address, head, megabytes):
    size = int(megabytes * MIB)
    body = b" " * size if "Length" in head else b"%x\r\n%s\r\n0\r\n\r\n" % (size, b" " * size)
    found = raw(address, f"POST /score HTTP/1.1\r\nHost: x\r\n{head.format(size)}\r\n\r\n".encode() + body)
    assert found.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 1048576 bytes" in found
    assert alive(address)


def test_a_body_without_end_is_left(address):
    """Of an endless body some is read, so that the client sees the answer; then the connection closes."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece, sent = b"100000\r\n%s\r\n" % (b" " * MIB), 0
        with pytest.raises(OSError):  # noqa: PT012
            while sent < 200:
                connection.sendall(piece)
                sent += 1
    assert sent < 60
    assert alive(address)


def test_a_client_that_asks_first_sends_nothing(address):
    head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: {5 * MIB}\r\nExpect: 100-continue\r\n\r\n"
    found = raw(address, head.encode())
    assert found.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"HTTP/1.1 408 "),
        (b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{", b"HTTP/1.1 408 "),
        (b"POST /sc", b""),
        (b"", b""),
    ],
)
def test_a_client_that_does_not_go_on(impatient, sent, answered):
    began = time.monotonic()
    with socket.create_connection(impatient, timeout=100) as connection:
        connection.sendall(sent)
        found = b""
        try:
            while piece := connection.recv(2**16):
                found += piece
        except ConnectionResetError:
            pass
    assert found[: len(answered)] == answered
    assert bool(found) == bool(answered)
    assert time.monotonic() - began < 100
    until(lambda: alive(impatient))


def test_a_client_that_trickles(impatient):
    """One byte now and then keeps no connection open."""
    began = time.monotonic()
    with pytest.raises(OSError), socket.create_connection(impatient, timeout=100) as connection:  # noqa: PT012
        for byte in b"POST /score HTTP/1.1\r\nX-Long: " + b"x" * 10_000:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
    assert time.monotonic() - began < 100


def test_a_client_that_goes_away(address):
    for _ in range(20):
        with socket.create_connection(address) as connection:
            connection.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    body = long_request(count=1)
    with socket.create_connection(address) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    assert alive(address)
    until(lambda: waiting(address) == 0)


@settings(max_examples=60)
@given(
    st.binary(max_size=300)
    | st.builds(
        lambda method, path, headers, body: b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method, path, b"".join(headers), body),
        st.sampled_from([b"POST", b"GET", b"PUT", b"OPTIONS", b"PRI", b"\x00"]),
        st.sampled_from([b"/score", b"/get_reward", b"/metrics", b"/../etc/passwd", b"*", b"/%ff%00", b"http://a/score"]),
        st.lists(
            st.sampled_from(
                [b"Host: x\r\n", b"Content-Length: 4\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n",
                 b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Authorization: Basic \xff\r\n",
                 b"Connection: close\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"A" * 40 + b"\r\n"]
            )
        ),
        st.binary(max_size=40) | st.sampled_from([b"0\r\n\r\n", b"{}", b"ffffffffffffffff\r\n"]),
    )
)  # fmt: skip
def test_any_bytes_get_an_answer_or_a_closed_connection(address, sent):
    try:
        found = raw(address, sent, done=True)
    except ConnectionResetError:
        found = b""
    assert found == b"" or re.match(rb"HTTP/1\.1 (?:100|200|4\d\d|505)\b", found), found
    assert b"Traceback" not in found
    assert ask(address, "GET", "/health")[0] == 200


@pytest.mark.slow
@settings(max_examples=40)
@given(requests(), st.booleans())
def test_any_bytes_in_any_order_at_any_pace_are_done_with_in_time(impatient, pieces, stays):
    """*stays*: the client then neither sends more nor hangs up. Others are answered meanwhile."""
    began, found = time.monotonic(), b""
    with socket.create_connection(impatient, timeout=100) as connection:
        with suppress(OSError):  # it may have been left already
            for piece, pause in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            if not stays:
                connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while piece := connection.recv(2**16):
                found += piece
    assert time.monotonic() - began < 60, "its clients have two seconds, and the machine may be busy"
    assert found == b"" or re.match(rb"HTTP/1\.1 (?:100|200|4\d\d|505)\b", found), found
    assert b"Traceback" not in found
    until(lambda: ask(impatient, "GET", "/health")[0] == 200)


# --- who may ask ------------------------------------------------------------------------------------------------------


def refused(*options, **more):
    done = subprocess.run(
        [sys.executable, "-m", "star_cli", "serve", "--port", "0", *options],
        env=environment(**more), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_listening_beyond_loopback_without_a_token(tmp_path):
    for host in ("0.0.0.0", "::"):
        assert "a token is needed" in refused("--host", host)
    empty = tmp_path / "token"
    empty.write_text("short\n")
    assert "at least 16 characters" in refused("--host", "0.0.0.0", "--token-file", str(empty))
    assert "at least 16 characters" in refused(STAR_TOKEN="has white space in it")


def test_small_answers_are_not_held_back():
    """asyncio turns Nagle's algorithm off where the socket says that it is TCP's; else each answer takes 40 ms."""
    from trainers.serve.app import listen

    for host in ("127.0.0.1", "localhost"):
        with listen(host, 0, None) as listening:
            assert listening.proto == socket.IPPROTO_TCP
            assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def test_what_else_is_refused_at_the_start(address):
    assert "unknown preset 'papr'" in refused("--preset", "papr")
    assert "unknown task 'tvrr'" in refused("--task", "tvr", "--task", "tvrr")
    assert "cannot listen on 127.0.0.1" in refused("--port", str(address[1]))
    assert "cannot listen on no.such.host.invalid" in refused("--host", "no.such.host.invalid", STAR_TOKEN=TOKEN)


def test_the_token(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    with server("--host", "0.0.0.0", "--token-file", str(file), "--workers", "1") as (process, (_, port)):
        where = ("127.0.0.1", port)
        command = Path(f"/proc/{process.pid}/cmdline")
        assert not command.exists() or TOKEN.encode() not in command.read_bytes()
        basic = base64.b64encode(f"star:{TOKEN}".encode()).decode()  # what `http://star:TOKEN@host/get_reward` sends
        for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN}", f"Basic {basic}"):
            assert good(where, headers={"Authorization": header})[0] == 200
            assert ask(where, "GET", "/metrics", headers={"Authorization": header})[0] == 200
        wrong = (
            None,
            "",
            "Bearer",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Token {TOKEN}",
            "Basic ?",
            TOKEN,
            "Bearer \xff",
        )
        for header in wrong:
            headers = {} if header is None else {"Authorization": header}
            assert good(where, headers=headers) == (401, {"error": "a token is needed: Authorization: Bearer TOKEN"})
            assert ask(where, "GET", "/metrics", headers=headers)[0] == 401
            assert ask(where, "GET", "/health", headers=headers)[0] == 200
        large = ask(where, body=b" " * 9 * MIB)
        assert (large[0], large[1]["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in "".join(process.log)


# --- more than it can do ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ten_times_more_requests_than_it_takes():
    body = long_request(count=2)
    with (
        server("--waiting", "4", "--workers", "1", "--timeout", "120") as (_, where),
        ThreadPoolExecutor(40) as threads,
    ):
        found = list(threads.map(lambda _: ask(where, body=body), range(40)))
        assert {status for status, *_ in found} == {200, 503}
        assert sum(status == 200 for status, *_ in found) >= 4
        for status, headers, body in found:
            if status == 503:
                assert headers["retry-after"] == "1"
                assert "come again" in json.loads(body)["error"]
            else:
                assert json.loads(body)["errors"] == 0
        assert alive(where)


def test_the_event_loop_lives_while_much_is_scored(address):
    with ThreadPoolExecutor(4) as threads:
        busy = [threads.submit(ask, address, body=long_request(count=3)) for _ in range(4)]
        answered = 0
        while not all(each.done() for each in busy):
            assert ask(address, "GET", "/health")[0] == 200
            answered += 1
            time.sleep(0.02)
    assert answered > 8  # were they scored in the event loop, each look would wait for one of the four


def test_what_takes_too_long_is_given_up_and_takes_nothing_with_it(impatient):
    with ThreadPoolExecutor(4) as threads:
        slow = threads.submit(
            ask, impatient, body=long_request(count=60)
        )  # a quarter of a second each, and the client has two
        until(lambda: waiting(impatient) == 1 or slow.done())
        others = list(threads.map(lambda _: good(impatient), range(8)))
        status, _, body = slow.result()
    assert status == 504
    assert "smaller parts" in json.loads(body)["error"]
    assert all(each[0] in (200, 504) for each in others)
    until(lambda: alive(impatient))


def scores(pid):
    """Return whether a process runs that scores."""
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def children(pid):
    """Return the processes that score for a server."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = re.search(r"^PPid:\t(\d+)", (entry / "status").read_text(), re.MULTILINE)
            if parent and int(parent[1]) == pid and scores(entry.name):
                found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_processes_that_die_are_replaced_and_none_is_left_behind():
    with server("--workers", "2") as (process, where):
        first = children(process.pid)
        assert len(first) == 2
        for each in first:
            os.kill(each, signal.SIGKILL)
        assert all(alive(where) for _ in range(8))
        second = children(process.pid)
        assert len(second) == 2
        assert not {*first} & {*second}
        process.kill()  # it has no time to say goodbye
        process.wait()
        until(lambda: not any(map(scores, second)))


# --- the end ----------------------------------------------------------------------------------------------------------


@contextmanager
def at_a_stand(process):
    """Let nobody score for a server meanwhile, so that requests stay there however busy the machine is."""
    workers = psutil.Process(process.pid).children()
    for each in workers:
        each.suspend()
    yield
    for each in workers:
        each.resume()


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_requests_that_are_there_are_answered_before_it_ends(sign):
    with server("--workers", "1", "--timeout", "60") as (process, where), ThreadPoolExecutor(4) as threads:
        with at_a_stand(process):
            there = [threads.submit(ask, where, body=long_request(count=1)) for _ in range(3)]
            idle = socket.create_connection(where)
            until(lambda: waiting(where) == 3)
            os.kill(process.pid, sign)
        assert [each.result()[0] for each in there] == [200, 200, 200]
        assert process.wait(120) == 0
        idle.close()
        with pytest.raises(OSError):
            socket.create_connection(where, timeout=2).close()
    assert process.log == []


def test_a_signal_to_the_whole_group_leaves_the_processes_to_the_server():
    process = subprocess.Popen(
        [sys.executable, "-m", "star_cli", "serve", "--port", "0", "--workers", "1"],
        env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    where = ("127.0.0.1", int(process.stderr.readline().rpartition(":")[2]))
    with ThreadPoolExecutor(1) as threads:
        with at_a_stand(process):
            there = threads.submit(ask, where, body=long_request(count=1))
            until(lambda: waiting(where) == 1)
            os.killpg(process.pid, signal.SIGINT)
        assert there.result()[0] == 200
    assert process.communicate(timeout=120)[1] == ""
    assert process.returncode == 0
