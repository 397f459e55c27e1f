"""``credit: spans``: the advantage of a completion spread over its tokens by where the reward comes from.

TRL takes advantages of one number a token: (completions, tokens). `rewards.credit` says by which formula they are made;
here are the characters that each token writes, and the hook of a trainer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rewards import ConfigError, TaskReward, completion_text
from rewards.credit import span_credit, token_advantages
from trainers.config import prefilled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rewards.spans import Span
    from trainers.config import StarArguments

_WHOLE: Final = {"task_reward": None, "tvr_reward": "tvr", "multiview_reward": "multiview"}
"""Functions that reward a completion whole, and their task; None: the run's."""


def check_credit(star: StarArguments, training: Any) -> None:
    """Raise a ConfigError unless the advantages of a run can be spread over tokens.

    The reward must be one function of ours that adds up from spans, and its groups must be normalized as one.
    """
    names = star.reward_funcs or ["task_reward"]
    if len(names) != 1 or names[0] not in _WHOLE:
        raise ConfigError(
            f"credit: spans needs one reward function, {', '.join(_WHOLE)}; reward_funcs is {', '.join(names)}"
        )
    if star.keep_varied is not None:
        raise ConfigError("credit: spans and keep_varied exclude each other")
    if training.multi_objective_aggregation != "sum_then_normalize":
        raise ConfigError("credit: spans needs multi_objective_aggregation: sum_then_normalize")
    if training.off_policy_mask_threshold is not None:
        raise ConfigError("credit: spans and off_policy_mask_threshold exclude each other: that looks at completions")


class SpanCredit:
    """Spreads the advantages of a trainer's batches.

    Attributes:
        reward: finds the spans; its settings are those of the run's reward.
        spans: of the completions that were scored last, in this process.
        credit: likewise.
        scale: likewise, (completions,).
        texts: their texts; None where it is not that of the tokens.
    """

    def __init__(self, star: StarArguments) -> None:
        (name,) = star.reward_funcs or ["task_reward"]
        settings: dict[str, Any] = {"preset": star.preset, "overrides": star.reward_overrides or {}, "mode": star.mode}
        self.reward = TaskReward(_WHOLE[name] or star.task, think_prefilled=prefilled(star), **settings)
        self.spans: list[tuple[Span, ...]] = []
        self.credit: list[NDArray[np.float64]] = []
        self.scale: NDArray[np.float64] = np.ones(0)
        self.texts: list[str | None] = []

    def observe(self, trainer: Any, inputs: Any, completions: Any, ids: Any, rewards: Any) -> None:
        """Find the spans of a batch that was scored.

        Args:
            trainer: TRL's.
            inputs: its rows.
            completions: of this process.
            ids: their tokens.
            rewards: of all processes, (completions, functions).
        """
        from accelerate.utils import gather_object

        columns = {name: [row[name] for row in inputs] for name in inputs[0] if name not in ("prompt", "completion")}
        found = self.reward.spans(completions, **columns)
        mine = [() if each is None else (*each.records, *each.references) for each in found]
        everywhere = gather_object(mine)
        group = trainer.num_generations if trainer.model.training else trainer.num_generations_eval
        credit = span_credit(everywhere, group)
        scale = self._scale(trainer, rewards, credit, group)
        here = trainer.accelerator.process_index * len(completions)
        self.spans, self.credit = mine, credit[here : here + len(mine)]
        self.scale = scale[here : here + len(mine)]
        said = trainer.processing_class.batch_decode(ids, skip_special_tokens=True)
        # Spans count in what the reward reads; a template that keeps reasoning apart makes that another text.
        self.texts = [
            text if completion_text(each) == text else None for each, text in zip(completions, said, strict=True)
        ]

    def _scale(
        self, trainer: Any, rewards: Any, credit: Sequence[NDArray[np.float64]], group: int
    ) -> NDArray[np.float64]:
        """Return what credit is divided by: TRL's standard deviation, and no less than the group's credit has itself.

        Where all totals of a group are equal, its deviation is zero, and its credit is not.
        """
        if trainer.scale_rewards == "none":
            return np.full(len(credit), 1.0 / float(trainer.reward_weights[0]))
        size = len(credit) if trainer.scale_rewards == "batch" else group
        totals = rewards[:, 0].double().cpu().numpy().reshape(-1, size)
        own = [np.concatenate(credit[at : at + size]) for at in range(0, len(credit), size)]
        spread = np.array([np.sqrt(np.mean(each**2)) if len(each) else 0.0 for each in own])
        deviation = np.array(
            [np.std(each[~np.isnan(each)], ddof=1) if (~np.isnan(each)).sum() > 1 else 0.0 for each in totals]
        )
        return np.repeat(np.maximum(deviation, spread), size) + 1e-4

    def spread(self, trainer: Any, output: dict[str, Any]) -> None:
        """Put (completions, tokens) advantages in the place of (completions,) ones."""
        import torch

        advantages, mask = output["advantages"], output["completion_mask"]
        offsets = []
        for ids, kept, text in zip(output["completion_ids"].tolist(), mask.tolist(), self.texts, strict=True):
            tokens = [token for token, here in zip(ids, kept, strict=True) if here]
            found = None if text is None else token_offsets(trainer.processing_class, tokens, text)
            offsets.append(np.zeros((len(tokens), 2)) if found is None else found)
        placed = [bool(found.any()) for found in offsets]
        if not any(placed) and any(len(found) and here for found, here in zip(offsets, self.spans, strict=True)):
            raise ConfigError(
                "credit: spans finds no completion's text in its tokens (a response template keeps reasoning apart, or "
                "the tokenizer does not decode to what it wrote); use credit: sequence"
            )
        mode = "train" if trainer.model.training else "eval"
        trainer._metrics[mode]["credit/placed"].append(sum(placed) / len(placed))  # noqa: SLF001  TRL's own
        spread = token_advantages(advantages.tolist(), self.spans, self.credit, offsets, scale=self.scale)
        # Completions are padded at their end.
        found = torch.zeros(mask.shape, dtype=advantages.dtype)
        found[:, : spread.shape[1]] = torch.from_numpy(spread).to(advantages.dtype)
        output["advantages"] = found.to(advantages.device)


def token_offsets(processor: Any, ids: Sequence[int], text: str) -> NDArray[np.int64] | None:
    """Return the characters of *text* that each token writes, (tokens, 2); None where the tokens do not write it.

    Special tokens write nothing. The places are the tokenizer's own where it writes the text with these tokens, and
    are otherwise found by decoding each prefix: models also write what no tokenizer would.

    Args:
        processor: a tokenizer, or a processor that has one.
        ids: of one completion, without padding.
        text: what they decode to without special tokens.
    """
    tokenizer = getattr(processor, "tokenizer", processor)
    special = set(tokenizer.all_special_ids)
    written = [at for at, token in enumerate(ids) if token not in special]
    offsets = np.zeros((len(ids), 2), dtype=np.int64)
    if tokenizer.is_fast:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        if encoded["input_ids"] == [ids[at] for at in written]:
            offsets[written] = np.array(encoded["offset_mapping"], dtype=np.int64).reshape(-1, 2)
            return offsets
    kept = [ids[at] for at in written]
    if tokenizer.decode(kept) != text:
        return None
    # What a prefix decodes to is as long as what its tokens write; half a character at its end is none yet.
    ends = [len(tokenizer.decode(kept[: at + 1]).rstrip("\ufffd")) for at in range(len(kept) - 1)] + [len(text)]
    bounds = np.minimum(np.maximum.accumulate([0, *ends]), len(text))
    offsets[written] = np.stack([bounds[:-1], bounds[1:]], axis=1) if kept else 0
    return offsets
