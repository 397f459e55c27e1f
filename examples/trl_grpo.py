"""GRPO on TVR with TRL 1.16 alone: rows of `star data export --to trl`, and this project's rewards.

    star data generate scenes --count 1000 --images raycast
    star data export scenes --to trl --out train.jsonl
    python examples/trl_grpo.py --data train.jsonl --model Qwen/Qwen2.5-VL-7B-Instruct --output_dir run

`star train` does the same with the paper's settings, checks and resuming; this is the minimum. Qwen's processors
need torchvision.
"""

from dataclasses import dataclass, field

from datasets import Image, Sequence, load_dataset
from trl import GRPOConfig, GRPOTrainer, TrlParser

from star_r1 import format_reward, tvr_accuracy_reward


@dataclass
class Arguments:
    """What TRL's own arguments do not have."""

    data: str = field(metadata={"help": "Rows of `star data export --to trl`."})
    model: str = field(metadata={"help": "A model's name or folder."})


def main() -> None:
    arguments, config = TrlParser((Arguments, GRPOConfig)).parse_args_and_config()
    rows = load_dataset("json", data_files=arguments.data, split="train")
    if "images" in rows.column_names:
        rows = rows.cast_column("images", Sequence(Image()))
    trainer = GRPOTrainer(
        model=arguments.model,
        reward_funcs=[format_reward, tvr_accuracy_reward],  # their sum is R_format + R_acc
        args=config,
        train_dataset=rows,
    )
    trainer.train()
    trainer.save_model(config.output_dir)


if __name__ == "__main__":
    main()
