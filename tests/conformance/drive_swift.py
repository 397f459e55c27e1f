"""ms-swift: the plugin as ``--external_plugins`` loads it, and `compute_rewards_per_func` on its samples."""

from __future__ import annotations

from pathlib import Path

import torch
from swift.rewards import orms
from swift.rl_core.data import GRPOSample
from swift.rl_core.grpo_algorithm import compute_rewards_per_func
from swift.utils import import_external_file

from results import QUESTIONS, ROWS, TVR, report


def sample(row, column):
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": row["text"]}]
    columns = {"solution": row[column], "id": row["id"], "task": row["task"]}
    if hasattr(GRPOSample, "from_row"):
        return GRPOSample.from_row({"messages": messages, **columns})
    return GRPOSample(messages=messages, extra=columns)


def run(names, rows, column="gold"):
    rewards = [orms[name](args=None) for name in names.split()]
    found = compute_rewards_per_func([sample(row, column) for row in rows], rewards, None, torch.device("cpu"))
    return found.nansum(1).tolist()


def main():
    plugin = Path("star_swift.py")
    plugin.write_text(
        'import star_r1.swift\nstar_r1.swift.register("star_default", "tvr", preset="default")\n', encoding="utf-8"
    )
    import_external_file(str(plugin.resolve()))
    report("star_tvr, plain targets", TVR, run("star_tvr", TVR, "target"))
    report("star_tvr, packed targets among plain ones", TVR, run("star_tvr", TVR))
    report("star_multiview, packed", QUESTIONS, run("star_multiview", QUESTIONS))
    report("a registered preset, both tasks in one batch", ROWS, run("star_default star_multiview", ROWS))


if __name__ == "__main__":
    main()
