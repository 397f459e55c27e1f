"""Stage 2 in several processes that write completions of different lengths; each prints how often blocks were gathered.

python -m accelerate.commands.launch ... -m tests.trainers.unequal_lengths CONFIGURATION
"""

import sys

import torch.distributed.fsdp._fully_shard._fsdp_param_group as groups
from trl import GRPOTrainer

import tests.trainers.fsdp_on_cpu  # noqa: F401  FSDP on the CPU, where the launcher asks for it
from trainers.stages import train

gathers = []
_gather, _write = groups.foreach_all_gather, GRPOTrainer._generate_single_turn


def _counted(*arguments, **options):
    gathers.append(1)
    return _gather(*arguments, **options)


def _unequal(self, *arguments, **options):
    self.generation_config.max_new_tokens = 3 + 9 * self.accelerator.process_index
    gathers.clear()
    written = _write(self, *arguments, **options)
    longest = max(len(ids) for ids in written[0])
    sys.stdout.write(f"found {longest} tokens with {len(gathers)} gathers\n")
    sys.stdout.flush()
    return written


if __name__ == "__main__":
    groups.foreach_all_gather, GRPOTrainer._generate_single_turn = _counted, _unequal
    train("rl", sys.argv[1])
