"""The README's lines for a trainer run in that trainer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.docs.pages import HOME, read_blocks


@pytest.mark.slow
def test_the_grpo_run(tmp_path):
    """The README's GRPO run as it is written, but of a tiny model with random weights, and for one step."""
    pytest.importorskip("trl")
    from recipes.tiny.model import Sizes, build

    environment = os.environ | {"PYTHONPATH": str(HOME), "HF_HUB_OFFLINE": "1"}
    blocks = [block.text for block in read_blocks(HOME / "README.md")]
    commands = next(text for text in blocks if "star data export" in text).replace("--count 1000", "--count 2")
    for line in commands.splitlines():
        command = [sys.executable, "-m", "star_cli", *line.split()[1:]]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)

    sizes = Sizes(width=32, layers=1, heads=2, feed_forward=2, vision_width=16, vision_layers=1)
    build(tmp_path / "model", sizes, side=128)
    settings = (
        "max_completion_length=4, max_steps=1, per_device_train_batch_size=2, num_generations=2, report_to='none', "
        "use_cpu=True, bf16=False, gradient_checkpointing=False, logging_steps=1"
    )
    lines = next(text for text in blocks if "GRPOTrainer(" in text)
    for written, instead in (
        ('model="Qwen/Qwen2.5-VL-7B-Instruct"', 'model="model", processing_class=load_processor("model")'),
        ("max_completion_length=1024", settings),
    ):
        assert lines.count(written) == 1
        lines = lines.replace(written, instead)
    script = f"from trainers.processors import load_processor\n{lines}"  # which needs no torchvision
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rewards/tvr_accuracy_reward/mean" in done.stdout
