"""What can be said of a training run before a model is loaded: configuration, rows, reward and memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError
from rewards.named import named_object
from rewards.targets import unpack_value
from trainers.config import NEEDS_EXTRA, read_config
from trainers.fast_collate import Patches, fast_processor, picture_size
from trainers.kept_completions import check_keep_varied
from trainers.processors import load_processor
from trainers.reward_functions import check_targets, reward_functions
from trainers.rows import answer_lengths
from trainers.stages import check_all_targets, training_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainers.config import Settings, Stage

SAMPLE: Final = 8  # rows that are looked at
GIB: Final = 2**30
_NO_MODEL: Final = "model_name_or_path names no model: pass --model_name_or_path, or name one in the configuration"


class Finding(NamedTuple):
    """One thing that was checked.

    Attributes:
        what: its name.
        right: whether a run can start with it.
        text: what was found, or what is wrong.
    """

    what: str
    right: bool
    text: str


def _good(what: str, text: str) -> Finding:
    return Finding(what=what, right=True, text=text)


def _bad(what: str, text: str) -> Finding:
    return Finding(what=what, right=False, text=text)


def check_run(
    stage: Stage,
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    arguments: Sequence[str] = (),
) -> list[Finding]:
    """Check a run without loading a model.

    Args:
        stage: ``sft`` or ``rl``.
        config: see `trainers.config.read_config`.
        arguments: likewise.

    Raises:
        ConfigError: the configuration itself cannot be read; what depends on it is in the findings.
    """
    trusted = _without_gpu()
    settings = read_config(stage, config, [*arguments, *trusted])
    here = "; no GPU detected; GPU settings not verified" if trusted else ""
    findings = [_good("configuration", _said(settings) + here)]
    rows: list[Any] = []
    data: Any = None
    try:
        data = training_rows(settings)
        rows = [row for row, _ in zip(data, range(SAMPLE), strict=False)]
        size = len(data) if hasattr(data, "__len__") else "a stream of"
        findings.append(_good("data", f"{size} rows with {', '.join(rows[0])}"))
        findings.append(_images(rows))
    except (ConfigError, DataError) as error:
        findings.append(_bad("data", str(error)))
    if stage == "rl":
        findings.append(_batches(settings.training))
        findings.append(_rewards(settings, rows, data))
    findings.append(_processor(settings, rows))
    if stage == "rl":
        findings.append(_lengths(settings, data))
    findings.append(_memory(settings))
    return findings


def _without_gpu() -> list[str]:
    """Return the options with which a machine without a GPU can read a configuration for one that has some."""
    try:
        import torch
    except ImportError as error:
        raise ConfigError(f"{NEEDS_EXTRA} ({error})") from error
    return [] if torch.accelerator.is_available() else ["--use_cpu", "true"]


def _said(settings: Settings) -> str:
    training, model = settings.training, settings.model
    how = f"LoRA of rank {model.lora_r}" if model.use_peft else "all weights"
    length = f"{training.max_steps} steps" if training.max_steps > 0 else f"{training.num_train_epochs:g} epochs"
    return f"{settings.stage}, {how}, {length}, learning rate {training.learning_rate:g}, into {training.output_dir}"


def _images(rows: list[Any]) -> Finding:
    counts = sorted({len(row.get("images") or []) for row in rows})
    sizes = sorted({picture_size(image)[::-1] for row in rows for image in row.get("images") or []})
    text = f"{' or '.join(map(str, counts))} a row, of {', '.join(f'{w} x {h}' for w, h in sizes[:4])} pixels"
    return _good("images", text if sizes else "none")


def _batches(training: Any) -> Finding:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    steps = training.steps_per_generation or training.gradient_accumulation_steps
    completions = training.per_device_train_batch_size * processes * steps
    groups, rest = divmod(completions, training.num_generations)
    where = "one process" if processes == 1 else f"{processes} processes"
    text = f"{completions} completions on {where}: {groups} prompts x {training.num_generations}"
    return Finding("batches", rest == 0, text if not rest else f"{text} leaves {rest} over; they must divide")


def _lengths(settings: Settings, data: Any) -> Finding:
    """Hold the targets' lengths against the greatest length of completions."""
    most = int(settings.training.max_completion_length)
    if not settings.model.model_name_or_path:
        return _bad("lengths", _NO_MODEL)
    try:
        lengths = sorted(answer_lengths(data, load_processor(str(settings.model.model_name_or_path))))
    except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
        return _bad("lengths", str(error))
    if not lengths:
        return _good("lengths", f"completions of at most {most} tokens")
    said = f"of {len(lengths)} targets or demonstrations the median has {lengths[len(lengths) // 2]}, the longest"
    text = f"completions of at most {most} tokens; {said} {lengths[-1]}"
    right = lengths[-1] < most
    return Finding("lengths", right, text if right else f"{text}: raise max_completion_length")


def _rewards(settings: Settings, rows: list[Any], data: Any) -> Finding:
    """Score the targets of some rows as answers, and an empty completion; read the targets of all."""
    try:
        functions = reward_functions(settings.star)
        if settings.star.rollout_func:
            named_object(settings.star.rollout_func, "rollout_func")
        weights = settings.training.reward_weights or [1.0] * len(functions)
        if len(weights) != len(functions):
            return _bad("reward", f"{len(weights)} reward_weights for {len(functions)} reward_funcs")
        if not rows:
            return _bad("reward", "no rows to try it on")
        check_all_targets(functions, data)
        if settings.star.keep_varied is not None:
            check_keep_varied(settings.star.keep_varied, settings.training)
        name = next((column for column in TARGET_COLUMNS if rows[0].get(column) is not None), None)
        columns = {key: [row.get(key) for row in rows] for key in rows[0] if key not in ("prompt", "completion")}
        targets = ["" if name is None else unpack_value(row[name])["target"] for row in rows]
        gold = [f"<think> </think><answer>{target}</answer>" for target in targets]
        check_targets(functions, len(rows), columns)  # of a stream, whose other rows are checked as they come
        paid = [_paid(functions, weights, texts, columns) for texts in (gold, [""] * len(rows))]
    except (ConfigError, DataError) as error:
        return _bad("reward", str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
        return _bad("reward", f"{type(error).__name__}: {error}")
    names = ", ".join(each.__name__ for each in functions)
    right = paid[0] > paid[1]
    text = f"{names}: {paid[0]:g} for the target as an answer and {paid[1]:g} for an empty one, over {len(rows)} rows"
    return Finding("reward", right, text if right else f"{text}; the target must score more")


def _paid(functions: list[Any], weights: Sequence[float], texts: list[str], columns: dict[str, list[Any]]) -> float:
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    total = 0.0
    for function, weight in zip(functions, weights, strict=True):
        values = function(completions=completions, prompts=[""] * len(texts), completion_ids=[[]], **columns)
        known = [float(value) for value in values if value is not None]
        total += weight * sum(known) / max(len(known), 1)
    return total


def _processor(settings: Settings, rows: list[Any]) -> Finding:
    name = settings.model.model_name_or_path
    if not name:
        return _bad("processor", _NO_MODEL)
    star = settings.star
    try:
        processor = load_processor(
            name,
            revision=settings.model.model_revision,
            min_pixels=star.image_min_pixels,
            max_pixels=star.image_max_pixels,
        )
        if star.fast_collator:
            processor = fast_processor(processor, Patches.finished)
        if not rows:
            return _good("processor", type(processor).__name__)
        lengths = [_prompt_length(processor, row) for row in rows[:2]]
    except (ConfigError, DataError) as error:
        return _bad("processor", str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
        return _bad("processor", f"a row cannot be made into tokens: {type(error).__name__}: {error}")
    return _good("processor", f"{type(processor).__name__}, prompts of {max(lengths)} tokens")


def _prompt_length(processor: Any, row: Any) -> int:
    from trl.data_utils import prepare_multimodal_messages

    images = row.get("images") or None
    messages = prepare_multimodal_messages(row["prompt"], images) if images else row["prompt"]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    encoded = processor(text=[text], images=images) if images else processor(text=[text])
    return len(encoded["input_ids"][0])


def _memory(settings: Settings) -> Finding:
    """Estimate the memory of weights, gradients and optimizer, from the model's configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    model, training = settings.model, settings.training
    if not model.model_name_or_path:
        return _bad("memory", _NO_MODEL)
    try:
        config = AutoConfig.from_pretrained(model.model_name_or_path, revision=model.model_revision)
        with torch.device("meta"):
            empty = AutoModelForImageTextToText.from_config(config)
    except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
        return _bad("memory", f"the model's configuration cannot be read: {error}")
    count = sum(parameter.numel() for parameter in empty.parameters())
    bytes_each = 4 if model.dtype in (None, "float32") else 2
    trained = count
    if model.use_peft:
        from peft import get_peft_model
        from trl import get_peft_config

        with torch.device("meta"):
            adapted = get_peft_model(empty, get_peft_config(model))
        trained = sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)
    copies = 2 if settings.stage == "rl" and getattr(training, "beta", None) and not model.use_peft else 1  # reference
    alone = count * bytes_each * copies + trained * (4 if model.use_peft else bytes_each) * 3  # gradients, two moments
    # FSDP2 and ZeRO-3: float32 masters, gradients and moments of what is trained
    spread = trained * 16 + (count * copies - trained) * bytes_each
    held = f"weights{', reference' if copies == 2 else ''}, gradients and optimizer"
    text = (
        f"{count / 1e6:,.1f} M parameters, {trained / 1e6:,.1f} M trained: {alone / GIB:,.1f} GiB for {held} on one "
        f"device or by DDP; spread by FSDP2 or ZeRO-3 {spread / GIB / 8:,.1f} GiB on each of 8, "
        f"{spread / GIB / 16:,.1f} of 16; activations and caches come on top"
    )
    if not model.use_peft and bytes_each == 2 and training.learning_rate < 1e-4:
        text += (
            f"; bfloat16 weights lose steps of {training.learning_rate:g} to rounding where nothing keeps float32 "
            "masters: launch with FSDP2 or ZeRO-3, or dtype: float32"
        )
    return _good("memory", text)
