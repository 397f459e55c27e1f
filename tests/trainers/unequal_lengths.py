"""Stage 2 in several processes that write completions of different lengths; `tests.trainers.every_checkpoint` runs it."""

from unittest.mock import patch

import torch.distributed.fsdp._fully_shard._fsdp_param_group as groups
from trl import GRPOTrainer

from trainers.stages import train


def lengths(settings):
    """Yield a line for each batch of completions: how long they are, and how often blocks were gathered for them."""
    gather, write = groups.foreach_all_gather, GRPOTrainer._generate_single_turn
    gathers, told = [], []

    def counted(*arguments, **options):
        gathers.append(1)
        return gather(*arguments, **options)

    def unequal(self, *arguments, **options):
        self.generation_config.max_new_tokens = 3 + 9 * self.accelerator.process_index
        gathers.clear()
        written = write(self, *arguments, **options)
        longest = max(len(ids) for ids in written[0])
        told.append(f"{longest} tokens with {len(gathers)} gathers")
        return written

    with (
        patch.object(groups, "foreach_all_gather", counted),
        patch.object(GRPOTrainer, "_generate_single_turn", unequal),
    ):
        train("rl", settings)
    yield from told
