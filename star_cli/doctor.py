"""``star doctor``: what is installed, what conflicts, and what a trainer needs in its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from star_cli.findings import Finding
    from star_cli.trainer_lines import TrainerLines

_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "bold red")}


@click.command(short_help="Check the installation, chat templates and trainer settings.")
@click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model's folder; checks its chat template.",
)
@click.option(
    "--chat-template",
    "template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A chat template to check: .jinja, or JSON that holds it.",
)
@click.option(
    "--trainer",
    type=click.Choice(["trl", "verl", "openrlhf", "swift", "easyr1"]),
    help="Print the reward file and settings for this trainer.",
)
@click.option(
    "--write",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --trainer: write its reward file into DIR instead of printing it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(
    model: Path | None, template: Path | None, trainer: str | None, write: Path | None, *, as_json: bool
) -> None:
    """Check the installation, chat templates and trainer settings.

    Reports versions and extras, other packages or files that shadow this one, whether a GPU is visible (without loading
    torch) and whether a chat template opens <think> itself. Exits with 1 if something is wrong.
    """
    from star_cli.findings import check_installation, check_template, check_trainer
    from star_cli.trainer_lines import TRAINERS

    found = check_installation(Path.cwd())
    found += [finding for source in (model, template) if source for finding in check_template(source)]
    if write is not None and trainer is None:
        raise click.UsageError("--write needs --trainer: it writes that trainer's reward file")
    lines = None if trainer is None else TRAINERS[trainer]
    if lines is not None:
        found += check_trainer(lines)
        if write is not None:
            _write(lines, write / lines.file)
    if as_json:
        data = {"findings": [each._asdict() for each in found], "trainer": lines and lines._asdict()}
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        _print(found, lines, written=None if write is None or lines is None else write / lines.file)
    if any(each.status == "wrong" for each in found):
        raise SystemExit(1)


def _write(lines: TrainerLines, path: Path) -> None:
    if path.exists() and path.read_text(encoding="utf-8") != lines.code:
        raise click.ClickException(f"{path} exists already and differs; move it away first")
    path.write_text(lines.code, encoding="utf-8")


def _print(found: Sequence[Finding], lines: TrainerLines | None, *, written: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in found:
        mark, style = _MARKS[each.status]
        said = Text(each.text)
        if each.advice:
            said.append(f"\n{each.advice}", style="dim")
        table.add_row(Text(mark, style=style), Text(each.topic), said)
    console.print(table)
    if lines is not None:
        click.echo()
        click.echo(trainer_text(lines, written=written))


def trainer_text(lines: TrainerLines, *, written: Path | None = None) -> str:
    """Return what to write for a trainer, ready to be copied; of a file that is *written*, only where it is."""
    blocks = [f"# {lines.package} {lines.version}: {lines.data}", ""]
    blocks += [f"# ---- {written or lines.file}", *([] if written else [lines.code.rstrip()]), ""]
    blocks += ["# ---- configuration", lines.lines.rstrip()]
    return "\n".join(blocks)
