"""Run a study: arms side by side on one GPU or several, each a process of its own, within a number of minutes.

python -m recipes.evidence.run CALL --out FOLDER [--study FILE] [--minutes 9] [--seed 0 1] [--commit ID] [--only A,B]
python -m recipes.evidence.run all --out FOLDER            every call but those apart; what is predicted, first
python -m recipes.evidence.run predict --out FOLDER        what the arms will do, from the start's knowledge alone

An arm whose result is in FOLDER is not trained again: a call that was cut short is given again as it was, and committed
results that are copied to FOLDER first are left out. With several seeds one follows another, each with its own minutes.
Arms are dealt over the GPUs that there are. With NVIDIA's Multi-Process Service (``nvidia-cuda-mps-control -d`` before,
``echo quit | nvidia-cuda-mps-control`` after) those of one GPU run side by side instead of in turns; eleven took 8 GiB
each. ``--start`` names the folder of packed models where it is not
FOLDER/models; ``--tiny`` runs the same code with small sizes on a CPU.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recipes.evidence.predict import write_predictions
from recipes.evidence.study import HERE, read_result, read_study, result_path
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recipes.evidence.study import Study

TOLD: Final = ("tacc", "accuracy", "ndiff", "predictions", "precision", "recall", "both", "reward")
APART: Final = 0.3  # seconds between arms that begin
AHEAD: Final = 25.0  # seconds for which the first arm goes ahead on a GPU, so that it compiles for all
RESERVE: Final = 45.0  # seconds for the last test and for writing, of arms side by side
AFTER: Final = 20.0  # seconds after the end at which arms are ended
ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "2",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}


@dataclass
class Call:
    """Arms that run side by side.

    Attributes:
        study: what they are part of.
        out: where results go.
        seed: of the arms.
        until: the time at which all has to be written.
        together: whether all end at the same step.
        most: processes at once.
        gpus: over which arms are dealt.
        options: of every arm's command.
        waiting: arms that have not begun.
        running: arms that have, and their processes.
        failed: arms that left no whole result.
        begun: how many arms have begun.
        last_begun: when the last arm began.
        pace_from: since when all arms made steps, and how many the slowest had made then.
    """

    study: Study
    out: Path
    seed: int
    until: float
    together: bool
    most: int
    gpus: int
    options: Sequence[str]
    waiting: list[str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    begun: int = 0
    last_begun: float = 0.0
    pace_from: tuple[float, int] | None = None

    @property
    def work(self) -> Path:
        """Where logs and signs lie."""
        return self.out / "work"

    def run(self) -> None:
        """Run all arms to their end, or to the end of the time."""
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / "end").unlink(missing_ok=True)
        for name in self.waiting:
            self.sign(name).unlink(missing_ok=True)
        try:
            while self.waiting or self.running:
                self.begin_what_can()
                self.collect()
                if self.together:
                    self.agree()
                if time.time() > self.until + AFTER:
                    self.failed += [*self.running, *self.waiting]
                    say(f"time is up: {', '.join((*self.running, *self.waiting))} ended")
                    return
                time.sleep(0.2)
        finally:
            for process in self.running.values():
                process.terminate()
            for process in self.running.values():
                process.wait(timeout=30)

    def sign(self, name: str) -> Path:
        """Return the file that tells how far an arm is."""
        return self.work / f"{result_path(self.work, name, self.seed).stem}.step"

    def begin_what_can(self) -> None:
        """Begin the next arm whose start is there."""
        apart = AHEAD if self.begun == 1 and self.gpus else APART
        if len(self.running) >= self.most or time.time() < self.last_begun + apart or time.time() > self.until:
            return
        for name in self.waiting:
            begins = self.study.arm(name).get("from")
            if begins and (begins in self.waiting or begins in self.running):
                continue
            if begins and begins in self.failed:
                self.waiting.remove(name)
                self.failed.append(name)
                return
            self.begin(name)
            return

    def begin(self, name: str) -> None:
        """Start an arm's process."""
        self.waiting.remove(name)
        command = [sys.executable, "-m", "recipes.evidence.arm", name, *self.options]
        log = (self.work / f"{name}-{self.seed}.log").open("wb")
        environment = ENVIRONMENT | dict(os.environ)
        if self.gpus > 1:
            environment["CUDA_VISIBLE_DEVICES"] = str(self.begun % self.gpus)
        with log:
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603
        self.begun += 1
        self.last_begun = time.time()
        say(f"{name}: begun")

    def collect(self) -> None:
        """Say what became of arms that have ended."""
        for name, process in list(self.running.items()):
            if process.poll() is None:
                continue
            del self.running[name]
            found = read_result(self.out, name, self.seed)
            if process.returncode or found is None or not found["complete"]:
                self.failed.append(name)
                lines = (self.work / f"{name}-{self.seed}.log").read_text(errors="replace").strip().splitlines()
                say(f"{name}: failed ({process.returncode}): {' | '.join(lines[-3:])}")
                continue
            told = {key: found["final"][key] for key in TOLD if key in found["final"]}
            say(
                f"{name}: {found['steps']} steps, {found['seconds']:.0f} s; "
                f"{', '.join(f'{key} {value:.3f}' for key, value in told.items())}, "
                f"{found.get('peak_memory_gib', 0)} GiB"
            )
            shutil.rmtree(self.work / f"{name}-{self.seed}", ignore_errors=True)

    def progress(self, name: str) -> tuple[int, float] | None:
        """Return the step that an arm has done, and when."""
        try:
            step, when = self.sign(name).read_text(encoding="utf-8").split()
            return int(step), float(when)
        except (OSError, ValueError):
            return None

    def agree(self) -> None:
        """Decide at which step all arms end, as late as the slowest one can still reach it."""
        if self.waiting or not self.running or (self.work / "end").exists():
            return
        found = [self.progress(name) for name in self.running]
        steps = [each[0] for each in found if each is not None]
        if len(steps) < len(found) or min(steps) < 2:  # the first steps compile
            return
        if self.pace_from is None:
            self.pace_from = time.time(), min(steps)
        began, made = self.pace_from
        if min(steps) < made + 3:
            return
        every = self.study.values["evaluate_every"]["rl"]
        end = (max(steps) // every + 1) * every
        to_reach = (end - min(steps)) * (time.time() - began) / (min(steps) - made)
        if time.time() + to_reach + RESERVE >= self.until:
            (self.work / "end").write_text(str(end), encoding="utf-8")
            say(f"all arms end at step {end}")


def gpu_count() -> int:
    """Return how many GPUs there are."""
    import torch

    return torch.cuda.device_count()


def say(text: str) -> None:
    """Print a line with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def run_call(study: Study, name: str, seed: int, given: Any) -> list[str]:
    """Run the arms of a call and a seed that have no result yet; return those that failed."""
    wanted = study.call(name)["arms"] if given.only is None else given.only.split(",")
    waiting = [
        arm for arm in wanted if not ((found := read_result(given.out, arm, seed)) is not None and found["complete"])
    ]
    until = time.time() + 60 * given.minutes
    options = ["--study", str(given.study), "--out", str(given.out), "--seed", str(seed)]
    options += ["--start-seed", str(given.start_seed), "--until", str(until), "--commit", given.commit]
    options += ["--command", shlex.join(["python", "-m", "recipes.evidence.run", *sys.argv[1:]])]
    options += ["--tiny"] if given.tiny else []
    options += ["--start", str(given.start)] if given.start else []
    together = bool(study.call(name).get("together"))
    call = Call(study, given.out, seed, until, together, given.most, gpu_count(), options, waiting)
    call.run()
    return call.failed


def main() -> None:
    """Run a call, all of them, or the predictions."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("call")
    options.add_argument("--study", type=Path, default=HERE / "study.yaml")
    options.add_argument("--out", type=Path, required=True, help="where results go")
    options.add_argument(
        "--minutes", type=float, default=60.0, help="of each seed, after which its results have been written"
    )
    options.add_argument("--seed", type=int, nargs="+", default=[0], help="one or several, one after another")
    options.add_argument("--start-seed", type=int, default=0, help="of the model that stage 2 begins with")
    options.add_argument("--start", type=Path, help="folder of packed models; default: OUT/models")
    options.add_argument("--only", help="some arms, separated by commas")
    options.add_argument("--most", type=int, default=16, help="arms at once")
    options.add_argument("--commit", default=os.environ.get("STAR_COMMIT", "unknown"))
    options.add_argument("--tiny", action="store_true")
    given = options.parse_args()
    try:
        study = read_study(given.study, tiny=given.tiny)
        if given.call == "predict":
            say(f"{write_predictions(study, given.out, given.start_seed)}")
            return
        failed = []
        every = [name for name, call in study.values["calls"].items() if not call.get("apart")]
        first = study.values.get("predicted")
        predicted = set(study.call(first)["arms"]) if first else set()
        for name in every if given.call == "all" else [given.call]:
            if given.call == "all" and predicted & set(study.call(name)["arms"]):
                say(f"{write_predictions(study, given.out, given.start_seed, to=given.out)}")
                predicted = set()  # written once, before the first of them is trained
            for seed in given.seed:
                failed += run_call(study, name, seed, given)
    except ConfigError as error:
        raise SystemExit(f"error: {error}") from None
    if failed:
        raise SystemExit(f"{len(failed)} arms failed: {', '.join(failed)} (logs in {given.out / 'work'})")


if __name__ == "__main__":
    main()
