"""Runs of several processes on one machine, as torchrun starts them."""

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
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


def start(settings, folder, processes=2):
    file = folder / "rl.yaml"
    file.write_text(yaml.safe_dump(settings))
    return subprocess.Popen(
        [sys.executable, *TORCHRUN, str(processes), "-m", "star_cli", "train", "--stage", "rl", "--config", str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until_step(number, run):
    """Return what a run says up to a line of that step, or of a later one."""
    said = []
    while not ((step := re.match(r"step (\d+)/.*reward", said[-1] if said else "")) and int(step[1]) >= number):
        line = run.stdout.readline()
        assert line, "".join(said)
        said.append(line)
    return "".join(said)


def test_a_run_that_loses_a_process_goes_on_and_sigterm_stops_all_after_the_same_step(rl, tmp_path):
    """A group of 24 needs the completions of all three processes; one of those that are left speaks for both."""
    settings = rl | {"num_generations": 24, "max_steps": 100_000, "save_strategy": "steps", "save_steps": 2}
    with start(settings, tmp_path, processes=3) as run:
        said = until_step(3, run)
        ranks = {each.environ().get("RANK"): each for each in psutil.Process(run.pid).children()}
        assert {"0", "1", "2"} <= ranks.keys()
        ranks["1"].kill()
        last_words = run.communicate(timeout=300)[0]
    assert run.returncode != 0
    assert len(re.findall(r"^step 1/", said, re.MULTILINE)) == 1, said
    (line,) = [line for line in last_words.splitlines() if "another process of the run is gone" in line]
    checkpoint = last_complete(Path(rl["output_dir"]))
    assert line.endswith(f"{checkpoint} is complete: resume_from_checkpoint: true")
    assert not re.search(r"\[rank[02]\]", last_words)  # no traceback of a survivor

    last = int(checkpoint.name.rpartition("-")[2])
    with start(settings | {"save_steps": 100_000, "resume_from_checkpoint": "true"}, tmp_path, processes=3) as run:
        said = until_step(last + 1, run)
        run.send_signal(signal.SIGTERM)
        said += run.communicate()[0]
    found = re.findall(r"stopped by SIGTERM after step (\d+)", said)
    assert len(found) == 1, said
    assert int(found[0]) > last
    assert is_complete(Path(rl["output_dir"]) / f"checkpoint-{found[0]}")


def compare(launcher, runs, folder):
    """Run `tests.trainers.every_checkpoint` in two processes; return what it found of each run.

    Args:
        launcher: what starts the processes.
        runs: the name of a run -> its stage and its settings.
        folder: of the configurations.
    """
    given = []
    for name, (stage, settings) in runs.items():
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(settings))
        given += [stage, str(file)]
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "tests.trainers.every_checkpoint", *given],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return {name: re.findall(rf"^found {name}: (.*)$", done.stdout, re.MULTILINE) for name in runs}


def test_a_launcher_that_is_killed_takes_its_processes_along(rl, tmp_path):
    """One line says so, and what to go on from; the folder is free for the run that does."""
    settings = rl | {"max_steps": 100_000, "save_strategy": "steps", "save_steps": 2}
    with start(settings, tmp_path) as run:
        until_step(3, run)
        run.kill()
        last_words = run.communicate(timeout=300)[0]  # they hold its end of the pipe: all have ended
    assert "Traceback" not in last_words
    told = [line for line in last_words.splitlines() if re.search("gone|[Ee]rror|resume", line)]
    checkpoint = last_complete(Path(rl["output_dir"]))
    left = f"{checkpoint} is complete: resume_from_checkpoint: true"
    assert told == [f"the launcher (process {run.pid}) is gone, and so this run ends; {left}"]
    last = int(checkpoint.name.rpartition("-")[2])
    with start(settings | {"max_steps": last + 1, "resume_from_checkpoint": "true"}, tmp_path) as run:
        assert f"trained for {last + 1} steps" in run.communicate()[0]
