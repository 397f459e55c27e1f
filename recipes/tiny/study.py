"""A whole study in a small world: its data, its two stages through ``star``, and what they gained."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import as_completed
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import yaml

from benchmarks.run.workers import worker_pool
from recipes.tiny.model import Sizes, build
from recipes.tiny.world import World, dataset
from rewards.errors import ConfigError
from rewards.score import score_batch
from trainers.prediction import read_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

DATA_SEEDS: Final = {"sft": 1000, "rl": 5000, "test": 7}
PIECE: Final = 2000  # rows that one process makes at once
_STEP: Final = re.compile(r"(?:step|predictions) (\d+)/(\d+):? ?(.*)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a study is: ``world.yaml`` of its folder, beside ``sft.yaml`` and ``rl.yaml``.

    Attributes:
        folder: where the recipe lies.
        world: which scenes there are.
        model: how large the model is.
        rows: rows of ``sft``, ``rl`` and ``test``.
        views: of the final images of each.
        max_new_tokens: of a completion.
        gate: least accuracy on the first view after stage 1.
        blind: accuracy of the best guess without the second image.
        about: what is learned, for people.
    """

    folder: Path
    world: World
    model: Sizes
    rows: Mapping[str, int]
    views: Mapping[str, tuple[str, ...]]
    max_new_tokens: int
    gate: float
    blind: float
    about: str


def read_recipe(folder: Path) -> Recipe:
    """Read a recipe's folder.

    Raises:
        ConfigError: a file is missing or holds something else.
    """
    path = folder / "world.yaml"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        tuples: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in found.pop("world").items()}
        views = {key: tuple(value) for key, value in found.pop("views").items()}
        return Recipe(folder=folder, world=World(**tuples), model=Sizes(**found.pop("model")), views=views, **found)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from None


def with_steps(config: Path, steps: int) -> list[str]:
    """Return the options that give a stage another number of steps, its warm-up and decay in proportion."""
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    share = steps / values["max_steps"]
    options = ["--max_steps", str(steps), "--warmup_steps", str(round(values.get("warmup_steps", 0) * share))]
    if steps < values.get("logging_steps", 1):  # a stage that logs nothing leaves nothing to show
        options += ["--logging_steps", "1"]
    if schedule := values.get("lr_scheduler_kwargs"):
        decay = {**schedule, "num_decay_steps": round(schedule["num_decay_steps"] * share)}
        options += ["--lr_scheduler_kwargs", json.dumps(decay)]
    return options


def prepare(recipe: Recipe, out: Path, *, seed: int, workers: int, on_progress: Callable[[int, int], None]) -> int:
    """Make the data and the start model, where they are not there yet; return the model's number of parameters."""
    wanted = {kind: count for kind, count in recipe.rows.items() if not (out / "data" / kind).exists()}
    total, done = sum(wanted.values()), 0
    with worker_pool(workers) as pool:
        jobs = {}
        for kind, count in wanted.items():
            for part in range(ceil(count / PIECE)):
                rows = min(PIECE, count - part * PIECE)
                jobs[pool.submit(_make_piece, recipe, kind, part, rows, out)] = rows
        for job in as_completed(jobs):
            job.result()
            done += jobs[job]
            on_progress(done, total)
    for kind, count in wanted.items():
        _join(out, kind, ceil(count / PIECE))
    return build(out / f"seed{seed}" / "start", recipe.model, side=recipe.world.side, seed=seed)


def _make_piece(recipe: Recipe, kind: str, part: int, rows: int, out: Path) -> None:
    import torch
    from datasets import disable_progress_bars

    torch.set_num_threads(1)  # as many processes as cores
    disable_progress_bars()
    views, held_out = recipe.views[kind], kind == "test"
    made = dataset(recipe.world, views, DATA_SEEDS[kind], rows, part=part, held_out=held_out, name=kind)
    made.save_to_disk(out / "pieces" / f"{kind}-{part}")


def _join(out: Path, kind: str, parts: int) -> None:
    import shutil

    from datasets import concatenate_datasets, disable_progress_bars, load_from_disk

    disable_progress_bars()
    folders = [out / "pieces" / f"{kind}-{part}" for part in range(parts)]
    concatenate_datasets([load_from_disk(folder) for folder in folders]).save_to_disk(out / "data" / kind)
    for folder in folders:
        shutil.rmtree(folder)


class Step(NamedTuple):
    """A line of progress of ``star train`` or ``star predict``."""

    step: int
    total: int
    text: str


def star(*arguments: str, log: Path) -> Iterator[Step]:
    """Run ``star`` and yield its progress; everything that it prints goes to a file.

    Raises:
        ConfigError: it failed; the message ends with its last line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    last = ""
    with (
        log.open("w", encoding="utf-8", buffering=1) as out,
        subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "star_cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            last = line.strip() or last
            if match := _STEP.match(line):
                yield Step(int(match[1]), int(match[2]), match[3])
    if process.returncode != 0:
        raise ConfigError(f"star {arguments[0]} failed ({log}): {last}")


class Judgement(NamedTuple):
    """What predictions score.

    Attributes:
        views: of each row.
        rewards: of each row, the total of TVR's reward.
        correct: of each row.
        cases: of each row the true changes' objects and attributes, e.g. ``0.color``.
        completions: of each row.
        targets: of each row.
    """

    views: npt.NDArray[np.str_]
    rewards: npt.NDArray[np.float64]
    correct: npt.NDArray[np.bool_]
    cases: list[str]
    completions: list[str]
    targets: list[str]

    def accuracy(self, view: str) -> float:
        """Return the share of right rows of a view."""
        return float(self.correct[self.views == view].mean())

    def by_case(self, view: str) -> dict[str, float]:
        """Return the accuracy of each case of a view."""
        cases = np.array(self.cases)
        chosen = self.views == view
        return {case: float(self.correct[chosen & (cases == case)].mean()) for case in sorted(set(cases[chosen]))}


def judge(predictions: Path) -> Judgement:
    """Score a file of predictions."""
    records = list(read_predictions(predictions))
    completions, targets = ([record[key] for record in records] for key in ("completion", "target"))
    batch = score_batch(completions, targets, task="tvr")
    cases = [", ".join(change.strip().rsplit(".", 1)[0] for change in target.split(",")) for target in targets]
    views = np.array([record["view"] for record in records])
    return Judgement(views, batch.total, batch.correct, cases, completions, targets)


class Gain(NamedTuple):
    """The mean difference between two values of the same rows, with its 95% interval."""

    mean: float
    low: float
    high: float


def gain(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> Gain:
    """Return the paired difference: normal interval over rows.

    >>> gain(np.zeros(4), np.array([1.0, 1.0, 0.0, 2.0])).mean
    1.0
    """
    difference = after.astype(np.float64) - before
    half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    return Gain(float(difference.mean()), float(difference.mean() - half), float(difference.mean() + half))


def history(folder: Path) -> list[dict[str, Any]]:
    """Return what a finished training logged."""
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    return [logs for logs in state["log_history"] if "loss" in logs]
