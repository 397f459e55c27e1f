"""`star predict --model openai:NAME`: a served model behind a real HTTP server that fails, stalls and lies on purpose."""

import base64
import io
import json
import re
import subprocess
import sys
import time
from threading import Barrier

import pytest
from click.testing import CliRunner
from PIL import Image

from rewards.errors import ConfigError, DataError
from star_cli.main import star
from tests.json_lines import read, write
from tests.trainers.data.chat_server import answer, fine, serving, serving_bytes
from trainers.data.chat_client import Endpoint, RetryPolicy
from trainers.prediction import Sampling, predict

pytest.importorskip("openai")
pytest.importorskip("datasets")

KEY = "sk-secret-0123456789"
QUICK = RetryPolicy(concurrency=4, tries=3, first_pause=0.01, longest_pause=0.05)


@pytest.fixture
def data(tmp_path):
    Image.new("RGB", (6, 4), "red").save(tmp_path / "a.png")
    Image.new("RGB", (1200, 1000), "blue").save(tmp_path / "b.png")
    rows = [
        {"id": f"q{n}", "prompt": f"question {n}", "target": "A", "images": ["a.png", "b.png"], "scene": f"s{n // 2}"}
        for n in range(6)
    ]
    return write(tmp_path / "rows.jsonl", rows)


def run(server, data, out, *, sampling=None, retry=QUICK, timeout=60.0, body=None, key=KEY, **options):
    to = Endpoint(base_url=server.url, model="m", timeout=timeout, body=body or {}, key=key)
    return predict("openai:m", str(data), out, sampling=sampling, endpoint=to, retry=retry, **options)


# What is sent, and what is written


def test_rows_are_written_in_order_with_all_that_scores_them(data, tmp_path):
    progress = []
    with serving(fine) as server:
        path = run(server, data, tmp_path / "out.jsonl", on_progress=lambda *done: progress.append(done))
    rows = read(path)
    assert [row["id"] for row in rows] == [f"q{n}" for n in range(6)]
    assert rows[3]["completion"].endswith("<answer>A</answer>")
    assert (rows[3]["target"], rows[3]["scene"], rows[3]["prompt_id"]) == ("A", "s1", "q3")
    assert rows[0]["usage"] == {"prompt_tokens": 100, "completion_tokens": 20}
    assert rows[0]["made_with"]["model"] == "openai:m"
    assert rows[0]["made_with"]["server"].startswith("127.0.0.1:")
    assert rows[0]["made_with"]["decoding"] == "greedy, 1024 tokens"
    assert "openai " in rows[0]["made_with"]["packages"]
    assert len({row["prompt_hash"] for row in rows}) == 6
    assert progress[-1] == (6, 6)
    assert not list(tmp_path.glob("*.journal"))


def test_images_are_data_urls_before_the_text(data, tmp_path):
    with serving(fine) as server:
        run(server, data, tmp_path / "out.jsonl", limit=1, max_pixels=400_000)
        _, headers, body, _ = server.requests[0]
    (message,) = body["messages"]
    small, large, text = message["content"]
    assert text == {"type": "text", "text": "question 0"}
    sizes = []
    for part, kind in ((small, "png"), (large, "png")):
        lead, _, content = part["image_url"]["url"].partition(",")
        assert lead == f"data:image/{kind};base64"
        sizes.append(Image.open(io.BytesIO(base64.b64decode(content))).size)
    assert sizes[0] == (6, 4)
    assert sizes[1][0] * sizes[1][1] <= 400_000
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["temperature"], body["max_tokens"], body["seed"]) == ("m", 0.0, 1024, 0)
    with serving(fine) as server:
        run(server, data, tmp_path / "whole.jsonl", limit=1)
        assert "data:image/jpeg" in json.dumps(server.requests[0][2])


def test_fields_of_the_body_count_first_and_null_leaves_one_out(data, tmp_path):
    body = {"temperature": None, "max_completion_tokens": 7, "reasoning_effort": "low"}
    with serving(fine) as server:
        path = run(server, data, tmp_path / "out.jsonl", limit=1, body=body)
        sent = server.requests[0][2]
    assert "temperature" not in sent
    assert "max_tokens" not in sent
    assert (sent["max_completion_tokens"], sent["reasoning_effort"]) == (7, "low")
    assert '"reasoning_effort": "low"' in read(path)[0]["made_with"]["decoding"]


def test_several_samples_have_ids_and_seeds_of_their_own(data, tmp_path):
    drawn = Sampling(temperature=0.7, samples=3, seed=2)
    with serving(fine) as server:
        rows = read(run(server, data, tmp_path / "out.jsonl", sampling=drawn, limit=2))
        seeds = {request[2]["seed"] for request in server.requests}
    assert [row["id"] for row in rows] == ["q0#0", "q0#1", "q0#2", "q1#0", "q1#1", "q1#2"]
    assert [row["prompt_id"] for row in rows] == ["q0"] * 3 + ["q1"] * 3
    assert [row["usage"] for row in rows[:3]] == [{"prompt_tokens": 300, "completion_tokens": 60}, {}, {}]
    assert len(seeds) == len(server.requests) == 6  # this server knows no n, and is asked for each


def test_several_samples_are_one_request_where_the_server_knows_how(data, tmp_path):
    """So the images go there once."""

    def script(_prompt, _number):
        found = json.loads(answer())
        found["choices"] *= server.requests[-1][2].get("n", 1)
        return 200, json.dumps(found), {}

    one = RetryPolicy(concurrency=1)
    with serving(script) as server:
        rows = read(
            run(server, data, tmp_path / "out.jsonl", sampling=Sampling(temperature=1, samples=4), limit=2, retry=one)
        )
    assert len(server.requests) == 2
    assert len(rows) == 8
    assert sum(row["usage"].get("prompt_tokens", 0) for row in rows) == 200


def test_without_images_the_text_alone_is_sent(data, tmp_path):
    with serving(fine) as server:
        rows = read(run(server, data, tmp_path / "none.jsonl", images="none", limit=2, system_prompt="Be brief."))
        body = server.requests[0][2]
    assert body["messages"][0]["content"] == "Be brief."
    assert isinstance(body["messages"][1]["content"], str)
    assert rows[0]["made_with"]["images"] == "none"


# What a server answers


def test_reasoning_that_is_kept_apart_is_put_back(data, tmp_path):
    def script(prompt, _number):
        name = {"question 0": "reasoning_content", "question 1": "reasoning"}.get(prompt, "thinking")
        return 200, answer("<answer>B</answer>", **{name: "I look."}), {}

    with serving(script) as server:
        rows = read(run(server, data, tmp_path / "out.jsonl"))
    assert {row["completion"] for row in rows} == {"<think>I look.</think><answer>B</answer>"}
    assert {row["content"] for row in rows} == {"<answer>B</answer>"}  # what `official` reads


def test_refusals_truncation_and_refused_requests_are_told_apart(data, tmp_path):
    def script(prompt, _number):
        return {
            "question 0": (200, answer(None, refusal="I cannot."), {}),
            "question 1": (200, answer("so", finish="length"), {}),
            "question 2": (200, answer("", finish="content_filter"), {}),
            "question 3": (400, json.dumps({"error": {"message": f"too many images, {KEY}"}}), {}),
            "question 4": (200, answer(None, finish="length", reasoning_content="Let me"), {}),
        }.get(prompt, (200, answer(usage=None), {}))

    with serving(script) as server:
        rows = read(run(server, data, tmp_path / "out.jsonl"))
        assert len(server.requests) == 6  # nothing of this is tried again
    assert [row["refusal"] for row in rows] == ["I cannot.", None, "content_filter", None, None, None]
    assert [row["finish_reason"] for row in rows] == ["stop", "length", "content_filter", None, "length", "stop"]
    assert [row["completion"] for row in rows[:4]] == ["", "so", "", None]
    assert rows[3]["error"] == "the server refuses this row: HTTP 400: too many images, [key]"
    assert rows[4]["completion"] == "<think>Let me</think>"
    assert [row["content"] for row in rows] == [None, None, None, None, "", None]
    assert KEY not in (tmp_path / "out.jsonl").read_text()
    assert rows[5]["usage"] is None


def test_tokens_of_reasoning_are_counted_apart(data, tmp_path):
    def script(_prompt, _number):
        found = json.loads(answer())
        found["usage"]["completion_tokens_details"] = {"reasoning_tokens": 12}
        return 200, json.dumps(found | {"model": "m-2026-01-01", "system_fingerprint": "fp_1"}), {}

    with serving(script) as server:
        (row,) = read(run(server, data, tmp_path / "out.jsonl", limit=1))
    assert row["usage"] == {"prompt_tokens": 100, "completion_tokens": 20, "reasoning_tokens": 12}
    assert row["made_with"]["revision"] == "m-2026-01-01 fp_1"


# What gets no answer


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>", "the answer is no JSON: '<html>'"),
        ("[]", "the answer is no chat completion"),
        ('{"choices": [{"message": {"content": 3}}]}', "the answer is no chat completion"),
        ('{"error": {"message": "upstream is busy"}}', "the answer is an error: upstream is busy"),
    ],
)
def test_nonsense_is_told_and_asked_for_again_by_the_same_command(data, tmp_path, text, said):
    told, state = [], {"text": text}
    with serving(lambda *_: (200, state["text"], {})) as server:
        with pytest.raises(ConfigError, match=f"2 of 2 prompts got no answer .*{said}.* give the same command again"):
            run(server, data, tmp_path / "out.jsonl", limit=2, on_error=told.append)
        assert sorted(line[:10] for line in told) == ["prompt 1: ", "prompt 2: "]
        assert not (tmp_path / "out.jsonl").exists()
        state["text"] = answer()
        assert len(read(run(server, data, tmp_path / "out.jsonl", limit=2))) == 2


def test_an_answer_without_a_completion_is_one(data, tmp_path):
    with serving(lambda *_: (200, '{"choices": []}', {})) as server:
        (row,) = read(run(server, data, tmp_path / "out.jsonl", limit=1))
    assert (row["completion"], row["error"]) == (None, 'the answer has no choices: {"choices": []}')


def drip(connection, _body):
    for _ in range(1200):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def test_the_deadline_is_over_the_whole_exchange(data, tmp_path):
    once = RetryPolicy(concurrency=1, tries=1)
    started = time.monotonic()
    with serving_bytes(drip) as server, pytest.raises(ConfigError, match=r"no whole answer within 0\.5 seconds"):
        run(server, data, tmp_path / "out.jsonl", limit=1, retry=once, timeout=0.5)
    assert time.monotonic() - started < 50  # the server would go on for a minute


def test_a_key_goes_nowhere_else(data, tmp_path):
    with serving(fine) as other:
        elsewhere = {"Location": f"{other.url}/chat/completions"}
        with (
            serving(lambda *_: (307, "", elsewhere)) as server,
            pytest.raises(ConfigError, match="the server refuses: HTTP 307"),
        ):
            run(server, data, tmp_path / "out.jsonl")
        assert other.requests == []


@pytest.mark.parametrize(
    ("status", "key", "message"),
    [
        (401, None, r"the server refuses: HTTP 401: .*\(no key was sent: \$OPENAI_API_KEY is not set\)"),
        (403, KEY, r"the server refuses: HTTP 403: .*no \[key\]"),
        (404, KEY, "the server refuses: HTTP 404"),
    ],
)
def test_what_concerns_every_request_ends_the_run(data, tmp_path, status, key, message):
    with serving(lambda *_: (status, json.dumps({"error": {"message": f"no {KEY}"}}), {})) as server:
        with pytest.raises(ConfigError, match=message):
            run(server, data, tmp_path / "out.jsonl", key=key)
        assert len(server.requests) <= 4  # of four workers


def test_a_server_that_is_not_there_is_given_up(data, tmp_path):
    many = write(data.with_name("many.jsonl"), [{"id": str(n), "prompt": "?", "target": "A"} for n in range(100)])
    with serving(fine) as server:
        pass
    retry = RetryPolicy(concurrency=4, tries=1)
    with pytest.raises(ConfigError, match="20 rows in a row got no answer; the last: .*: no answer: "):
        run(server, many, tmp_path / "out.jsonl", retry=retry)


def test_concurrency_and_rate(data, tmp_path):
    together = Barrier(3)

    def waits(_prompt, _number):  # for two others: six requests come by threes
        together.wait(60)
        return 200, answer(), {}

    with serving(waits) as server:
        run(server, data, tmp_path / "out.jsonl", retry=RetryPolicy(concurrency=3))
        assert server.most == 3
    with serving(fine) as server:
        run(server, data, tmp_path / "paced.jsonl", retry=RetryPolicy(concurrency=6, per_minute=120))
        times = sorted(request[3] for request in server.requests)
    assert times[-1] - times[0] >= 1.0  # six requests, half a second apart; the first has to connect


# Resuming


def test_an_interrupted_run_asks_for_what_is_left(data, tmp_path):
    state = {"down": True}

    def script(prompt, _number):
        return (503, "", {}) if state["down"] and prompt in ("question 2", "question 4") else (200, answer(), {})

    out = tmp_path / "out.jsonl"
    with serving(script) as server:
        with pytest.raises(ConfigError, match=r"2 of 6 prompts got no answer \(HTTP 503: .* \(3 tries\)\)"):
            run(server, data, out)
        assert not out.exists()
        journal = out.with_name("out.jsonl.journal")
        journal.write_bytes(journal.read_bytes() + b'{"key": "5", "row": {')  # a kill can end a line anywhere
        with pytest.raises(ConfigError, match="other max_pixels"):
            run(server, data, out, max_pixels=100)
        state["down"], before = False, len(server.requests)
        rows = read(run(server, data, out))
        assert len(server.requests) - before == 2
        assert [row["id"] for row in rows] == [f"q{n}" for n in range(6)]
        with pytest.raises(ConfigError, match="already exists"):
            run(server, data, out)
        assert read(run(server, data, out, overwrite=True)) == rows


def test_other_data_at_the_same_path_do_not_go_on(data, tmp_path):
    state = {"down": True}

    def script(prompt, _number):
        return (503, "", {}) if state["down"] and prompt == "question 2" else (200, answer(), {})

    with serving(script) as server:
        with pytest.raises(ConfigError, match="1 of 6 prompts got no answer"):
            run(server, data, tmp_path / "out.jsonl")
        state["down"], before = False, data.read_text()
        data.write_text(before.replace("question 4", "riddle 4"))
        with pytest.raises(ConfigError, match="journal is of a run with other data_files"):
            run(server, data, tmp_path / "out.jsonl")
        rows = read(run(server, data, tmp_path / "out.jsonl", overwrite=True))
        assert len(rows) == 6


def test_two_runs_do_not_write_one_file(data, tmp_path):
    from benchmarks.files.lock import locked

    with (
        serving(fine) as server,
        locked(tmp_path / "out.jsonl", "out"),
        pytest.raises(ConfigError, match="is being written by process"),
    ):
        run(server, data, tmp_path / "out.jsonl")
    assert server.requests == []


def test_an_image_that_does_not_open_is_not_sent_and_told(data, tmp_path):
    (tmp_path / "c.png").write_bytes(b"no image")
    rows = read(data)
    rows[3]["images"] = ["a.png", "c.png"]
    with (
        serving(fine) as server,
        pytest.raises(ConfigError, match=r"1 of 6 prompts got no answer .*c.png does not open"),
    ):
        run(server, write(data, rows), tmp_path / "out.jsonl")
    assert len(server.requests) == 5


def test_images_from_elsewhere_are_not_sent(data, tmp_path):
    """A file of rows may name any file of this computer."""
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (6, 4), "red").save(other / "private.png")
    (tmp_path / "data").mkdir()
    row = {"id": "q", "prompt": "?", "target": "A", "images": ["../other/private.png"]}
    rows = write(tmp_path / "data" / "rows.jsonl", [row])
    with serving(fine) as server:
        with pytest.raises(DataError, match="lies outside the folder of the data; --image-root FOLDER allows it"):
            run(server, rows, tmp_path / "out.jsonl")
        assert server.requests == []
        run(server, rows, tmp_path / "out.jsonl", image_roots=[other])
        assert len(server.requests) == 1
        bench = tmp_path / "mindcube"
        bench.mkdir()
        record = {
            "id": "among_1", "category": ["P-Q"], "type": "static", "question": "Which? A. left B. right",
            "gt_answer": "B", "images": ["../other/private.png"],
        }  # fmt: skip
        write(bench / "MindCube_tiny.jsonl", [record])
        with pytest.raises(DataError, match="lies outside the folder of the data"):
            run(server, bench, tmp_path / "b.jsonl", benchmark="mindcube")
        assert len(server.requests) == 1
        run(server, bench, tmp_path / "b.jsonl", benchmark="mindcube", image_roots=[other])
        assert len(server.requests) == 2


# The command


def star_predict(server, data, out, *options, env=None):
    given = ["predict", "--model", "openai:m", "--base-url", server.url, "--data", str(data), "-o", str(out), *options]
    return CliRunner().invoke(star, given, env={"OPENAI_API_KEY": KEY} | (env or {}))


def test_the_command_takes_folders_of_images(data, tmp_path):
    other = tmp_path / "apart"
    other.mkdir()
    row = {"id": "q", "prompt": "?", "target": "A", "images": [str(tmp_path / "a.png")]}
    rows = write(other / "rows.jsonl", [row])
    with serving(fine) as server:
        refused = star_predict(server, rows, tmp_path / "out.jsonl")
        assert refused.exit_code == 1
        assert "--image-root FOLDER allows it" in refused.stderr
        done = star_predict(server, rows, tmp_path / "out.jsonl", "--image-root", str(tmp_path))
        assert done.exit_code == 0, done.output


def test_the_command_says_how_answers_ended_and_what_they_cost(data, tmp_path):
    def script(prompt, _number):
        if prompt == "question 0":
            return 200, answer("so", finish="length"), {}
        return (
            200,
            answer(None if prompt == "question 1" else "B", refusal="No." if prompt == "question 1" else None),
            {},
        )

    with serving(script) as server:
        done = star_predict(server, data, tmp_path / "out.jsonl", "--price", "2:10", "--body", '{"top_p": null}')
    assert done.exit_code == 0, done.output
    assert (
        "6 completions; 1 cut off at the token limit; 1 refused by the model; 600 tokens in, 120 out; cost 0.00"
        in done.stderr
    )
    assert KEY not in done.output
    assert f"star score {tmp_path / 'out.jsonl'}" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "somewhere", "--image-root", "."], "--image-root only counts with --model openai:NAME"),
        (["--model", "somewhere", "--rate", "3"], "--rate only counts with --model openai:NAME"),
        (["--model", "openai:m", "--body", "[]"], "is not a JSON object"),
        (["--model", "openai:m", "--base-url", "ftp://x"], "is no URL of a server"),
        (["--model", "openai:m", "--price", "3"], "is not two prices per million tokens"),
    ],
)
def test_wrong_options(data, tmp_path, options, message):
    done = CliRunner().invoke(star, ["predict", "--data", str(data), "-o", str(tmp_path / "o.jsonl"), *options])
    assert done.exit_code != 0
    assert message in done.output


# A real server


@pytest.fixture
def transformers_serve(tmp_path):
    """A tiny model with random weights behind `transformers serve`: its folder, the base URL."""
    for package in ("fastapi", "uvicorn", "transformers"):
        pytest.importorskip(package)
    from tests.trainers.test_families import gemma3

    folder = tmp_path / "tiny"
    model, processor = gemma3(folder)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    script = "from transformers.cli.transformers import main; main()"
    command = [sys.executable, "-c", script, "serve", str(folder), "--host", "127.0.0.1", "--port", "0"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*command, "--device", "cpu"], stdout=log, stderr=log)
    try:
        while not (told := re.search(r"running on (http://127\.0\.0\.1:\d+)", (tmp_path / "log").read_text())):
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield folder, f"{told[1]}/v1"
    finally:
        process.terminate()
        process.wait(300)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_transformers_serve_answers_as_the_model_does_here(transformers_serve, data, tmp_path):
    folder, url = transformers_serve
    drawn = Sampling(max_new_tokens=8)
    to = Endpoint(base_url=url, model=str(folder), key=None, timeout=60)
    served = read(
        predict(f"openai:{folder}", str(data), tmp_path / "a.jsonl", sampling=drawn, limit=3, endpoint=to, retry=QUICK)
    )
    blind = read(
        predict(
            f"openai:{folder}",
            str(data),
            tmp_path / "b.jsonl",
            sampling=drawn,
            limit=3,
            endpoint=to,
            retry=QUICK,
            images="none",
        )
    )
    local = read(predict(str(folder), str(data), tmp_path / "c.jsonl", sampling=drawn, limit=3))
    assert [row["completion"] for row in served] == [row["completion"] for row in local]
    assert {row["finish_reason"] for row in served} == {"length"}
    assert served[0]["usage"]["prompt_tokens"] > blind[0]["usage"]["prompt_tokens"]
