"""Predicting with a trained model: completions of a data set's prompts, as JSON Lines that ``star score`` reads.

A run that was stopped goes on where it was: rows are made in batches whose draws depend on seed and batch alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.files.write import write_whole
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError
from trainers.attention import attend_at_once
from trainers.positions import place_at_once
from trainers.processors import load_processor
from trainers.rows import load_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    Generate = Callable[[Sequence[Any], int], list[str]]

BACKENDS: Final = ("auto", "transformers", "vllm")
KEPT: Final = (*TARGET_COLUMNS, "references", "relations", "options", "scene", "view", "category")
"""Columns of the data that predictions carry along, so that they can be scored, and clustered by scene."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are drawn.

    Attributes:
        temperature: 0 takes the likeliest token.
        top_p: draw from the likeliest tokens that have so much probability together.
        max_new_tokens: longest completion.
        samples: completions a prompt.
        seed: of the draws.
        batch_size: completions at once; draws depend on it.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 1024
    samples: int = 1
    seed: int = 0
    batch_size: int = 16

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ConfigError("temperature is at least 0, and top_p within (0, 1]")
        if min(self.max_new_tokens, self.samples, self.batch_size) < 1:
            raise ConfigError("max_new_tokens, samples and batch_size are at least 1")
        if self.samples > 1 and self.temperature == 0:
            raise ConfigError("several samples a prompt need a temperature above 0: without it they are all the same")


def predict(
    model: str,
    data: str,
    output: str | os.PathLike[str],
    *,
    sampling: Sampling | None = None,
    split: str = "test",
    limit: int | None = None,
    system_prompt: str | None = None,
    backend: str = "auto",
    dtype: str = "auto",
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a completion for each prompt.

    Args:
        model: a folder, or a name on the hub; also a folder with a LoRA adapter.
        data: rows, see `trainers.rows.load_rows`.
        output: a ``.jsonl``; while it is made it ends with ``.part``, and the same call goes on with that.
        sampling: how completions are drawn.
        split: of data sets that have some.
        limit: the first so many prompts only.
        system_prompt: put before each prompt that has none.
        backend: ``transformers``, ``vllm``, or ``auto``: vLLM where it is installed and there is a GPU.
        dtype: of the weights.
        overwrite: replace what is there.
        on_progress: is called with the number of completions that are done and of all.

    Returns:
        The path of the file.

    Raises:
        ConfigError: there is no such model or data, or the output is there already.
        DataError: the data lack prompts, or a picture does not open.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
    drawn = sampling or Sampling()
    target = Path(output)
    rows = load_rows(data, split=split, limit=limit, system_prompt=system_prompt)
    if not hasattr(rows, "__len__"):
        raise ConfigError(f"{data} is an endless stream; predictions need a data set with an end")
    settings = {"model": str(model), "data": str(data), "split": split, "limit": limit, "dtype": dtype}
    part, done = _begin(target, settings | {"system_prompt": system_prompt} | asdict(drawn), overwrite=overwrite)
    total = len(rows) * drawn.samples
    if done < total:
        generate = (_vllm if _uses_vllm(backend) else _transformers)(model, drawn, dtype)
        with part.open("a", encoding="utf-8") as out:
            for start in range(done, total, drawn.batch_size):
                numbers = range(start, min(start + drawn.batch_size, total))
                batch = [rows[number // drawn.samples] for number in numbers]
                texts = generate(batch, start)
                for number, row, text in zip(numbers, batch, texts, strict=True):
                    out.write(json.dumps(_record(number, drawn.samples, row, text)) + "\n")
                out.flush()
                if on_progress is not None:
                    on_progress(numbers.stop, total)
    part.replace(target)
    _settings_file(target).unlink(missing_ok=True)
    return target


def _record(number: int, samples: int, row: Any, completion: str) -> dict[str, Any]:
    prompt, sample = divmod(number, samples)
    name = str(row.get("id", row.get("idx", prompt)))
    prompt_id = str(row.get("prompt_id") or name)
    kept = {key: row[key] for key in KEPT if row.get(key) is not None}
    return {"id": name if samples == 1 else f"{name}#{sample}", "prompt_id": prompt_id, "completion": completion} | kept


def _settings_file(target: Path) -> Path:
    return target.with_name(target.name + ".settings.json")


def _begin(target: Path, settings: dict[str, Any], *, overwrite: bool) -> tuple[Path, int]:
    """Return the file that grows, and how many completions of whole batches it has."""
    part, file = target.with_name(target.name + ".part"), _settings_file(target)
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} is there already; --overwrite replaces it")
    target.parent.mkdir(parents=True, exist_ok=True)
    if overwrite or not (part.exists() and file.exists()):
        part.write_text("", encoding="utf-8")
        write_whole(file, json.dumps(settings))
        return part, 0
    if json.loads(file.read_text(encoding="utf-8")) != json.loads(json.dumps(settings)):
        raise ConfigError(f"{part} was begun with other settings; --overwrite begins anew")
    lines = part.read_bytes().splitlines(keepends=True)
    whole = len(lines) - (1 if lines and not lines[-1].endswith(b"\n") else 0)
    whole -= whole % settings["batch_size"]
    with part.open("r+b") as written:
        written.truncate(sum(map(len, lines[:whole])))
    return part, whole


def _uses_vllm(backend: str) -> bool:
    if backend == "vllm" and find_spec("vllm") is None:
        raise ConfigError("backend vllm is not installed: pip install vllm")
    if backend != "auto":
        return backend == "vllm"
    import torch

    return find_spec("vllm") is not None and torch.cuda.is_available()


def _texts(processor: Any, rows: Sequence[Any]) -> tuple[list[str], list[list[Any]] | None]:
    """Return prompts as the chat template writes them, and the pictures of each."""
    from trl.data_utils import prepare_multimodal_messages

    pictures = [row.get("images") or [] for row in rows]
    messages = [
        prepare_multimodal_messages(row["prompt"], images) if images else row["prompt"]
        for row, images in zip(rows, pictures, strict=True)
    ]
    write = partial(processor.apply_chat_template, add_generation_prompt=True, tokenize=False)
    return [write(each) for each in messages], pictures if any(pictures) else None


def _transformers(model: str, sampling: Sampling, dtype: str) -> Generate:
    import torch
    from transformers import AutoModelForImageTextToText

    processor = load_processor(model)
    tokenizer = getattr(processor, "tokenizer", processor)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        loaded = AutoModelForImageTextToText.from_pretrained(model, dtype=dtype).to(device).eval()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{model} cannot be loaded: {error}") from error
    attend_at_once(loaded)
    place_at_once(loaded)
    draws: dict[str, Any] = {"do_sample": sampling.temperature > 0}
    if sampling.temperature > 0:
        draws |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    else:
        draws |= {"temperature": None, "top_p": None, "top_k": None}

    image = getattr(loaded.config, "image_token_id", None)
    if image is not None:
        draws["suppress_tokens"] = [image]  # a picture that is not there cannot be looked at

    def generate(rows: Sequence[Any], start: int) -> list[str]:
        texts, pictures = _texts(processor, rows)
        given = {"text": texts, "padding": True, "return_tensors": "pt"} | ({"images": pictures} if pictures else {})
        inputs = processor(**given).to(device)
        torch.manual_seed(sampling.seed * 1_000_003 + start)
        with torch.inference_mode():
            out = loaded.generate(
                **inputs, **draws, max_new_tokens=sampling.max_new_tokens, pad_token_id=tokenizer.pad_token_id
            )
        written: list[str] = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return written

    return generate


def _vllm(model: str, sampling: Sampling, dtype: str) -> Generate:
    from vllm import LLM, SamplingParams  # type: ignore[import-not-found, unused-ignore]

    processor = load_processor(model)
    engine = LLM(model=model, dtype=dtype, seed=sampling.seed, limit_mm_per_prompt={"image": 16, "video": 0})

    def generate(rows: Sequence[Any], start: int) -> list[str]:
        texts, pictures = _texts(processor, rows)
        prompts: list[Any] = [{"prompt": text} for text in texts]
        for prompt, images in zip(prompts, pictures or [], strict=False):
            prompt["multi_modal_data"] = {"image": images}
        options = [
            SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_new_tokens,
                seed=sampling.seed * 1_000_003 + start + at,
            )
            for at in range(len(prompts))
        ]
        return [each.outputs[0].text for each in engine.generate(prompts, options, use_tqdm=False)]

    return generate


def read_predictions(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file that `predict` wrote."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number}: no JSON: {error}") from None
