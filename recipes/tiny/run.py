"""Run a small recipe from nothing to its report: data, stage 1, stage 2, predictions, figures.

python -m recipes.tiny.run [--recipe recipes/tiny] [--out runs/tiny] [--seed 0] [--sft-steps N] [--rl-steps N]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from benchmarks.files.write import write_whole
from recipes.tiny.report import pictures, spark, write_report
from recipes.tiny.study import gain, history, judge, prepare, read_recipe, star, with_steps
from rewards.errors import ConfigError
from trainers.rows import load_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recipes.tiny.study import Gain, Judgement, Recipe

console = Console()


def bar() -> Progress:
    """Return a progress bar with the time left."""
    columns = (
        TextColumn("  {task.description:<9}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
    )
    return Progress(*columns, console=console, expand=True)


def run_star(what: str, *arguments: str, log: Path) -> None:
    """Run a ``star`` command under a progress bar."""
    with bar() as shown:
        task = shown.add_task(what, total=None, text="loading")
        for step in star(*arguments, log=log):
            shown.update(task, completed=step.step, total=step.total, text=step.text)
        done = shown.tasks[task].total or 1
        shown.update(task, completed=done, total=done)


def predict(recipe: Recipe, model: Path, out: Path, data: Path) -> Judgement:
    """Predict the held-out scenes with ``star predict`` and score them, also with ``star score``."""
    limits = ["--max-new-tokens", str(recipe.max_new_tokens), "--batch-size", "128", "--overwrite"]
    run_star(
        "predict",
        *("predict", "--model", str(model), "--data", str(data / "test"), "-o", str(out), *limits),
        log=out.with_suffix(".log"),
    )
    judged = judge(out)
    table = out.with_suffix(".score.log")
    list(star("score", str(out), "--json", log=table))
    scored = json.loads(table.read_text(encoding="utf-8"))
    if abs(scored["accuracy"]["value"] - float(judged.correct.mean())) > 1e-9:
        raise SystemExit(f"star score says {scored['accuracy']['value']}, not {judged.correct.mean()}")
    return judged


def train(recipe: Recipe, stage: str, start: Path, data: Path, *, out: Path, seed: int, steps: int | None) -> Path:
    """Run a stage with ``star train``; return the folder of its model."""
    folder, config = out / stage, recipe.folder / f"{stage}.yaml"
    # a recipe without rows for a stage draws its scenes while it trains
    rows = ["--dataset_name", str(data / stage)] if stage in recipe.rows else []
    run_star(
        "stage 1" if stage == "sft" else "stage 2",
        *("train", "--stage", stage, "--config", str(config)),
        *("--model_name_or_path", str(start), *rows),
        *("--output_dir", str(folder), "--seed", str(seed)),
        *(with_steps(config, steps) if steps else ()),
        log=out / f"{stage}.log",
    )
    return folder


def show_cases(recipe: Recipe, judged: Judgement) -> list[str]:
    """Print accuracy by case on the first view, where one thing changes; return the cases that are not learned."""
    if recipe.world.changes != (1, 1):
        return []
    cases = judged.by_case(recipe.views["test"][0])
    console.print("  by object and attribute: " + ", ".join(f"{case} {value:.2f}" for case, value in cases.items()))
    return [case for case, value in cases.items() if value < 0.1]


def show_gain(recipe: Recipe, before: Judgement, after: Judgement) -> Gain:
    """Print before and after on each view; return the gain in reward on the views of stage 2."""
    found = Table(
        title="Held-out scenes, greedy, before and after stage 2 (95% intervals)",
        title_justify="left",
        title_style="bold",
    )
    for name in ("final view", "right", "after", "gain", "reward", "after", "gain"):
        found.add_column(name, justify="left" if name == "final view" else "right")
    for view in recipe.views["test"]:
        chosen = before.views == view
        rewards, right = (
            gain(one[chosen], other[chosen])
            for one, other in ((before.rewards, after.rewards), (before.correct, after.correct))
        )
        found.add_row(
            view,
            f"{before.accuracy(view):.3f}",
            f"{after.accuracy(view):.3f}",
            f"{right.mean:+.3f} ± {right.high - right.mean:.3f}",
            f"{before.rewards[chosen].mean():.2f}",
            f"{after.rewards[chosen].mean():.2f}",
            f"{rewards.mean:+.2f} ± {rewards.high - rewards.mean:.2f}",
        )
    console.print(found)
    learned = [view in recipe.views["rl"] for view in before.views]
    return gain(before.rewards[learned], after.rewards[learned])


def show_examples(data: Path, before: Judgement, after: Judgement) -> None:
    """Show two scenes of which the model learned something, and one that it still sees wrongly."""
    learned = np.flatnonzero(~before.correct & after.correct)[:2]
    wrong = np.flatnonzero(~before.correct & ~after.correct)[:1]
    rows = load_rows(str(data / "test"), split="test")
    for at in [*learned.tolist(), *wrong.tolist()]:
        console.print(
            f"\n  Seen from the front, then from the {rows[at]['view']}. What changed: [bold]{rows[at]['target']}",
            highlight=False,
        )
        if console.color_system in ("256", "truecolor"):
            console.print(Padding(Text.from_ansi(pictures(rows[at]["images"])), (0, 2)))
        for stage, judged in (("stage 1", before), ("stage 2", after)):
            mark = "[green]right[/]" if judged.correct[at] else "[red]wrong[/]"
            console.print(f"  {stage} {mark}  {escape(judged.completions[at])}", highlight=False)


def main() -> None:
    """Run the recipe; exit with 1 where a stage did not learn."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--recipe", type=Path, default=Path(__file__).parent)
    options.add_argument("--out", type=Path, default=Path("runs/tiny"))
    options.add_argument("--seed", type=int, default=0, help="of the weights, the order of the rows and the draws")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw scenes")
    options.add_argument("--sft-steps", type=int, help="of stage 1, in place of the recipe's")
    options.add_argument("--rl-steps", type=int, help="of stage 2, likewise")
    given = options.parse_args()
    for name, value in (("HF_HUB_OFFLINE", "1"), ("TOKENIZERS_PARALLELISM", "false"), ("OMP_NUM_THREADS", "1")):
        os.environ.setdefault(name, value)
    try:
        steps = {"sft": given.sft_steps, "rl": given.rl_steps}
        sys.exit(study(read_recipe(given.recipe), given.out, given.seed, given.workers, steps))
    except ConfigError as error:
        console.print(f"[red]{error}")
        sys.exit(1)


def study(recipe: Recipe, top: Path, seed: int, workers: int, steps: Mapping[str, int | None]) -> int:
    """Run everything; return the exit code."""
    began = time.monotonic()
    out, data = top / f"seed{seed}", top / "data"
    console.print(Panel(recipe.about, title="What is learned", title_align="left"))
    with bar() as shown:
        task = shown.add_task("scenes", total=None, text="drawn by the ray caster")
        advance = lambda done, total: shown.update(task, completed=done, total=total)  # noqa: E731
        size = prepare(recipe, top, seed=seed, workers=workers, on_progress=advance)
    console.print(f"  a new Qwen2.5-VL of {size / 1e6:.2f} M parameters, random weights (seed {seed})\n")

    console.print(
        "[bold]Stage 1[/]: demonstrations with a chain of thought, seen from: " + ", ".join(recipe.views["sft"])
    )
    sft = train(recipe, "sft", out / "start", data, out=out, seed=seed, steps=steps["sft"])
    console.print("  tokens right  " + spark([float(logs["mean_token_accuracy"]) for logs in history(sft)]))
    before = predict(recipe, sft, out / "before.jsonl", data)
    first = recipe.views["test"][0]
    console.print(
        f"  {first} view, unseen combinations: [bold]{before.accuracy(first):.3f}[/] right "
        f"(best guess without the second image {recipe.blind:.3f})"
    )
    stuck = show_cases(recipe, before)
    if stuck:
        console.print(
            f"  [yellow]never right: {', '.join(stuck)}: this seed is stuck in a known place; another may not be"
        )
    if before.accuracy(first) < recipe.gate:
        console.print(
            f"[red]stage 1 stays under {recipe.gate}: stage 2 would have nothing to build on; try another seed"
        )
        return 1

    console.print("\n[bold]Stage 2[/]: GRPO with tvr_reward, seen from: " + ", ".join(recipe.views["rl"]))
    rl = train(recipe, "rl", sft, data, out=out, seed=seed, steps=steps["rl"])
    console.print("  reward        " + spark([float(logs["reward"]) for logs in history(rl)]))
    after = predict(recipe, rl, out / "after.jsonl", data)
    learned = show_gain(recipe, before, after)
    show_examples(data, before, after)
    logs = history(rl)
    share = sum(float(each["reward_seconds"]) for each in logs) / sum(float(each["step_time"]) for each in logs)
    figures = {
        "seed": seed,
        "parameters": size,
        "before": {view: round(before.accuracy(view), 4) for view in recipe.views["test"]},
        "after": {view: round(after.accuracy(view), 4) for view in recipe.views["test"]},
        "cases_before": {case: round(value, 3) for case, value in before.by_case(first).items()},
        "reward_gain": [round(value, 4) for value in learned],
        "reward_share_of_step": round(share, 5),
        "seconds": round(time.monotonic() - began),
    }
    write_whole(out / "figures.json", json.dumps(figures, indent=2) + "\n")
    report = write_report(recipe, out, data, before=before, after=after, figures=figures)
    console.print(f"\n  reward functions took {share:.2%} of the time of a step; all together {figures['seconds']} s")
    console.print(f"  more images: {out / 'sheet.png'}   report: {report}")
    if learned.low <= 0:
        console.print(
            f"[red]stage 2 did not raise the reward on its views by more than its interval: {learned.mean:+.2f}"
        )
        return 1
    console.print(
        f"[green]stage 2 raised the reward on its views by {learned.mean:.2f} [{learned.low:.2f}, {learned.high:.2f}]"
    )
    return 0


if __name__ == "__main__":
    main()
