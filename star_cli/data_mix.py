"""``star data mix``: one training set out of several prepared ones."""

from __future__ import annotations

import json
from pathlib import Path

import click

from star_cli.console import counted, echo


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder that does not exist yet."
)
@click.option("--sft", type=click.IntRange(min=0), default=4_100, show_default=True, metavar="N", help="Rows for SFT.")
@click.option("--rl", type=click.IntRange(min=0), default=19_200, show_default=True, metavar="N", help="Rows for RL.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def mix(sources: tuple[Path, ...], *, out: Path, sft: int, rl: int, seed: int, as_json: bool) -> None:
    """Draw one training set evenly from the categories of several.

    Each DIR is a folder of `star data prepare`. DIR/manifest.json of the new folder records what came from where.
    """
    from trainers.data.mix import mix as mix_sets

    with counted(hidden=as_json) as (on_progress, _):
        manifest = mix_sets(sources, out, sft=sft, rl=rl, seed=seed, on_progress=on_progress)
    if as_json:
        echo(json.dumps(manifest))
        return
    for part, rows in manifest["rows"].items():
        echo(f"{out / part}: {rows} rows of {manifest['asked_for'][part]}")
        for source in manifest["sources"]:
            gave = ", ".join(f"{count['gave']} {name}" for name, count in source[part]["categories"].items())
            echo(f"  {source['folder']}: {gave or 'nothing'}")
