"""Predicting with a trained model: completions of a data set's prompts, as JSON Lines that ``star score`` reads.

A run that was stopped goes on where it was: rows are made in batches whose draws depend on seed and batch alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from benchmarks.files.lock import locked
from benchmarks.files.write import refuse_input, remove_partials, write_whole
from rewards.errors import ConfigError, DataError
from trainers.asking import ask, prediction_row, sample_name
from trainers.attention import attend_at_once
from trainers.made_with import content_of, packages, pixels_of, revision_of, times_of
from trainers.positions import place_at_once
from trainers.processors import load_processor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from trainers.asking import Asked, Question, Shown
    from trainers.data.chat_client import Endpoint, RetryPolicy

BACKENDS: Final = ("auto", "transformers", "vllm")
SERVED: Final = "openai:"
"""Before the name of a model that a server answers for."""


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

    def signed(self) -> str:
        """Return how completions are drawn, in one line.

        >>> Sampling().signed(), Sampling(temperature=0.7, samples=4, seed=3).signed()
        ('greedy, 1024 tokens', 'temperature 0.7, top_p 1, seed 3, 1024 tokens')
        """
        drawn = f"temperature {self.temperature:g}, top_p {self.top_p:g}, seed {self.seed}"
        return f"{drawn if self.temperature else 'greedy'}, {self.max_new_tokens} tokens"


def predict(
    model: str,
    data: str,
    output: str | os.PathLike[str],
    *,
    sampling: Sampling | None = None,
    benchmark: str | None = None,
    prompt: Literal["owners", "star"] = "owners",
    images: Shown = "all",
    frames: int | None = None,
    split: str = "test",
    limit: int | None = None,
    system_prompt: str | None = None,
    backend: str = "auto",
    dtype: str = "auto",
    revision: str = "main",
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    endpoint: Endpoint | None = None,
    retry: RetryPolicy | None = None,
    image_roots: Sequence[Path] = (),
    on_error: Callable[[str], None] | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a completion for each prompt.

    Args:
        model: a folder, or a name on the hub; also a folder with a LoRA adapter. ``openai:NAME`` is a model that a
            server answers for, see `trainers.served`.
        data: rows, see `trainers.rows.load_rows`; or with *benchmark* its files, see `benchmarks.datasets.load`.
        output: a ``.jsonl``; while it is made it ends with ``.part``, and the same call goes on with that.
        sampling: how completions are drawn.
        benchmark: whose files *data* are.
        prompt: of a benchmark: its owners', or ours.
        images: which images are shown, see `trainers.asking`.
        frames: of a video, see `trainers.asking.ask`.
        split: of data sets that have some.
        limit: the first so many prompts only.
        system_prompt: put before each prompt that has none.
        backend: ``transformers``, ``vllm``, or ``auto``: vLLM where it is installed and there is a GPU.
        dtype: of the weights.
        revision: of a model on the hub.
        min_pixels: smaller images are enlarged.
        max_pixels: larger images are reduced.
        endpoint: of a served model, where and how it is asked; its ``model`` is what *model* names.
        retry: of a served model, how requests are made.
        image_roots: folders from which images may be sent to a server, besides that of the data; links are followed.
        on_error: takes what is wrong with an exchange with a server that is given up.
        overwrite: replace what is there.
        on_progress: is called with the number of completions that are done and of all.

    Returns:
        The path of the file.

    Raises:
        ConfigError: there is no such model or data, or the output already exists.
        DataError: the data lack prompts, or an image does not open.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
    drawn = sampling or Sampling()
    target = Path(output)
    refuse_input(target, [data])
    asked = ask(
        data,
        benchmark=benchmark,
        prompt=prompt,
        images=images,
        frames=frames,
        split=split,
        limit=limit,
        system_prompt=system_prompt,
        seed=drawn.seed,
        image_roots=image_roots if model.startswith(SERVED) else None,
    )
    shown = {"decoding": drawn.signed(), "images": images, "frames": frames, "prompt": prompt if benchmark else None}
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target, str(target)):
        if target.exists() and not overwrite:
            raise ConfigError(f"{target} already exists; --overwrite replaces it")
        remove_partials(target)
        told: dict[str, Any] = {"model": str(model), "data": str(data), "data_files": content_of(data, apart=target)}
        told |= {"questions": _ends_of(asked), "benchmark": benchmark, "prompt": prompt, "images": images}
        told |= {"frames": frames, "split": split, "limit": limit, "system_prompt": system_prompt, "dtype": dtype}
        told |= {"revision": revision, "min_pixels": min_pixels, "max_pixels": max_pixels} | asdict(drawn)
        if model.startswith(SERVED):
            if endpoint is None:
                raise ConfigError(f"{model}: a served model needs an endpoint: its server")
            from trainers.served import predict_served

            predict_served(
                asked,
                target,
                drawn,
                endpoint,
                retry,
                settings={name: value for name, value in told.items() if name != "batch_size"},
                made_with={"model": model, **shown},
                max_pixels=max_pixels,
                overwrite=overwrite,
                on_error=on_error,
                on_progress=on_progress,
            )
        else:
            _predict_here(
                asked,
                target,
                drawn,
                Loading(model, revision, dtype, min_pixels, max_pixels),
                backend=backend,
                settings=told,
                made_with=shown,
                overwrite=overwrite,
                on_progress=on_progress,
            )
    return target


def _predict_here(
    asked: Asked,
    output: Path,
    sampling: Sampling,
    loading: Loading,
    *,
    backend: str,
    settings: Mapping[str, Any],
    made_with: Mapping[str, Any],
    overwrite: bool,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    """Write a completion for each prompt with a model that is loaded here; see `trainers.served.predict_served`."""
    named = revision_of(loading.model, loading.revision)
    begun_with = {**settings, "model_files": [named, times_of(loading.model)]}
    part, done = _begin(output, begun_with, overwrite=overwrite)
    if done < len(asked) * sampling.samples:
        fast = _uses_vllm(backend)
        most = max(map(asked.count_of, range(len(asked)))) if fast else 0
        local = (_vllm if fast else _transformers)(loading._replace(images=most), sampling)
        told = {"model": str(loading.model), "revision": named, **made_with, **local.made_with}
        _write(part, done, asked, drawn=sampling, local=local, made_with=told, on_progress=on_progress)
    part.replace(output)
    _settings_file(output).unlink(missing_ok=True)


def _write(
    part: Path,
    done: int,
    asked: Asked,
    *,
    drawn: Sampling,
    local: Local,
    made_with: Mapping[str, Any],
    on_progress: Callable[[int, int], None] | None,
) -> None:
    """Write the completions that are missing; each batch lasts before the next one begins."""
    total = len(asked) * drawn.samples
    with part.open("a", encoding="utf-8") as out:
        for start in range(done, total, drawn.batch_size):
            numbers = range(start, min(start + drawn.batch_size, total))
            batch = [asked[number // drawn.samples] for number in numbers]
            written = local.generate(batch, start)
            for number, question, (text, reason) in zip(numbers, batch, written, strict=True):
                name = sample_name(question, number % drawn.samples, drawn.samples)
                row = prediction_row(question, name, text, made_with) | {"finish_reason": reason}
                out.write(json.dumps(row) + "\n")
            out.flush()
            os.fsync(out.fileno())
            if on_progress is not None:
                on_progress(numbers.stop, total)


def _ends_of(asked: Asked) -> list[Any]:
    """Return how many questions there are, with the ids and texts of the first and the last: of data without a file."""
    ends = (asked[0], asked[len(asked) - 1])
    return [len(asked), *([question.name, question.prompt_hash()] for question in ends)]


class Loading(NamedTuple):
    """Which model is loaded, and how: see `predict`; ``images`` is how many a prompt has at most, for vLLM."""

    model: str
    revision: str
    dtype: str
    min_pixels: int | None
    max_pixels: int | None
    images: int = 0


class Local(NamedTuple):
    """A model that is loaded here.

    Attributes:
        generate: writes a completion for each of some questions, and says why it ended: ``stop`` or ``length``; draws
            depend on the number of the first.
        made_with: what else predictions say of how they are made.
    """

    generate: Callable[[Sequence[Question], int], list[tuple[str, str]]]
    made_with: dict[str, str | None]


def _settings_file(target: Path) -> Path:
    return target.with_name(target.name + ".settings.json")


def _begin(target: Path, settings: dict[str, Any], *, overwrite: bool) -> tuple[Path, int]:
    """Return the file that grows, and how many completions of whole batches it has."""
    part, file = target.with_name(target.name + ".part"), _settings_file(target)
    if overwrite or not part.exists() or not (file.exists() or part.stat().st_size):
        part.write_bytes(b"")
        write_whole(file, json.dumps(settings))
        return part, 0
    try:
        begun = json.loads(file.read_bytes())
        other = [name for name, value in json.loads(json.dumps(settings)).items() if begun.get(name) != value]
    except FileNotFoundError:
        raise ConfigError(f"{part} is there without {file}, which says of what; --overwrite begins anew") from None
    except (ValueError, AttributeError, RecursionError):
        raise ConfigError(f"{file} is damaged or half written; --overwrite begins anew") from None
    if other:
        raise ConfigError(f"{part} was begun with other {', '.join(other)}; --overwrite begins anew")
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


def _texts(processor: Any, questions: Sequence[Question]) -> tuple[list[str], list[list[Any]] | None]:
    """Return prompts as the chat template writes them, and the images of each."""
    images = [question.images for question in questions]
    messages = [question.in_parts() if question.images else question.messages for question in questions]
    write = partial(processor.apply_chat_template, add_generation_prompt=True, tokenize=False)
    return [write(each) for each in messages], images if any(images) else None


def _transformers(loading: Loading, sampling: Sampling) -> Local:
    import torch
    from transformers import AutoModelForImageTextToText

    processor = _processor(loading)
    tokenizer = getattr(processor, "tokenizer", processor)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        loaded = AutoModelForImageTextToText.from_pretrained(
            loading.model, dtype=loading.dtype, revision=loading.revision
        )
        loaded = loaded.to(device).eval()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{loading.model} cannot be loaded: {error}") from error
    attend_at_once(loaded)
    place_at_once(loaded)
    draws: dict[str, Any] = {"do_sample": sampling.temperature > 0}
    if sampling.temperature > 0:
        draws |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    else:
        draws |= {"temperature": None, "top_p": None, "top_k": None}

    last = loaded.generation_config.eos_token_id
    ends = {*(last if isinstance(last, list) else [last]), tokenizer.eos_token_id, tokenizer.pad_token_id}
    image = getattr(loaded.config, "image_token_id", None)
    if image is not None:
        draws["suppress_tokens"] = [image]  # an image that is not there cannot be looked at

    def generate(questions: Sequence[Question], start: int) -> list[tuple[str, str]]:
        texts, images = _texts(processor, questions)
        given = {"text": texts, "padding": True, "return_tensors": "pt"} | ({"images": images} if images else {})
        inputs = processor(**given).to(device)
        torch.manual_seed(sampling.seed * 1_000_003 + start)
        with torch.inference_mode():
            out = loaded.generate(
                **inputs, **draws, max_new_tokens=sampling.max_new_tokens, pad_token_id=tokenizer.pad_token_id
            )
        tokens = out[:, inputs["input_ids"].shape[1] :]
        written: list[str] = tokenizer.batch_decode(tokens, skip_special_tokens=True)
        ended = [bool(set(row) & ends) for row in tokens.tolist()]
        return [(text, "stop" if end else "length") for text, end in zip(written, ended, strict=True)]

    named = f"{loading.dtype} on {device}"
    return Local(generate, _made_with(processor, "transformers", "torch") | {"weights": named})


def _processor(loading: Loading) -> Any:
    return load_processor(
        loading.model, revision=loading.revision, min_pixels=loading.min_pixels, max_pixels=loading.max_pixels
    )


def _made_with(processor: Any, *names: str) -> dict[str, str | None]:
    return {"pixels": pixels_of(processor), "packages": packages([*names, "pillow", "star-r1"])}


def _vllm(loading: Loading, sampling: Sampling) -> Local:
    from vllm import LLM, SamplingParams  # type: ignore[import-not-found, unused-ignore]

    processor = _processor(loading)
    limits = {"image": max(1, loading.images), "video": 0}
    engine = LLM(
        model=loading.model,
        dtype=loading.dtype,
        revision=loading.revision,
        seed=sampling.seed,
        limit_mm_per_prompt=limits,
        mm_processor_kwargs=_bounds(loading),
    )

    def generate(questions: Sequence[Question], start: int) -> list[tuple[str, str]]:
        texts, images = _texts(processor, questions)
        prompts: list[Any] = [{"prompt": text} for text in texts]
        for prompt, shown in zip(prompts, images or [], strict=False):
            prompt["multi_modal_data"] = {"image": shown}
        options = [
            SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_new_tokens,
                seed=sampling.seed * 1_000_003 + start + at,
            )
            for at in range(len(prompts))
        ]
        found = [each.outputs[0] for each in engine.generate(prompts, options, use_tqdm=False)]
        return [(each.text, str(each.finish_reason)) for each in found]

    return Local(generate, _made_with(processor, "vllm", "torch"))


def _bounds(loading: Loading) -> dict[str, int] | None:
    found = {"min_pixels": loading.min_pixels, "max_pixels": loading.max_pixels}
    return {name: value for name, value in found.items() if value is not None} or None


def read_predictions(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file that `predict` wrote.

    Raises:
        DataError: a line is no JSON.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number}: no JSON: {error}") from None
