"""Runs of two processes on one machine, as torchrun and accelerate start them."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml

from trainers.checkpoints import is_complete, last_complete

pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
ACCELERATE = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--mixed_precision", "no")


def start(launcher, stage, settings, folder):
    file = folder / f"{stage}.yaml"
    file.write_text(yaml.safe_dump(settings))
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "star_cli", "train", "--stage", stage, "--config", str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_rl_on_two_processes(rl, tmp_path):
    with start(ACCELERATE, "rl", rl | {"max_steps": 2, "save_strategy": "no", "num_generations": 8}, tmp_path) as run:
        said = run.communicate()[0]
    assert run.returncode == 0, said
    # one group of eight needs both processes' completions; one of them speaks for both
    assert len(re.findall(r"^step 1/2: .*reward", said, re.MULTILINE)) == 1, said
    assert said.count("trained for 2 steps") == 1
    assert (Path(rl["output_dir"]) / "model.safetensors").exists()


def test_sigterm_stops_both_processes_after_the_same_step(sft, tmp_path):
    settings = sft | {"max_steps": 100_000, "save_strategy": "steps", "save_steps": 100_000}
    with start(TORCHRUN, "sft", settings, tmp_path) as run:
        said = ""
        while not said.rpartition("\n")[2].startswith("step 2/"):
            line = run.stdout.readline()
            assert line, said
            said += "\n" + line.rstrip()
        run.send_signal(signal.SIGTERM)
        said += run.communicate()[0]
    found = re.findall(r"stopped by SIGTERM after step (\d+)", said)
    assert len(found) == 1, said
    assert is_complete(Path(sft["output_dir"]) / f"checkpoint-{found[0]}")


def test_a_run_that_loses_a_process_ends_with_a_line_and_goes_on(sft, tmp_path):
    settings = sft | {"max_steps": 100_000, "save_strategy": "steps", "save_steps": 2}
    with start(TORCHRUN, "sft", settings, tmp_path) as run:
        said = ""
        while not said.rpartition("\n")[2].startswith("step 3/"):
            line = run.stdout.readline()
            assert line, said
            said += "\n" + line.rstrip()
        ranks = {each.environ().get("RANK"): each for each in psutil.Process(run.pid).children()}
        ranks["1"].kill()
        said = run.communicate(timeout=60)[0]
    assert run.returncode != 0
    (line,) = [line for line in said.splitlines() if "another process of the run is gone" in line]
    checkpoint = last_complete(Path(sft["output_dir"]))
    assert line.endswith(f"{checkpoint} is complete: resume_from_checkpoint: true")
    assert not re.search(r"\[rank0\]", said)  # no traceback of a survivor

    steps = int(checkpoint.name.rpartition("-")[2]) + 1
    more = {"max_steps": steps, "save_strategy": "no", "resume_from_checkpoint": "true"}
    with start(TORCHRUN, "sft", settings | more, tmp_path) as run:
        said = run.communicate()[0]
    assert run.returncode == 0, said
    assert f"trained for {steps} steps" in said


def compare(launcher, stage, settings, folder, *more):
    """Run `tests.trainers.every_checkpoint` in two processes; return how much it compared."""
    file = folder / f"{stage}.yaml"
    file.write_text(yaml.safe_dump(settings))
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "tests.trainers.every_checkpoint", stage, str(file), *more],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *found, last = [line.removeprefix("found ") for line in done.stdout.splitlines() if line.startswith("found ")]
    assert found == []
    return json.loads(last)
