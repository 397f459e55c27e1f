"""A run that is killed and goes on ends exactly as one that was not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
from benchmarks.files.lock import locked  # noqa: E402
from rewards.errors import ConfigError  # noqa: E402
from tests.trainers.every_checkpoint import differences  # noqa: E402  needs accelerate, which comes with trl
from tests.trainers.test_processes import TORCHRUN, compare  # noqa: E402
from trainers.stages import train  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]


KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from star_cli.main import main
def watch(file):
    while not file.exists():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=watch, args=(Path(sys.argv.pop(1)),), daemon=True).start()
main()
"""


def killed_after(checkpoint, stage, config):
    """Run `star train` in a process that kills itself when it has written a checkpoint.

    Nobody outside could be in time on a machine that is busy with other things.
    """
    arguments = [str(checkpoint / "trainer_state.json"), "train", "--stage", stage, "--config", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


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
    killed_after(killed / "checkpoint-2", stage, file)
    assert not (killed / "model.safetensors").exists()
    (killed / "checkpoint-99").mkdir()  # as a kill during a save leaves it
    train(stage, file, arguments=["--resume_from_checkpoint", "true"])
    assert logged(killed) == logged(whole)
    assert len(logged(whole)) == 6
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, killed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_one_run_at_a_time_writes_into_a_folder(sft):
    """It holds the lock from its first step to its end; a second run is told of it before it loads a model."""
    output, told = Path(sft["output_dir"]), []
    held = rf"{output} is being written by process {os.getpid()} on "

    def another(_):
        with pytest.raises(ConfigError, match=held), locked(output / "run", str(output)):
            pass
        told.append(sorted(path.name for path in output.glob(".*")))

    done = train("sft", sft | {"max_steps": 2}, on_progress=another)
    assert done.step == 2
    assert told
    assert all(names == [".run.lock"] for names in told)
    assert not list(output.glob(".*"))
    with locked(output / "run", str(output)), pytest.raises(ConfigError, match=held):
        train("sft", sft | {"model_name_or_path": "nowhere"})


def three_epochs(stage, settings, rows):
    """Settings of a run of three epochs of so many rows, whose rewards differ within groups."""
    settings = settings | {"num_train_epochs": 3, "max_steps": -1, "train_rows": rows}
    return (
        settings
        if stage == "sft"
        else settings | {"reward_funcs": [f"{__file__}:odd_lengths"], "log_completions": True}
    )


def odd_lengths(completions, **columns):
    return [float(len(completion[0]["content"]) % 7) for completion in completions]


SHARED = {"num_iterations": 2, "num_train_epochs": 1, "per_device_train_batch_size": 4, "steps_per_generation": 2}


@pytest.mark.parametrize(
    ("stage", "train_rows", "changes", "compared"),
    [("sft", 12, {}, 9), ("rl", 6, {}, 9), ("rl", 4, SHARED, 8), ("rl", 4, {"shuffle_dataset": False}, 6)],
    ids=["sft", "rl", "rl, completions that serve several steps", "rl, unshuffled"],
)
def test_every_checkpoint_of_three_epochs(stage, train_rows, changes, compared, request):
    """Logs, weights and tables of completions are those of the run that never stopped; so are a finished run's."""
    settings = three_epochs(stage, request.getfixturevalue(stage), train_rows) | changes
    workers = ["--dataloader_num_workers", "1"] if stage == "sft" else []
    *found, last = differences(stage, settings, workers)
    assert found == []
    assert json.loads(last)["compared"] == compared


def test_every_checkpoint_of_two_processes(sft, rl, tmp_path):
    runs = {"sft": ("sft", three_epochs("sft", sft, 16)), "rl": ("rl", three_epochs("rl", rl, 8))}
    for name, (*found, last) in compare((*TORCHRUN, "2"), runs, tmp_path).items():
        assert found == [], name
        assert json.loads(last)["compared"] == 6, name


def test_a_finished_run_takes_no_further_step(sft):
    """The last checkpoint lies within an epoch."""
    whole = train("sft", sft | {"max_steps": 4})
    again = train("sft", sft | {"max_steps": 4, "resume_from_checkpoint": "true"})
    assert whole.step == again.step == 4


def test_a_checkpoint_is_on_the_disk_before_it_counts(sft, monkeypatch):
    """All its files, then its state, and only then is the one before removed. So is the finished model."""
    output, synced, seen = Path(sft["output_dir"]), set(), []
    plain = os.fsync

    def fsync(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        plain(handle)
        synced.add(path)
        if path.name.startswith("checkpoint-"):
            state = path / "trainer_state.json"
            whole = {file for file in path.rglob("*") if not file.name.startswith(".")}
            seen.append((path.name, state.exists(), whole <= synced | {state}))
            seen.append([each.name for each in sorted(output.glob("checkpoint-*"))])

    monkeypatch.setattr(os, "fsync", fsync)
    train("sft", sft | {"max_steps": 4, "save_steps": 2, "save_total_limit": 1})
    assert seen == [
        ("checkpoint-2", False, True), ["checkpoint-2"],
        ("checkpoint-2", True, True), ["checkpoint-2"],
        ("checkpoint-4", False, True), ["checkpoint-2", "checkpoint-4"],
        ("checkpoint-4", True, True), ["checkpoint-2", "checkpoint-4"],
    ]  # fmt: skip
    assert output in synced
    model = {path for path in output.iterdir() if path.suffix in (".safetensors", ".json")}
    assert model <= synced | {output / "trainer_state.json"}
