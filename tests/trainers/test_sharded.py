"""FSDP2 in two processes on the CPU, by the recipe's own file: what is trained is saved, and goes on where it stopped."""

import json
import re
from pathlib import Path
from socket import create_server

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
    with create_server(("127.0.0.1", 0)) as taken:  # so that torchrun takes one that is free when it does
        port = str(taken.getsockname()[1])
        yield "-m", "accelerate.commands.launch", "--config_file", str(file), "--main_process_port", port


LORA = {"use_peft": True, "lora_r": 4, "lora_target_modules": ["q_proj", "v_proj"]}
FULL = {"learning_rate": SMALL, "lr_scheduler_type": "constant"}


def test_sharded_runs_leave_models_and_go_on(sft, rl, launcher, tmp_path):
    """All in the processes of one start: both stages, an adapter, and completions of different lengths."""
    common = {"bf16": True, "dtype": "bfloat16", "max_steps": 3}
    rewards = {"reward_funcs": [f"{Path(__file__).with_name('test_training_resume.py')}:odd_lengths"]}
    runs = {
        "sft": ("sft", sft | common | FULL),
        "rl": ("rl", rl | common | FULL | rewards),
        "lora": ("sft", sft | common | LORA),
        "lengths": ("lengths", rl | common | rewards | {"max_steps": 2, "save_strategy": "no"}),
    }
    runs = {name: (stage, given | {"output_dir": str(tmp_path / name)}) for name, (stage, given) in runs.items()}
    found = compare(launcher, runs, tmp_path)
    assert_unequal_lengths(found.pop("lengths"))
    for name, (*differences, last) in found.items():
        assert differences == [], name
        assert json.loads(last)["compared"] == 3, name
        output = str(tmp_path / name)
        made = predict(
            output, sft["dataset_name"], tmp_path / f"{name}.jsonl", sampling=Sampling(max_new_tokens=4), limit=2
        )
        assert len(made.read_text().splitlines()) == 2
    for name in ("sft", "rl"):
        assert_trained_in_float32(Path(sft["model_name_or_path"]), tmp_path / name)


def assert_unequal_lengths(found):
    """Weights are gathered once for a batch of completions, not for each token of the longest."""
    counts = [re.fullmatch(r"(\d+) tokens with (\d+) gathers", line).groups() for line in found]
    assert {tokens for tokens, _ in counts} == {"3", "12"}
    assert all(0 < int(gathers) < 12 for _, gathers in counts)


def assert_trained_in_float32(start, output):
    """What is saved is bfloat16, and what learned was not."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    assert json.loads((output / "config.json").read_text())["dtype"] == "bfloat16"
    before, after = (
        Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype="auto") for folder in (start, output)
    )
    assert before.dtype == torch.float32
    assert after.dtype == torch.bfloat16
    assert masters_move(output / "checkpoint-3", before.to(torch.bfloat16).state_dict(), output)


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
