"""What a study shows: curves and images as text, a contact sheet, and a page with its curves and figures inside."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.files.write import write_whole
from benchmarks.report.content import Document, Grid, Image, Line, Lines, Section
from benchmarks.report.html import html
from recipes.tiny.study import gain, history
from rewards.batch_score import answer_text
from rewards.score import score_completion
from trainers.rows import load_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
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
    numbers = tuple(
        (key.replace("_", " "), json.dumps(value)) for key, value in figures.items() if isinstance(value, int | float)
    )
    sections = (
        Section("Curves", tuple(_curves(recipe, out))),
        Section("Before and after stage 2", (_before_and_after(recipe, before, after),)),
        Section("Figures", (Grid("", ("figure", "value"), numbers),)),
        Section("Held-out scenes", (Image(_data_uri(sheet), "Images, true changes and answers"),)),
    )
    path = out / "report.html"
    write_whole(path, html(Document("Two stages in a small world", recipe.about, sections)))
    return path


def _before_and_after(recipe: Recipe, before: Judgement, after: Judgement) -> Grid:
    header = ["final view"]
    for what in ("right", "reward"):
        header += [f"{what} after stage 1", "after stage 2", "gain (95%)"]
    lines = []
    for view in recipe.views["test"]:
        seen = before.views == view
        line = [view]
        for one, other in ((before.correct, after.correct), (before.rewards, after.rewards)):
            found = gain(one[seen], other[seen])
            half = found.high - found.mean
            line += [f"{one[seen].mean():.3f}", f"{other[seen].mean():.3f}", f"{found.mean:+.3f} ± {half:.3f}"]
        lines.append(tuple(line))
    return Grid("", tuple(header), tuple(lines))


def _curves(recipe: Recipe, out: Path) -> Iterator[Lines]:
    sft, rl = history(out / "sft"), history(out / "rl")

    def drawn(title: str, logs: list[dict[str, Any]], keys: Mapping[str, str]) -> Lines:
        lines = []
        for name, key in keys.items():
            points = [(float(each["step"]), float(each[key])) for each in logs if key in each]
            lines += [Line(name, *zip(*points, strict=True))] if points else []
        return Lines(title, "step", tuple(lines))

    yield drawn("Stage 1: loss and tokens right", sft, {"loss": "loss", "tokens right": "mean_token_accuracy"})
    yield drawn("Stage 2: reward of the completions drawn", rl, {"reward": "reward"})
    views = {view: f"accuracy/{view}" for view in recipe.views["rl"]}
    yield drawn("Stage 2: share of right completions", rl, views)


def _data_uri(image: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


# --- the contact sheet: before and after, what changed and what a model said of it, in green or red -------------------

ENLARGED: Final = 128  # side of an image on the sheet, pixels
GAP: Final = 8
LINE: Final = 16  # height of a line under a pair
GREEN, RED, GREY = (22, 120, 50), (190, 30, 30), (90, 90, 90)


def contact_sheet(rows: Sequence[Any], answers: Mapping[str, Sequence[str]], *, columns: int = 4) -> Any:
    """Return the sheet as a PIL image.

    Args:
        rows: of the data set, with ``images``, ``view`` and ``target``.
        answers: whose completions -> one for each row.
        columns: pairs side by side.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = 2 * ENLARGED + 3 * GAP, ENLARGED + LINE * (len(answers) + 1) + 2 * GAP
    lines = -(-len(rows) // columns)
    sheet = Image.new("RGB", (columns * width + GAP, lines * height + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for at, row in enumerate(rows):
        left, top = GAP + at % columns * width, GAP + at // columns * height
        for number, image in enumerate(row["images"]):
            large = image.resize((ENLARGED, ENLARGED), Image.Resampling.NEAREST)
            sheet.paste(large, (left + number * (ENLARGED + 2), top))
        text = top + ENLARGED + 3
        draw.text((left, text), f"{row['view']}: {row['target']}", fill=GREY, font=font)
        for name, completions in answers.items():
            text += LINE
            score = score_completion(completions[at], row["target"])
            said = "right" if score.correct else answer_text(score.answer) or "no answer"
            color = GREEN if score.correct else RED
            draw.text((left, text), f"{name}: {said}  ({score.total:+.1f})", fill=color, font=font)
    return sheet


# --- lines of text ----------------------------------------------------------------------------------------------------

BARS: Final = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float], width: int = 50) -> str:
    """Return values as a row of bars between their least and their greatest, averaged to a width.

    >>> spark([0.0, 1.0, 2.0, 7.0])
    '0.00 ▁▂▃█ 7.00'
    """
    size = max(1, -(-len(values) // width))
    means = [sum(part) / len(part) for part in (values[at : at + size] for at in range(0, len(values), size))]
    low, high = min(means), max(means)
    bars = "".join(BARS[round((value - low) / ((high - low) or 1) * (len(BARS) - 1))] for value in means)
    return f"{low:.2f} {bars} {high:.2f}"


def pictures(images: Sequence[Any], width: int = 32) -> str:
    """Return images side by side in ANSI colors, each character two pixels: one above the other.

    Args:
        images: PIL images.
        width: of each, characters.
    """
    import numpy as np
    from PIL import Image

    small = [np.asarray(image.convert("RGB").resize((width, width), Image.Resampling.BOX)) for image in images]
    lines = []
    for row in range(0, width - 1, 2):
        halves = [
            "".join(_half_block(*pair) for pair in zip(pixels[row].tolist(), pixels[row + 1].tolist(), strict=True))
            for pixels in small
        ]
        lines.append("\x1b[0m  ".join(halves) + "\x1b[0m")
    return "\n".join(lines)


def _half_block(above: Sequence[int], below: Sequence[int]) -> str:
    return "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀".format(*above, *below)
