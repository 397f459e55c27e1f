"""A run that is killed and goes on ends exactly as one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from trainers.stages import train

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]


def command(stage, config, *more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return {
        "args": [sys.executable, "-m", "star_cli", "train", "--stage", stage, "--config", str(config), *more],
        "env": environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }


def kill_after(checkpoint, **popen):
    """Start a run and kill it when it has written a checkpoint."""
    with subprocess.Popen(**popen) as process:
        while not (checkpoint / "trainer_state.json").exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def logged(folder):
    state = json.loads((folder / "trainer_state.json").read_text())
    kept = ("loss", "reward", "rewards/tvr_reward/mean", "mean_token_accuracy", "grad_norm", "entropy")
    return [
        {key: logs[key] for key in ("step", *kept) if key in logs} for logs in state["log_history"] if "loss" in logs
    ]


@pytest.mark.parametrize("stage", ["sft", "rl"])
def test_sigkill_and_resume_change_nothing(stage, request, tmp_path):
    """The killed run is a process of its own; what it is compared with runs here: processes must not differ either."""
    from safetensors.torch import load_file

    settings = request.getfixturevalue(stage) | {"max_steps": 6, "save_steps": 2}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    file = tmp_path / "killed.yaml"
    file.write_text(yaml.safe_dump(settings | {"output_dir": str(killed)}))
    train(stage, settings | {"output_dir": str(whole)})
    kill_after(killed / "checkpoint-2", **command(stage, file))
    assert not (killed / "model.safetensors").exists()
    (killed / "checkpoint-99").mkdir()  # as a kill during a save leaves it
    train(stage, file, arguments=["--resume_from_checkpoint", "true"])
    assert logged(killed) == logged(whole)
    assert len(logged(whole)) == 6
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, killed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
