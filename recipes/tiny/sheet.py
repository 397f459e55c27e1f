"""A contact sheet: pictures before and after, what changed and what a model said of it, in green or red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rewards.score import answer_text, score_completion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
