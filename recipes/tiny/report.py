"""The page and the contact sheet of a study."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from recipes.tiny.page import curve, page, table
from recipes.tiny.sheet import contact_sheet
from recipes.tiny.study import gain, history
from trainers.rows import load_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from recipes.tiny.study import Judgement, Recipe

SHOWN: Final = 24  # scenes on the sheet: the first of the test set, whatever was said of them


def write_report(
    recipe: Recipe, out: Path, data: Path, *, before: Judgement, after: Judgement, figures: Mapping[str, Any]
) -> Path:
    """Write ``report.html`` and ``sheet.png`` into a run's folder.

    Args:
        recipe: what was run.
        out: the run's folder, with those of its stages.
        data: the folder of the data sets.
        before: predictions after stage 1.
        after: predictions after stage 2.
        figures: numbers to list.

    Returns:
        The path of the page.
    """
    rows = load_rows(str(data / "test"), split="test")
    answers = {"stage 1": before.completions, "stage 2": after.completions}
    sheet = contact_sheet([rows[at] for at in range(min(SHOWN, len(rows)))], answers)
    sheet.save(out / "sheet.png")
    plain = {key: value for key, value in figures.items() if isinstance(value, int | float)}
    numbers = table(["figure", "value"], [[key.replace("_", " "), json.dumps(value)] for key, value in plain.items()])
    sections = [
        ("Curves", _curves(recipe, out)),
        ("Before and after stage 2", _before_and_after(recipe, before, after)),
        ("Figures", numbers),
    ]
    path = out / "report.html"
    path.write_text(page("Two stages in a small world", recipe.about, sections, sheet), encoding="utf-8")
    return path


def _before_and_after(recipe: Recipe, before: Judgement, after: Judgement) -> str:
    header = ["final view"]
    for what in ("right", "reward"):
        header += [f"{what} after stage 1", "after stage 2", "gain (95 %)"]
    lines = []
    for view in recipe.views["test"]:
        seen = before.views == view
        line = [view]
        for one, other in ((before.correct, after.correct), (before.rewards, after.rewards)):
            found = gain(one[seen], other[seen])
            half = found.high - found.mean
            line += [f"{one[seen].mean():.3f}", f"{other[seen].mean():.3f}", f"{found.mean:+.3f} ± {half:.3f}"]
        lines.append(line)
    return table(header, lines)


def _curves(recipe: Recipe, out: Path) -> str:
    sft, rl = history(out / "sft"), history(out / "rl")

    def line(logs: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
        return [(each["step"], float(each[name])) for each in logs if name in each]

    drawn = curve(
        "Stage 1: loss and tokens right", {"loss": line(sft, "loss"), "tokens right": line(sft, "mean_token_accuracy")}
    )
    drawn += curve("Stage 2: reward of the completions drawn", {"reward": line(rl, "reward")})
    views = {view: line(rl, f"accuracy/{view}") for view in recipe.views["rl"]}
    return drawn + curve("Stage 2: share of right completions", views)
