"""Completions of small models, fast: ``rollout: fast``, by TRL's ``rollout_func``.

A small model's token takes less time than Python needs to ask for it. Here a prompt is read once for all its
completions, and one step of decoding is recorded as a CUDA graph and replayed for each token; on a CPU the same step
runs as it is. Tokens are those of ``generate``: the same modules, the same choice of tokens, the same draws from the
same distribution. In bfloat16 two scores can be equal after rounding, and then the order of additions decides.

TRL marks ``rollout_func`` as experimental, so that another version of TRL than the tested one is refused.
"""

from __future__ import annotations

from inspect import signature
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRL: Final = "1.16"  # whose `rollout_func` this is: called with the prompts and the trainer
KEYS: Final = 64  # the keys and values that a graph reads are filled up to a multiple of so many tokens
LOOK: Final = 8  # on a GPU it is asked after so many tokens whether all completions have ended


class Choice(NamedTuple):
    """How the next token is chosen, as ``GenerationConfig`` has it.

    Attributes:
        sample: draw; otherwise the likeliest.
        warpers: change scores before a draw, in the order of ``generate``.
        never: tokens that are never chosen.
        ends: tokens that end a completion.
        pad: token behind the end.
        longest: tokens of the longest completion.
    """

    sample: bool
    warpers: tuple[Any, ...]
    never: tuple[int, ...]
    ends: tuple[int, ...]
    pad: int
    longest: int


def choice_of(config: Any, defaults: Any) -> Choice:
    """Read a ``GenerationConfig``.

    Args:
        config: what ``generate`` would be called with.
        defaults: the model's own, which counts where ``config`` says nothing.

    Raises:
        ConfigError: it asks for something that only ``generate`` can do.
    """
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    known = {"temperature", "top_k", "top_p", "min_p", "do_sample", "max_new_tokens", "suppress_tokens", "use_cache"}
    known |= {
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "disable_compile",
        "transformers_version",
        "_from_model_config",
    }
    idle = {"repetition_penalty": 1.0, "cache_implementation": None, "max_length": None}
    said = config.to_diff_dict()
    unsaid = {name: value for name, value in defaults.to_diff_dict().items() if getattr(config, name, None) is None}
    for name, value in (unsaid | said).items():
        if name not in known and value is not None and value != idle.get(name, object()):
            raise ConfigError(f"rollout: fast cannot do {name}: {value}; rollout: generate can")
    warpers: list[Any] = []
    if config.do_sample:
        if config.temperature is not None and config.temperature != 1.0:
            warpers.append(TemperatureLogitsWarper(config.temperature))
        if config.top_k:
            warpers.append(TopKLogitsWarper(config.top_k))
        if config.top_p is not None and config.top_p < 1.0:
            warpers.append(TopPLogitsWarper(config.top_p))
        if config.min_p:
            warpers.append(MinPLogitsWarper(config.min_p))
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    return Choice(
        bool(config.do_sample),
        tuple(warpers),
        tuple(config.suppress_tokens or ()),
        tuple(ends),
        config.pad_token_id,
        config.max_new_tokens,
    )


class _Keys:
    """Keys and values of a fixed number of tokens; what a model's layers take for a cache."""

    def __init__(self, layers: int, shape: tuple[int, ...], kind: Any, device: Any) -> None:
        import torch

        self.keys, self.values = (
            [torch.zeros(shape, dtype=kind, device=device) for _ in range(layers)] for _ in range(2)
        )
        self.place = torch.zeros(1, dtype=torch.long, device=device)

    def update(self, keys: Any, values: Any, layer: int, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Add those of one token; return all."""
        self.keys[layer].index_copy_(2, self.place, keys.to(self.keys[layer].dtype))
        self.values[layer].index_copy_(2, self.place, values.to(self.values[layer].dtype))
        return self.keys[layer], self.values[layer]


class _Read:
    """Takes the keys and values of prompts as a model reads them."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []

    def update(self, keys: Any, values: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Keep those of a layer."""
        self.pairs.append((keys, values))
        return keys, values


class Decoder:
    """Writes completions with a Qwen2.5-VL model.

    Args:
        model: a ``Qwen2_5_VLForConditionalGeneration``, with or without an adapter.
        choice: of tokens.
        autocast: makes the context in which the model computes.

    Raises:
        ConfigError: for another model, or attention that takes no mask.
    """

    def __init__(self, model: Any, choice: Choice, autocast: Callable[[], Any]) -> None:
        from transformers import Qwen2_5_VLForConditionalGeneration

        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        if not isinstance(base, Qwen2_5_VLForConditionalGeneration):
            raise ConfigError(f"rollout: fast knows Qwen2.5-VL, not {type(base).__name__}; rollout: generate takes any")
        text = base.config.get_text_config()
        if text._attn_implementation not in ("sdpa", "eager"):  # noqa: SLF001
            raise ConfigError(f"rollout: fast needs attn_implementation sdpa, not {text._attn_implementation}")  # noqa: SLF001
        if set(text.layer_types) != {"full_attention"}:
            raise ConfigError("rollout: fast does not know sliding windows; rollout: generate does")
        self.model, self.choice, self.autocast = base, choice, autocast
        self.steps: dict[tuple[int, int], _Step] = {}
        takes = signature(base.model.language_model.forward).parameters
        self.cache_name = "cache" if "cache" in takes else "past_key_values"  # transformers 5.2x renamed it

    def __call__(self, inputs: dict[str, Any], owner: Any) -> tuple[list[list[int]], list[list[float]]]:
        """Write completions.

        Args:
            inputs: a processor's, of different prompts, padded on the left.
            owner: ``(completions,)`` the prompt of each completion, rising.

        Returns:
            The tokens of each, the one that ends it included; and the log-probability of each token among those that
            could be drawn.
        """
        import torch

        with torch.no_grad(), self.autocast():
            read, places = self._read(inputs)
            mask = inputs["attention_mask"][owner].bool()
            length = mask.shape[1]
            room = -(-(length + self.choice.longest) // KEYS) * KEYS
            key = (len(owner), room)
            step = self.steps.get(key)
            if step is None:
                self.steps.clear()  # the keys and values of another size would stay in memory
                step = self.steps[key] = _Step(self, read.pairs[0], *key)
            step.begin(read.pairs, owner, mask, places[owner], inputs["input_ids"][owner, -1])
            return step.run()

    def _read(self, inputs: dict[str, Any]) -> tuple[_Read, Any]:
        """Read prompts up to their last token; return keys and values, and the position of that last token."""
        import torch

        inner = self.model.model
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        given = {name: inputs[name] for name in ("image_grid_thw", "mm_token_type_ids") if name in inputs}
        if "image_grid_thw" in given:
            positions, _ = inner.get_rope_index(ids, attention_mask=mask, **given)
        else:
            positions = (mask.cumsum(1) - 1).clamp(min=0).expand(3, -1, -1)
        real = mask[:, :-1].bool()
        causal = None  # nothing is padded: attention is told by a flag
        if not bool(real.all()):
            place = torch.arange(real.shape[1], device=ids.device)
            # padding sees itself: the values of what sees nothing are no numbers
            causal = real[:, None, None] & (place <= place[:, None]) | (place == place[:, None])
        read = _Read()
        pictures = {name: inputs[name] for name in ("pixel_values", "image_grid_thw") if name in inputs}
        inner(
            input_ids=ids[:, :-1],
            position_ids=positions[:, :, :-1],
            attention_mask={"full_attention": causal},
            **{self.cache_name: read},
            use_cache=False,
            **pictures,
        )
        return read, positions[0, :, -1:]


class _Step:
    """One token of many completions at once, and what it reads and writes; on CUDA a graph."""

    def __init__(self, decoder: Decoder, like: tuple[Any, Any], count: int, room: int) -> None:
        import torch

        choice, keys = decoder.choice, like[0]
        self.decoder, self.choice = decoder, choice
        self.language, self.head = decoder.model.model.language_model, decoder.model.get_output_embeddings()
        # attention casts what it reads: to keep it so saves that at each step, and changes nothing
        cast = torch.is_autocast_enabled(keys.device.type)
        kind = torch.get_autocast_dtype(keys.device.type) if cast else keys.dtype
        layers = decoder.model.config.get_text_config().num_hidden_layers
        self.cache = _Keys(layers, (count, keys.shape[1], room, keys.shape[3]), kind, keys.device)

        def zeros(*shape: int, kind: Any = torch.long) -> Any:
            return torch.zeros(shape, dtype=kind, device=keys.device)

        self.token, self.position = zeros(count), zeros(count, 1)
        self.seen, self.done = zeros(count, 1, 1, room, kind=torch.bool), zeros(count, kind=torch.bool)
        self.number = zeros(1)
        self.out = zeros(count, choice.longest)
        self.likely = zeros(count, choice.longest, kind=torch.float32)
        self.columns = torch.arange(room, device=keys.device)
        self.ends = torch.tensor(choice.ends, device=keys.device)
        self.never = torch.zeros(self.head.weight.shape[0], dtype=torch.bool, device=keys.device)
        self.never[list(choice.never)] = True
        self.graph: Any = None

    def begin(self, pairs: Sequence[tuple[Any, Any]], owner: Any, mask: Any, position: Any, token: Any) -> None:
        """Set everything to the end of the prompts."""
        length = mask.shape[1] - 1  # the last token of the prompts is the first that a step reads
        for layer, (keys, values) in enumerate(pairs):
            self.cache.keys[layer][:, :, :length] = keys[owner]
            self.cache.values[layer][:, :, :length] = values[owner]
        self.seen.fill_(1)
        self.seen[:, 0, 0, : length + 1] = mask
        self.start = (token.clone(), position.clone(), length)
        self._rewind()

    def _rewind(self) -> None:
        token, position, length = self.start
        self.token.copy_(token)
        self.position.copy_(position)
        self.cache.place.fill_(length)
        self.number.zero_()
        self.done.zero_()
        self.out.fill_(self.choice.pad)
        self.likely.zero_()

    def run(self) -> tuple[list[list[int]], list[list[float]]]:
        """Write until every completion has ended or is as long as may be."""
        cuda = self.token.is_cuda
        if cuda and self.graph is None:
            self._record()
        for number in range(1, self.choice.longest + 1):
            if cuda:
                self.graph.replay()
            else:
                self._one()
            if (not cuda or number % LOOK == 0) and bool(self.done.all()):
                break
        ended = (self.out[:, :, None] == self.ends).any(-1)
        lengths = np.where(
            ended.any(1).cpu().numpy(), ended.int().argmax(1).cpu().numpy() + 1, self.choice.longest
        ).tolist()
        tokens, likely = self.out.tolist(), self.likely.tolist()
        return (
            [row[:length] for row, length in zip(tokens, lengths, strict=True)],
            [row[:length] for row, length in zip(likely, lengths, strict=True)],
        )

    def _record(self) -> None:
        """Record a step; the draws of a run do not depend on whether it was recorded in it."""
        import torch

        state = torch.cuda.get_rng_state()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._one()
        torch.cuda.current_stream().wait_stream(side)
        self._rewind()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self._one()
        self._rewind()
        torch.cuda.set_rng_state(state)

    def _one(self) -> None:
        """Read one token of each completion and choose the next."""
        import torch

        mask = self.seen & (self.columns <= self.cache.place)
        hidden = self.language(
            inputs_embeds=self.language.embed_tokens(self.token)[:, None],
            position_ids=self.position.expand(3, -1, -1),
            attention_mask={"full_attention": mask},
            **{self.decoder.cache_name: self.cache},
            use_cache=False,
        ).last_hidden_state
        scores = self.head(hidden[:, -1]).float().masked_fill(self.never, -torch.inf)
        for warper in self.choice.warpers:
            scores = warper(None, scores)
        logs = scores.log_softmax(-1)
        if self.choice.sample:
            # how torch.multinomial draws one, without its check, for which a graph cannot wait
            chances = logs.exp()
            token = (chances / torch.empty_like(chances).exponential_(1)).argmax(-1)
        else:
            token = scores.argmax(-1)
        likely = logs.gather(-1, token[:, None])
        token = torch.where(self.done, self.choice.pad, token)
        self.out.index_copy_(1, self.number, token[:, None])
        self.likely.index_copy_(1, self.number, likely)
        self.done |= (token[:, None] == self.ends).any(-1)
        self.token.copy_(token)
        self.position += 1
        self.cache.place += 1
        self.number += 1


class FastRollout:
    """TRL's ``rollout_func``: writes the completions of a batch with a `Decoder`.

    Args:
        trainer: TRL's ``GRPOTrainer``.

    Raises:
        ConfigError: the run is of a kind that only ``generate`` or vLLM can do.
    """

    def __init__(self, trainer: Any) -> None:
        import trl
        from accelerate.utils import AutocastKwargs

        if trl.__version__.split(".")[:2] != TRL.split("."):
            raise ConfigError(
                f"rollout: fast stands on what TRL {TRL} calls experimental, and trl {trl.__version__} is installed: "
                f"rollout: generate, or pip install 'trl=={TRL}.*'"
            )
        accelerator, args = trainer.accelerator, trainer.args
        if args.use_vllm or args.use_transformers_continuous_batching:
            raise ConfigError("rollout: fast and vLLM or continuous batching exclude each other")
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise ConfigError("rollout: fast needs the whole model on each GPU: not FSDP, not DeepSpeed")
        if trainer.tools:
            raise ConfigError("rollout: fast calls no tools; rollout: generate does")
        # weights cast once for many tokens would stay as they were when a graph was recorded
        uncached = AutocastKwargs(cache_enabled=False)
        self.decoder = Decoder(
            trainer.model,
            choice_of(trainer.generation_config, trainer.model.generation_config),
            lambda: accelerator.autocast(autocast_handler=uncached),
        )

    def __call__(self, prompts: list[Any], trainer: Any) -> dict[str, Any]:
        """Return ``prompt_ids``, ``completion_ids`` and ``logprobs`` of each prompt."""
        import torch
        from trl.models import unwrap_model_for_generation

        firsts = [0] + [at for at, (one, other) in enumerate(pairwise(prompts), start=1) if not _equal(one, other)]
        owner = torch.zeros(len(prompts), dtype=torch.long)
        owner[firsts[1:]] = 1
        processor = trainer.processing_class
        inputs = processor.apply_chat_template(
            conversation=[prompts[at] for at in firsts],
            chat_template=trainer.chat_template,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            processor_kwargs={"padding": True, "return_tensors": "pt", "padding_side": "left"},
            **trainer.chat_template_kwargs,
        ).to(trainer.accelerator.device)
        owner = owner.cumsum(0).to(trainer.accelerator.device)
        # as `generate` is called by TRL: checkpointed blocks would leave the cache out
        checkpointing = trainer.args.gradient_checkpointing_kwargs
        with unwrap_model_for_generation(
            trainer.model_wrapped, trainer.accelerator, gradient_checkpointing_kwargs=checkpointing
        ):
            tokens, likely = self.decoder(dict(inputs), owner)
        read = [
            [token for token, real in zip(ids, mask, strict=True) if real]
            for ids, mask in zip(inputs["input_ids"].tolist(), inputs["attention_mask"].tolist(), strict=True)
        ]
        return {"prompt_ids": [read[at] for at in owner.tolist()], "completion_ids": tokens, "logprobs": likely}


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two prompts are the same, images and all."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    same = one == other
    return bool(same.all()) if hasattr(same, "all") else bool(same)
