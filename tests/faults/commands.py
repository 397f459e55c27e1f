"""Commands that write, each with the smallest input that reaches every line that writes.

A command is ``(name, prepare, arguments)``: what makes its input in an empty folder, and the command line, in which
``{}`` is that folder. The folder ``out`` below it takes the output.
"""

import json
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from star_cli import hash_seed
from star_cli.main import COMMANDS as SUBCOMMANDS
from tests.trainers.data.chat_server import fine, serving

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "datasets"
ROWS = [
    {
        "id": str(n),
        "prompt_id": str(n // 2),
        "completion": f"<think>x</think><answer>{n}.color.red</answer>",
        "target": "2.color.red",
    }
    for n in range(6)
]


def _star(*arguments):
    from star_cli.main import star

    star.main([*map(str, arguments)], standalone_mode=False)


def _rows(folder):
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")


def _results(folder):
    shutil.copy(ROOT / "examples" / "tvr_predictions.jsonl", folder / "in.jsonl")
    _star("score", folder / "in.jsonl", "--benchmark", "tvr", "--report-data", folder / "results.json", "--quiet")


def _scenes(task, images="none"):
    def prepare(folder):
        _star("data", "generate", folder / "set", "--task", task, "--count", 2, "--images", images, "--size", "16x16")

    return prepare


def _chains(folder):
    _scenes("multiview")(folder)
    _star("data", "cot", folder / "set", "--teacher", "oracle", "--out", folder / "chains.jsonl")
    rows = [json.loads(line) for line in (folder / "chains.jsonl").read_text().splitlines()]
    rows[1]["completion"] = rows[1]["completion"].partition("<answer>")[0] + "<answer>Z</answer>"
    (folder / "chains.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n", encoding="utf-8")


def _mixed(folder):
    options = ("--sft", 2, "--rl", 3, "--relation-weight", 0)
    _star("data", "prepare", "mindcube", GOLDEN / "mindcube" / "prompts", "--out", folder / "mc", *options)
    _star("data", "prepare", "spar7m", GOLDEN / "spar7m", "--out", folder / "sp", *options)


def _model(folder):
    (folder / "model").mkdir()
    (folder / "model" / "processor_config.json").write_text(
        json.dumps({"video_processor": {"size": 1}}), encoding="utf-8"
    )


def _nothing(_folder):
    pass


COMMANDS = {
    "score to a file": (_rows, "score {}/in.jsonl --quiet --out {}/out/scores.jsonl"),
    "score to Parquet": (_rows, "score {}/in.jsonl --quiet --out {}/out/scores.parquet"),
    "score to parts": (_rows, "score {}/in.jsonl {}/in.jsonl --quiet --out {}/out/parts/"),
    "score a benchmark": (
        _rows,
        "score {}/in.jsonl --benchmark tvr --quiet --out {}/out/s.jsonl --report-data {}/out/r.json",
    ),
    "report": (_results, "report {}/results.json -o {}/out/report.html"),
    "view to a file": (_rows, "view {}/in.jsonl --quiet --out {}/out/rollouts.html"),
    "audit": (_rows, "audit --no-search --no-cost --predictions {}/in.jsonl --html {}/out/audit.html"),
    "doctor": (_nothing, "doctor --trainer openrlhf --write {}/out"),
    "data generate": (_nothing, "data generate {}/out/set --count 2"),
    "data generate, images": (
        _nothing,
        "data generate {}/out/set --count 1 --images raycast --size 16x16 --views center",
    ),
    "data generate, questions": (
        _nothing,
        "data generate {}/out/set --task multiview --count 1 --images raycast --size 16x16",
    ),
    "data show": (_scenes("tvr", "raycast"), "data show {}/set --out {}/out/scene.png"),
    "data cot, oracle": (_scenes("multiview"), "data cot {}/set --teacher oracle --out {}/out/chains.jsonl"),
    "data cot, server": (
        _scenes("multiview"),
        "data cot {}/set --teacher openai:m --out {}/out/chains.jsonl --tries 1 --concurrency 1",
    ),
    "data filter": (
        _chains,
        "data filter {}/chains.jsonl --out {}/out/kept.jsonl --right-references {}/out/apart.jsonl",
    ),
    "data filter, prompts": (_rows, "data filter {}/in.jsonl --out {}/out/kept.jsonl --pass-rate 0:1 --task tvr"),
    "data export": (_scenes("tvr"), "data export {}/set --to verl --out {}/out/rows.jsonl"),
    "data export, Parquet": (_scenes("tvr"), "data export {}/set --to verl --out {}/out/rows.parquet"),
    "data prepare": (
        _nothing,
        f"data prepare mindcube {GOLDEN / 'mindcube' / 'prompts'} --out {{}}/out/set --sft 1 --rl 1 --relation-weight 0",
    ),
    "data mix": (_mixed, "data mix {}/mc {}/sp --out {}/out/set --sft 2 --rl 2"),
    "train, its own files": (_model, "train_files {}/model {}/out/run"),
}

NEEDS = {
    "score to Parquet": "pyarrow", "data export, Parquet": "pyarrow", "data generate, images": "torch",
    "data generate, questions": "torch", "data show": "torch", "data cot, server": "openai", "train, its own files": "transformers",
}  # fmt: skip


def can_run(name):
    return name not in NEEDS or find_spec(NEEDS[name]) is not None


@contextmanager
def surroundings(name, monkeypatch):
    """What a command needs beside its input."""
    monkeypatch.setitem(SUBCOMMANDS, "train_files", "tests.faults.train_files")
    if name == "audit":  # its fresh processes take most of the time, and write nothing: asked once, in the parent
        asked, found = hash_seed.check_hash_seed, []
        monkeypatch.setattr(
            hash_seed, "check_hash_seed", lambda *given: (found or found.append(asked(*given)) or found)[0]
        )
    if name != "data cot, server":
        yield
        return
    for proxy in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with serving(fine) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-0")
        yield
