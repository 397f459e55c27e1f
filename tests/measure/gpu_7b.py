"""Time some steps of GRPO with LoRA at 7B scale, on random weights of Qwen2.5-VL-7B's configuration; prints JSON.

python -m tests.measure.gpu_7b [--steps 4] [--work DIR] [--tiny]

Random weights never end a completion: each has the full length, so times are those of the longest completions, and the
reward reads nonsense. Its time on real text is measured beside it, on as many completions of a step. ``--tiny`` runs
the same code with a tiny configuration on CPU.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.measure.stand_in import qwen_config, qwen_processor, qwen_tokenizer

EXAMPLES = Path(__file__).parents[2] / "examples" / "tvr_predictions.jsonl"


def write_model(folder: Path, *, tiny: bool) -> int:
    """Write a model with random weights; return its number of parameters."""
    import torch
    from transformers import GenerationConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = qwen_tokenizer()
    config = qwen_config(tokenizer, tiny=tiny)
    torch.manual_seed(0)
    standard = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32 if tiny else torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(standard)
    model.generation_config = GenerationConfig(
        do_sample=True, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(folder)
    qwen_processor(tokenizer).save_pretrained(folder)
    return int(sum(parameter.numel() for parameter in model.parameters()))


def write_data(folder: Path, *, scenes: int, size: tuple[int, int]) -> None:
    """Generate TVR scenes with pictures."""
    from trainers.data.generate import GenerationSettings, generate

    generate(folder, GenerationSettings(count=scenes, images="raycast", size=size, views=("center",)))


def reward_on_text(completions: int) -> float:
    """Return the seconds that the reward takes for a step's completions of real text: the median of nine."""
    from rewards import tvr_reward

    rows = [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]
    rows = (rows * (completions // len(rows) + 1))[:completions]
    texts, targets = [row["completion"] for row in rows], [row["target"] for row in rows]
    seconds = []
    for _ in range(10):  # the first one builds the grammar
        began = time.perf_counter()
        tvr_reward(texts, target=targets)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds[1:])[4]


def settings(work: Path, steps: int, *, tiny: bool) -> dict[str, Any]:
    """Return the run's configuration."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "model_name_or_path": str(work / "model"),
        "dataset_name": str(work / "data"),
        "output_dir": str(work / "out"),
        "dtype": "float32" if tiny else "bfloat16",
        "attn_implementation": "sdpa",
        "reward_funcs": ["tvr_reward"],
        "use_peft": True,
        "lora_r": 4 if tiny else 32,
        "lora_alpha": 8 if tiny else 64,
        "lora_target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
        "learning_rate": 1e-5,
        "num_generations": 4 if tiny else 8,
        "per_device_train_batch_size": 4 if tiny else 8,
        "gradient_accumulation_steps": 1 if tiny else 4,
        "max_completion_length": 16 if tiny else 512,
        "beta": 0.0,
        "max_steps": steps,
        "logging_steps": 1,
        "save_strategy": "no",
        "bf16": cuda and not tiny,
        "use_cpu": not cuda,
        "gradient_checkpointing": not tiny,
        "disable_tqdm": True,
        "image_max_pixels": 250880,
    }


def measure(work: Path, steps: int, *, tiny: bool) -> dict[str, Any]:
    """Run the steps and return the figures; the first step, which warms up, is left out."""
    import torch
    import transformers
    import trl

    from trainers.stages import train

    parameters = write_model(work / "model", tiny=tiny)
    write_data(work / "data", scenes=8, size=(56, 56) if tiny else (320, 240))
    config = settings(work, steps, tiny=tiny)
    cuda = torch.cuda.is_available()
    gc.collect()  # the model that was written must not count in the peak
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    trained = train("rl", config)
    logs = [each for each in trained.history if "step_time" in each][1:]
    completions = config["per_device_train_batch_size"] * config["gradient_accumulation_steps"]
    mean = {
        name: sum(float(each[name]) for each in logs) / len(logs)
        for name in ("step_time", "reward_seconds", "completions/mean_length")
    }
    step = mean["step_time"]
    text = reward_on_text(completions)
    return {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "versions": {each.__name__: each.__version__ for each in (torch, transformers, trl)},
        "parameters": parameters,
        "steps": len(logs),
        "completions_a_step": completions,
        "tokens_a_completion": mean["completions/mean_length"],
        "seconds_a_step": step,
        "completion_tokens_per_second": completions * mean["completions/mean_length"] / step,
        "peak_memory_gib": torch.cuda.max_memory_allocated() / 2**30 if cuda else None,
        "reward_seconds_a_step": mean["reward_seconds"],
        "reward_share": mean["reward_seconds"] / step,
        "reward_seconds_on_real_text": text,
        "reward_share_on_real_text": text / step,
        "wall_seconds_by_log": [float(each["step_time"]) for each in logs],
    }


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=4)
    options.add_argument("--work", type=Path, help="where the model and the data go; default: a temporary folder")
    options.add_argument("--tiny", action="store_true")
    given = options.parse_args()
    work = given.work or Path(tempfile.mkdtemp())
    try:
        figures = measure(work, given.steps, tiny=given.tiny)
    finally:
        if given.work is None:
            shutil.rmtree(work, ignore_errors=True)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
