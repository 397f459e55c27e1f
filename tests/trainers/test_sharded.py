"""FSDP2 in two processes on the CPU, by the recipe's own file: what is trained is saved, and goes on where it stopped."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from socket import socket

import pytest
import yaml

from tests.trainers.test_processes import ROOT, compare
from tests.trainers.test_training_resume import odd_lengths  # noqa: F401  the reward of the runs
from trainers.prediction import Sampling, predict

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SMALL = 1e-6  # the learning rate of the 7B recipes


@pytest.fixture
def launcher(tmp_path):
    """accelerate with the recipe's file, in two processes without a GPU."""
    values = yaml.safe_load((ROOT / "recipes/accelerate/fsdp2.yaml").read_text())
    file = tmp_path / "fsdp2.yaml"
    file.write_text(yaml.safe_dump(values | {"num_processes": 2, "use_cpu": True}))
    with socket() as free:  # runs may lie side by side
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return ("-m", "accelerate.commands.launch", "--config_file", str(file), "--main_process_port", str(port))


LORA = {"use_peft": True, "lora_r": 4, "lora_target_modules": ["q_proj", "v_proj"]}


@pytest.mark.parametrize(("stage", "more"), [("sft", {}), ("rl", {}), ("sft", LORA)], ids=["sft", "rl", "lora"])
def test_a_sharded_run_leaves_a_model_and_goes_on(stage, more, launcher, request, tmp_path):
    settings = request.getfixturevalue(stage) | {"bf16": True, "dtype": "bfloat16", "max_steps": 4} | more
    settings |= (
        {"reward_funcs": [f"{Path(__file__).with_name('test_training_resume.py')}:odd_lengths"]}
        if stage == "rl"
        else {}
    )
    if not more:
        settings |= {"learning_rate": SMALL, "lr_scheduler_type": "constant"}
    assert compare(launcher, stage, settings, tmp_path)["compared"] == 4
    output = Path(settings["output_dir"])
    made = predict(
        str(output), settings["dataset_name"], tmp_path / "out.jsonl", sampling=Sampling(max_new_tokens=4), limit=2
    )
    assert len(made.read_text().splitlines()) == 2
    if more:
        return
    from transformers import Qwen2_5_VLForConditionalGeneration

    assert json.loads((output / "config.json").read_text())["dtype"] == "bfloat16"
    before, after = (
        Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype="auto")
        for folder in (settings["model_name_or_path"], output)
    )
    assert before.dtype == torch.float32
    assert after.dtype == torch.bfloat16
    assert masters_move(output / "checkpoint-4", before.to(torch.bfloat16).state_dict(), tmp_path)


def test_processes_write_different_numbers_of_tokens(rl, launcher, tmp_path):
    """Weights are gathered once for a batch of completions, not for each token of the longest."""
    reward = f"{Path(__file__).with_name('test_training_resume.py')}:odd_lengths"
    settings = rl | {"bf16": True, "dtype": "bfloat16", "max_steps": 2, "reward_funcs": [reward], "save_strategy": "no"}
    file = tmp_path / "rl.yaml"
    file.write_text(yaml.safe_dump(settings | {"max_completion_length": 12}))
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "tests.trainers.unequal_lengths", str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = sorted(set(re.findall(r"found (\d+) tokens with (\d+) gathers", done.stdout)))
    assert {tokens for tokens, _ in found} == {"3", "12"}
    assert all(0 < int(gathers) < 12 for _, gathers in found)


def masters_move(checkpoint, start, folder):
    """Return whether weights of a sharded checkpoint moved from bfloat16 values by less than those are apart."""
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    dcp_to_torch_save(checkpoint / "pytorch_model_fsdp_0", folder / "whole.pt")
    masters = torch.load(folder / "whole.pt", weights_only=True)["model"]
    assert masters.keys() == start.keys()
    assert {tensor.dtype for tensor in masters.values()} == {torch.float32}
    return any(
        ((tensor != start[name].float()) & (tensor.bfloat16() == start[name])).any() for name, tensor in masters.items()
    )
