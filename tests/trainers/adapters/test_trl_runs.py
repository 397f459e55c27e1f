"""TRL itself, end to end on a tiny model: its command line by dotted names, and reasoning that a template keeps apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conformance.rows import make_rows
from tests.conformance.tokenizer import write_text_model

pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
HOME = Path(__file__).parents[3]
RIGHT = next(row for row in make_rows(40, 0) if row["kind"] == "right")
CPU = {
    "per_device_train_batch_size": 4, "num_generations": 4, "max_steps": 1, "report_to": "none", "use_cpu": True,
    "bf16": False, "gradient_checkpointing": False, "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True,
}  # fmt: skip


def test_trl_grpo_by_a_configuration_alone(tmp_path):
    """`trl grpo --config`, a reward by its dotted name, no file of ours, beside somebody's own ``rewards.py``."""
    (tmp_path / "rewards.py").write_text("mine = 1\n")
    row = {"prompt": [{"role": "user", "content": "Which changed?"}], "target": RIGHT["target"]}
    (tmp_path / "train.jsonl").write_text(f"{json.dumps(row)}\n" * 4)
    config = CPU | {
        "model_name_or_path": str(write_text_model(tmp_path / "model")),
        "datasets": [{"path": "json", "data_files": "train.jsonl"}],
        "reward_funcs": ["star_r1.tvr.calibrated?scale=n_gt&think_prefilled=false", "star_r1.format_reward"],
        "output_dir": "out",
        "max_completion_length": 8,
        "log_completions": True,
    }
    (tmp_path / "grpo.yaml").write_text(yaml.safe_dump(config))
    environment = os.environ | {"PYTHONPATH": str(HOME), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "trl.scripts.grpo", "--config", "grpo.yaml"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rewards/tvr_calibrated_scale_n_gt_think_prefilled_false/mean" in done.stdout
    assert "rewards/format_reward/mean" in done.stdout


@pytest.mark.parametrize("template", [None, "qwen3_template", "glm4moe_template"])
def test_a_response_template_costs_no_reward(tmp_path, template):
    """A tokenizer with a response template hands reasoning over apart from the answer; the reward is the same."""
    import trl.chat_template_utils
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from star_r1 import format_reward, tvr_accuracy_reward
    from tests.conformance.tokenizer import byte_tokenizer

    tokenizer, seen = byte_tokenizer(), []
    if template is not None:
        tokenizer.response_template = getattr(trl.chat_template_utils, template)

    def watched(completions, **columns):
        seen.extend(completions)
        return tvr_accuracy_reward(completions, **columns)

    class Told(GRPOTrainer):
        """Generates the right completion."""

        def _generate_single_turn(self, prompt_ids, *_, **__):
            text = f"{RIGHT['completion']}<|im_end|>"
            return [tokenizer(text, add_special_tokens=False)["input_ids"] for _ in prompt_ids], None

    row = {"prompt": [{"role": "user", "content": "q"}], "target": RIGHT["target"]}
    trainer = Told(
        model=str(write_text_model(tmp_path / "model")), reward_funcs=[format_reward, watched],
        args=GRPOConfig(output_dir=str(tmp_path / "out"), max_completion_length=256, **CPU),
        train_dataset=Dataset.from_list([row] * 4), processing_class=tokenizer,
    )  # fmt: skip
    trainer.train()
    assert trainer.state.log_history[0]["reward"] == RIGHT["total"]
    (message,) = seen[0]
    apart = {"reasoning_content", "thinking"} & set(message)
    assert bool(apart) == (template is not None)


SCRIPT = """
import json, os, sys
from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer
from star_r1 import TaskReward

rewards = [TaskReward("tvr", name="one"), TaskReward("tvr", preset="paper", name="other")]
data = load_dataset("json", data_files="train.jsonl", split="train")
config = GRPOConfig(output_dir="out", max_completion_length=4, log_completions=True, shuffle_dataset=False, **json.loads(sys.argv[1]))
trainer = GRPOTrainer(model="model", reward_funcs=rewards, args=config, train_dataset=data)
trainer.train()
if trainer.accelerator.is_main_process:
    print("LOGGED", json.dumps(trainer.state.log_history[0]), flush=True)
trainer.accelerator.end_training()
os._exit(0)  # torch's threads now and then abort a process that ends as usual
"""


def test_the_completions_table_of_two_processes(tmp_path):
    """Two functions of one task: each row keeps its own id and target, and each function its own metrics."""
    import pyarrow.parquet as pq

    targets = [row["target"] for row in make_rows(32, 0)[::4]]
    rows = [{"id": f"row-{at}", "prompt": f"q{at}", "target": target} for at, target in enumerate(targets)]
    (tmp_path / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "run.py").write_text(SCRIPT)
    write_text_model(tmp_path / "model")
    environment = os.environ | {"PYTHONPATH": str(HOME), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "run.py"]
    done = subprocess.run(
        [*command, json.dumps(CPU)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    table = pq.read_table(tmp_path / "out" / "completions" / "completions_00001.parquet").to_pylist()
    known = {row["id"]: (row["prompt"], row["target"]) for row in rows}
    assert len(table) == 8
    for row in table:
        assert known[row["id"]] == (row["prompt"], row["target"])
    assert all(sum(each["id"] == row["id"] for each in table) == 4 for row in table)
    logged = json.loads(done.stdout.split("LOGGED ")[1].splitlines()[0])
    assert {"one/accuracy", "other/accuracy", "rewards/one/mean", "rewards/other/mean"} <= set(logged)
