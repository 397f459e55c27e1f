"""What ``star explain`` shows on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from rewards.batch_score import answer_text
from rewards.explain import Explanation
from rewards.messages import completion_text
from rewards.references import InformednessScore
from star_cli.console import line_and_column, point_at, visible
from star_cli.explain import item_text
from star_cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from parsers.types import Fault
    from rewards.explain import Prediction, QuestionExplanation, View
    from rewards.spans import Span
    from rewards.tasks import Task
    from star_cli.explain import Case, Explained

_INDENT = 2


def show(case: Case, explained: Explained, *, color: bool) -> None:
    """Print what `star explain` found out."""
    console = Screen(color=color)
    for line in _head(case, explained):
        console.print(line, soft_wrap=True)  # places are copied: they stay in one piece
    for block in _blocks(case, explained, console.width):
        console.print(block)


def _head(case: Case, explained: Explained) -> Iterator[Text]:
    said = f"{case.place} · task {explained.task.name} · preset {explained.preset} · mode {explained.mode}"
    yield Text(said, style="bold")
    if case.others:
        shown = ", ".join(case.others[:5]) + (", ..." if len(case.others) > 5 else "")
        yield Text(f"{len(case.others)} more with this id: {shown}", style="dim")


def _blocks(case: Case, explained: Explained, width: int) -> Iterator[RenderableType]:
    yield ""
    yield from _envelope(case, explained, width)
    yield ""
    if isinstance(explained.shown, Explanation):
        yield from _list(explained.task, explained.shown, width)
        if explained.other is not None:
            preset, other = explained.other
            yield ""
            yield Text(f"under preset {preset}", style="bold")
            yield from _payments(explained.task, other)
            yield _sum(other)
    else:
        yield from _question(explained.shown, width)


def _envelope(case: Case, explained: Explained, width: int) -> Iterator[RenderableType]:
    completion = explained.shown.completion
    if completion.fault is None:
        opener = ", its <think> written by the chat template" if completion.prefilled else ""
        yield Text(f"format: valid{opener}")
    else:
        yield Text("format: ").append_text(_fault(completion.fault, case.completion, width))
    if completion.answer is None:
        yield Text("no answer extracted (treated as empty)")
    else:
        yield Text(f"answer: {_shorten(completion.answer, width - 8)}")
    yield from _drawn(completion_text(case.completion), explained, width - _INDENT)


_MARKS = {"=": "green", "~": "yellow", "x": "red"}


def _mark(span: Span, best: str) -> str:
    """Return the mark of a span: right, partly right, or of no worth."""
    if span.tier in (best, "correct"):
        return "="
    return "x" if span.tier in _WORTHLESS else "~"


_AROUND = 24  # characters of a line that are shown before its first span and behind its last
_WORTHLESS = (
    "incorrect",
    "excess",
    "misplaced",
    "superseded",
    "unparseable",
    "uncounted",
    "repeated",
    "contradicted",
    "unlabelled",
)


def _drawn(text: str, explained: Explained, width: int) -> Iterator[Text]:
    """Yield the lines of a completion that hold spans, these marked below, and what the marks mean."""
    spans = [span for span in (*explained.spans.references, *explained.spans.records) if span.end > span.start]
    best = explained.task.parts[1] if isinstance(explained.shown, Explanation) else "correct"
    marks = {at: _mark(span, best) for span in spans for at in range(span.start, span.end)}
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line.rstrip("\r\n"))
        marked = [at for at in range(start, end) if at in marks]
        if marked:
            first, last = max(marked[0] - _AROUND, start), min(marked[-1] + 1 + _AROUND, end)
            chars = [(visible(text[at]), marks.get(at, " ")) for at in range(first, last)]
            ends = [[("…", " ")] if cut else [] for cut in (first > start, last < end)]
            yield from _underlined([*ends[0], *chars, *ends[1]], width)
        start += len(line)
    if spans:
        tiers = {mark: list(dict.fromkeys(s.tier for s in spans if _mark(s, best) == mark)) for mark in _MARKS}
        shown = (f"{mark} {', '.join(found)}" for mark, found in tiers.items() if found)
        yield Text(" " * _INDENT + " · ".join(shown), style="dim")


def _underlined(chars: Sequence[tuple[str, str]], width: int) -> Iterator[Text]:
    """Yield a line of (character, mark) pairs with its marks below, broken where the screen ends."""
    margin = " " * _INDENT
    above, below, used = Text(margin), Text(margin), 0
    for char, mark in chars:
        cells = cell_len(char)
        if used + cells > width:
            yield from (above, below)
            above, below, used = Text(margin), Text(margin), 0
        style = _MARKS.get(mark, "")
        above.append(char, style=style)
        below.append(mark * cells, style=style)
        used += cells
    yield above
    below.rstrip()
    yield below


def _list(task: Task, explanation: Explanation, width: int) -> Iterator[RenderableType]:
    yield from _payments(task, explanation)
    answer = explanation.completion.answer or ""
    faults = [each.fault for each in explanation.predictions if each.fault is not None]
    for fault in [*faults, *explanation.notes]:
        yield ""
        yield _fault(fault, answer, width)
    if any(each.beyond for each in explanation.predictions):
        yield Text("of the items that are no records as many count as there are true ones, the rest are no predictions")
    yield ""
    yield _sum(explanation)


def _payments(task: Task, explanation: Explanation) -> Iterator[RenderableType]:
    """Yield the table of predictions, and what is missing."""
    assert task.record_format is not None
    render = task.record_format.render
    if explanation.predictions:
        table = Table("predicted", "matched with", "tier", box=None, pad_edge=False, header_style="bold")
        for name in ("reward", "penalty"):
            table.add_column(name, justify="right")
        table.add_column("")
        for each in explanation.predictions:
            table.add_row(
                Text("(unparseable item)" if each.record is None else render(each.record)),
                Text("-" if each.matched is None else render(each.matched)),
                each.tier or "-",
                f"{each.earned:g}",
                Text(f"{each.charged:g}", style="red" if each.charged else ""),
                _remark(each),
            )
        yield table
    else:
        yield Text("there are no predictions")
    if explanation.missing:
        yield Text("missing: " + ", ".join(render(record) for record in explanation.missing), style="yellow")


def _remark(prediction: Prediction) -> str:
    if prediction.superseded:
        return "a later value for the same cell counts"
    if prediction.fault is not None:
        return prediction.fault.code + (", not counted" if prediction.beyond else "")
    if prediction.tier is not None and prediction.paid_as != prediction.tier:
        return f"rewarded as {prediction.paid_as}" if prediction.paid_as else "this tier scores nothing"
    return ""


def _sum(explanation: Explanation | QuestionExplanation) -> Text:
    score = explanation.score
    terms = " + ".join(f"{part} {value:g}" for part, value in explanation.parts.items() if value)
    text = Text(f"{terms or 'no reward, no penalty'} = ").append(f"{score.total:g}", style="bold")
    if isinstance(explanation, Explanation) and explanation.divisor != 1:
        text.append(f"\n(the lines' sums are divided by {explanation.divisor:g}, the number of true changes)")
    return text.append(f"\n{'correct' if score.correct else 'not correct'}, unit {score.unit:.3g}")


def _question(explanation: QuestionExplanation, width: int) -> Iterator[RenderableType]:
    answer, references = explanation.answer, explanation.references
    read = "".join(map(visible, answer_text(answer.answer) or "nothing"))
    yield Text(f"R_ans {answer.value:g}: read {read}")
    if explanation.wrong:
        yield Text("wrong or missing: " + "".join(map(visible, ", ".join(explanation.wrong))), style="yellow")
    if answer.fault is not None and explanation.completion.answer is not None:
        yield _fault(answer.fault, explanation.completion.answer, width)
    if not explanation.views:
        yield Text("R_ref 0: the row has no references")
    elif references is None:
        yield Text("R_ref 0: no reference tells the views apart, so the row counts as unlabelled")
        yield _views(explanation.views)
    elif isinstance(references, InformednessScore):
        yield Text(
            f"R_ref {references.value:g}, weight {explanation.reference_weight:g}: the mean of hits - false alarms"
        )
        yield _informedness(references)
        yield _views(explanation.views)
    else:
        yield Text(f"R_ref {references.value:g}: the mean over the true views")
        yield _views(explanation.views)
    if references is not None and references.extra_views:
        yield Text(f"views that are not there, at no cost: {', '.join(map(str, references.extra_views))}")
    for fault in [*explanation.parsed.invalid, *explanation.parsed.notes]:
        yield _fault(fault, explanation.completion.think or "", width)
    yield ""
    yield _sum(explanation)


def _informedness(score: InformednessScore) -> Table:
    table = Table("told apart", "in views", "written in", box=None, pad_edge=False)
    table.add_column("hits - false alarms", justify="right")
    for each in (*score.names, *score.relations):
        views = [", ".join(map(str, sorted(numbers))) or "-" for numbers in (each.true, each.written)]
        table.add_row(*map(Text, [item_text(each.item), *views, f"{each.value:.3g}"]))
    return table


def _views(views: tuple[View, ...]) -> Table:
    by_view = any(view.f1 is not None for view in views)
    columns = ("view", *(["F1"] if by_view else []), "named and true", "missing", "named, not true")
    table = Table(*columns, box=None, pad_edge=False)
    if any(view.relations_f1 is not None for view in views):
        table.add_column("relations F1")
    for view in views:
        row = [f"{view.number}{'' if view.written else ' (not written)'}"]
        row += [] if view.f1 is None else [f"{view.f1:.3g}"]
        row += [", ".join(sorted(names)) or "-" for names in (view.named & view.true, view.missing, view.extra)]
        row += [] if view.relations_f1 is None else [f"{view.relations_f1:.3g}"]
        table.add_row(*map(Text, row))
    return table


def _fault(fault: Fault, text: str, width: int) -> Text:
    """Return a fault's code and message, and its place with a caret."""
    shown = Text(fault.code, style="red").append(f": {fault.message}", style="default")
    if fault.offset is None:
        return shown
    line, column = line_and_column(text, fault.offset)
    shown.append(f" (line {line}, column {column})", style="dim")
    excerpt, caret = point_at(text, fault.offset, width=width - _INDENT - 1)
    margin = " " * _INDENT
    return shown.append(f"\n{margin}{excerpt}", style="default").append(f"\n{margin}{caret}", style="red")


def _shorten(text: str, width: int) -> str:
    return point_at(text, 0, width=width)[0] if text else "(empty)"
