"""``python -m tests.trainers.killed [--kills N] [--sharded] [--saves]``: a run that is killed at random moments and goes on.

A tiny model is trained to the end; then the same run is killed (SIGKILL, to all its processes) at a moment drawn evenly
from the time between taking its lock and its end, and started again with ``resume_from_checkpoint: true``, over and over
until it ends; then another one. The save of a checkpoint is short: ``--saves`` waits for one after that moment, and
kills in it. The final weights of each must be those of the first, bit for bit; no lock, no half
checkpoint and nothing hidden may be left.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from socket import create_server

import psutil
import yaml

from trainers.checkpoints import is_complete

ROOT = Path(__file__).parents[2]
TAKEN = create_server(("127.0.0.1", 0))  # accelerate is given its port, so that torchrun takes one that is free
PATIENCE = 900  # seconds after which a run hangs
SAVE = 0.05  # seconds that the save of a checkpoint of so small a model takes, about
SETTINGS = {
    "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "disable_tqdm": True, "logging_steps": 1,
    "learning_rate": 1e-3, "seed": 3, "per_device_train_batch_size": 2, "max_steps": 120, "save_steps": 10, "save_total_limit": 3,
}  # fmt: skip


def make_inputs(folder):
    from recipes.tiny.model import Sizes, build
    from recipes.tiny.world import World, dataset

    build(
        folder / "start", Sizes(width=32, layers=1, heads=2, feed_forward=2, vision_width=16, vision_layers=1), side=32
    )
    dataset(World(), ("center", "left", "right"), 1, 24).save_to_disk(folder / "rows")


def launcher(folder, sharded):
    """The command before ``-m star_cli``: this Python, or accelerate with the recipe's file, in two processes."""
    if not sharded:
        return [sys.executable]
    values = yaml.safe_load((ROOT / "recipes/accelerate/fsdp2.yaml").read_text())
    file = folder / "fsdp2.yaml"
    file.write_text(yaml.safe_dump(values | {"num_processes": 2, "use_cpu": True}))
    port = str(TAKEN.getsockname()[1])
    return [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(file), "--main_process_port", port]


def start(folder, output, *, sharded):
    file = folder / f"{output.name}.yaml"
    more = {"bf16": True, "dtype": "bfloat16", "max_steps": 40, "save_steps": 4} if sharded else {}
    given = {
        "model_name_or_path": str(folder / "start"),
        "dataset_name": str(folder / "rows"),
        "output_dir": str(output),
    }
    file.write_text(yaml.safe_dump(SETTINGS | more | given))
    module = "tests.trainers.fsdp_on_cpu" if sharded else "star_cli"
    return subprocess.Popen(
        [*launcher(folder, sharded), "-m", module, "train", "--stage", "sft", "--config", str(file), "--resume_from_checkpoint", "true"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def locked(process, output):
    """Wait until the run holds the lock of its folder; return whether it still runs."""
    while process.poll() is None:
        with suppress(OSError, IndexError, ValueError):  # it is just being written
            number = int((output / ".run.lock").read_text().split()[1])
            if number in {each.pid for each in family(process)}:  # the run before has left its file
                return True
        time.sleep(0.01)
    return False


def in_save(process, output):
    """Wait until a checkpoint is being written, and a part of that time; return whether the run still runs."""
    known = {each.name for each in numbered(output)}  # also what an earlier kill has left
    while process.poll() is None:
        if any(each.name not in known for each in numbered(output)):
            time.sleep(random.uniform(0, SAVE))
            return True
        time.sleep(0.001)
    return False


def family(process):
    """A process and all that it has started, which may be in sessions of their own."""
    try:
        found = psutil.Process(process.pid)
        return [found, *found.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(process):
    for each in family(process):
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGKILL)


def weights(folder):
    from safetensors.torch import load_file

    (file,) = folder.glob("*model.safetensors")
    return {name: (str(tensor.dtype), tensor.float().numpy().tobytes()) for name, tensor in load_file(file).items()}


def numbered(output):
    return sorted(output.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))


def moment(output, began):
    """Say what a run was doing when it was killed, by what lies in its folder and is newer than its beginning."""
    halves = [each for each in numbered(output) if not is_complete(each) and newest(each) >= began]
    if halves:
        return "in a save" if halves[-1] == numbered(output)[-1] else "while an old checkpoint was removed"
    model = output / "config.json"
    if model.exists() and model.stat().st_mtime >= began:
        return "in the save of the model, or after it"
    whole = [newest(each) for each in numbered(output) if is_complete(each)]
    if not whole:
        return "before the first checkpoint"
    return "between two checkpoints" if max(whole) >= began else "after a resume, before the next checkpoint"


def newest(folder):
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def main(arguments):
    asked = argparse.ArgumentParser(prog="python -m tests.trainers.killed")
    asked.add_argument("--kills", type=int, default=20)
    asked.add_argument("--sharded", action="store_true")
    asked.add_argument("--saves", action="store_true")
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args(arguments)
    rng, kills, runs, begun, moments = random.Random(given.seed), 0, 0, time.monotonic(), Counter()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make_inputs(folder)
        with start(folder, folder / "whole", sharded=given.sharded) as whole:
            assert locked(whole, folder / "whole"), whole.communicate()[0]
            began = time.monotonic()
            said = whole.communicate(timeout=PATIENCE)[0]
            lasts = time.monotonic() - began
        assert whole.returncode == 0, said
        expected, kept = weights(folder / "whole"), [path.name for path in numbered(folder / "whole")]
        sys.stdout.write(f"the whole run: {lasts:.1f} s with the lock, {len(expected)} tensors\n")
        while kills < given.kills:
            output, fresh = folder / f"killed{runs}", True
            while True:
                with start(folder, output, sharded=given.sharded) as run:
                    began = time.time()
                    if kills < given.kills and locked(run, output):
                        taken, at = time.monotonic(), rng.uniform(0, lasts / 2 if given.saves else lasts)
                        with suppress(subprocess.TimeoutExpired):
                            run.wait(at)
                            if fresh:  # it was faster than the one before
                                lasts = min(lasts, time.monotonic() - taken)
                        if run.poll() is None and (not given.saves or in_save(run, output)):
                            kill(run)
                    said = run.communicate(timeout=PATIENCE)[0]
                if run.returncode == 0:
                    break
                assert run.returncode == -signal.SIGKILL, said
                kills, fresh = kills + 1, False
                what = moment(output, began)
                moments[what] += 1
                sys.stdout.write(f"  kill {kills}: {at:.1f} s after the lock, {what}\n")
                sys.stdout.flush()
            runs += 1
            assert weights(output) == expected, f"run {runs}: other weights"
            assert not [*output.glob(".*")], f"run {runs} left {[*output.glob('.*')]}"
            assert [path.name for path in numbered(output)] == kept, f"run {runs} left {numbered(output)}"
            assert all(map(is_complete, numbered(output))), f"run {runs} left half a checkpoint"
            sys.stdout.write(f"run {runs}: the same weights; {kills} kills so far, {time.monotonic() - begun:.0f} s\n")
            sys.stdout.flush()
    sys.stdout.write(f"{kills} kills in {runs} runs: final weights equal; killed {dict(moments)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
