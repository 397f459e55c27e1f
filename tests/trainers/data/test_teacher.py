"""A teacher behind a real HTTP server that fails, stalls and answers nonsense on purpose."""

import base64
import json
import logging
import threading
import time

import pytest
from PIL import Image

from rewards.errors import ConfigError
from tests.json_lines import read
from tests.trainers.data.chat_server import CHAIN, answer, fine, serving
from trainers.data import chat_client
from trainers.data.chat_client import Endpoint, RetryPolicy
from trainers.data.teacher import Journal, teach

KEY = "sk-secret-0123456789"
QUICK = RetryPolicy(concurrency=4, tries=4, first_pause=0.01, longest_pause=0.05)


def endpoint(server, **options):
    return Endpoint(**{"base_url": server.url, "model": "m", "key": KEY, "timeout": 60.0} | options)


def write(folder, count=6, **changes):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (4, 3), "red").save(folder / "a.png")
    Image.new("RGB", (4, 3), "blue").save(folder / "b.jpg")
    rows = [
        {"id": f"q{n}", "task": "multiview", "prompt": f"question {n}", "target": "A", "images": ["a.png", "b.jpg"]}
        for n in range(count)
    ]
    rows = [row | changes for row in rows]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / "rows.jsonl"


def everything_written(folder):
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file()).decode("utf-8", "replace")


# A server that answers


def test_every_row_is_asked_with_its_images_and_answered_in_order(tmp_path):
    source, out = write(tmp_path / "in"), tmp_path / "chains.jsonl"
    seen = []

    def script(prompt, _number):
        time.sleep(0.05 * (prompt == "question 0"))  # the first comes last
        return 200, answer(CHAIN.replace("a b c", f"{prompt} x", 1)), {}

    with serving(script) as server:
        done = teach(
            source, out, endpoint(server, body={"max_tokens": 9, "temperature": 0.5}), retry=QUICK,
            prices=(1000.0, 10000.0), on_progress=lambda *n: seen.append(n),
        )  # fmt: skip
    assert done[:4] == (6, 6, 0, 0)
    assert done.cost == (600, 120, 0, pytest.approx(600 * 0.001 + 120 * 0.01))
    assert seen == [(n, 6) for n in range(1, 7)]
    rows = read(out)
    assert [row["id"] for row in rows] == [f"q{n}" for n in range(6)]
    assert all(f"question {n} x" in row["completion"] for n, row in enumerate(rows))
    assert rows[0]["images"] == ["in/a.png", "in/b.jpg"]
    assert (rows[0]["teacher"], rows[0]["finish_reason"], rows[0]["target"]) == ("m", "stop", "A")
    path, headers, body, _ = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert {name: body[name] for name in ("model", "max_tokens", "temperature")} == {
        "model": "m", "max_tokens": 9, "temperature": 0.5,
    }  # fmt: skip
    (message,) = body["messages"]
    kinds = [part["type"] for part in message["content"]]
    assert kinds == ["text", "image_url", "text", "image_url", "text"]
    head, _, data = message["content"][3]["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == (tmp_path / "in" / "b.jpg").read_bytes()
    assert [part["text"] for part in message["content"] if part["type"] == "text"][:2] == ["Image 1:", "Image 2:"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["chains.jsonl", "in"]


def test_requests_run_side_by_side_up_to_the_limit(tmp_path):
    together = threading.Barrier(4)

    def script(_prompt, _number):
        together.wait(60)  # nobody is answered before four have asked
        return 200, answer(), {}

    with serving(script) as server:
        teach(write(tmp_path / "in", 12), tmp_path / "o.jsonl", endpoint(server), retry=QUICK)
    assert server.most == 4


def test_reasoning_that_comes_apart_is_put_into_its_tags(tmp_path):
    def script(prompt, _number):
        name = "reasoning" if prompt.endswith("1") else "reasoning_content"
        if prompt.endswith("2"):
            return 200, answer("<think>mine</think><answer>B</answer>", reasoning="theirs"), {}
        return 200, answer("<answer>A</answer>", **{name: "so it is\n"}), {}

    with serving(script) as server:
        teach(write(tmp_path / "in", 3), tmp_path / "o.jsonl", endpoint(server), retry=QUICK)
    texts = [row["completion"] for row in read(tmp_path / "o.jsonl")]
    assert texts == ["<think>so it is\n</think><answer>A</answer>"] * 2 + ["<think>mine</think><answer>B</answer>"]


# A server that fails


def test_failures_that_pass_are_tried_again(tmp_path):
    def hang_up(handler):
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"cho')

    troubles = [
        (429, '{"error": {"message": "slow down"}}', {"Retry-After": "0"}),
        (500, "<html>oops</html>", {}),
        (503, "", {"Retry-After": "nonsense"}),
        (200, "<html>a proxy speaks</html>", {}),
        hang_up,
        (408, "", {}),
    ]

    def script(prompt, number):
        return troubles[int(prompt[-1])] if number <= 2 else (200, answer(), {})

    with serving(script) as server:
        done = teach(write(tmp_path / "in"), tmp_path / "o.jsonl", endpoint(server), retry=QUICK)
    assert done[:4] == (6, 6, 0, 0)
    assert set(server.tries.values()) == {3}


def test_a_pause_that_the_server_asks_for_holds_for_all(tmp_path):
    def script(_prompt, _number):
        with server.lock:
            first = len(server.requests) == 1
        return (429, "", {"Retry-After": "0.4"}) if first else (200, answer(), {})

    with serving(script) as server:
        patience = RetryPolicy(concurrency=1, tries=4, first_pause=0.01)
        teach(write(tmp_path / "in", 3), tmp_path / "o.jsonl", endpoint(server), retry=patience)
    starts = [when for *_, when in server.requests]
    assert starts[1] - starts[0] >= 0.39


def test_rows_that_fail_are_named_and_cost_no_other(tmp_path):
    source, out = write(tmp_path / "in"), tmp_path / "o.jsonl"
    (tmp_path / "in" / "rows.jsonl").write_text(
        (tmp_path / "in" / "rows.jsonl").read_text("utf-8").replace('"question 2"', '""') + "{broken\n",
        encoding="utf-8",
    )
    bad = {
        "question 0": (400, json.dumps({"error": {"message": "too many\n images"}}), {}),
        "question 1": (200, json.dumps({"choices": []}), {}),
        "question 3": (200, answer(None, finish="content_filter"), {}),
        "question 4": (500, "", {}),
    }
    errors = []
    with serving(lambda prompt, _: bad.get(prompt, (200, answer(usage=None), {}))) as server:
        done = teach(source, out, endpoint(server), retry=QUICK, on_error=errors.append)
        assert done[:4] == (7, 1, 0, 6)
        assert done.cost == (0, 0, 1, None)
        assert [row["id"] for row in read(out)] == ["q5"]
        messages = {
            f"{source}:1: the server refuses this row: HTTP 400: too many images",
            f'{source}:2: the answer has no choices: {{"choices": []}}',
            f"{source}:3: prompt: expected text, found ''",
            f"{source}:4: the teacher refuses: filtered by the server",
            f"{source}:5: HTTP 500: Internal Server Error (4 tries)",
        }
        assert messages < set(errors)
        assert any(error.startswith(f"{source}:7: broken JSON") for error in errors)
        failed = read(tmp_path / "o.jsonl.failed")
        assert {row["failed"] for row in failed} == set(errors)
        assert failed[0]["id"] == "q0"
        # mended, the same command goes on with what failed
        before = dict(server.tries)
        for prompt in ("question 0", "question 1", "question 3", "question 4"):
            bad[prompt] = (200, answer(), {})
        done = teach(source, out, endpoint(server), retry=QUICK)
    assert done[:4] == (7, 5, 1, 2)
    assert server.tries["question 5"] == before["question 5"] == 1
    assert [row["id"] for row in read(out)] == ["q0", "q1", "q3", "q4", "q5"]
    assert (tmp_path / "o.jsonl.journal").exists()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_concerns_all_rows_ends_the_run(tmp_path, status):
    body = json.dumps({"error": {"message": f"wrong key {KEY}"}})
    with serving(lambda *_: (status, body, {})) as server:
        patience = RetryPolicy(concurrency=1)
        with pytest.raises(ConfigError, match=rf"the server refuses: HTTP {status}: wrong key \[key\]") as caught:
            teach(write(tmp_path / "in", 30), tmp_path / "o.jsonl", endpoint(server), retry=patience)
    assert len(server.requests) < 5
    assert KEY not in str(caught.value)
    assert not (tmp_path / "o.jsonl").exists()


def test_without_a_key_none_is_sent_and_a_refusal_says_so(tmp_path):
    with serving(lambda *_: (401, "", {})) as server:
        who = endpoint(server, key=None, key_name="GEMINI_API_KEY")
        with pytest.raises(ConfigError, match=r"no key was sent: \$GEMINI_API_KEY is not set"):
            teach(write(tmp_path / "in", 1), tmp_path / "o.jsonl", who)
    assert "Authorization" not in server.requests[0][1]


def test_a_redirect_is_not_followed(tmp_path):
    with serving(fine) as other, serving(lambda *_: (302, "", {"Location": f"{other.url}/chat/completions"})) as server:
        with pytest.raises(ConfigError, match="the server refuses: HTTP 302"):
            teach(write(tmp_path / "in", 1), tmp_path / "o.jsonl", endpoint(server))
        assert other.requests == []


def test_a_server_that_is_gone_ends_the_run(tmp_path, monkeypatch):
    with serving(fine) as server:
        url = server.url
    monkeypatch.setattr(chat_client, "LOST", 5)
    who = Endpoint(base_url=url, model="m")
    with pytest.raises(
        ConfigError, match=r"5 rows in a row got no answer; the last: .*rows.jsonl:\d+: no answer: .*refused"
    ):
        teach(write(tmp_path / "in", 50), tmp_path / "o.jsonl", who, retry=RetryPolicy(tries=2, first_pause=0.0))


# A server that stalls


def test_a_server_that_stalls_is_left_after_the_timeout(tmp_path):
    release = threading.Event()

    def silence(_handler):
        release.wait(10)

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not release.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    def script(prompt, number):
        return [silence, drip][int(prompt[-1])] if number == 1 else (200, answer(), {})

    patience = RetryPolicy(concurrency=4, tries=10, first_pause=0.01, longest_pause=0.05)
    with serving(script) as server:
        done = teach(write(tmp_path / "in", 2), tmp_path / "o.jsonl", endpoint(server, timeout=0.3), retry=patience)
        assert done.written == 2
        assert all(2 <= tries < 10 for tries in server.tries.values())  # a busy machine may be late again
        release.set()


# A run that is killed


def test_a_run_that_was_cut_off_goes_on_and_asks_nothing_twice(tmp_path):
    source, out = write(tmp_path / "in", 8), tmp_path / "o.jsonl"

    class KilledError(BaseException):
        pass

    def kill(done, _total):
        if done == 3:
            raise KilledError

    with serving(fine) as server:
        with pytest.raises(KilledError):
            teach(source, out, endpoint(server), retry=RetryPolicy(concurrency=1), on_progress=kill)
        journal = tmp_path / "o.jsonl.journal"
        asked = dict(server.tries)
        answered = len(journal.read_text("utf-8").splitlines()) - 1
        assert answered >= 3
        assert not out.exists()
        with journal.open("a", encoding="utf-8") as file:
            file.write('{"key": "8", "text": "half wri')  # a kill amid a line
        done = teach(source, out, endpoint(server), retry=RetryPolicy(concurrency=1))
    assert done[:4] == (8, 8, answered, 0)
    assert all(server.tries[prompt] == 1 for prompt in asked)
    assert [row["completion"] for row in read(out)] == [CHAIN] * 8
    assert not journal.exists()
    assert done.cost.prompt_tokens == 800


def test_answers_under_way_when_a_run_ends_are_kept(tmp_path):
    source, out = write(tmp_path / "in", 4), tmp_path / "o.jsonl"
    together, refused = threading.Barrier(4), threading.Event()  # the event never comes: it is a pause

    def script(prompt, _number):
        together.wait(60)
        if prompt == "question 0":
            return 401, "", {}
        refused.wait(0.2)
        return 200, answer(), {}

    with serving(script) as server, pytest.raises(ConfigError, match="HTTP 401"):
        teach(source, out, endpoint(server), retry=RetryPolicy(concurrency=4))
    assert len(read(tmp_path / "o.jsonl.journal")) == 4  # the settings, and three answers that were paid for


def test_a_journal_of_another_run_is_refused(tmp_path):
    source, out = write(tmp_path / "in", 1), tmp_path / "o.jsonl"
    with serving(lambda *_: (400, "", {})) as server:
        teach(source, out, endpoint(server), retry=QUICK)
        with pytest.raises(ConfigError, match=r"o.jsonl.journal is of a run with other model; remove it"):
            teach(source, out, endpoint(server, model="n"), retry=QUICK)
        write(tmp_path / "in", 2)
        with pytest.raises(ConfigError, match="of a run with other source"):
            teach(source, out, endpoint(server), retry=QUICK)
    (tmp_path / "o.jsonl.journal").write_text("[1]\nx\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no journal of such a run"):
        Journal(tmp_path / "o.jsonl.journal", {})
    with serving(fine) as server:
        (tmp_path / "p.jsonl").write_text("mine", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"p.jsonl already exists"):
            teach(source, tmp_path / "p.jsonl", endpoint(server))
        assert server.requests == []
        teach(source, tmp_path / "p.jsonl", endpoint(server), overwrite=True)


# The key


def test_the_key_reaches_no_file_message_or_log(tmp_path, caplog, capsys):
    """Not even from a server that says it again in everything."""
    replies = {
        "question 0": (200, answer(f"<think>my key is {KEY}</think><answer>A</answer>"), {}),
        "question 1": (400, f"you sent Bearer {KEY}", {}),
        "question 2": (500, "x" * 280 + KEY, {"X-Key": KEY}),
        "question 3": (200, f"not json {KEY}", {}),
        "question 4": (200, json.dumps({"key": KEY}), {}),
        "question 5": (200, "y" * 70 + KEY, {}),
    }
    caplog.set_level(logging.DEBUG)
    errors = []
    with serving(lambda prompt, _: replies[prompt]) as server:
        who = endpoint(server)
        teach(write(tmp_path / "in"), tmp_path / "o.jsonl", who, retry=QUICK, on_error=errors.append)
        assert all(headers["Authorization"] == f"Bearer {KEY}" for _, headers, _, _ in server.requests)
    shown = capsys.readouterr()
    everything = "\n".join(
        [*errors, everything_written(tmp_path), caplog.text, shown.out, shown.err, repr(who), str(who)]
    )
    assert len(errors) == 5
    for cut in range(8, len(KEY) + 1):  # no part of it either
        assert KEY[:cut] not in everything
    assert "my key is [key]" in everything
