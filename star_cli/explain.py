"""``star explain``: why one completion earns what it earns."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

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
@click.option("--on", type=click.Choice(["id", "prompt"]), default="id", show_default=True, help="What joins --targets.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-color", is_flag=True, help="Print without colours (NO_COLOR does the same).")
def explain(
    file: str | None,
    row_id: str | None,
    line: int | None,
    target: str | None,
    references: str | None,
    task: str,
    preset: str,
    matching: str | None,
    conflicts: str | None,
    mode: str,
    mapping: tuple[str, ...],
    targets: str | None,
    on: str,
    *,
    as_json: bool,
    no_color: bool,
) -> None:
    r"""Show why a completion earns what it earns.

    Shows the first fault of the completion's form with a caret under its place, every prediction with the true one it was
    matched with, what it earned and was charged, what is missing, and the sum; and the same under `paper` where that
    differs.

    \b
    star explain predictions.jsonl --id 17
    star explain predictions.jsonl --line 3 --json
    echo '<think>b</think><answer>2.color.cyna</answer>' | star explain --target 2.color.cyan
    """
    from rewards.errors import ConfigError, DataError

    try:
        case = _find(file, row_id, line, target, references, mapping, targets, on)
        overrides = {name: value for name, value in (("matching", matching), ("conflicts", conflicts)) if value}
        explained = _explain(case, task, preset, mode, overrides)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    except DataError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        from star_cli.explanation_json import as_data

        click.echo(json.dumps(as_data(case, *explained), ensure_ascii=False, indent=2))
    else:
        from star_cli.explanation_text import show

        show(case, *explained, color=not no_color)
