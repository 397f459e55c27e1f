"""One group as the page shows it: what was asked, what is true, and of each completion its text with what it scored.

All of it is plain data; nothing is markup.
"""

from __future__ import annotations

from math import isnan
from shlex import join as shell_join
from typing import TYPE_CHECKING, Any, Final

from benchmarks.view.index import score_again, target_text
from benchmarks.view.pieces import LONGEST, Explained, text_data
from rewards.batch_score import answer_text
from rewards.errors import ConfigError, DataError
from rewards.explain import Explanation
from rewards.messages import held_text
from rewards.references import reference_names, reference_triplets
from rewards.score import resolve
from rewards.spec import PRESETS, QUESTION_PRESETS, QuestionSpec
from rewards.targets import unpack_rows
from rewards.tasks import load_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.view.index import Row, Run, Scoring
    from parsers.types import Relation
    from rewards.tasks import Task

MOST_ROWS: Final = 64
"""Completions of a group that are shown: of more, those with the highest and those with the lowest advantage."""
_EPSILON: Final = 1e-4  # what trainers add to the standard deviation that they divide by
_LONG_VALUE: Final = 300  # characters of another column's value that are shown
_HELD: Final = (
    *("id", "step", "view", "task", "completion", "prompt", "target", "images", "references", "relations", "options"),
)
"""Roles that have a place of their own on the page; other columns are listed."""


def group_data(run: Run, group: int, preset: str | None = None, command: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the page shows of a group.

    Args:
        run: it is of.
        group: its number.
        preset: the reward to score it under, where it is another one than the run's. Options on top of the run's preset
            go with that alone.
        command: options for ``star explain`` that say what else the rows are scored by.

    Raises:
        DataError: the files have changed.
        ConfigError: there is no such preset for the rows' task.
    """
    rows = run.rows(run.groups.of(group))
    first = rows[0]
    task = load_task(first.task)
    scoring = run.scoring if preset in (None, run.scoring.preset) else run.scoring._replace(preset=preset, overrides={})
    scores = score_again(rows, scoring)
    totals = [score[0] for score in scores if score is not None]
    mean = sum(totals) / len(totals) if totals else None
    std = _std(totals)
    # By advantage; rows with the same one as they stand.
    order = sorted(range(len(rows)), key=lambda at: 0.0 if (score := scores[at]) is None else -score[0])
    between = max(len(order) - MOST_ROWS, 0)
    chosen = order if not between else [*order[: MOST_ROWS // 2], *order[-MOST_ROWS // 2 :]]
    shown = [_row_data(rows[at], scoring, command) for at in chosen]
    for each in shown:
        each["advantage"] = None if len(totals) < 2 or mean is None else (each["total"] - mean) / (std + _EPSILON)
    truth = unpack_rows([first.get("target")], **{role: [value] for role, value in first.labels().items()})
    return {
        "group": group,
        "title": run.groups.titles[group],
        "step": number_or_none(run.groups.step[group]),
        "view": _name(run.views, run.groups.view[group]),
        "task": task.name,
        "kind": task.kind,
        "preset": scoring.preset,
        "presets": presets_of(task, run.scoring),
        "prompt": _clip(prompt_text(first.get("prompt"))),
        "target": target_text(first.get("target"), task.name),
        "options": _options(truth.options),
        "references": _by_view(truth.references, reference_names, sorted),
        "relations": _by_view(truth.relations, reference_triplets, _said),
        "mean": mean,
        "std": std,
        "right": sum(score is not None and score[1] for score in scores),
        "size": len(rows),
        "between": between,
        "steps": _steps(run, group),
        "rows": shown,
    }


def presets_of(task: Task, scoring: Scoring) -> list[str]:
    """Return the presets of a task's reward, the run's own first."""
    names = QUESTION_PRESETS if isinstance(task.spec, QuestionSpec) else PRESETS
    possible = []
    for name in names:
        try:
            resolve(task, name)
        except ConfigError:  # a tier that this task's reward does not have
            continue
        possible.append(name)
    return list(dict.fromkeys([scoring.preset, *possible]))


def prompt_text(prompt: Any) -> str:
    """Return a prompt as text: of messages each with its role, of images that they hold a mark."""
    if prompt is None:
        return ""
    if isinstance(prompt, str):
        return prompt
    messages = prompt if isinstance(prompt, list) else [prompt]
    if not all(isinstance(each, dict) for each in messages):
        return str(prompt)
    several = len(messages) > 1
    said = [(str(each.get("role", "")), _content(each.get("content", each.get("text")))) for each in messages]
    return "\n\n".join(f"{role}: {text}" if several else text for role, text in said)


def last_words(prompt: Any) -> str:
    """Return the text of a prompt's last message, without images: what a row and its completions share."""
    last = prompt[-1] if isinstance(prompt, list) and prompt else prompt
    content = last.get("content", last.get("text")) if isinstance(last, dict) else last
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(str(text) for text in texts if text is not None).strip()


def _content(content: Any) -> str:
    if not isinstance(content, list):
        return "" if content is None else str(content)
    return "\n".join(map(_part, content))


def _part(part: Any) -> str:
    """Return the text of a part, behind its type where that is another one; of other things their type alone."""
    if not isinstance(part, dict):
        return str(part)
    kind = str(part.get("type") or ("image" if part.get("text") is None else "text"))
    said = held_text(part)
    if kind in ("text", "input_text", "output_text"):
        return said
    mark = "[image]" if "image" in kind else f"[{kind}]"
    return f"{mark} {said}" if said else mark


def _steps(run: Run, group: int) -> list[list[Any]]:
    """Return [step, group, mean] of the groups of the same prompt, in the order of the steps."""
    groups = run.groups
    if not groups.prompt[group]:
        return []
    same = (groups.prompt == groups.prompt[group]).nonzero()[0].tolist()
    found = [[number_or_none(groups.step[each]), each, number_or_none(groups.mean[each])] for each in same]
    return sorted(found, key=lambda each: (each[0] is None, each[0] or 0.0))


def _options(column: Sequence[Any] | None) -> list[str]:
    options = None if column is None else column[0]
    if isinstance(options, dict):
        return [f"{letter}. {text}" for letter, text in options.items()]
    if not isinstance(options, list):
        return [] if options is None else [str(options)]
    return [f"{chr(ord('A') + at)}. {text}" for at, text in enumerate(options)]


def _by_view(
    column: Sequence[Any] | None, read: Callable[[Any], Mapping[int, Any]], words: Callable[[Any], list[str]]
) -> list[list[Any]]:
    """Return [view, words] of the labels, by view."""
    if column is None or column[0] is None:
        return []
    try:
        return [[view, words(told)] for view, told in sorted(read(column[0]).items())]
    except DataError:
        return []


def _said(triplets: Sequence[Relation]) -> list[str]:
    """Return triplets as completions write them."""
    return [
        f"{one}, {other}, {'in front of' if relation == 'front' else relation}" for one, other, relation in triplets
    ]


# --- one row ----------------------------------------------------------------------------------------------------------


def _row_data(row: Row, scoring: Scoring, command: Sequence[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "row": row.number,
        "id": None if row.get("id") is None else str(row.get("id")),
        "place": row.place,
        "more": _more(row),
        "total": None,
        "correct": None,
        "parts": [],
        "pieces": [],
        "marks": [],
        "faults": [],
    }
    if not row.has_completion:
        return shown
    explained = Explained.of(row, scoring)
    task = explained.task
    score = explained.shown.score
    missing = explained.shown.missing if isinstance(explained.shown, Explanation) else ()
    return shown | {
        "total": score.total,
        "correct": score.correct,
        "unit": score.unit,
        "prefilled": explained.sections.prefilled,
        "answer": answer_text(score.answer),
        "parts": [[part, value] for part, value in score.parts.items()],
        "missing": [task.record_format.render(record) for record in missing] if task.record_format else [],
        **text_data(explained),
        "explain": _explain_command(row, task, scoring, command),
    }


def _explain_command(row: Row, task: Task, scoring: Scoring, command: Sequence[str]) -> str:
    chunk = row.block.chunk
    alone = chunk.items is None or chunk.items[row.block.at[row.at]] is None
    which = ["--line", str(row.line)] if alone else ["--id", row.place]
    named = [] if task.name == "tvr" else ["--task", row.run.scoring.task or task.name]
    preset = [] if scoring.preset == "default" else ["--preset", scoring.preset]
    same = scoring.preset == row.run.scoring.preset
    options = command if same else _without_overrides(command)
    return shell_join(["star", "explain", row.file, *which, *named, *preset, *options])


def _without_overrides(command: Sequence[str]) -> list[str]:
    """Leave out the options that change the run's own preset."""
    kept: list[str] = []
    for at in range(0, len(command), 2):
        if command[at] not in ("--matching", "--conflicts", "--weights"):
            kept += command[at : at + 2]
    return kept


def _more(row: Row) -> list[list[str]]:
    """Return the columns that have no place of their own, with their values."""
    columns = row.run.files.columns[row.piece.file]
    assert columns is not None
    taken = {name for role in _HELD if role in columns.roles for name in columns.of(role)} | {"completion"}
    found = []
    for name, value in row.whole.items():
        if name not in taken and value is not None and not isinstance(value, bytes):
            text = value if isinstance(value, str) else _plain(value)
            found.append([name, text if len(text) <= _LONG_VALUE else f"{text[:_LONG_VALUE]}…"])
    return found


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


# --- numbers and words ------------------------------------------------------------------------------------------------


def _std(totals: Sequence[float]) -> float:
    if len(totals) < 2 or min(totals) == max(totals):
        return 0.0
    mean = sum(totals) / len(totals)
    return float((sum((each - mean) ** 2 for each in totals) / (len(totals) - 1)) ** 0.5)


def number_or_none(value: Any) -> float | None:
    """Return a number as JSON takes it."""
    number = float(value)
    return None if isnan(number) else number


def _name(names: Sequence[str], number: Any) -> str | None:
    return None if number < 0 else names[int(number)]


def _clip(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters are not shown …]\n{text[-half:]}"
