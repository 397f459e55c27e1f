"""The scripts in ``examples/`` do all but the training itself: the trainer's program is one that notes what it is told."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pyarrow.parquet as pq
import pytest

from rewards import unpack_gold
from tests.conformance.tokenizer import write_text_model

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTES = """\
#!{python}
import json, os, sys
json.dump({{"arguments": sys.argv, "folder": os.getcwd()}}, open({file!r}, "w"))
"""


@pytest.fixture
def run(tmp_path):
    """Run an example as a user would, with programs of the trainer's name on the path."""
    programs, noted = tmp_path / "bin", tmp_path / "noted.json"
    programs.mkdir()
    (programs / "star").write_text(f'#!/bin/sh\nexec {sys.executable} -m star_cli "$@"\n')
    for name in ("python3", "swift"):
        (programs / name).write_text(NOTES.format(python=sys.executable, file=str(noted)))
    for each in programs.iterdir():
        each.chmod(0o755)
    (tmp_path / "easyr1").mkdir()
    (tmp_path / "slime").mkdir()

    def run(name, *more):
        environment = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(EXAMPLES.parent),
            "COUNT": "2",
            "IMAGES": "none",
            "EASYR1": str(tmp_path / "easyr1"),
            "SLIME": str(tmp_path / "slime"),
        }
        done = subprocess.run(
            [EXAMPLES / f"{name}.sh", "run", *more],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(noted.read_text())
        return told["arguments"][1:], tmp_path / "run"

    return run


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def right(gold):
    return f"<think>b</think><answer>{unpack_gold(gold)['target']}</answer>"


def best(gold):
    return 1.0 + 5.0 * len(unpack_gold(gold)["target"].split(", "))


def options(arguments):
    return dict(each.split("=", 1) for each in arguments if "=" in each)


def flags(arguments):
    return {name: value for name, value in zip(arguments, [*arguments[1:], ""], strict=True) if name.startswith("--")}


def test_verl(run):
    arguments, _ = run("verl", "trainer.n_gpus_per_node=2")
    told = options(arguments)
    assert arguments[:2] == ["-m", "verl.trainer.main_ppo"]
    assert told["trainer.n_gpus_per_node"] == "2"
    function = "reward.custom_reward_function"
    module = importlib.import_module(told[f"{function}.path"].removeprefix("pkg://"))
    score = getattr(module, told[f"{function}.name"])
    rows = pq.read_table(told["data.train_files"]).to_pylist()
    assert len(rows) == 2 * 3  # seen from three sides
    settings = {name.rpartition(".")[2]: value for name, value in told.items() if f"+{function}.reward_kwargs." in name}
    for row in rows:
        gold = row["reward_model"]["ground_truth"]
        paid = score(
            data_source=row["data_source"], solution_str=right(gold), ground_truth=gold, extra_info=row["extra_info"],
            **settings,
        )  # fmt: skip
        assert (paid["score"], paid["acc"]) == (best(gold), 1.0)


def test_openrlhf(run):
    pytest.importorskip("torch")
    arguments, _ = run("openrlhf", "--actor.num_gpus_per_node", "2")
    told = flags(arguments)
    assert told["--actor.num_gpus_per_node"] == "2"
    module = load(Path(told["--reward.remote_url"]))
    rows = [json.loads(line) for line in Path(told["--data.prompt_dataset"]).read_text().splitlines()]
    for row in rows:
        prompt = f"user: {row[told['--data.input_key']]}\nassistant: "
        label = row[told["--data.label_key"]]
        paid = module.reward_func([prompt + right(label) + "<|im_end|>"], [prompt], [label])
        assert paid["rewards"].tolist() == [best(label)]
        assert paid["scores"].tolist() == [1.0]


def test_swift(run, monkeypatch):
    plugins = ModuleType("swift.rewards")
    plugins.orms, plugins.ORM = {}, type("ORM", (), {"__init__": lambda self, args=None, **_: None})
    monkeypatch.setitem(sys.modules, "swift", ModuleType("swift"))
    monkeypatch.setitem(sys.modules, "swift.rewards", plugins)
    monkeypatch.delitem(sys.modules, "star_r1.swift", raising=False)
    arguments, _ = run("swift")
    told = flags(arguments)
    assert (arguments[0], told["--rlhf_type"]) == ("rlhf", "grpo")
    load(Path(told["--external_plugins"]))
    reward = plugins.orms[told["--reward_funcs"]](args=SimpleNamespace())
    rows = [json.loads(line) for line in Path(told["--dataset"]).read_text().splitlines()]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    paid = reward([right(row["solution"]) for row in rows], trainer_state=None, **columns)
    assert paid == [best(row["solution"]) for row in rows]


def test_easyr1(run):
    arguments, folder = run("easyr1")
    told = options(arguments)
    path, _, name = told["worker.reward.reward_function"].rpartition(":")
    rows = [json.loads(line) for line in Path(told["data.train_files"]).read_text().splitlines()]
    golds = [row[told["data.answer_key"]] for row in rows]
    assert all(row[told["data.prompt_key"]] for row in rows)
    items = [{"response": right(gold), "response_length": 9, "ground_truth": gold} for gold in golds]
    assert [each["overall"] for each in getattr(load(Path(path)), name)(items)] == list(map(best, golds))
    assert path == str(folder / "star_easyr1.py")


def test_slime(run):
    arguments, _ = run("slime")
    told = flags(arguments)
    module, _, name = told["--custom-rm-path"].rpartition(".")
    reward = getattr(importlib.import_module(module), name)
    rows = [json.loads(line) for line in Path(told["--prompt-data"]).read_text().splitlines()]
    for row in rows:
        label = row[told["--label-key"]]
        assert row[told["--input-key"]]
        sample = SimpleNamespace(response=right(label), label=label, metadata={})
        assert asyncio.run(reward(SimpleNamespace(reward_key=None), sample)) == best(label)


def test_a_script_without_a_folder_says_what_it_needs():
    for name in ("verl", "openrlhf", "swift", "easyr1", "slime"):
        done = subprocess.run([EXAMPLES / f"{name}.sh"], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "give a folder" in done.stderr


@pytest.mark.slow
def test_trl(tmp_path):
    """TRL's own trainer, a tiny model with random weights, one step."""
    pytest.importorskip("trl")
    environment = os.environ | {"PYTHONPATH": str(EXAMPLES.parent), "HF_HUB_OFFLINE": "1", "COUNT": "2"}
    star = [sys.executable, "-m", "star_cli"]
    for command in (
        [*star, "data", "generate", "scenes", "--count", "2"],
        [*star, "data", "export", "scenes", "--to", "trl", "--out", "train.jsonl"],
    ):
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    write_text_model(tmp_path / "model")
    settings = (
        "--output_dir run --max_steps 1 --per_device_train_batch_size 2 --num_generations 2 --report_to none "
        "--max_completion_length 4 --use_cpu true --bf16 false --gradient_checkpointing false --logging_steps 1 "
        "--log_completions true"
    )
    done = subprocess.run(
        [sys.executable, EXAMPLES / "trl_grpo.py", "--data", "train.jsonl", "--model", "model", *settings.split()],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rewards/tvr_accuracy_reward/mean" in done.stdout
    assert (tmp_path / "run" / "model.safetensors").exists()

    # What TRL has written is scored again as it is, and to the same rewards.
    table = tmp_path / "run" / "completions" / "completions_00001.parquet"
    again = subprocess.run(
        [*star, "score", table, "--json"], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
    scored, rows = json.loads(again.stdout), pq.read_table(table).to_pylist()
    assert (scored["rows"], scored["dialects"], scored["groups"]["groups"]) == (2, ["TRL completions"], 1)
    paid = [row["format_reward"] + row["tvr_accuracy_reward"] for row in rows]
    assert scored["total"]["value"] == pytest.approx(sum(paid) / 2)
