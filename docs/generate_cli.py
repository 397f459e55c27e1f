"""Write ``docs/cli.md`` from the ``--help`` of every command: ``python docs/generate_cli.py``."""  # noqa: INP001

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from star_cli.main import star

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_name("cli.md")
_WIDTH = 100
_HEAD = """\
# Command line

<!-- Written by docs/generate_cli.py from the commands' own help; do not edit. -->

Every command exits with 0 on success, 1 if the data or a check failed, and 2 for wrong usage. Results go to standard
output, messages to standard error.
"""


def render() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_sections(star, "star", None)])


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    """Yield the section of a command and those of its subcommands, a level of headings deeper."""
    width = {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **{**command.context_settings, **width})
    heading = "#" * (context.command_path.count(" ") + 2)
    yield f"{heading} {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from _sections(below, each, context)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
