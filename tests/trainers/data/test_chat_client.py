"""Asking a model: what is sent, what is made of replies, and that no reply outlasts its time."""

import asyncio
import base64
import json
import os
import socket
import threading
import time
from io import BytesIO
from types import MappingProxyType

import pytest
from PIL import Image

from rewards.errors import ConfigError, DataError
from tests.trainers.data.chat_server import answer, fine, serving, serving_bytes
from trainers.data.chat_client import (
    Answer,
    ChatClient,
    Endpoint,
    Pace,
    RefusedError,
    Reply,
    Request,
    RetryPolicy,
    UnansweredError,
    ask_all,
)
from trainers.data.chat_messages import user_message
from trainers.data.chat_transport import MAX_ANSWER, KeyMask

KEY = "sk-secret-0123456789"
ONCE = RetryPolicy(tries=1)


def ask(url, *, samples=1, retry=ONCE, message=None, fields=MappingProxyType({}), **options):
    async def run():
        endpoint = Endpoint(**{"base_url": url, "model": "m", "key": KEY, "timeout": 60.0} | options)
        async with ChatClient(endpoint, retry) as client:
            return await client.ask(Request([message or user_message("question 0", [])], fields), samples=samples)

    return asyncio.run(run())


def asking(text):
    return Request([user_message(text, [])])


def failure(url, **options):
    """Return why a request failed, whichever way."""
    with pytest.raises((DataError, UnansweredError)) as caught:
        ask(url, **options)
    return str(caught.value)


def png(size=(4, 3)):
    file = BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


# What is made of a reply


def test_one_answer_is_read():
    with serving(lambda *_: (200, answer("x", finish="length", usage=(3, True)), {})) as server:
        assert ask(server.url + "/") == Answer([Reply("x", "length")], 3, None)
        assert Reply("x", "length").truncated
    with pytest.raises(UnansweredError, match=r"no answer: Connection refused \(1 tries\)"):
        ask(server.url)


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ({"content": "<answer>A</answer>", "reasoning": "so"}, Reply("<think>so</think><answer>A</answer>", "stop", content="<answer>A</answer>")),
        ({"content": "a", "reasoning_content": "so\n"}, Reply("<think>so\n</think>a", "stop", content="a")),
        ({"content": "<think>b</think>a", "reasoning": "c"}, Reply("<think>b</think>a", "stop")),
        ({"content": None, "reasoning": "so"}, Reply("<think>so</think>", "stop", answered=False, content="")),
        ({"content": None, "refusal": "I will not."}, Reply("", "stop", "I will not.", answered=False)),
        ({"content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "a"}]}, Reply("<think>so</think>a", "stop", content="a")),
        ({"content": " "}, Reply(" ", "stop", answered=False)),
        ({"content": "a", "reasoning": {"effort": 3}, "refusal": []}, Reply("a", "stop")),
    ],
)  # fmt: skip
def test_reasoning_and_refusals(message, reply):
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    with serving(lambda *_: (200, json.dumps(body), {})) as server:
        assert ask(server.url).replies == [reply]
    assert reply.refused == (reply.refusal is not None)
    assert Reply("", "content_filter").refused


def test_several_samples_are_asked_for_until_they_are_there():
    """A server may know no ``n``, or give less than it was asked for."""
    asked = []

    def script(_prompt, number):
        asked.append(server.requests[-1][2].get("n"))
        texts = [f"{number}{letter}" for letter in "ab"]
        choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in texts]
        usage = {"prompt_tokens": 10, "completion_tokens": 3}
        return 200, json.dumps({"choices": choices, "usage": usage}), {}

    with serving(script) as server:
        found = ask(server.url, samples=5)
    assert [reply.text for reply in found.replies] == ["1a", "1b", "2a", "2b", "3a"]
    assert asked == [5, 3, None]
    assert found[1:] == (30, 9, None, None)


def test_samples_of_a_server_that_takes_one_at_a_time():
    """Some refuse ``n``; each further request has a seed of its own, or a server would say the same again."""

    def script(_prompt, _number):
        body = server.requests[-1][2]
        return (400, "n is not supported", {}) if "n" in body else (200, answer(f"seed {body['seed']}"), {})

    with serving(script) as server:
        found = ask(server.url, samples=3, fields={"seed": 5})
        assert [reply.text for reply in found.replies] == ["seed 5", "seed 6", "seed 7"]
        assert len(server.requests) == 4
    with (
        serving(lambda *_: (400, "too many images", {})) as server,
        pytest.raises(RefusedError, match="HTTP 400: too many images"),
    ):
        ask(server.url, samples=3)


def test_what_answered_and_the_tokens_of_reasoning_are_told():
    body = json.loads(answer("x")) | {"model": "m-2026", "system_fingerprint": "fp\n1"}
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 12}
    with serving(lambda *_: (200, json.dumps(body), {})) as server:
        assert ask(server.url)[1:] == (100, 20, 12, "m-2026 fp 1")
    for odd in ([], {"reasoning_tokens": "12"}, None):
        body["usage"]["completion_tokens_details"], body["model"] = odd, {}
        with serving(lambda *_: (200, json.dumps(body), {})) as server:
            assert ask(server.url)[3:] == (None, "fp 1")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("[]", "the answer is no chat completion: Expected `object`, got `array`"),
        ('{"choices": []}', 'the answer has no choices: {"choices": []}'),
        ('{"choices": null}', 'the answer has no choices: {"choices": null}'),
        (
            '{"error": {"message": "upstream is busy", "code": 502}}',
            "the answer is an error: upstream is busy (1 tries)",
        ),
        ('{"choices": [{"message": "x"}]}', "the answer is no chat completion: Expected `object`, got `str`"),
        (
            '{"choices": [{"message": {"content": 5}}]}',
            "the answer is no chat completion: Expected `str | array | null`, got `int`",
        ),
        ("<html>a proxy speaks</html>", "the answer is no JSON: '<html>a proxy speaks</html>'"),
        ('{"choices": [{"message": {"content": "\\ud800 "}}]}', "the answer is no JSON"),
        ("[" * 4090, "the answer is no chat completion: Expected `object`, got `array`"),
        ('{"usage": ' + "[" * 100_000, "the answer is no JSON"),
        ('{"choices": [{"message": {"reasoning": ' + "[" * 4090, "the answer is no JSON"),
        ('{"a":' * 4090, "the answer is no JSON"),
        ("", "the answer is no JSON: ''"),
    ],
)
def test_a_reply_that_is_none_is_one_failure(body, said):
    with serving(lambda *_: (200, body, {})) as server:
        assert failure(server.url).startswith(said)


@pytest.mark.parametrize(
    "body", ["[" * 4090, '{"error":' * 4090, "\ud800".encode("utf-8", "surrogatepass"), b"\xff" * 90_000]
)
@pytest.mark.parametrize("status", [400, 500])
def test_an_error_with_any_body_is_one_failure(body, status):
    content = body if isinstance(body, bytes) else body.encode()

    def script(connection, _body):
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content))

    with serving_bytes(script) as server:
        assert f"HTTP {status}: " in failure(server.url)


def test_an_answer_that_never_ends_is_left():
    def script(connection, _body):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)

    with serving_bytes(script) as server:
        assert failure(server.url).startswith(f"the answer is longer than {MAX_ANSWER >> 20} MB")


# What is sent


def test_nothing_is_sent_but_the_request_and_the_key(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "my-organization")
    monkeypatch.setenv("OPENAI_API_KEY", "another-key-0123")
    with serving(fine) as server:
        ask(server.url, body={"max_tokens": 9})
        ask(server.url, key=None)
    (_, headers, body, _), (_, bare, _, _) = server.requests
    assert {name.lower() for name in headers} == {
        "host", "accept", "accept-encoding", "content-type", "content-length", "user-agent", "authorization",
    }  # fmt: skip
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in bare
    assert set(body) == {"model", "messages", "max_tokens"}


def test_images_are_sent_as_they_are():
    content = png()
    message = user_message("look", [content])
    assert [part["type"] for part in message["content"]] == ["text", "image_url", "text"]
    head, _, data = message["content"][1]["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == content


@pytest.mark.parametrize(
    "content",
    [b"BM and then text of a private file", b"\x89PNG\r\n\x1a\nroot:x:0:0", b"GIF89a", b"", png((300, 300))[:-80], b"%PDF-1.4", b"<svg/>"],
)  # fmt: skip
def test_what_does_not_decode_is_not_sent(content):
    with pytest.raises(DataError, match="image: .* does not open as PNG, JPEG, WebP, GIF or BMP"):
        user_message("look", [content])


def test_files_outside_the_data_are_not_sent(tmp_path):
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    other.mkdir()
    (other / "a.png").write_bytes(png())
    (data / "b.png").write_bytes(png())
    (data / "link.png").symlink_to(other / "a.png")
    (data / "circle.png").symlink_to(data / "circle.png")
    os.mkfifo(data / "pipe.png")
    with (data / "large.png").open("wb") as file:
        file.truncate(40 << 20)
    user_message("x", [data / "b.png", data / "." / ".." / "data" / "b.png"], folders=[data])
    for name in (other / "a.png", data / "link.png", data / ".." / "other" / "a.png"):
        with pytest.raises(DataError, match=r"lies outside the folder of the data; --image-root FOLDER allows it"):
            user_message("x", [name], folders=[data])
        user_message("x", [name], folders=[data, other])
    for name, message in {
        "pipe.png": "is no file",
        "large.png": "larger than 32 MB",
        "circle.png": "image: .*circle.png",
        "gone.png": "No such file",
        "a" * 5000: "File name too long",
        "zero\0": "null",
    }.items():
        with pytest.raises(DataError, match=message):
            user_message("x", [data / name], folders=[data])


# Time


def slowly(connection, pieces, pause=0.02):
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(pause)


DRIPS = {
    "headers": lambda: (bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 5000),
    "informational": lambda: (b"HTTP/1.1 100 Continue\r\n\r\n" for _ in range(5000)),
    "early hints": lambda: (b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" for _ in range(5000)),
    "body": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", *[b" "] * 5000],
    "chunks": lambda: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 5000],
    "error": lambda: [b"HTTP/1.1 400 No\r\nContent-Length: 9000\r\n\r\n", *[b"x"] * 5000],
    "silence": lambda: [b""] * 5000,
}


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("pause", [0.02, 0.0])
def test_no_reply_outlasts_the_timeout(drip, pause):
    """Also one of which something comes all the time, slowly or as fast as it goes."""

    def script(connection, _body):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            slowly(connection, DRIPS[drip](), pause or (0.02 if drip == "silence" else 0.0))
            if drip not in ("informational", "early hints"):
                return

    with serving_bytes(script) as server:
        started = time.monotonic()
        said = failure(server.url, timeout=0.5)
        assert time.monotonic() - started < 50  # the server would go on for a minute
    assert said == "no whole answer within 0.5 seconds (1 tries)" or pause == 0


def test_a_server_that_takes_no_request_is_left():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        said = failure(url, timeout=0.5, message=user_message("x" * 50_000_000, []))
    assert said == "no whole answer within 0.5 seconds (1 tries)"


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("Fri, 01 Jan 2999 00:00:00 GMT", 300),
        ("99999", 300),
        ("1e999", 300),
        ("2", 2),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_a_number_or_a_date_says_how_long_to_wait(header, pause, monkeypatch):
    held = []
    monkeypatch.setattr(Pace, "hold", lambda _, seconds: held.append(seconds))
    with serving(lambda _, n: (429, "", {"Retry-After": header}) if n == 1 else (200, answer(), {})) as server:
        ask(server.url, retry=RetryPolicy(tries=2, first_pause=0.0))
    assert held == ([] if pause is None else [pause])


def test_no_more_requests_start_in_a_minute_than_allowed(monkeypatch):
    monkeypatch.setattr("trainers.data.chat_client.time.monotonic", lambda: 100.0)
    pace = Pace(1200)  # one each 50 ms
    assert [pace.turn() for _ in range(4)] == pytest.approx([0.0, 0.05, 0.10, 0.15])
    pace.hold(7.0)
    assert pace.turn() == pytest.approx(7.0)


def test_a_run_that_ends_frees_who_waits_for_a_turn():
    async def run(url):
        async with ChatClient(Endpoint(base_url=url, model="m"), RetryPolicy(per_minute=1)) as client:
            await client.ask(Request([user_message("x", [])]))
            asyncio.get_running_loop().call_later(0.05, client.stop)
            with pytest.raises(UnansweredError, match="the run was stopped"):
                await client.ask(Request([user_message("x", [])]))

    with serving(fine) as server:
        asyncio.run(run(server.url))
    assert len(server.requests) == 1


# Many at once


def test_requests_whose_message_cannot_be_made_fail_alone():
    def broken():
        raise DataError("no such image")

    kept, done = {}, {}
    with serving(fine) as server:
        requests = [("a", lambda: asking("a")), ("b", broken), ("c", lambda: asking("c"))]
        ask_all(
            Endpoint(base_url=server.url, model="m"), requests, keep=lambda key, found: kept.update({key: found}),
            on_done=lambda key, failed: done.update({key: failed and str(failed)}),
        )  # fmt: skip
    assert sorted(kept) == ["a", "c"]
    assert done == {"a": None, "b": "no such image", "c": None}


def test_more_requests_than_connections_of_a_client_run_side_by_side():
    together = threading.Barrier(130)

    def script(_prompt, _number):
        together.wait(60)
        return 200, answer(), {}

    done = []
    with serving(script) as server:
        server.socket.listen(256)
        requests = [(n, lambda: asking("x")) for n in range(130)]
        ask_all(
            Endpoint(base_url=server.url, model="m", timeout=90), requests, retry=RetryPolicy(concurrency=130, tries=1),
            keep=lambda *_: None, on_done=lambda _, failed: done.append(failed),
        )  # fmt: skip
    assert done == [None] * 130


def test_an_error_while_an_answer_is_kept_ends_the_run():
    def full(*_):
        raise OSError(28, "No space left on device")

    with serving(fine) as server, pytest.raises(OSError, match="No space"):
        ask_all(
            Endpoint(base_url=server.url, model="m"), [(n, lambda: asking("x")) for n in range(30)],
            keep=full, on_done=lambda *_: None,
        )  # fmt: skip
    assert len(server.requests) <= 16


# Endpoints and keys


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_url": "https://me:sk-hidden@host/v1"}, r"holds a user or password; put the key into \$OPENAI_API_KEY"),
        ({"base_url": "ftp://host"}, "'ftp://host' is no URL of a server"),
        ({"base_url": "http://host/v1?version=3"}, "is no URL of a server"),
        ({"base_url": "http://[broken"}, "is no URL of a server"),
        ({"key": "sk-1\nsk-hidden"}, r"the key in \$OPENAI_API_KEY is empty or holds"),
        ({"key": ""}, "is empty or holds"),
        ({"key": "schlüssel-hidden"}, "is empty or holds"),
        ({"body": {"stream": True}}, "stream is no further field of the request"),
    ],
)
def test_wrong_endpoints_are_refused_without_telling_secrets(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Endpoint(**{"base_url": "http://x/v1", "model": "m"} | changes)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "nonsense", "ftp://x"])
def test_the_proxy_of_the_environment_is_used_or_named(proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises((UnansweredError, ConfigError), match="Connection refused|the proxy that the environment names"):
        ask("http://example.invalid/v1")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(ConfigError, match=r"needs 'star-r1\[teacher\]', which is not installed"):
        ChatClient(Endpoint(base_url="http://x/v1", model="m"))


@pytest.mark.parametrize(
    "spelled",
    [
        KEY,
        r"sk\u002dsecret\u002D0123456789",
        "sk%2Dsecret%2d0123456789",
        "sk&#45;secret&#x2D;0123456789",
        r"s\\u006b-secret-0123456789",
    ],
)
def test_a_key_is_found_however_it_is_spelled(spelled):
    mask = KeyMask(KEY)
    assert mask.text(f"a{spelled}b") == "a[key]b"
    assert mask.bytes(f"a{spelled}b".encode()) == b"a[key]b"


@pytest.mark.parametrize("key", [None, "EMPTY", "none", "a"])
def test_a_word_that_is_no_secret_spoils_no_answer(key):
    assert KeyMask(key).text("none of a EMPTY") == "none of a EMPTY"


def test_masking_takes_time_linear_in_the_length():
    mask = KeyMask("\\&sk-secret0" * 4)
    for text in (b"\\" * 1_000_000, b"&#0" * 300_000, b"\\&sk-secret0" * 90_000, b"%" * 1_000_000):
        assert b"sk-secret0" not in mask.bytes(text)  # a pattern that backtracks would never come to its end here
