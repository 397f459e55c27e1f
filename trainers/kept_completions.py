"""Which completions of a group are learned from: all, those of groups that differ, or the most varied of each."""

from __future__ import annotations

from typing import Any

from rewards.errors import ConfigError


def drop_equal_groups(trainer: Any, output: dict[str, Any]) -> None:
    """Take completions whose advantage is zero out of the loss's masks and averages.

    In a group whose rewards are all equal every advantage is zero; without its tokens the average is over what teaches.
    A batch of nothing else is left as it is.
    """
    learns = output["advantages"] != 0
    learns = learns.view(-1, 1) if learns.dim() == 1 else learns.any(dim=1, keepdim=True)
    kept = output["completion_mask"] * learns
    total = trainer.accelerator.gather(kept.sum()).sum()
    if total > 0:
        output["completion_mask"] = kept
        output["num_items_in_batch"] = total


def check_keep_varied(keep: int, training: Any) -> None:
    """Raise a ConfigError unless each process can keep so many completions of each of its groups."""
    group = training.num_generations
    held = training.per_device_train_batch_size * training.steps_per_generation
    if not 2 <= keep < group:
        raise ConfigError(f"keep_varied is {keep}; it is at least 2 and less than num_generations, which is {group}")
    if training.scale_rewards == "batch" or training.multi_objective_aggregation != "sum_then_normalize":
        raise ConfigError("keep_varied needs advantages of groups: scale_rewards group or none, and sum_then_normalize")
    if held % group:
        raise ConfigError(
            f"keep_varied needs whole groups in each process: {held} completions a process are not a multiple of "
            f"num_generations, which is {group}"
        )
    if held // group * keep % training.steps_per_generation:
        raise ConfigError(
            f"keep_varied: {held // group} x {keep} completions do not divide into "
            f"{training.steps_per_generation} steps"
        )


def keep_varied(trainer: Any, output: dict[str, Any], keep: int) -> dict[str, Any]:
    """Return the batch with those *keep* completions of each group whose rewards have the greatest variance.

    These are the highest and the lowest, for one number of each (PODS, arXiv 2504.13818, theorem 1). Their advantages
    are taken among them, by the run's ``scale_rewards``. More are drawn than are learned from: drawing is cheap beside
    the passes of the loss, for which alone the memory must do.

    Args:
        trainer: TRL's.
        output: what it made of a batch, groups one after another.
        keep: completions of a group.
    """
    import torch
    from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

    advantages = output["advantages"].view(
        -1, trainer.num_generations
    )  # (groups, completions); in a group affine in the reward
    order = advantages.argsort(dim=1, stable=True)
    subsets = torch.stack(
        [torch.cat([order[:, :low], order[:, order.shape[1] - keep + low :]], 1) for low in range(keep + 1)]
    )
    values = advantages.unsqueeze(0).expand(len(subsets), -1, -1).gather(2, subsets)  # (subsets, groups, keep)
    best = values.var(dim=2).argmax(dim=0)
    chosen = subsets[best, torch.arange(len(best))].sort(dim=1).values  # as they were drawn
    kept = advantages.gather(1, chosen)
    kept = kept - kept.mean(dim=1, keepdim=True)
    if trainer.scale_rewards == "group":
        kept = kept / (kept.std(dim=1, keepdim=True) + 1e-4)  # as TRL does
    rows = (chosen + torch.arange(len(chosen), device=chosen.device).unsqueeze(1) * advantages.shape[1]).flatten()
    held = advantages.numel()
    parted = split_pixel_values_by_grid(output)
    picked = {name: _picked(values, rows, held) for name, values in parted.items()}
    picked["advantages"] = kept.flatten()
    picked["num_items_in_batch"] = trainer.accelerator.gather(picked["completion_mask"].sum()).sum()
    return dict(unsplit_pixel_values_by_grid(picked))


def _picked(values: Any, rows: Any, held: int) -> Any:
    if isinstance(values, list) and len(values) == held:
        return [values[row] for row in rows.tolist()]
    if hasattr(values, "dim") and values.dim() > 0 and len(values) == held:
        return values[rows.to(values.device)]
    return values
