"""AReaL 1.0: GRPO with this reward, on a data set whose rows hold messages, images and answer.

    python examples/areal.py --config your_grpo.yaml

A row's answer is the target, plain or packed as `star data export --to easyr1` writes it.
"""

import sys

from areal import PPOTrainer
from areal.api.cli_args import GRPOConfig, load_expr_config
from areal.dataset import get_custom_dataset
from areal.utils.hf_utils import load_hf_processor_and_tokenizer

WORKFLOW = "areal.workflow.vision_rlvr.VisionRLVRWorkflow"


def main(arguments: list[str]) -> None:
    config, _ = load_expr_config(arguments, GRPOConfig)
    processor, tokenizer = load_hf_processor_and_tokenizer(config.tokenizer_path)
    rows = get_custom_dataset(
        split="train", dataset_config=config.train_dataset, tokenizer=tokenizer, processor=processor
    )
    workflow = {
        "reward_fn": "star_r1.areal.reward_fn",
        "gconfig": config.gconfig,
        "tokenizer": config.tokenizer_path,
        "processor": config.tokenizer_path,
        "enable_thinking": False,
    }
    with PPOTrainer(config, train_dataset=rows) as trainer:
        trainer.train(workflow=WORKFLOW, workflow_kwargs=workflow)


if __name__ == "__main__":
    main(sys.argv[1:])
