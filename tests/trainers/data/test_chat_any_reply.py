"""Whatever a teacher's server sends, in whatever order and however slowly, costs one row or is one line, in bounded time."""

import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("openai")
from rewards.errors import ConfigError
from tests.http_pieces import replies
from tests.trainers.data.chat_server import answer, fine, serving, serving_bytes
from trainers.data.chat_client import Endpoint, RetryPolicy
from trainers.data.teacher import teach

SECONDS = 0.4  # that a reply may take


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.mark.slow
@settings(max_examples=40)
@given(replies(answer().encode()), st.booleans())
def test_any_bytes_in_any_order_at_any_pace_cost_one_row(pieces, stays):
    """*stays*: the server then neither sends more nor hangs up."""
    over = []

    def script(connection, body):
        for piece, pause in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        while stays and not over:
            time.sleep(0.01)

    with tempfile.TemporaryDirectory() as made:
        source, out = Path(made, "rows.jsonl"), Path(made, "out.jsonl")
        rows = [{"id": f"q{n}", "task": "multiview", "prompt": f"question {n}", "target": "A"} for n in range(2)]
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        told = []
        with serving_bytes(script) as server:
            began = time.monotonic()
            try:
                done = teach(
                    source, out, Endpoint(base_url=server.url, model="m", key="sk-0123456789", timeout=SECONDS),
                    retry=RetryPolicy(tries=1), on_error=told.append,
                )  # fmt: skip
            except ConfigError as error:  # a status that holds for all rows, such as 301
                assert str(error).startswith("the server refuses: HTTP "), error
                done = None
            finally:
                over.append(True)
            took = time.monotonic() - began
        assert took < SECONDS + 50, "the machine may be busy; without a bound this is 60 s or for ever"
        if done is None:
            return
        good, bad = read(out), read(out.with_name("out.jsonl.failed"))
        assert done.read == len(good) + len(bad) == 2
        assert (done.written, done.failed) == (len(good), len(bad))
        assert len(told) == len(bad)
        assert all("\n" not in line for line in told)
        with serving(fine) as server:  # and the same command gets what is missing
            again = (
                teach(source, out, Endpoint(base_url=server.url, model="m", key=None, timeout=60.0), overwrite=True)
                if bad and _same(server, out)
                else None
            )
        assert again is None or again.failed == 0


def _same(server, out):
    """Make the journal that of this server: its port is another one."""
    journal = out.with_name("out.jsonl.journal")
    first, *more = journal.read_text("utf-8").splitlines(keepends=True)
    settings_ = json.loads(first)
    settings_["settings"]["base_url"] = server.url
    journal.write_text(json.dumps(settings_) + "\n" + "".join(more), encoding="utf-8")
    return True
