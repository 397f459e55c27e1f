"""Bytes that a client or a server may send, in any order and with pauses: whole lines of HTTP, halves, and noise."""

import json

from hypothesis import strategies as st

HEADERS = (
    b"Host: x\r\n", b"Content-Length: 4\r\n", b"Content-Length: 0\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Content-Encoding: gzip\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n",
    b"Content-Type: application/json\r\n", b"Retry-After: 99999\r\n", b"A" * 70_000 + b": x\r\n", b": \r\n", b"\r\n",
)  # fmt: skip
BODIES = (
    b"{}", b"null", b"[" * 5000, b'{"a":' * 3000, b"4\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"1;x\r\n{\r\n", b"\r\n\r\n",
    "\ud800".encode("utf-8", "surrogatepass"), b"\x1f\x8b\x08\x00", b"data: [DONE]\n\n", b'"\\ud800"', b"\x00" * 100,
)  # fmt: skip
STATUSES = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 204 No\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n", b"HTTP/1.1 400 No\r\n", b"HTTP/1.1 429 Slow\r\n",
    b"HTTP/1.1 500 No\r\n", b"HTTP/1.1 999 X\r\n", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n", b"HTTP/9.9 200 OK\r\n", b"HTTP/1.1 ",
)  # fmt: skip
REQUESTS = (
    b"POST /score HTTP/1.1\r\n", b"POST /get_reward HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\n", b"GET /metrics HTTP/1.0\r\n",
    b"GET / HTTP/1.1\r\n", b"GET /../etc/passwd HTTP/1.1\r\n", b"PUT * HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /%ff%00 HTTP/1.1\r\n",
)  # fmt: skip
PAUSES = (0.0, 0.0, 0.0, 0.01, 0.05)


def _sent(starts, good):
    """Pieces and the pause after each: lines of HTTP in the right order, in any order, or any bytes."""
    line = st.sampled_from(starts) | st.sampled_from(HEADERS) | st.sampled_from(BODIES)
    whole = st.sampled_from(good)
    cut = st.builds(lambda text, at: text[: at % (len(text) + 1)], whole, st.integers(0, 500))
    ordered = st.tuples(
        st.sampled_from(starts), st.lists(st.sampled_from(HEADERS), max_size=4), st.sampled_from(BODIES)
    ).map(lambda parts: [parts[0], *parts[1], b"\r\n", parts[2]])
    pieces = (
        ordered
        | st.lists(line | cut | whole | st.binary(max_size=40), max_size=8)
        | st.builds(lambda text, at: [text[:at], text[at:]], whole, st.integers(0, 200))
    )
    return pieces.flatmap(
        lambda found: st.lists(st.sampled_from(PAUSES), min_size=len(found), max_size=len(found)).map(
            lambda pauses: list(zip(found, pauses, strict=True))
        )
    )


def _reply(body):
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def replies(good):
    """What a server may send in place of an answer; *good*: the body of one."""
    return _sent(STATUSES, [_reply(good), _reply(b"{}"), _reply(good)[:-1], _reply(b"\xef\xbb\xbf" + good)])


def requests(path=b"/score"):
    """What a client may send to a server of rewards, or of pages."""
    body = json.dumps({"completions": ["x"], "targets": ["2.color.cyan"]}).encode()
    good = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (path, len(body), body)
    return _sent(REQUESTS, [good, good[:-1], good + good, b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % path])
