"""Options that several commands share: what a completion is scored against, and those of a benchmark.

A command takes them by their names; `reward_settings` and `take_benchmark_options` turn them into the library's
arguments.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from click.shell_completion import CompletionItem

    from trainers.data.chat_client import Endpoint, RetryPolicy


def name_value_pairs(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:  # noqa: ARG001
    """Read options of the form NAME=VALUE."""
    for value in values:
        if "=" not in value.strip("="):
            raise click.BadParameter(f"{value!r} is not of the form NAME=VALUE")
    return dict(value.split("=", 1) for value in values)


class InputPath(click.ParamType):  # type: ignore[type-arg]  # which takes a type from click 8.4 on
    """Files of rows: a name, ``-``, a folder, a pattern or an address, see `benchmarks.files.paths.find_files`."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name as it was given, if there are such files."""
        from benchmarks.files.paths import find_files
        from rewards.errors import ConfigError, DataError

        try:
            find_files([value])
        except (ConfigError, DataError) as error:
            self.fail(str(error), param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete names of files."""
        return complete_file(ctx, param, incomplete)


def complete_file(_ctx: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return what lets a shell complete names of files; for options and arguments that no type tells it of."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(start, type="file")]


def complete_task(ctx: click.Context, param: click.Parameter, start: str) -> list[str] | list[CompletionItem]:
    """Return the tasks whose names begin so, for the completion of shells; where none does, files."""
    from rewards.tasks.load import task_names

    return [name for name in task_names() if name.startswith(start)] or complete_file(ctx, param, start)


def _complete_preset(_ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    from rewards.spec import PRESETS

    return [name for name in PRESETS if name.startswith(start)]


def complete_benchmark(_ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    """Return the benchmarks whose names begin so."""
    from benchmarks.registry import BENCHMARKS

    return [name for name in BENCHMARKS if name.startswith(start)]


def _goes_with_targets(ctx: click.Context, param: click.Parameter, value: str) -> str:
    given = ctx.get_parameter_source(str(param.name)) is click.core.ParameterSource.COMMANDLINE
    if given and ctx.params.get("targets") is None:
        raise click.UsageError("--on only counts with --targets")
    return value


_TASK = "A task's name, or the path of its YAML file."
_SETTING_OPTIONS = (
    click.option(
        "--preset",
        default="default",
        show_default=True,
        shell_complete=_complete_preset,
        help="A preset of the task's reward: paper, calibrated, ...",
    ),
    click.option(
        "--matching",
        type=click.Choice(["one_to_one", "literal", "aligned"]),
        help="How predictions are matched with true records.",
    ),
    click.option(
        "--conflicts", type=click.Choice(["last", "each"]), help="Which of several values for one cell can score."
    ),
    click.option(
        "--weights",
        type=click.Path(exists=True, dir_okay=False),
        help="YAML file with options of the reward (TieredSpec).",
    ),
    click.option(
        "--mode",
        type=click.Choice(["strict", "lenient"]),
        default="strict",
        show_default=True,
        help="lenient also takes the last complete answer of a malformed completion.",
    ),
    click.option(
        "--think-prefilled",
        type=click.Choice(["auto", "true", "false"]),
        default="auto",
        show_default=True,
        help="Whether the chat template already opened <think>.",
    ),
)
_ROW_OPTIONS = (
    click.option(
        "--map",
        "mapping",
        multiple=True,
        callback=name_value_pairs,
        metavar="ROLE=COLUMN",
        help="Read ROLE from COLUMN, as in completion=output; can be given several times.",
    ),
    click.option(
        "--targets",
        type=InputPath(),
        metavar="FILE",
        is_eager=True,  # `--on` looks whether it is there
        help="A separate file with the targets (and scenes, if it has some); --map of these names its columns.",
    ),
    click.option(
        "--on",
        type=click.Choice(["id", "prompt"]),
        default="id",
        show_default=True,
        callback=_goes_with_targets,
        help="Column on which --targets is joined.",
    ),
)


def setting_options(*, several_tasks: bool = False) -> Callable[..., Any]:
    """Return what adds the options of a reward to a command; it takes them by their names."""
    several = {"multiple": True, "default": ("tvr",), "help": f"{_TASK} Can be given several times."}
    task = click.option(
        "--task",
        show_default=True,
        shell_complete=complete_task,
        **(several if several_tasks else {"default": "tvr", "help": _TASK}),
    )
    return lambda command: _decorated(command, (task, *_SETTING_OPTIONS))


def reward_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a reward and of the rows to a command; it takes them by their names, --map as ``mapping``."""
    decorated: Callable[..., Any] = setting_options()(_decorated(command, _ROW_OPTIONS))
    return decorated


def _decorated(command: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def reward_settings(
    *, matching: str | None, conflicts: str | None, weights: str | None, think_prefilled: str, **others: Any
) -> dict[str, Any]:
    """Return the library's arguments; flags count more than the file of weights, both are in ``overrides``."""
    from benchmarks.run.rewards import read_weights

    flags = {"matching": matching, "conflicts": conflicts}
    overrides = {
        **(read_weights(weights) if weights else {}),
        **{name: value for name, value in flags.items() if value is not None},
    }
    prefilled = {"auto": "auto", "true": True, "false": False}[think_prefilled]
    return {**others, "overrides": overrides, "think_prefilled": prefilled}


_ONLY_BENCHMARKS = ("protocol", "interval", "resamples", "seed", "report_data")
_ONLY_REWARDS = ("task", "preset", "matching", "conflicts", "weights", "mode", "think_prefilled")

_BENCHMARK_OPTIONS = (
    click.option(
        "--benchmark",
        shell_complete=complete_benchmark,
        metavar="NAME",
        help="Evaluate on a benchmark instead: tvr, mindcube, mindcube-cogmap, sparbench, mmsi, vsibench, revsi, "
        "blink, mmsivideo, sitebench, viewspatial.",
    ),
    click.option(
        "--protocol",
        type=click.Choice(["strict", "official", "both"]),
        default="strict",
        show_default=True,
        help="strict reads the answer section only; official is the benchmark's own scorer.",
    ),
    click.option(
        "--interval",
        type=click.Choice(["formula", "bootstrap", "bca"]),
        default="formula",
        show_default=True,
        help="Method for the confidence intervals of a benchmark.",
    ),
    click.option(
        "--resamples", type=click.IntRange(min=1), default=1000, show_default=True, help="Bootstrap resamples."
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap."),
    click.option(
        "--report-data",
        metavar="FILE",
        help="Also write JSON with the score of every row, for `star report` without the FILEs.",
    ),
)


def benchmark_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; it takes them by their names."""
    return _decorated(command, _BENCHMARK_OPTIONS)


def take_benchmark_options(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any] | None:
    """Take the options of a benchmark out of a command's options; None where no benchmark is asked for.

    Raises:
        click.UsageError: an option was given that does not count.
    """
    taken = {name: options.pop(name) for name in ("benchmark", *_ONLY_BENCHMARKS)}
    idle = _ONLY_BENCHMARKS if taken["benchmark"] is None else _ONLY_REWARDS
    for name in idle:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            flag = f"--{name.replace('_', '-')}"
            reason = "only counts with --benchmark" if taken["benchmark"] is None else "is about rewards only"
            raise click.UsageError(f"{flag} {reason}")
    if taken["benchmark"] is None:
        return None
    return taken | {name: value for name, value in options.items() if name not in _ONLY_REWARDS}


# --- a server with OpenAI's interface --------------------------------------------------------------------------------


def read_prices(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Read ``1.25:10``."""
    if value is None:
        return None
    try:
        prompt, completion = (float(part) for part in value.split(":"))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not two prices per million tokens, like 1.25:10") from None
    return prompt, completion


def json_fields(_ctx: click.Context, _param: click.Parameter, value: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.BadParameter(f'{value!r} is not a JSON object like {{"max_tokens": 4096}}')
    return found


_SERVER_OPTIONS = (
    click.option(
        "--base-url",
        envvar="OPENAI_BASE_URL",
        default="https://api.openai.com/v1",
        show_default=True,
        help="Base URL of the server.",
    ),
    click.option(
        "--key-env",
        default="OPENAI_API_KEY",
        show_default=True,
        metavar="NAME",
        help="Environment variable that holds the key.",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        metavar="N",
        help="Requests in flight.",
    ),
    click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True),
        metavar="N",
        help="Maximum number of requests per minute.",
    ),
    click.option(
        "--tries", type=click.IntRange(min=1), default=6, show_default=True, metavar="N", help="Attempts per row."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=120.0,
        show_default=True,
        metavar="S",
        help="Seconds for a whole answer.",
    ),
    click.option(
        "--image-root",
        "image_roots",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        multiple=True,
        metavar="FOLDER",
        help="Also send images from there, not only from the data's folder; can be given several times.",
    ),
    click.option(
        "--price", callback=read_prices, metavar="IN:OUT", help="Prices per million tokens, to total the cost."
    ),
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; it takes them by their names, and `take_server` makes use of them."""
    return _decorated(command, _SERVER_OPTIONS)


def take_server(model: str, options: dict[str, Any]) -> tuple[Endpoint, RetryPolicy]:
    """Take the options of a server, and ``body``, out of a command's options."""
    from trainers.data.chat_client import Endpoint, RetryPolicy

    key_name = options.pop("key_env")
    key = os.environ.get(key_name)
    endpoint = Endpoint(
        base_url=options.pop("base_url"),
        model=model,
        key=None if key is None else key.strip(),
        key_name=key_name,
        timeout=options.pop("timeout"),
        body=options.pop("body"),
    )
    named = {"concurrency": "concurrency", "rate": "per_minute", "tries": "tries"}
    return endpoint, RetryPolicy(**{name: options.pop(option) for option, name in named.items()})


def warn_of_open_key(options: dict[str, Any], print_line: Callable[[str], None]) -> None:
    """Warn where a key can be read on its way to the server."""
    parts = urlsplit(options["base_url"])
    here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if options["key_env"] in os.environ and parts.scheme == "http" and not here:
        print_line(f"warning: the key goes to {options['base_url']} unencrypted")
