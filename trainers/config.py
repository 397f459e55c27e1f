"""The configuration of a training run: TRL's own field names in a flat YAML file, and a few of ours.

Values of the file are defaults, the command line wins, unknown names are errors with the nearest one. A file can stand
on another: ``extends: other.yaml``.
"""

from __future__ import annotations

import json
import os
import re
from argparse import ArgumentTypeError
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_type_hints

from rewards.errors import ConfigError, did_you_mean
from rewards.yaml_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Stage = Literal["sft", "rl"]
STAGES: Final = ("sft", "rl")
NEEDS_EXTRA: Final = "training needs more packages: pip install 'star-r1[train]'"
REPORTERS: Final = ("tensorboard", "trackio", "wandb")

# What differs from TRL's defaults, whatever the file says less.
_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "sft": {
        "max_length": None,  # TRL's 1024 cuts image tokens or the answer off
        "remove_unused_columns": False,  # rows are opened and cut to what SFT needs by `trainers.rows`
        "logging_nan_inf_filter": False,
    },
    "rl": {
        "logging_nan_inf_filter": False,
        "num_completions_to_print": 0,  # TRL's table of all completions hides everything else; the Parquet files stay
    },
}


@dataclass
class StarArguments:
    """Fields of a configuration that are not TRL's."""

    dataset_name: str | None = field(
        default=None,
        metadata={
            "help": "Training rows: a file (.jsonl, .parquet, ...), a folder (of `star data generate`, or saved by "
            "datasets), module:function or file.py:function that returns a data set, or a name on the hub."
        },
    )
    dataset_train_split: str = field(default="train", metadata={"help": "Split, of data sets that have some."})
    dataset_arguments: dict[str, Any] | str | None = field(
        default=None, metadata={"help": "Arguments of a function that is named as dataset_name."}
    )
    train_rows: int | None = field(default=None, metadata={"help": "Train on the first so many rows only."})
    system_prompt: str | None = field(default=None, metadata={"help": "Put before each prompt that has none."})
    task: str = field(default="tvr", metadata={"help": "Task of the reward: tvr, multiview, or a YAML file."})
    preset: str = field(default="default", metadata={"help": "Preset of the task's reward, e.g. paper."})
    reward_overrides: dict[str, Any] | str | None = field(
        default=None, metadata={"help": "Fields of the reward's specification, on top of the preset."}
    )
    reward_funcs: list[str] | None = field(
        default=None,
        metadata={
            "help": "Reward functions: names of ours (tvr_reward, format_reward, ...), module.function, or "
            "file.py:function. Default: all that the task rewards, as one function."
        },
    )
    mode: str = field(
        default="strict",
        metadata={
            "help": "How answers are read: strict, or lenient (text around the tags); R_format is always strict."
        },
    )
    think_prefilled: str = field(
        default="auto", metadata={"help": "Whether the chat template already opens <think>: auto, true, false."}
    )
    rollout_func: str | None = field(
        default=None, metadata={"help": "TRL's rollout_func, as module.function or file.py:function."}
    )
    drop_equal_groups: bool = field(
        default=False, metadata={"help": "RL: leave groups whose rewards are all equal out of the loss's average."}
    )
    keep_varied: int | None = field(
        default=None,
        metadata={
            "help": "RL: learn from so many of each prompt's num_generations completions, whose rewards vary most."
        },
    )
    credit: str = field(
        default="sequence",
        metadata={
            "help": "RL: which tokens an advantage goes to: sequence (all alike), or spans (trainers.credit; a trial)."
        },
    )
    fast_collator: bool = field(
        default=False,
        metadata={
            "help": "Make pixel values on the training device: the same, without PIL; see trainers.fast_collate."
        },
    )
    compile_blocks: bool = field(default=False, metadata={"help": "Compile the blocks that the model repeats."})
    rollout: str = field(
        default="generate",
        metadata={"help": "RL: how completions are written: generate, or fast for small models (trainers.rollout)."},
    )
    image_min_pixels: int | None = field(default=None, metadata={"help": "Smaller images are enlarged to so many."})
    image_max_pixels: int | None = field(default=None, metadata={"help": "Larger images are reduced to so many."})


_ONLY_RL: Final = (
    *("preset", "reward_overrides", "reward_funcs", "mode", "think_prefilled"),
    *("rollout_func", "rollout", "drop_equal_groups", "keep_varied", "credit"),
)
"""Fields of `StarArguments` that stage sft makes no use of."""


class Settings(NamedTuple):
    """A configuration, read.

    Attributes:
        stage: ``sft`` or ``rl``.
        star: our fields.
        training: TRL's ``SFTConfig`` or ``GRPOConfig``.
        model: TRL's ``ModelConfig``.
    """

    stage: Stage
    star: StarArguments
    training: Any
    model: Any


def read_config(
    stage: Stage, config: str | os.PathLike[str] | Mapping[str, Any] | None = None, arguments: Sequence[str] = ()
) -> Settings:
    """Read a configuration.

    Args:
        stage: ``sft`` or ``rl``.
        config: a YAML file, or what it would hold.
        arguments: as on a command line: ``["--learning_rate", "1e-5"]``; they win.

    Raises:
        ConfigError: for what is wrong in it, by name.
    """
    if stage not in STAGES:
        raise ConfigError(f"stage {stage!r} is not one of {', '.join(STAGES)}")
    where = "the configuration" if config is None or not isinstance(config, str | os.PathLike) else str(config)
    values = _read_yaml(config) if config is None or isinstance(config, str | os.PathLike) else dict(config)
    _check_stage(values.pop("stage", stage), stage, where)
    for name, value in _mapping(values.pop("env", {}), f"{where}: env").items():
        os.environ[str(name)] = str(value)
    parser = _parser(stage)
    names = {action.dest: action for action in reversed(parser._actions) if action.dest != "help"}  # noqa: SLF001  argparse has no other way
    for name, value in values.items():
        if name not in names:
            raise ConfigError(f"{where}: unknown key {name!r}{_near(name, names, stage)}")
        try:
            values[name] = "none" if name == "report_to" and value is None else _typed(value, names[name])
        except ValueError as error:
            raise ConfigError(f"{where}: {name} is {value!r:.60}; {error}") from None
    for argument in arguments:
        name = argument.removeprefix("--").partition("=")[0].replace("-", "_")
        if argument.startswith("--") and name not in names and name.removeprefix("no_") not in names:
            raise ConfigError(f"unknown option {argument!r}{_near(name, names, stage)}")
    parser.set_defaults_with_config(**{**_DEFAULTS[stage], **values})
    plain = [_underscored(argument) for argument in arguments]
    try:
        star, training, model = parser.parse_args_into_dataclasses(args=plain)
    except ConfigError:
        raise
    except (ValueError, TypeError, ImportError) as error:
        raise ConfigError(f"{where}: {error}") from error
    star.dataset_arguments = _object(star.dataset_arguments, "dataset_arguments")
    star.reward_overrides = _object(star.reward_overrides, "reward_overrides")
    _check_words(star, stage, where)
    for name in training.report_to:
        if find_spec(name) is None and name in REPORTERS:
            raise ConfigError(f"{where}: report_to: {name} is not installed: pip install {name}")
    return Settings(stage, star, training, model)


def _check_stage(declared: Any, stage: Stage, where: str) -> None:
    """Raise a ConfigError where a configuration says that it is of the other stage: most keys are of both."""
    if declared not in STAGES:
        raise ConfigError(f"{where}: stage is {declared!r:.60}; it is {' or '.join(STAGES)}")
    if declared != stage:
        raise ConfigError(f"{where}: it is of stage {declared}, not of {stage}: --stage {declared}")


def _check_words(star: StarArguments, stage: Stage, where: str) -> None:
    """Raise a ConfigError where a field holds none of its words, or one that is of the other stage."""
    for name, kind in get_type_hints(StarArguments).items():
        if kind in (str, str | None) and isinstance(value := getattr(star, name), list | dict):
            raise ConfigError(f"{where}: {name} is {value!r:.60}; it is a word")
    for name, word, known in (
        ("think_prefilled", str(star.think_prefilled).lower(), ("auto", "true", "false")),
        ("mode", star.mode, ("strict", "lenient")),
        ("rollout", star.rollout, ("generate", "fast")),
        ("credit", star.credit, ("sequence", "spans")),
    ):
        if word not in known:
            said = f"{', '.join(known[:-1])} or {known[-1]}"
            raise ConfigError(f"{where}: {name} is {getattr(star, name)!r}; it is {said}")
    plain = StarArguments()
    for name in _ONLY_RL if stage == "sft" else ():
        if (getattr(star, name) or None) != (getattr(plain, name) or None):  # no overrides are {}
            raise ConfigError(f"{where}: {name} is of stage rl, and stage sft makes no use of it: --stage rl")


def prefilled(star: StarArguments) -> Any:
    """Return ``think_prefilled`` as the parsers take it."""
    return {"auto": "auto", "true": True, "false": False}[str(star.think_prefilled).lower()]


def _parser(stage: Stage) -> Any:
    try:
        from trl import GRPOConfig, ModelConfig, SFTConfig, TrlParser
    except ImportError as error:
        raise ConfigError(f"{NEEDS_EXTRA} ({error})") from error

    def fail(message: str) -> None:
        raise ConfigError(message)

    parser = TrlParser(
        (StarArguments, SFTConfig if stage == "sft" else GRPOConfig, ModelConfig), prog="star train", allow_abbrev=False
    )
    parser.error = fail
    return parser


def _read_yaml(path: str | os.PathLike[str] | None, readers: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a file of values on top of the one that its key ``extends`` names, relative to it."""
    if path is None:
        return {}
    if Path(path).resolve() in readers:
        raise ConfigError(f"{path} extends itself")
    values = _mapping(read_yaml(Path(path)).data, str(path))
    base = values.pop("extends", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(f"{path}: extends names another file")
    return _read_yaml(Path(path).parent / base, (*readers, Path(path).resolve())) | values


def _mapping(values: Any, where: str) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{where} must be a mapping of names to values")
    return values


def _object(value: Any, name: str) -> dict[str, Any]:
    """Read a mapping, from the command line as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ConfigError(f"{name} is no JSON object: {error}") from None
    return _mapping(value, name)


def _typed(value: Any, action: Any) -> Any:
    """Return a value of a file as its field has it: argparse, which TRL gives it to, looks only at text.

    Raises:
        ValueError: it is none; the message says what it is to be.
    """
    if value is None:
        return None
    if action.nargs == "+":  # one word is a list of one
        return [_one(each, action) for each in (value if isinstance(value, list) else [value])]
    return _one(value, action)


def _one(value: Any, action: Any) -> Any:
    if isinstance(value, str) and _VARIABLE.search(value) and not any(map(str.isspace, value)):
        raise ValueError("variables are not filled in: write what it stands for, or give it on the command line")
    if action.choices is not None and value not in action.choices:
        quoted = "; YAML reads yes and no as true and false: write them in quotes" if isinstance(value, bool) else ""
        raise ValueError(f"it is one of {', '.join(map(str, action.choices))}{quoted}")
    expected, types = _KINDS.get(getattr(action.type, "__name__", ""), (None, object))
    if expected is None:
        return value
    if isinstance(value, str):
        try:
            return action.type(value)
        except (ValueError, ArgumentTypeError):
            raise ValueError(f"it is {expected}") from None
    if not isinstance(value, types) or isinstance(value, bool) is not (types is bool):
        raise ValueError(f"it is {expected}")
    return value


_KINDS: Final[dict[str, tuple[str, Any]]] = {
    "int": ("a whole number", int),
    "float": ("a number", int | float),
    "string_to_bool": ("true or false", bool),
}
_VARIABLE: Final = re.compile(r"\$\{\w+\}|\$[A-Za-z_]\w*")


def _near(name: str, names: Collection[str], stage: Stage) -> str:
    other: Stage = "rl" if stage == "sft" else "sft"
    if any(action.dest == name for action in _parser(other)._actions):  # noqa: SLF001
        return f", which is of stage {other}: --stage {other}"
    return did_you_mean(name, names) or "; `star train --help` says where the names are listed"


def _underscored(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, sign, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + sign + value
