"""``star data``: make training data, look at it, choose from it, and hand it on. Chains of thought: `data_cot`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from star_cli.console import ErrorLines, counted, echo, resumable, step_bar
from star_cli.data_cot import cot
from star_cli.options import complete_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainers.data.filter import Tally

_TASK = click.option(
    "--task",
    shell_complete=complete_task,
    help="Task of rows without a column `task`: tvr, trance, multiview or route.",
)
_TOLD_BY = {
    "trl": "reward_funcs=[TaskReward({!r})]",
    "verl": "+reward.custom_reward_function.reward_kwargs.task={}",
    "openrlhf": "reward_func = partial(star_r1.openrlhf.reward_func, task={!r})",
    "swift": "star_r1.swift.register(NAME, {!r})",
    "easyr1": 'worker.reward.reward_function_kwargs={{"task": "{}"}}',
}
"""How a trainer's reward is told the task of its rows."""
_NEW_FOLDER = click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder that does not exist yet."
)
_SFT_ROWS = click.option(
    "--sft", type=click.IntRange(min=0), default=4_100, show_default=True, metavar="N", help="Rows for SFT."
)
_RL_ROWS = click.option(
    "--rl", type=click.IntRange(min=0), default=19_200, show_default=True, metavar="N", help="Rows for RL."
)
TEST_SETS = {"mindcube": "mindcube", "sparbench": "sparbench", "spar7m": "sparbench"}
"""Data set -> the benchmark that it must not leak into, unless --test names another."""


@click.group()
def data() -> None:
    """Make training data and look at it."""


data.add_command(cot)


def _names(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _size(ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int]:
    """Read ``128`` as a square, ``320x240`` as width and height."""
    value = value or ("512" if ctx.params.get("task") == "route" else "128")
    try:
        sides = [int(part) for part in value.lower().split("x")]
        width, height = (sides[0], sides[0]) if len(sides) == 1 else sides
    except ValueError:
        wrong = f"{value!r} is neither a side like 128 nor a width and height like 320x240"
        raise click.BadParameter(wrong) from None
    return width, height


@data.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option(
    "--task",
    type=click.Choice(["tvr", "multiview", "cogmap", "trajectory", "route"]),
    default="tvr",
    show_default=True,
    help="Changes between two images; questions about several views, their map, or the camera's way; routes.",
)
@click.option("--count", type=click.IntRange(min=1), default=1000, show_default=True, help="Number of scenes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--images",
    type=click.Choice(["none", "mitsuba", "raycast", "drawing"]),
    default="none",
    show_default=True,
    help="Renderer of the images, if any; of routes `drawing`.",
)
@click.option("--size", callback=_size, show_default="128; of routes 512", help="Pixels: 128, or 320x240.")
@click.option(
    "--views", callback=_names, default="center,left,right", show_default=True, help="Views of the final images."
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Worker processes."
)
@click.option(
    "--attributes",
    callback=_names,
    default="color,shape,size,material",
    show_default=True,
    help="Attributes that may change; `position` can be added.",
)
@click.option("--repeats", is_flag=True, help="Let an attribute of an object change twice, as in TRANCE.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="Index of the first scene.")
def generate(directory: Path, workers: int, attributes: tuple[str, ...], **options: Any) -> None:
    """Generate scenes, with or without images, and their training rows into DIR.

    Scene i depends only on the seed, i and the options. An interrupted run resumes when the same command is given
    again.
    """
    from trainers.data.generate import GenerationSettings
    from trainers.data.generate import generate as generate_data
    from trainers.scenes.mitsuba import denoises
    from trainers.scenes.tvr import check_attributes

    settings = GenerationSettings(attributes=check_attributes(attributes), **options)
    if settings.images == "mitsuba" and not denoises():
        echo("note: pyoidn is not installed, so the images stay grainy", err=True)
    with resumable(), step_bar("scenes") as advance:
        path = generate_data(directory, settings, workers=workers, on_progress=advance)
    echo(f"{path}: {settings.count} scenes")


def _data_file(path: Path) -> Path:
    """Return a ``data.jsonl``: of the folder that holds it, or itself."""
    return path / "data.jsonl" if path.is_dir() else path


@data.command(short_help="Draw one sample with its changes, or its question, as a PNG.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--index", type=int, default=0, show_default=True, help="Index of the sample in the file, from 0.")
@click.option("--out", type=click.Path(path_type=Path), help="PNG file to write.  [default: scene-INDEX.png]")
def show(file: Path, index: int, out: Path | None) -> None:
    """Draw one sample of FILE (a data.jsonl, or its folder) with its changes, or its question, as a PNG."""
    from benchmarks.extras import need
    from benchmarks.files.write import need_folder, write_whole
    from trainers.scenes.show import read_sample, show_sample

    images = need("PIL.Image", package="'star-r1[report]'", purpose="drawing a sample")
    data_file, target = _data_file(file), out or Path(f"scene-{index}.png")
    need_folder(target)
    kind = images.registered_extensions().get(target.suffix.lower())
    if kind not in images.SAVE:
        raise click.ClickException(f"{target}: no kind of image that can be written: {target.suffix or 'no suffix'}")
    sheet = show_sample(read_sample(data_file, index), data_file.parent)
    sheet.save(written := io.BytesIO(), kind)
    write_whole(target, written.getvalue())
    echo(str(target))


@data.command(short_help="Validate a dataset.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@_TASK
def check(file: Path, task: str | None) -> None:
    """Validate a data set: FILE is a data.jsonl, training rows, or a folder of both.

    Scenes must follow the rules of TRANCE; for multi-view questions, the images must show what they should and the
    answer must be right; a route must be the only shortest way. Training rows need a prompt, images that are there, and
    labels that a reward can read.
    """
    from trainers.data.check import check_file

    count = 0
    for line in check_file(file, task=task):
        count += 1
        echo(line)
    if count:
        raise click.ClickException(f"{file}: broken rules: {count}")
    echo(f"{file}: no rule is broken")


@data.command()
@click.argument("name", type=click.Choice(list(TEST_SETS)))
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@_NEW_FOLDER
@_SFT_ROWS
@_RL_ROWS
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="[NAME=]PATH",
    help="A test set whose images and questions are left out; can be given several times.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--categories",
    callback=_names,
    default="*",
    show_default=True,
    help="Patterns of categories, such as rotation,*_mv.",
)
@click.option(
    "--relation-weight",
    type=click.FloatRange(0, 1),
    metavar="W",
    help="Share of R_ref that relations decide.  [default: depends on what names alone would score]",
)
@click.option("--image-root", type=click.Path(path_type=Path), help="Folder of the images.  [default: near PATH]")
@click.option(
    "--task",
    type=click.Choice(["multiview", "cogmap", "trajectory"]),
    default="multiview",
    show_default=True,
    help="The questions; or of mindcube the map of each scene, or the camera's way.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Worker processes."
)
@click.option("--json", "as_json", is_flag=True, help="Print the data card as JSON.")
def prepare(
    name: str, path: Path, *, out: Path, tests: Sequence[str], workers: int, as_json: bool, **options: Any
) -> None:
    """Sample training rows from a published data set, and write them into DIR.

    The rows are balanced over categories and have reference labels for each view; SFT and RL share no scene and no
    image; what a test set holds is left out. Invalid records are reported and left out. DIR/card.json records what was
    done.
    """
    from benchmarks.datasets import local_copy
    from trainers.data.prepare import PreparationSettings
    from trainers.data.prepare import prepare as prepare_data

    pairs = [test.split("=", 1) if "=" in test else (TEST_SETS[name], test) for test in tests]
    settings = PreparationSettings(
        name=name, path=local_copy(path), tests=tuple((kind, local_copy(where)) for kind, where in pairs), **options
    )
    with counted(hidden=as_json) as (on_progress, print_line):
        errors = ErrorLines(print_line)
        card = prepare_data(settings, out, workers=workers, on_error=errors.add, on_progress=on_progress)
        errors.close()
    if as_json:
        echo(json.dumps(card))
    else:
        _print_card(card, out)


def _print_card(card: Mapping[str, Any], out: Path) -> None:
    for part, rows in card["rows"].items():
        kinds = ", ".join(f"{count} {kind}" for kind, count in card["categories"][part].items())
        echo(f"{out / part}: {rows} rows from {card['groups'][part]} scenes ({kinds or 'nothing'})")
    for reason, count in card["left_out"].items():
        echo(f"  {count:>7}  left out: {reason.replace('_', ' ')}")
    for part, blind in card["blind_reference_reward"].items():
        figures = ", ".join(f"{name} {value:.2f}" for name, value in blind.items() if value is not None)
        if figures:
            echo(f"{part}: R_ref under preset paper without a look at the images, by names alone: {figures}")
    for warning in card["warnings"]:
        echo(f"note: {warning}", err=True)


@data.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@_NEW_FOLDER
@_SFT_ROWS
@_RL_ROWS
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


def _share(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Read ``0.1:0.9``."""
    if value is None:
        return None
    try:
        low, high = (float(part) for part in value.split(":"))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low <= high <= 1:
        raise click.BadParameter(f"{value!r} is not two shares like 0.1:0.9, the smaller one first")
    return low, high


@data.command("filter")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File for the rows that are kept.")
@click.option(
    "--dropped", type=click.Path(path_type=Path), help="File for the others, with reasons.  [default: beside OUT]"
)
@_TASK
@click.option("--min-reference-score", type=click.FloatRange(0, 1), metavar="X", help="Minimum R_ref of a chain.")
@click.option(
    "--relation-weight",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="W",
    help="Share of that R_ref that relations decide.",
)
@click.option(
    "--pass-rate",
    callback=_share,
    metavar="LOW:HIGH",
    help="Keep prompts, not chains: those for which this share of the samples is right.",
)
@click.option(
    "--right-references",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File for the chains whose references are right and whose answer is wrong.  [default: among the dropped]",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def filter_rows(
    file: Path,
    *,
    out: Path,
    dropped: Path | None,
    task: str | None,
    min_reference_score: float | None,
    relation_weight: float,
    pass_rate: tuple[float, float] | None,
    right_references: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Keep the rows of FILE that are worth training on.

    A chain of thought is kept if it has the strict format, shows the three steps and has a right answer. With
    --pass-rate, FILE has several samples per prompt, and prompts are kept that are neither too hard nor too easy.
    """
    from trainers.data.files import refuse_existing
    from trainers.data.filter import CHAIN_RULES, PROMPT_RULES, filter_chains, filter_prompts

    if pass_rate is not None and min_reference_score is not None:
        raise click.UsageError("--min-reference-score is about chains, --pass-rate about prompts: filter twice")
    if pass_rate is not None and right_references is not None:
        raise click.UsageError("--right-references is about chains, --pass-rate about prompts: filter twice")
    aside = dropped or out.with_suffix(f".dropped{out.suffix}")
    refuse_existing(out, aside, *filter(None, [right_references]), source=file, overwrite=overwrite)
    with counted(hidden=as_json) as (on_progress, _):
        if pass_rate is None:
            tally = filter_chains(
                file,
                out,
                aside,
                task=task,
                min_reference_score=min_reference_score,
                relation_weight=relation_weight,
                right_references=right_references,
                on_progress=on_progress,
            )
        else:
            low, high = pass_rate
            tally = filter_prompts(file, out, aside, low=low, high=high, task=task, on_progress=on_progress)
    what = "chains" if pass_rate is None else "prompts"
    _print_tally(tally, out, aside, what, CHAIN_RULES if pass_rate is None else PROMPT_RULES, as_json=as_json)


def _print_tally(tally: Tally, out: Path, aside: Path, what: str, rules: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        summary = {**tally._asdict(), "dropped": dict(tally.dropped), "out": str(out), "dropped_out": str(aside)}
        echo(json.dumps(summary))
        return
    echo(f"{out}: {tally.kept} of {tally.read} {what} kept")
    echo(f"{aside}: {tally.read - tally.kept} dropped")
    for rule, count in tally.dropped.items():
        echo(f"  {count:>7}  {rule}: broke the rule that {rules[rule]}")
    if tally.right_references:
        echo(f"  {tally.right_references:>7}  of them: the references are right, the answer is wrong")


@data.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")
@click.option("--to", required=True, type=click.Choice(["trl", "verl", "openrlhf", "swift", "easyr1"]))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON Lines, or .parquet.")
@click.option("--stage", type=click.Choice(["sft", "rl"]), help="[default: sft if the rows have a completion]")
@_TASK
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def export(
    source: Path, *, to: str, out: Path, stage: str | None, task: str | None, overwrite: bool, as_json: bool
) -> None:
    """Write the rows of SOURCE in the format of a trainer.

    SOURCE is a file of rows, or a folder of `star data generate` or `star data prepare`. If the trainer passes its
    reward only one string, that string holds the target and all that belongs to it.
    """
    from trainers.data.export import export as export_rows
    from trainers.data.files import refuse_existing

    refuse_existing(out, source=source, overwrite=overwrite)
    untold: list[str] = []
    with counted(hidden=as_json) as (on_progress, print_line):
        errors = ErrorLines(print_line)
        try:
            done = export_rows(
                source,
                out,
                to=to,
                stage=stage,
                task=task,
                on_error=errors.add,
                on_untold=untold.append,
                on_progress=on_progress,
            )
        finally:
            errors.close()
    if as_json:
        echo(json.dumps({**done._asdict(), "out": str(out)}))
    else:
        echo(f"{out}: {done.written} of {done.read} rows for {to}")
    for name in untold:
        echo(f"the rows do not tell {to}'s reward that their task is {name}: {_TOLD_BY[to].format(name)}", err=True)
    if done.failed:
        sys.exit(1)
