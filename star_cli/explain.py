"""``star explain``: why one completion earns what it earns."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsers.completion import Mode
    from rewards.explain import Explanation
    from rewards.explain_questions import QuestionExplanation
    from rewards.tasks import Task


class Case(NamedTuple):
    """A completion to explain and the gold that it is scored against.

    Attributes:
        place: where it comes from, for people.
        completion: its text.
        gold: ``target`` and, of questions, ``references``, ``relations``, ``options`` where they are known.
        others: places of further rows with the same id.
    """

    place: str
    completion: str
    gold: Mapping[str, Any]
    others: tuple[str, ...] = ()


class Explained(NamedTuple):
    """A case explained.

    Attributes:
        task: the task.
        preset: the preset that was asked for.
        mode: see `parsers.completion.parse_completion`.
        shown: the explanation under it.
        other: another preset under which lines or sums differ, and the explanation under that; or None.
    """

    task: Task
    preset: str
    mode: Mode
    shown: Explanation | QuestionExplanation
    other: tuple[str, Explanation] | None = None


@click.command()
@click.argument("file", required=False)
@click.option("--id", "row_id", metavar="ID", help="The row with this id (or FILE:LINE).")
@click.option("--line", type=click.IntRange(1), help="The row on this line.")
@click.option("--target", help="The true answer, for a completion on standard input: '2.color.cyan'.")
@click.option("--references", metavar="JSON", help="With --target, of questions: the true names of each view.")
@click.option("--task", default="tvr", show_default=True, help="A task's name, or its YAML file.")
@click.option("--preset", default="default", show_default=True, help="A named change of the task's reward.")
@click.option("--matching", type=click.Choice(["one_to_one", "literal"]), help="Change the preset's matching.")
@click.option("--conflicts", type=click.Choice(["last", "each"]), help="Change the preset's conflict rule.")
@click.option("--mode", type=click.Choice(["strict", "lenient"]), default="strict", show_default=True)
@click.option("--map", "mapping", multiple=True, metavar="ROLE=COLUMN", help="Say which column is what.")
@click.option("--targets", metavar="FILE", help="A file with the gold, if FILE has none.")
@click.option(
    "--on", type=click.Choice(["id", "prompt"]), default="id", show_default=True, help="What joins --targets."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-color", is_flag=True, help="Print without colours (NO_COLOR does the same).")
def explain(
    *,
    file: str | None,
    row_id: str | None,
    line: int | None,
    target: str | None,
    references: str | None,
    task: str,
    preset: str,
    matching: str | None,
    conflicts: str | None,
    mode: Mode,
    mapping: tuple[str, ...],
    targets: str | None,
    on: Literal["id", "prompt"],
    as_json: bool,
    no_color: bool,
) -> None:
    r"""Show why a completion earns what it earns.

    Shows the first fault of the completion's form with a caret under its place, every prediction with the true one it
    was matched with, what it earned and was charged, what is missing, and the sum; and the same under preset paper
    where that differs. Of questions: R_ans, and R_ref with the objects named, true and missing in each view.

    \b
    Examples:
      star explain predictions.jsonl --id 17
      star explain predictions.jsonl --line 3 --json
      echo '<think>b</think><answer>2.color.cyna</answer>' | star explain --target 2.color.cyan
    """
    from rewards.errors import ConfigError, DataError

    try:
        if target is not None:
            case = _from_input(file, row_id, line, target, references)
        else:
            case = _from_file(file, row_id, line, mapping=_mapping(mapping), targets=targets, on=on)
        overrides = {name: value for name, value in (("matching", matching), ("conflicts", conflicts)) if value}
        explained = _explain(case, task, preset, mode, overrides)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    except DataError as error:
        raise click.ClickException(str(error)) from error
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


def _mapping(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for role, equals, column in pairs:
        if not (role and equals and column):
            raise click.UsageError(f"--map {role}{equals}{column}: write ROLE=COLUMN, e.g. completion=output")
    return {role: column for role, _, column in pairs}


def _explain(case: Case, task: str, preset: str, mode: Mode, overrides: Mapping[str, Any]) -> Explained:
    from rewards.explain import explain_completion
    from rewards.questions import QuestionSpec
    from rewards.score import resolve

    found, spec = resolve(task, preset, **overrides)
    if isinstance(spec, QuestionSpec):
        from rewards.explain_questions import explain_question

        return Explained(
            found, preset, mode, explain_question(case.completion, **case.gold, task=found, preset=preset, mode=mode)
        )
    target = case.gold["target"]
    shown = explain_completion(case.completion, target, task=found, preset=preset, mode=mode, **overrides)
    compared = "default" if preset == "paper" else "paper"
    other = explain_completion(case.completion, target, task=found, preset=compared, mode=mode)
    same = other.predictions == shown.predictions and other.parts == shown.parts
    return Explained(found, preset, mode, shown, None if same else (compared, other))
