"""Both stages of the 7B recipe on several GPUs, by FSDP2 and by ZeRO-3, on random weights; prints a JSON line a run.

    python -m tests.measure.sharded_7b FOLDER [--backends fsdp2 zero3] [--steps 3] [--tokens 128]
    python -m tests.measure.sharded_7b FOLDER --narrow
    python -m tests.measure.sharded_7b FOLDER --narrow --cpu [--processes 8]
    python -m tests.measure.sharded_7b FOLDER --kill

Qwen2.5-VL-7B's configuration, all parameters, `recipes/multiview-7b` and `recipes/accelerate` as they are but for the
number of processes, the steps, the length of completions and vLLM. Each run ends with a model that was read back;
stage 2 starts from stage 1's. ``--narrow`` takes a model that is 14 times narrower: runs resumed from each of their
checkpoints (`tests.trainers.every_checkpoint`), with all parameters and with LoRA, and predictions of what they leave;
``--cpu`` tries that without GPUs (FSDP2 alone). Of stage 2's tables of completions it says how many rows and groups they
hold, and fails where one is lost, doubled or another's. ``--processes`` takes fewer than all GPUs, at the same work for
each: the runs of 2, 4 and 8 show how a step scales. ``--kill`` kills one process of such a run in the middle and goes on
from what is there. Random weights never end a completion, so that all are of full length.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from tests.measure.stand_in import qwen_config, qwen_processor, qwen_tokenizer

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "multiview-7b"
SCENES = 24
ON_CPU = {  # where bfloat16 is slow
    "use_cpu": True,
    "bf16": False,
    "dtype": "float32",
    "image_max_pixels": 12544,
    "per_device_train_batch_size": 2,
}
SHORT = {"max_completion_length": 2, "num_generations": 2}  # what stage 2 takes there
LORA = {"use_peft": True, "lora_r": 16, "lora_target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}


def write_start(folder: Path, *, narrow: bool) -> int:
    """Write a model with random weights and return its number of parameters."""
    import torch
    from transformers import GenerationConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = qwen_tokenizer()
    config = qwen_config(tokenizer, tiny=narrow)
    if narrow:
        text = config.text_config
        text.hidden_size, text.intermediate_size, config.vision_config.out_hidden_size = 256, 1024, 256
        text.rope_parameters["mrope_section"] = [8, 12, 12]
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    model.generation_config = GenerationConfig(do_sample=True, **ends)
    model.save_pretrained(folder)
    qwen_processor(tokenizer).save_pretrained(folder)
    return int(sum(parameter.numel() for parameter in model.parameters()))


def write_rows(folder: Path) -> None:
    """Write questions about drawn scenes, each with its answer as the demonstration."""
    from trainers.data.generate import GenerationSettings, generate

    generate(folder, GenerationSettings(task="multiview", count=SCENES, images="raycast", size=(320, 240)))
    file = folder / "metadata.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["completion"] = f"<think>View 1: none</think><answer>{row['target']}</answer>"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def launcher(backend: str, folder: Path, *, cpu: bool, processes: int, port: int) -> list[str]:
    """Return the start of a command: accelerate with the recipe's file."""
    values = yaml.safe_load((ROOT / "recipes" / "accelerate" / f"{backend}.yaml").read_text(encoding="utf-8"))
    values |= {"num_processes": processes}
    if cpu:
        values |= {"use_cpu": True, "mixed_precision": "no"}
    file = folder / f"{backend}.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    start = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(file)]
    return [*start, "--main_process_port", str(port), "-m"]


def timed_run(stage: str, config: str, output: str) -> None:
    """Train in this process, one of several, and let the first write what it cost."""
    import torch
    from torch import distributed

    from trainers.stages import train

    marks = []
    began = time.perf_counter()
    trained = train(stage, config, on_progress=lambda done: marks.append((done.step, time.perf_counter())))  # type: ignore[arg-type]
    ended = time.perf_counter()
    peak = torch.tensor(float(torch.cuda.max_memory_allocated()), device="cuda")
    distributed.all_reduce(peak, distributed.ReduceOp.MAX)
    if not trained.first:
        return
    at = dict(reversed(marks))  # the end of each step
    steps = [round(at[step] - at[step - 1], 2) for step in sorted(at)[1:]]
    logs = [each for each in trained.history if "loss" in each][1:]  # the first step warms up
    tokens = [float(b["num_tokens"]) - float(a["num_tokens"]) for a, b in zip(trained.history, logs, strict=False)]
    figures = {
        "stage": stage,
        "steps": trained.step,
        "loss": [round(float(each["loss"]), 3) for each in trained.history if "loss" in each],
        "start_seconds": round(marks[0][1] - began, 1),
        "step_seconds": steps,
        "save_and_read_back_seconds": round(ended - max(at.values()), 1),
        "peak_gib_a_gpu": round(float(peak) / 2**30, 1),
        "tokens_a_second": round(sum(tokens) / sum(steps)),
        "files": sorted(path.name for path in trained.folder.iterdir() if path.suffix in (".json", ".safetensors")),
    }
    if stage == "rl":
        step = sum(steps) / len(steps)
        generated, rewarded = (
            sum(float(each[name]) for each in logs) / len(logs) for name in ("generation_seconds", "reward_seconds")
        )
        figures["generation_seconds"], figures["reward_seconds"] = round(generated, 2), round(rewarded, 4)
        figures["update_seconds"] = round(step - generated - rewarded, 2)
        figures["reward_share"] = rewarded / step
    Path(output).write_text(json.dumps(figures), encoding="utf-8")


def run(command: list[str], folder: Path, name: str) -> subprocess.Popen[str]:
    """Start a command whose output goes to a file."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        command,
        stdout=(folder / f"{name}.log").open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment,
    )


def ended(job: subprocess.Popen[str], until: float) -> int:
    """Return a command's exit code; at that time it is killed, with its processes, which have sessions of their own."""
    import psutil  # accelerate brings it

    try:
        return job.wait(timeout=max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        for process in (*psutil.Process(job.pid).children(recursive=True), job):
            process.kill()
        return job.wait()


def say(found: dict[str, Any], folder: Path, name: str) -> None:
    """Print what a run gave; of one that failed, the end of its log."""
    if found.get("rc"):
        found["log"] = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-1500:]
    sys.stdout.write(json.dumps({"run": name, **found}) + "\n")
    sys.stdout.flush()


def settings(stage: str, folder: Path, model: Path, output: Path, changes: dict[str, Any]) -> Path:
    """Write a configuration on top of the recipe's."""
    values = {
        "extends": str(RECIPE / f"{stage}.yaml"),
        "model_name_or_path": str(model),
        "dataset_name": str(folder / "rows"),
        "output_dir": str(output),
        "report_to": "none",
        "logging_steps": 1,
        **changes,
    }
    if stage == "rl":
        values = {"use_vllm": False, "log_completions": False, **values}
    file = folder / f"{output.name}.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


def tables(folder: Path, rows: Path, *, processes: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what the tables of completions of a run hold, and what is wrong with them.

    A step writes `per_device_train_batch_size` completions on each process, in groups of `num_generations`, and no row
    comes twice in a pass over the data. Each completion stands beside the id, target, reward and advantage of its own.
    """
    import pyarrow.parquet as pq

    lines = (rows / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    targets = {row["id"]: row["target"] for row in map(json.loads, lines)}
    size, held = changes["num_generations"], processes * changes["per_device_train_batch_size"]
    seen: list[str] = []
    wrong: set[str] = set()
    files = sorted((folder / "completions").glob("*.parquet"))
    for file in files:
        table = pq.read_table(file).to_pylist()
        if len(table) != held:
            wrong.add(f"{file.name}: {len(table)} rows, not {held}")
        for start in range(0, len(table), size):
            group = table[start : start + size]
            seen.append(group[0]["id"])
            if len({row["id"] for row in group}) > 1:
                wrong.add(f"{file.name}: the group at {start} mixes rows")
            if abs(sum(row["advantage"] for row in group)) > 1e-3:
                wrong.add(f"{file.name}: the advantages at {start} are not of one group")
        for row in table:
            text = row["completion"] if isinstance(row["completion"], str) else row["completion"][0]["content"]
            if row["odd_lengths"] != len(text) % 7:
                wrong.add(f"{file.name}: a reward of another completion")
            if targets.get(row["id"]) != row["target"]:
                wrong.add(f"{file.name}: the target of another row than {row['id']}")
    if len(seen) > len(set(seen)):
        wrong.add("a row comes twice")
    if len(files) != changes["max_steps"]:
        wrong.add(f"{len(files)} tables of {changes['max_steps']} steps")
    return {"tables": len(files), "rows": held * len(files), "groups": len(seen), "wrong": sorted(wrong)}


def whole(
    folder: Path, backends: list[str], stages: list[str], *, processes: int, steps: int, tokens: int, until: float
) -> None:
    """Run stages at 7B by each backend, one after the other; stage 2 starts from stage 1's model where that was run."""
    for backend in backends:
        model = folder / "start"
        for stage in stages:
            name = f"{backend}-{stage}"
            if time.monotonic() > until:
                say({"skipped": "no time was left"}, folder, name)
                continue
            changes: dict[str, Any] = {"max_steps": steps, "save_strategy": "no"}
            if stage == "rl":
                changes |= {"max_completion_length": tokens, "gradient_accumulation_steps": 2}
            file = settings(stage, folder, model, folder / name, changes)
            result = folder / f"{name}.json"
            start = launcher(backend, folder, cpu=False, processes=processes, port=29500)
            command = [*start, "tests.measure.sharded_7b", "--timed", stage, str(file), str(result)]
            code = ended(run(command, folder, name), until)
            say({"rc": code, **(json.loads(result.read_text()) if result.exists() else {})}, folder, name)
            if stage == "sft" and (folder / name / "config.json").exists():
                model = folder / name
        for stage in stages:
            shutil.rmtree(folder / f"{backend}-{stage}", ignore_errors=True)


def narrow(folder: Path, backends: list[str], *, cpu: bool, processes: int, until: float) -> None:
    """Resume from every checkpoint of narrow runs, several side by side, and predict with what they leave."""
    jobs, drawn = {}, {}
    for number, (backend, stage, lora) in enumerate(
        (backend, stage, lora) for backend in backends for stage in ("sft", "rl") for lora in (False, True)
    ):
        name = f"{backend}-{stage}{'-lora' if lora else ''}"
        changes: dict[str, Any] = {"max_steps": 3, "learning_rate": 1e-4, "save_total_limit": None}
        changes |= {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1} | (LORA if lora else {})
        changes |= {"train_rows": SCENES}
        if cpu:
            changes |= ON_CPU | {"max_steps": 2}
        if stage == "rl":
            changes |= SHORT if cpu else {"max_completion_length": 16, "num_generations": 4}
            changes |= {"reward_funcs": ["tests/trainers/test_training_resume.py:odd_lengths"], "reward_weights": None}
            changes = drawn[name] = changes | {"log_completions": True}
        file = settings(stage, folder, folder / "start", folder / name, changes)
        start = launcher(backend, folder, cpu=cpu, processes=processes, port=29600 + number)
        jobs[name] = run([*start, "tests.trainers.every_checkpoint", stage, str(file)], folder, name)
        if cpu:
            ended(jobs[name], until)
    codes = {name: ended(job, until) for name, job in jobs.items()}
    predictions = {name: run(prediction(folder, name), folder, f"{name}-predict") for name in jobs if codes[name] == 0}
    for name, code in codes.items():
        lines = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        found: dict[str, Any] = {"rc": code, "found": [line[:300] for line in lines if line.startswith("found ")][:4]}
        if name in predictions:
            failed = ended(predictions[name], until)
            file = folder / f"{name}{'-predict.log' if failed else '.jsonl'}"
            text = file.read_text(encoding="utf-8", errors="replace")
            found["predicted"] = text[-600:] if failed else len(text.splitlines())
            if name in drawn:
                found |= tables(folder / name, folder / "rows", processes=processes, changes=drawn[name])
        say(found, folder, name)


def killed(folder: Path, backends: list[str], *, cpu: bool, processes: int, until: float) -> None:
    """Kill the last process of a run in stage 2 once two checkpoints are there; then go on to the end."""
    import psutil

    from trainers.checkpoints import last_complete

    for number, backend in enumerate(backends):
        name = f"{backend}-killed"
        changes: dict[str, Any] = {"max_steps": 100_000, "save_steps": 2, "per_device_train_batch_size": 4}
        changes |= {"gradient_accumulation_steps": 1, "max_completion_length": 16, "num_generations": 4}
        changes |= {"train_rows": SCENES, "resume_from_checkpoint": "true"}
        if cpu:
            changes |= ON_CPU | SHORT
        start = launcher(backend, folder, cpu=cpu, processes=processes, port=29700 + number)
        file = settings("rl", folder, folder / "start", folder / name, changes)
        command = [*start, "star_cli", "train", "--stage", "rl", "--config", str(file)]
        job = run(command, folder, name)
        while job.poll() is None and time.monotonic() < until:
            there = last_complete(folder / name)
            if there is not None and int(there.name.rpartition("-")[2]) >= 4:
                break
            time.sleep(0.1)
        ranks = {}
        for each in psutil.Process(job.pid).children(recursive=True) if job.poll() is None else []:
            try:
                ranks[each.environ().get("RANK")] = each
            except psutil.Error:  # one that ends just now
                continue
        last = max((rank for rank in ranks if rank), key=int, default=None)
        if last is None:
            say({"rc": ended(job, until) or 1, "killed": "none: no checkpoint in time"}, folder, name)
            continue
        began = time.monotonic()
        ranks[last].kill()
        found: dict[str, Any] = {"killed_rank": int(last), "exit": ended(job, until)}
        found["seconds_to_the_end"] = round(time.monotonic() - began, 1)
        lines = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        found["said"] = [line for line in lines if "another process of the run is gone" in line]
        there = last_complete(folder / name)
        assert there is not None
        step = int(there.name.rpartition("-")[2])
        settings("rl", folder, folder / "start", folder / name, changes | {"max_steps": step + 3})
        code = ended(run(command, folder, f"{name}-again"), until)
        lines = (folder / f"{name}-again.log").read_text(encoding="utf-8", errors="replace").splitlines()
        steps = [int(found_at[1]) for line in lines if (found_at := re.match(r"step (\d+)/", line))]
        files = sorted(path.name for path in (folder / name).iterdir() if path.suffix in (".json", ".safetensors"))
        say({"rc": code, **found, "from": there.name, "steps": steps, "files": files}, folder, f"{name}-again")


def prediction(folder: Path, name: str) -> list[str]:
    """Return the command that predicts with a saved model."""
    model, rows, out = (str(folder / each) for each in (name, "rows", f"{name}.jsonl"))
    options = ["--limit", "4", "--max-new-tokens", "8", "--overwrite"]
    return [sys.executable, "-m", "star_cli", "predict", "--model", model, "--data", rows, "-o", out, *options]


def main() -> None:
    """Write the model and the rows, run, print."""
    if sys.argv[1:2] == ["--timed"]:
        timed_run(*sys.argv[2:])
        return
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--backends", nargs="+", default=["fsdp2", "zero3"], choices=["fsdp2", "zero3"])
    options.add_argument("--stages", nargs="+", default=["sft", "rl"], choices=["sft", "rl"])
    options.add_argument("--steps", type=int, default=3)
    options.add_argument("--tokens", type=int, default=128, help="of a completion")
    options.add_argument("--narrow", action="store_true")
    options.add_argument("--cpu", action="store_true")
    options.add_argument("--kill", action="store_true")
    options.add_argument("--processes", type=int, help="all GPUs; on a CPU 2")
    options.add_argument("--minutes", type=float, default=60, help="start no further run after so many")
    given = options.parse_args()
    until = time.monotonic() + 60 * given.minutes
    folder = given.folder / ("narrow" if given.narrow or given.kill else "whole")
    folder.mkdir(parents=True, exist_ok=True)
    import torch
    import transformers
    import trl

    versions = {each.__name__: each.__version__ for each in (torch, transformers, trl)}
    size = write_start(folder / "start", narrow=given.narrow or given.kill) if not (folder / "start").exists() else None
    if not (folder / "rows").exists():
        write_rows(folder / "rows")
    say({"parameters": size, "versions": versions}, folder, "start")
    backends = ["fsdp2"] if given.cpu else given.backends
    processes = given.processes or (0 if given.cpu else torch.cuda.device_count()) or 2
    if given.kill:
        killed(folder, backends, cpu=given.cpu, processes=processes, until=until)
    elif given.narrow:
        narrow(folder, backends, cpu=given.cpu, processes=processes, until=until)
    else:
        whole(
            folder,
            given.backends,
            given.stages,
            processes=processes,
            steps=given.steps,
            tokens=given.tokens,
            until=until,
        )


if __name__ == "__main__":
    main()
