"""One arm of a study, in a process of its own: it trains, is tested on the way, and leaves its result as JSON.

python -m recipes.evidence.arm NAME --study FILE --out FOLDER [--seed N] [--start FOLDER] [--until TIME] [--tiny]
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recipes.evidence import held_out as changes
from recipes.evidence import questions_judged
from recipes.evidence.held_out import OTHER_IMAGES, HeldOut, knowledge, writer_of
from recipes.evidence.study import (
    config_hash,
    pack_model,
    read_result,
    read_study,
    result_path,
    unpack_model,
    write_result,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recipes.evidence.held_out import Writer
    from recipes.evidence.study import Study

KEPT: Final = ("step", "loss", "reward", "reward_std", "entropy", "frac_reward_zero_std", "mean_token_accuracy")
KEPT_PARTS: Final = (
    "tvr/",
    "multiview/",
    "rewards/",
    "accuracy/",
    "completions/mean_length",
    "completions/clipped_ratio",
    "faults/",
)
WITHIN: Final = 15.0  # seconds that an arm's last lines take besides its last test


@dataclass
class Run:
    """An arm while it runs.

    Attributes:
        study: what it is part of.
        name: of the arm.
        seed: of the run.
        out: where results go.
        until: the time, as `time.time` tells it, at which all has to be written.
        found: the result so far.
        began: when training began, less what tests took.
        tests: seconds that tests took.
        longest_test: seconds of the longest one on the way; the first, which compiles, is left out.
    """

    study: Study
    name: str
    seed: int
    out: Path
    until: float
    found: dict[str, Any]
    began: float = 0.0
    tests: float = 0.0
    longest_test: float = 0.0
    signs: dict[str, Path] = field(default_factory=dict)

    @property
    def judging(self) -> Any:
        """The module that tells what completions are worth."""
        return questions_judged if self.study.questions else changes

    def seconds(self) -> float:
        """Return for how long it has trained, tests left out."""
        return time.time() - self.began - self.tests

    def tell(self, step: int) -> None:
        """Leave a sign of how far it is, for whoever started it."""
        self.signs["step"].write_text(f"{step} {time.time()}", encoding="utf-8")

    def last_step(self) -> int | None:
        """Return the step at which all arms are to end, once that is decided."""
        try:
            return int(self.signs["end"].read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def time_is_up(self) -> bool:
        """Return whether what is left is needed for the last test and for writing."""
        tests = self.study.test["scenes"] / self.study.test["on_the_way"] + len(OTHER_IMAGES)
        return time.time() + 1.5 * self.longest_test * tests + WITHIN > self.until


def curve(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the logged steps, what is of use of each, under the names that trainers give it."""
    return [
        {
            name: round(float(value), 5) if name != "step" else int(value)
            for name, value in logs.items()
            if (name in KEPT or name.startswith(KEPT_PARTS)) and value is not None
        }
        for logs in history
        if "loss" in logs
    ]


def watching_arm(run: Run, held_out: HeldOut, greedy: Writer) -> Any:
    """Return a trainer's callback that tests on the way and ends in time."""
    from transformers import TrainerCallback

    arm = run.study.arm(run.name)
    every = arm.get("every") or run.study.values["evaluate_every"][arm["stage"]]
    wanted = run.study.until(run.name)
    judging = run.judging

    class Watching(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            run.began = time.time()
            if arm.get("from"):
                self.test(0)

        def test(self, step: int) -> float:
            began = time.time()
            seconds = run.seconds()
            texts = held_out.answers(greedy, run.study.test["on_the_way"])
            judged = judging.judge(held_out, texts)
            masks = judging.groups(held_out, len(texts))["views"]
            views = {view: judging.summary(judged, mask)[judging.RIGHT] for view, mask in masks.items()}
            found = {"step": step, "seconds": round(seconds, 1)} | judging.summary(judged) | {"views": views}
            run.found["tests"].append(found)
            spent = time.time() - began
            run.tests += spent
            if len(run.found["tests"]) > 1:
                run.longest_test = max(run.longest_test, spent)
            write_result(run.out, run.found)
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
            return float(found[judging.RIGHT])

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            step = state.global_step
            run.tell(step)
            if step % every == 0:
                reached = self.test(step)
                control.should_training_stop |= wanted is not None and reached >= wanted
            last = run.last_step()
            control.should_training_stop |= run.time_is_up() or (last is not None and step >= last)

        def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            run.found["curve"] = curve(state.log_history)

    return Watching()


def train_arm(run: Run, start: Path | None) -> None:
    """Train an arm and write its result; one that has been trained, and whose last test failed, is only tested.

    Args:
        run: what is trained.
        start: the folder of the model that it begins with; None: random weights.
    """
    import torch

    from trainers.config import read_config
    from trainers.fast import make_fast
    from trainers.processors import load_processor
    from trainers.stages import build_trainer

    study, arm = run.study, run.study.arm(run.name)
    work = run.out / "work" / f"{run.name}-{run.seed}"
    trained = work / "trained"
    values = study.configuration(run.name, run.seed)
    before = read_result(run.out, run.name, run.seed) or {}
    if "steps" in before and before["config"] == values and trained.is_dir():
        start, run.found = trained, before
    elif start is None:
        start = work / "start"
        run.found["parameters"] = study.new_model(start, run.seed)
    run.found |= {"config": values, "config_hash": config_hash(values), "stage": arm["stage"], "about": arm}
    values = values | {"model_name_or_path": str(start), "output_dir": str(work / "out")}
    settings = read_config(arm["stage"], values)
    trainer = build_trainer(settings)
    make_fast(trainer, settings.star)
    held_out = HeldOut(study, load_processor(str(start)), trainer.accelerator.device)
    writer = writer_of(trainer, study.longest)
    greedy = writer(sample=False)
    if start != trained:
        trainer.add_callback(watching_arm(run, held_out, greedy))
        run.tell(0)
        trainer.train()
        trainer.save_model(str(trained))
        run.found |= {
            "steps": int(trainer.state.global_step),
            "seconds": round(run.seconds(), 1),
            "curve": curve(trainer.state.log_history),
            "machine": _machine(),
        }
        if torch.cuda.is_available():
            run.found["peak_memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        write_result(run.out, run.found)
    if arm.get("keep"):
        _keep(run, trainer, work / "kept")
    texts = held_out.answers(greedy, study.test["scenes"])
    judging = run.judging
    run.found["final"] = judging.in_full(held_out, judging.judge(held_out, texts))
    for images in held_out.other_images:
        shown = held_out.answers(greedy, study.test["on_the_way"], images=images)
        run.found["final"].setdefault("images", {})[images] = judging.summary(judging.judge(held_out, shown))
    if arm.get("keep") and not study.questions:
        samples = held_out.answers(writer(sample=True), study.test["sampled"], study.test["samples"])
        run.found["knowledge"] = knowledge(held_out, texts, samples)._asdict()
    run.found["examples"] = [
        {"target": held_out.targets[at], "view": held_out.views[at], "completion": texts[at]} for at in range(3)
    ]
    run.found["complete"] = True
    write_result(run.out, run.found)


def _keep(run: Run, trainer: Any, folder: Path) -> None:
    """Pack the model, rounded to bfloat16; what is tested from here on is the rounded one."""
    import torch

    model = trainer.model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16())
    rounded = {
        name: value.bfloat16() if value.is_floating_point() else value for name, value in model.state_dict().items()
    }
    model.save_pretrained(folder, state_dict=rounded)
    trainer.processing_class.save_pretrained(folder)
    pack_model(folder, run.out / "models", f"{run.name}-{run.seed}")


def _machine() -> dict[str, str]:
    import torch

    names = ("torch", "transformers", "trl")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} processor cores"
    return {name: version(name) for name in names} | {"device": device, "python": sys.version.split()[0]}


def main() -> None:
    """Train one arm."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("name")
    options.add_argument("--study", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--start", type=Path, help="the folder of packed models")
    options.add_argument("--start-seed", type=int, default=0)
    options.add_argument("--until", type=float, default=float("inf"), help="time.time() at which all is written")
    options.add_argument("--commit", default="unknown")
    options.add_argument("--command", default=shlex.join(sys.argv))
    options.add_argument("--tiny", action="store_true")
    given = options.parse_args()
    study = read_study(given.study, tiny=given.tiny)
    found: dict[str, Any] = {
        "arm": given.name,
        "seed": given.seed,
        "study": given.study.name,
        "commit": given.commit,
        "command": given.command,
        "tiny": given.tiny,
        "complete": False,
        "tests": [],
    }
    work = given.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    stem = result_path(work, given.name, given.seed).stem
    signs = {"step": work / f"{stem}.step", "end": work / "end"}
    run = Run(study, given.name, given.seed, given.out, given.until, found, signs=signs)
    start = None
    if begins := study.arm(given.name).get("from"):
        folder = work / stem / "start"
        start = unpack_model(given.start or given.out / "models", f"{begins}-{given.start_seed}", folder)
        found["from"] = f"{begins}-{given.start_seed}"
    train_arm(run, start)


if __name__ == "__main__":
    main()
