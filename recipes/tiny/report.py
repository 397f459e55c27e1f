"""What a study shows: curves and pictures as text, a contact sheet, and a page with its curves and figures inside."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.files.write import write_whole
from benchmarks.plain_text import CONTENT_POLICY, escape
from recipes.tiny.study import gain, history
from rewards.score import answer_text, score_completion
from trainers.rows import load_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    write_whole(path, page("Two stages in a small world", recipe.about, sections, sheet))
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


# --- the page ---------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, MARGIN = 560, 240, 44
COLORS: Final = ("#1668b5", "#c2571a", "#2a8a4a")
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.25rem .9rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}svg{margin-right:1rem}img{max-width:100%}"
)


def curve(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a chart as SVG.

    Args:
        title: over the chart.
        lines: name -> points (step, value).

    >>> curve("loss", {"loss": [(0, 1.0), (10, 0.5)]})[:4]
    '<svg'
    """
    points = [point for line in lines.values() for point in line]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(0.0, *ys), max(ys)
    wide, high = (high_x - low_x) or 1.0, (high_y - low_y) or 1.0

    def place(x: float, y: float) -> str:
        across = MARGIN + (x - low_x) / wide * (WIDTH - MARGIN - 10)
        return f"{across:.1f},{HEIGHT - MARGIN - (y - low_y) / high * (HEIGHT - 2 * MARGIN):.1f}"

    parts = [f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}">']
    parts.append(f'<text x="{MARGIN}" y="20" font-weight="600">{escape(title)}</text>')
    for number in range(5):
        value = low_y + high * number / 4
        x, y = place(low_x, value).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - 10}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y}" font-size="12" text-anchor="end">{value:.2g}</text>')
    parts.append(f'<text x="{WIDTH - 10}" y="{HEIGHT - 20}" font-size="12" text-anchor="end">step {high_x:g}</text>')
    for (name, line), color in zip(lines.items(), COLORS, strict=False):
        path = " ".join(place(x, y) for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        at = MARGIN + 10 + 150 * list(lines).index(name)
        parts.append(f'<text x="{at}" y="{HEIGHT - 20}" font-size="12" fill="{color}">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def page(title: str, about: str, sections: Sequence[tuple[str, str]], sheet: Any) -> str:
    """Return the page.

    Args:
        title: of the page.
        about: what is learnt.
        sections: headings and their HTML.
        sheet: a PIL image that ends it.
    """
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    body = "".join(f"<h2>{escape(heading)}</h2>{content}" for heading, content in sections)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p>{body}"
        f'<h2>Held-out scenes</h2><img alt="Pictures, true changes and answers" src="data:image/png;base64,{picture}">'
        "</html>\n"
    )


# --- the contact sheet: before and after, what changed and what a model said of it, in green or red -------------------

ENLARGED: Final = 128  # side of a picture on the sheet, pixels
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
    """Return pictures side by side in ANSI colors, each character two pixels: one above the other.

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
