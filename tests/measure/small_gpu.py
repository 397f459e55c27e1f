"""Time and check the two stages at the size of recipes/small-gpu, as stock TRL runs them and with fast options; prints JSON.

python -m tests.measure.small_gpu speed [--stage sft] [--steps 40] [--split] [--stock] per_device_train_batch_size=256
python -m tests.measure.small_gpu learn [--steps 300] [--rl-steps 0] [name=value ...]
python -m tests.measure.small_gpu greedy --model FOLDER

``speed`` times steps; with ``--stock`` all fast options are off and pictures are drawn before they are rows. ``--split``
tells the parts of a step, each waited for. ``learn`` trains, and says how many of 1,536 held-out scenes are right.
``greedy`` compares tokens with those of ``generate``. ``name=value`` are fields of the configuration. ``--tiny`` runs the
same code with a small model on a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from recipes.tiny.model import Sizes, build
from recipes.tiny.study import Recipe, read_recipe, with_steps
from recipes.tiny.world import QUESTION, scenes, target
from trainers.fast_collate import Undrawn, fast_processor
from trainers.scenes.render import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPE = Path(__file__).parents[2] / "recipes" / "small-gpu"
SLOW = {"fast_collator": False, "compile_blocks": False, "rollout": "generate", "dataloader_num_workers": 0}
TINY = {"use_cpu": True, "bf16": False, "compile_blocks": False, "dataloader_num_workers": 1, "logging_steps": 1}


def configuration(stage: str, *, stock: bool, tiny: bool, given: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe's configuration of a stage, changed as asked."""
    values = yaml.safe_load((RECIPE / f"{stage}.yaml").read_text(encoding="utf-8"))
    values["dataset_arguments"]["drawn"] = stock
    values |= (SLOW if stock else {}) | (TINY if tiny else {})
    if tiny:
        values["per_device_train_batch_size"] = 16
    if stock:
        values.pop("pad_to_multiple_of", None)
    values |= given
    prompts = values["per_device_train_batch_size"] // values.get("num_generations", 1)
    return values | {"dataset_arguments": values["dataset_arguments"] | {"block": prompts}}


def start_model(folder: Path, recipe: Recipe, *, tiny: bool) -> str:
    """Write a model with random weights."""
    small = Sizes(width=32, layers=1, heads=2, feed_forward=2, vision_width=16, vision_layers=1)
    build(folder / "start", small if tiny else recipe.model, side=recipe.world.side)
    return str(folder / "start")


class Clock:
    """Adds up the seconds of named parts, waiting for the GPU before and after each."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        began = self._now()
        yield
        self.seconds[name] += self._now() - began

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Time a method of an object."""
        inner = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return inner(*args, **kwargs)

        setattr(owner, method, timed)

    @staticmethod
    def _now() -> float:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


def speed(stage: str, values: dict[str, Any], steps: int, *, split: bool) -> dict[str, Any]:
    """Time steps; the first, which warm up and compile, are left out."""
    import torch
    from transformers import TrainerCallback

    from trainers.config import read_config
    from trainers.fast import make_fast
    from trainers.stages import build_trainer

    warm = max(2, steps // 4)
    settings = read_config(stage, values | {"max_steps": steps + warm})  # type: ignore[arg-type]
    began = time.perf_counter()
    trainer = build_trainer(settings)
    make_fast(trainer, settings.star)
    clock, marks = Clock(), [0.0, 0.0]

    class Marks(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == warm:
                clock.seconds.clear()
                marks[0] = clock._now()
            elif state.global_step == warm + steps:
                marks[1] = clock._now()

    trainer.add_callback(Marks())
    if split:
        clock.watch(trainer, "get_batch_samples", "rows and collator")
        clock.watch(trainer, "_prepare_inputs", "prepare")
        clock.watch(trainer, "compute_loss", "forward and loss")
        clock.watch(trainer.accelerator, "backward", "backward")
        clock.watch(trainer, "log", "logging")
        if stage == "rl":
            clock.watch(trainer, "_generate", "of prepare: completions")
            clock.watch(trainer, "_calculate_rewards", "of prepare: rewards")
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    seconds = (marks[1] - marks[0]) / steps
    rows = values["per_device_train_batch_size"]
    logged = [logs for logs in trainer.state.log_history if "loss" in logs]
    figures = {
        "rows_a_step": rows,
        "steps": steps,
        "seconds_a_step": round(seconds, 4),
        "samples_a_second" if stage == "sft" else "completions_a_second": round(rows / seconds, 1),
        "seconds_before": round(marks[0] - began, 1),
        "losses": [round(float(logs["loss"]), 4) for logs in logged][:8],
    }
    if stage == "rl":
        lengths = [float(logs["completions/mean_length"]) for logs in logged]
        figures["tokens_a_completion"] = round(sum(lengths) / len(lengths), 1)
    if torch.cuda.is_available():
        figures["peak_memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    if split:
        figures["milliseconds_a_step"] = {name: round(1000 * each / steps, 2) for name, each in clock.seconds.items()}
    return figures


def batches(
    recipe: Recipe, folder: str, view: str, count: int, size: int
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yield a processor's batches of held-out scenes, and their answers."""
    from accelerate.utils import send_to_device

    from trainers.processors import load_processor

    device = _device()
    processor = fast_processor(
        load_processor(folder), lambda patches, packed: patches.finished(send_to_device(packed, device))
    )
    message = [{"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": QUESTION}]}]
    text = processor.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    found = scenes(recipe.world, 7, held_out=True)
    for start in range(0, count, size):
        some = list(islice(found, min(size, count - start)))
        pairs = [(Picture(scene, "center"), Picture(scene, view, final=True)) for scene in some]
        pictures = [[Undrawn(picture, recipe.world.side) for picture in pair] for pair in pairs]
        inputs = processor(images=pictures, text=[text] * len(some), return_tensors="pt", padding=True).to(device)
        yield dict(inputs), [target(scene) for scene in some]


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load(folder: str) -> tuple[Any, Any]:
    """Return a model, and how it chooses: greedily, as long as the recipe says."""
    from transformers import GenerationConfig, Qwen2_5_VLForConditionalGeneration

    from trainers.attention import attend_at_once
    from trainers.positions import place_at_once

    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder).to(_device()).float().eval()
    attend_at_once(model)
    place_at_once(model)
    text = model.config.text_config
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=72,
        eos_token_id=[text.eos_token_id],
        pad_token_id=text.pad_token_id,
        suppress_tokens=[model.config.image_token_id],
        disable_compile=True,
    )
    return model, config


def autocast(bf16: bool) -> Any:
    """Return the context in which a model computes."""
    import torch

    return torch.autocast(_device(), torch.bfloat16, cache_enabled=False) if bf16 else nullcontext()


def accuracy(recipe: Recipe, folder: str, count: int) -> dict[str, float]:
    """Return the share of held-out scenes that are right from each view, greedily."""
    import torch

    from rewards.score import score_batch
    from trainers.processors import load_processor
    from trainers.rollout import Decoder, choice_of

    model, config = load(folder)
    tokenizer = load_processor(folder).tokenizer
    decoder = Decoder(model, choice_of(config, model.generation_config), lambda: autocast(bf16=_device() == "cuda"))
    right = {}
    for view in recipe.views["test"]:
        hits: list[bool] = []
        for inputs, answers in batches(recipe, folder, view, count, 512):
            tokens, _ = decoder(inputs, torch.arange(len(answers), device=_device()))
            texts = tokenizer.batch_decode(tokens, skip_special_tokens=True)
            hits += score_batch(texts, answers, task="tvr").correct.tolist()
        right[view] = round(sum(hits) / len(hits), 4)
    return right


def greedy(recipe: Recipe, folder: str, count: int, *, bf16: bool) -> dict[str, Any]:
    """Compare tokens with those of ``generate``, and say how near the two best scores are where they first differ."""
    import torch

    from trainers.rollout import Decoder, choice_of

    model, config = load(folder)
    decoder = Decoder(model, choice_of(config, model.generation_config), lambda: autocast(bf16=bf16))
    same, tokens, gaps = 0, 0, []
    seconds = {"generate": 0.0, "fast": 0.0}
    for inputs, answers in batches(recipe, folder, "left", count, min(count, 256)):
        owner = torch.arange(len(answers), device=_device())
        decoder(inputs, owner)  # records
        clock = Clock()
        with clock.part("fast"):
            found, _ = decoder(inputs, owner)
        with autocast(bf16=bf16):
            out = model.generate(**inputs, generation_config=config, output_logits=True, return_dict_in_generate=True)
            with clock.part("generate"):  # warm by now
                model.generate(**inputs, generation_config=config)
        for name in seconds:
            seconds[name] += clock.seconds[name]
        length = inputs["input_ids"].shape[1]
        for at, row in enumerate(found):
            want = out.sequences[at, length : length + len(row)].tolist()
            tokens += len(row)
            if want == row:
                same += 1
                continue
            first = next((k for k, (one, other) in enumerate(zip(row, want, strict=False)) if one != other), len(want))
            best = out.logits[min(first, len(out.logits) - 1)][at].float().topk(2).values
            gaps.append(round(float(best[0] - best[1]), 5))
    return {
        "completions": count,
        "equal": same,
        "gaps_where_they_first_differ": sorted(gaps),
        "tokens_a_second": {name: round(tokens / each) for name, each in seconds.items()},
    }


def learn(
    recipe: Recipe, work: Path, given: dict[str, Any], steps: int, rl_steps: int, *, tiny: bool
) -> dict[str, Any]:
    """Train, and say what is right of held-out scenes after each stage."""
    from trainers.stages import train

    folder, figures = start_model(work, recipe, tiny=tiny), {}
    count = 32 if tiny else recipe.rows["test"]
    for stage, many in (("sft", steps), ("rl", rl_steps)):
        if not many:
            continue
        values = configuration(stage, stock=False, tiny=tiny, given=given if stage == "sft" else {})
        options = with_steps(RECIPE / f"{stage}.yaml", many)
        began = time.perf_counter()
        values |= {"model_name_or_path": folder, "output_dir": str(work / stage)}
        trained = train(stage, values, arguments=options)  # type: ignore[arg-type]
        seconds = time.perf_counter() - began
        folder = str(trained.folder)
        logged = [logs for logs in trained.history if "loss" in logs]
        name = "mean_token_accuracy" if stage == "sft" else "reward"
        figures[stage] = {
            "steps": trained.step,
            "rows": trained.step * values["per_device_train_batch_size"],
            "seconds_in_all": round(seconds, 1),
            "runtime": next(
                (round(float(e["train_runtime"]), 1) for e in trained.history if "train_runtime" in e), None
            ),
            name: [round(float(logs[name]), 4) for logs in logged][:: max(1, len(logged) // 12)],
            "last": round(float(logged[-1][name]), 4),
            "right": accuracy(recipe, folder, count),
        }
    return figures


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=("speed", "learn", "greedy"))
    options.add_argument("given", nargs="*", metavar="name=value", help="fields of the configuration")
    options.add_argument("--stage", choices=("sft", "rl"), default="sft")
    options.add_argument("--steps", type=int, default=40)
    options.add_argument("--rl-steps", type=int, default=0)
    options.add_argument("--stock", action="store_true")
    options.add_argument("--split", action="store_true")
    options.add_argument("--tiny", action="store_true")
    options.add_argument("--model", help="a folder; default: random weights")
    options.add_argument("--work", type=Path, help="where models go; default: a temporary folder")
    arguments = options.parse_intermixed_args()
    given = {name: yaml.safe_load(value) for name, _, value in (each.partition("=") for each in arguments.given)}
    recipe = read_recipe(RECIPE)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        if arguments.what == "learn":
            figures = learn(recipe, work, given, arguments.steps, arguments.rl_steps, tiny=arguments.tiny)
        else:
            folder = arguments.model or start_model(work, recipe, tiny=arguments.tiny)
            if arguments.what == "greedy":
                kinds = (False,) if arguments.tiny else (False, True)
                count = 8 if arguments.tiny else 512
                figures = {
                    "bfloat16" if kind else "float32": greedy(recipe, folder, count, bf16=kind) for kind in kinds
                }
            else:
                values = configuration(arguments.stage, stock=arguments.stock, tiny=arguments.tiny, given=given)
                values |= {"model_name_or_path": folder, "output_dir": str(work / "out")}
                figures = speed(arguments.stage, values, arguments.steps, split=arguments.split)
    sys.stdout.write(json.dumps({"what": sys.argv[1:]} | figures) + "\n")


if __name__ == "__main__":
    main()
