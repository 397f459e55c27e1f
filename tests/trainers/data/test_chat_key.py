"""A server that says the key again, anywhere in any reply, never gets it written or printed by ``star data cot``.

Nor does any such reply end more than its row: the same command goes on once the server is in order.
"""

import gzip
import json
import logging
import re
import tempfile
import zlib
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from star_cli.main import star
from tests.trainers.data.chat_server import answer, serving_bytes

KEY = "sk-Secret/0123456789"
SPELLED = (
    KEY,
    json.dumps(KEY)[1:-1].replace("-", r"\u002d"),
    "".join(rf"\u{ord(char):04X}" for char in KEY),
    KEY.replace("/", r"\/"),
    quote(KEY, safe=""),
    "".join(f"%{ord(char):02x}" for char in KEY),
    KEY.replace("-", "&#45;").replace("/", "&#x2F;"),
)

plain_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
echoes = st.tuples(plain_text, st.sampled_from(SPELLED), plain_text).map("".join)
texts = st.one_of(echoes, echoes, plain_text, st.just("x" * 300).flatmap(lambda long: echoes.map(long.__add__)))


def echoing(children):
    return st.one_of(
        texts, st.none(), st.integers(), st.lists(children, max_size=3), st.dictionaries(texts, children, max_size=3)
    )


values = st.recursive(texts, echoing, max_leaves=5)
messages = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("content", "reasoning", "reasoning_content", "thinking", "refusal", "role"), values)
)
choices = st.fixed_dictionaries({"message": messages | values}, optional={"finish_reason": values, "index": values})
completions = st.fixed_dictionaries(
    {"choices": st.lists(choices, min_size=1, max_size=2) | values},
    optional={"usage": values, "id": values, "model": values},
)
errors = st.fixed_dictionaries(
    {"error": st.fixed_dictionaries({}, optional={"message": values, "type": values, "code": values}) | values}
)


@st.composite
def bodies(draw):
    """Return the bytes of a body, and its content encoding."""
    found = draw(completions | completions | errors | values)
    raw = draw(st.booleans())
    text = found if raw and isinstance(found, str) else json.dumps(found, ensure_ascii=draw(st.booleans()))
    text = text.replace("\\\\u", "\\u") if draw(st.booleans()) else text  # as escapes of JSON, and not of text
    body = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "utf-7"])), "replace")
    packing = draw(st.sampled_from([None, None, "gzip", "deflate", "nonsense"]))
    return {"gzip": gzip.compress, "deflate": zlib.compress}.get(packing, bytes)(body), packing


@st.composite
def replies(draw):
    """Return the pieces of a reply, as they are sent: the key in the status line, in headers, or in the body."""
    body, packing = draw(bodies())
    status = draw(
        st.sampled_from(
            [b"200", b"200", b"200", b"200", b"204", b"302", b"400", b"401", b"404", b"429", b"500", b"999", b"2x"]
        )
    )
    line = lambda text: re.sub(rb"[\x00-\x1f\x7f]", b"?", text.encode())  # noqa: E731
    head = [b"HTTP/1.1 " + status + b" " + line(draw(texts))]
    for name in draw(
        st.lists(st.sampled_from(["X-Key", "Retry-After", "Location", "Set-Cookie", "Content-Type"]), max_size=3)
    ):
        value = "application/json; charset=utf-16" if name == "Content-Type" else draw(texts)
        head.append(name.encode() + b": " + line(value))
    if draw(st.integers(0, 9)) == 0:
        head.append(line(draw(echoes)))  # a line that is no header
    if packing:
        head.append(b"Content-Encoding: " + packing.encode())
    framing = draw(st.sampled_from(["length", "length", "chunks", "none", "short"]))
    if framing == "chunks":
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=6)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if b > a]
        head.append(b"Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif framing != "none":
        head.append(b"Content-Length: %d" % (len(body) + 9 * (framing == "short")))
    sent = b"\r\n".join(head) + b"\r\n\r\n" + body
    if draw(st.integers(0, 9)) == 0:
        sent = line(draw(echoes)) + b"\r\n" + sent  # no status line
    at = draw(st.integers(0, len(sent)))
    return [sent[:at], sent[at:]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


class Lines(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def logged():
    """Everything that any logger says from now on."""
    handler, root = Lines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(before)


def write_rows(folder):
    image = BytesIO()
    Image.new("RGB", (4, 3), "red").save(image, "PNG")
    (folder / "a.png").write_bytes(image.getvalue())
    row = {"id": "q", "task": "multiview", "prompt": "question", "target": "A", "images": ["a.png"]}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def ask(folder, url, *more):
    """Run the command; return all that it printed and wrote."""
    command = [
        "data",
        "cot",
        folder / "rows.jsonl",
        "--teacher",
        "openai:m",
        "--out",
        folder / "o.jsonl",
        "--base-url",
        url,
    ]
    result = CliRunner().invoke(
        star, [*map(str, command), "--tries", "1", "--timeout", "5", *more], env={"OPENAI_API_KEY": KEY}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    written = [
        file.read_bytes().decode("utf-8", "replace") for file in folder.rglob("*.jsonl*") if file.name != "rows.jsonl"
    ]
    return result, [result.output, result.stderr, *written]


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(pieces=replies(), as_json=st.booleans())
def test_the_key_is_never_written_or_printed(pieces, as_json, logged):
    mended = []

    def script(connection, body):
        assert body["model"] == "m"
        for piece in mended or pieces:
            connection.sendall(piece)

    logged.clear()
    with tempfile.TemporaryDirectory() as folder, serving_bytes(script) as server:
        write_rows(Path(folder))
        result, said = ask(Path(folder), server.url, *(["--json"] if as_json else []))
        assert result.exit_code in (0, 1, 2)
        assert len(result.stderr.splitlines()) <= 1
        if result.exit_code:
            good = answer().encode()
            mended.append(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(good), good))
            assert ask(Path(folder), server.url)[0].exit_code == 0
    unescaped = [text.replace(r"\/", "/") for text in [*said, *logged]]
    assert not any(KEY in text for text in unescaped), (pieces, said)
    for text in said:
        for line in text.splitlines():
            if line.startswith("{"):
                assert KEY not in str(json.loads(line)), pieces


def test_what_the_property_looks_for_would_be_found(tmp_path, monkeypatch, logged):
    """Without the mask the key does reach the file: the property can fail."""
    monkeypatch.setattr("trainers.data.chat_transport.SHORTEST_SECRET", 1000)
    body = json.dumps({"choices": [{"message": {"content": f"my key is {KEY}"}}]}).encode()
    write_rows(tmp_path)
    with serving_bytes(
        lambda to, _: to.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    ) as server:
        _, said = ask(tmp_path, server.url)
    assert any(KEY in text for text in said)


@pytest.mark.parametrize(
    "field", ["reason phrase", "finish_reason", "empty answer", "header", "error body", "wrong length"]
)
def test_the_fields_that_once_let_the_key_through(field, tmp_path, logged):
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
    status, header = b"200 OK", b"X: y"
    if field == "reason phrase":
        status, body = b"400 " + KEY.encode(), ""
    elif field == "finish_reason":
        body["choices"][0]["finish_reason"] = KEY
    elif field == "empty answer":
        body["choices"][0] = {"message": {"content": ""}, "finish_reason": KEY}
    elif field == "header":
        status, header = b"429 No", b"Retry-After: " + KEY.encode()
    elif field == "error body":
        status, body = b"400 No", {"error": {"message": "y" * 290 + KEY}}
    content = (json.dumps(body) if body else "").encode()
    length = len(content) + (50 if field == "wrong length" else 0)
    sent = b"HTTP/1.1 %b\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (status, header, length, content)
    write_rows(tmp_path)
    with serving_bytes(lambda to, _: to.sendall(sent)) as server:
        _, said = ask(tmp_path, server.url)
    everything = "\n".join([*said, *logged])
    for cut in range(8, len(KEY) + 1):  # no part of it either
        assert KEY[:cut] not in everything
