"""``star explain``: why one completion earns what it earns."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import click

from star_cli.explained import Case, Explained
from star_cli.reward_options import reward_options, reward_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsers.completion import Mode, Prefilled


_HELP = """\
Show why a completion earns what it earns: a row of FILE, chosen by --id or --line, or, with --target, standard input.

Shows the first format fault with a caret under its position, every prediction with the true change it was matched with,
what it earned and was charged, what is missing, and the sum; and the same under preset paper if that differs. For
questions: R_ans, and R_ref with the named, true and missing objects of each view.

\b
Examples:
  star explain predictions.jsonl --id 17
  star explain predictions.jsonl --line 3 --json
  echo '<think>b</think><answer>2.color.cyna</answer>' | star explain --target 2.color.cyan
"""


@click.command(help=_HELP, short_help="Show why a completion earns what it earns.")
@click.argument("file", required=False, type=click.Path(exists=True, allow_dash=True, dir_okay=False))
@click.option("--id", "row_id", metavar="ID", help="The row with this id (or FILE:LINE).")
@click.option("--line", type=click.IntRange(1), metavar="N", help="The row on this line.")
@click.option("--target", help="The true answer, for a completion on standard input: '2.color.cyan'.")
@click.option("--references", metavar="JSON", help="With --target, of questions: the true names of each view.")
@reward_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-color", is_flag=True, help="Print plain text (as NO_COLOR does).")
def explain(
    *,
    file: str | None,
    row_id: str | None,
    line: int | None,
    target: str | None,
    references: str | None,
    mapping: dict[str, str],
    targets: str | None,
    on: Literal["id", "prompt"],
    as_json: bool,
    no_color: bool,
    **options: Any,
) -> None:
    """Explain one completion; `_HELP` is what users read."""
    if target is not None:
        case = _from_input(file, row_id, line, target, references)
    else:
        case = _from_file(file, row_id, line, mapping=mapping, targets=targets, on=on)
    explained = _explain(case, **reward_settings(**options))
    if as_json:
        from star_cli.explanation_json import as_data

        click.echo(json.dumps(as_data(case, explained), ensure_ascii=False, indent=2))
    else:
        from star_cli.explanation_text import show

        show(case, explained, color=not no_color)


def _from_input(file: str | None, row_id: str | None, line: int | None, target: str, references: str | None) -> Case:
    """Take the completion from standard input."""
    if file not in (None, "-") or row_id is not None or line is not None:
        raise click.UsageError("--target goes with a completion on standard input, not with a row of a file")
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    return Case("standard input", text, {"target": target, "references": references})


def _from_file(
    file: str | None,
    row_id: str | None,
    line: int | None,
    *,
    mapping: Mapping[str, str],
    targets: str | None,
    on: Literal["id", "prompt"],
) -> Case:
    """Take the completion and its gold from a row of a file."""
    if file is None:
        raise click.UsageError("give a FILE, or a completion on standard input with --target '2.color.cyan'")
    if (row_id is None) == (line is None):
        raise click.UsageError("say which row: --id ID or --line N")
    from benchmarks.files.gold import GOLD_ROLES, read_gold
    from benchmarks.files.lookup import find_rows

    gold = None if targets is None else read_gold(targets, on)
    first, *rest = find_rows(file, row_id=row_id, line=line, mapping=mapping, gold=gold)
    labels = {role: first.values[role] for role in GOLD_ROLES if role in first.values}
    return Case(first.place, first.values["completion"], labels, tuple(row.place for row in rest))


def _explain(
    case: Case, *, task: str, preset: str, mode: Mode, think_prefilled: Prefilled, overrides: Mapping[str, Any]
) -> Explained:
    from rewards.explain import explain_completion
    from rewards.explain_questions import explain_question
    from rewards.questions import QuestionSpec
    from rewards.score import resolve

    found, spec = resolve(task, preset, **overrides)
    explain_one = partial(explain_completion, case.completion, task=found, mode=mode, think_prefilled=think_prefilled)
    if isinstance(spec, QuestionSpec):
        question = explain_question(
            case.completion,
            **case.gold,
            task=found,
            preset=preset,
            mode=mode,
            think_prefilled=think_prefilled,
            **overrides,
        )
        return Explained(found, preset, mode, question)
    shown = explain_one(case.gold["target"], preset=preset, **overrides)
    compared = "default" if preset == "paper" else "paper"
    other = explain_one(case.gold["target"], preset=compared)
    same = other.predictions == shown.predictions and other.parts == shown.parts
    return Explained(found, preset, mode, shown, None if same else (compared, other))
