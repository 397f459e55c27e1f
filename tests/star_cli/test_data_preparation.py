"""``star data filter|prepare|cot|export`` as a user calls them; one chain of commands from scenes to a trainer's file."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from star_cli.main import star
from tests.json_lines import read, write

HOME = Path(__file__).parents[2]
GOLDEN = HOME / "tests" / "golden" / "datasets"
KEY = "sk-secret-0123456789"


def run(*arguments, **env):
    return CliRunner(env=env).invoke(star, ["data", *map(str, arguments)])


@pytest.mark.parametrize("task", ["tvr", "multiview"])
def test_from_scenes_to_a_trainers_file(tmp_path, task):
    assert run("generate", tmp_path / "set", "--task", task, "--count", 6).exit_code == 0
    result = run("cot", tmp_path / "set", "--teacher", "oracle", "--out", tmp_path / "chains.jsonl")
    assert result.exit_code == 0, result.output
    count = len(read(tmp_path / "set" / "metadata.jsonl"))
    assert result.stdout == f"{tmp_path / 'chains.jsonl'}: {count} of {count} rows have a chain\n"
    result = run("filter", tmp_path / "chains.jsonl", "--out", tmp_path / "kept.jsonl", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "read": count, "kept": count, "dropped": {}, "right_references": 0, "out": str(tmp_path / "kept.jsonl"),
        "dropped_out": str(tmp_path / "kept.dropped.jsonl"),
    }  # fmt: skip
    result = run("export", tmp_path / "kept.jsonl", "--to", "trl", "--out", tmp_path / "trl.jsonl")
    assert result.stdout == f"{tmp_path / 'trl.jsonl'}: {count} of {count} rows for trl\n"
    assert set(read(tmp_path / "trl.jsonl")[0]) == {"prompt", "completion"}
    result = run("export", tmp_path / "set", "--to", "verl", "--out", tmp_path / "verl.parquet", "--json")
    assert json.loads(result.stdout)["written"] == count
    scored = CliRunner().invoke(star, ["score", str(tmp_path / "kept.jsonl"), "--task", task, "--json"])
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["accuracy"]["value"] == 1.0


def test_filter_says_how_many_were_dropped_and_why(tmp_path):
    good = {"task": "tvr", "target": "2.color.cyan", "completion": "<think>x</think><answer>2.color.cyan</answer>"}
    rows = [good, good | {"completion": "no"}, {}]
    write(tmp_path / "in.jsonl", rows)
    result = run("filter", tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{tmp_path / 'out.jsonl'}: 0 of 3 chains kept",
        f"{tmp_path / 'out.dropped.jsonl'}: 3 dropped",
        "        1  row: broke the rule that the line is a row with a completion and a target",
        "        1  form: broke the rule that the completion is <think>...</think><answer>...</answer>",
        "        1  steps: broke the rule that the reasoning shows its three steps",
    ]
    result = run("filter", tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert "out.jsonl already exists" in result.stderr
    scored = [{"id": n, "correct": bool(k)} for n, bits in (("a", (1, 0)), ("b", (1, 1)), ("c", (0, 0))) for k in bits]
    write(tmp_path / "samples.jsonl", scored)
    result = run("filter", tmp_path / "samples.jsonl", "--out", tmp_path / "p.jsonl", "--pass-rate", "0.1:0.9")
    assert result.stdout.splitlines() == [
        f"{tmp_path / 'p.jsonl'}: 1 of 3 prompts kept",
        f"{tmp_path / 'p.dropped.jsonl'}: 2 dropped",
        "        1  too_hard: broke the rule that enough samples are right",
        "        1  too_easy: broke the rule that not too many samples are right",
    ]
    assert [row["id"] for row in read(tmp_path / "p.jsonl")] == ["a"]


@pytest.mark.parametrize("value", ["0.9:0.1", "0.5", "a:b", "0:2", "0.1:0.9:1", "nan:1"])
def test_filter_refuses_what_is_no_range(tmp_path, value):
    result = run("filter", tmp_path / "x.jsonl", "--out", tmp_path / "o.jsonl", "--pass-rate", value)
    assert result.exit_code == 2
    assert "is not two shares like 0.1:0.9" in result.stderr


def test_filter_refuses_two_ways_at_once_and_a_file_that_is_not_there(tmp_path):
    options = ("--pass-rate", "0:1", "--min-reference-score", "0.5")
    assert run("filter", tmp_path / "x.jsonl", "--out", tmp_path / "o.jsonl", *options).exit_code == 2
    result = run("filter", tmp_path / "x.jsonl", "--out", tmp_path / "o.jsonl")
    assert result.exit_code == 1
    assert "x.jsonl: No such file" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_prepare_prints_its_card_and_its_warnings(tmp_path):
    arguments = ("prepare", "mindcube", GOLDEN / "mindcube" / "prompts", "--sft", 1, "--rl", 1)
    result = run(*arguments, "--out", tmp_path / "set", "--categories", "among,rot*")
    assert result.exit_code == 0, result.output
    assert "rows from 1 scenes (1 " in result.stdout
    assert "left out: other category" in result.stdout
    assert "note: under preset paper, a policy that looks at no image scores R_ref" in result.stderr
    assert "note: no test set was given" in result.stderr
    result = run(*arguments, "--out", tmp_path / "again", "--json", "--test", GOLDEN / "mindcube" / "raw")
    assert result.exit_code == 1  # all of it is in the test set
    assert "no sample can be used; left out: {'question_in_test_set': 4}" in result.stderr
    result = run(*arguments, "--out", tmp_path / "again", "--json", "--test", f"sparbench={GOLDEN / 'sparbench'}")
    assert json.loads(result.stdout)["test_sets"]["files"] == ["sparbench: sparbench"]
    result = run("prepare", "mindcube", tmp_path / "nowhere", "--out", tmp_path / "x")
    assert result.exit_code == 2
    assert "nowhere: no such file or folder" in result.stderr


def test_cot_refuses_unknown_teachers_and_prices(tmp_path):
    for teacher in ("gemini", "openai:", ""):
        result = run("cot", tmp_path, "--teacher", teacher, "--out", tmp_path / "o.jsonl")
        assert result.exit_code == 2
        assert "--teacher is 'oracle' or 'openai:MODEL'" in result.stderr
    for option, value in (("--price", "3"), ("--body", "[1]"), ("--body", "{")):
        result = run("cot", tmp_path, "--teacher", "openai:m", "--out", tmp_path / "o.jsonl", option, value)
        assert result.exit_code == 2
        assert f"Invalid value for '{option}'" in result.stderr
    result = run("cot", tmp_path, "--teacher", "oracle", "--out", tmp_path / "o.jsonl")
    assert "the oracle needs a whole folder" in result.stderr


class Handler(BaseHTTPRequestHandler):
    """Answers the first prompts, then keeps the others waiting until it may go on."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"][-1]["text"]
        with self.server.lock:
            self.server.asked.append(prompt)
            stalls = len(self.server.asked) > 3
        if stalls:
            self.server.go_on.wait(60)
        completion = "<think>View 1: [sofa, lamp, left]\nMapping: a b c\nReasoning: a b c</think><answer>A</answer>"
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        choice = {
            "message": {"content": completion + f"<!-- {self.headers['Authorization']} -->"},
            "finish_reason": "stop",
        }
        text = json.dumps({"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    found.handle_error = lambda *_: None
    found.lock, found.asked, found.go_on = threading.Lock(), [], threading.Event()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    found.go_on.set()
    found.shutdown()
    found.server_close()
    thread.join()


def test_a_run_killed_with_sigkill_goes_on(tmp_path, server):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    rows = [
        {"id": n, "task": "multiview", "prompt": f"question {n}", "images": ["a.png"], "target": "A"} for n in range(8)
    ]
    write(tmp_path / "rows.jsonl", rows)
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    command = [
        sys.executable, "-m", "star_cli", "data", "cot", str(tmp_path / "rows.jsonl"), "--teacher", "openai:model",
        "--base-url", url, "--out", str(tmp_path / "chains.jsonl"), "--concurrency", "1", "--price", "1000:2000",
        "--key-env", "MY_KEY",
    ]  # fmt: skip
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    env = {name: value for name, value in os.environ.items() if name not in proxies}
    env |= {"PYTHONPATH": str(HOME), "MY_KEY": f"{KEY}\n"}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    journal = tmp_path / "chains.jsonl.journal"
    while len(server.asked) < 4:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    first = process.communicate()[0]
    assert len(journal.read_text("utf-8").splitlines()) == 4  # the settings and three answers
    server.go_on.set()
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == [
        f"{tmp_path / 'chains.jsonl'}: 8 of 8 rows have a chain",
        "80 tokens of prompts, 40 of completions, 0.16 at the given prices",
        "3 rows were there from an earlier run",
    ]
    assert server.asked == [f"question {n}" for n in (0, 1, 2, 3, 3, 4, 5, 6, 7)]
    chains = read(tmp_path / "chains.jsonl")
    assert [row["id"] for row in chains] == list(range(8))
    assert all(row["completion"].endswith("<!-- Bearer [key] -->") for row in chains)
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert KEY.encode() not in written + first + done.stdout + done.stderr
    assert not journal.exists()


def test_rows_that_fail_are_told_and_end_with_one(tmp_path, server):
    server.go_on.set()
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    rows = [{"prompt": "p", "images": [name], "target": "A"} for name in ("a.png", "b.png")]
    write(tmp_path / "rows.jsonl", rows)
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    result = run(
        "cot", tmp_path / "rows.jsonl", "--teacher", "openai:m", "--out", tmp_path / "o.jsonl", "--json",
        OPENAI_BASE_URL=url, OPENAI_API_KEY=None, http_proxy=None, HTTP_PROXY=None,
    )  # fmt: skip
    assert result.exit_code == 1
    assert f"{tmp_path / 'rows.jsonl'}:2: image: image 1, {tmp_path / 'b.png'}, is not there" in result.stderr
    summary = json.loads(result.stdout)
    assert (summary["read"], summary["written"], summary["failed"]) == (2, 1, 1)
    assert summary["cost"] == {"prompt_tokens": 10, "completion_tokens": 5, "untold": 0, "price": None}


def test_help_names_every_command():
    result = run("--help")
    assert result.exit_code == 0
    for name in ("check", "cot", "export", "filter", "generate", "prepare", "show"):
        assert f"\n  {name} " in result.stdout
        assert run(name, "--help").exit_code == 0
