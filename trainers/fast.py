"""What makes runs fast: always, what changes no number; and three options of a configuration.

``fast_collator`` makes pixel values on the training device (`trainers.fast_collate`), ``compile_blocks`` compiles
the blocks that a model repeats, ``rollout: fast`` writes completions with a loop made for small models
(`trainers.rollout`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rewards.errors import ConfigError
from trainers.attention import attend_at_once
from trainers.fast_collate import Undrawn, collate_fast
from trainers.positions import place_at_once
from trainers.rollout import FastRollout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainers.config import StarArguments

SHAPES: Final = 64  # sorts of shapes that blocks may be compiled for


def make_fast(trainer: Any, star: StarArguments) -> None:
    """Do for a trainer what its configuration asks for, and what costs nothing.

    Raises:
        ConfigError: an option does not fit the model or the data.
    """
    models = [trainer.model, getattr(trainer, "ref_model", None)]
    for model in models:
        if model is not None:
            attend_at_once(model)
            place_at_once(model)
    if star.fast_collator:
        collate_fast(trainer)
    else:
        row = next(iter(trainer.train_dataset))
        if any(isinstance(picture, Undrawn) for picture in row.get("images") or []):
            raise ConfigError("the images of the rows are not drawn yet: that needs fast_collator: true")
    if star.compile_blocks and not compile_blocks(trainer.model):
        raise ConfigError(f"compile_blocks: {type(trainer.model).__name__} names no blocks")
    if star.rollout == "fast":
        if trainer.rollout_func is not None:
            raise ConfigError("rollout: fast and rollout_func exclude each other")
        trainer.rollout_func = FastRollout(trainer)


def compile_blocks(model: Any, **options: Any) -> int:
    """Compile the blocks that a model repeats, each for itself: seconds of compilation, not minutes.

    Blocks run compiled where gradients are wanted, and as they are where not: decoding with a growing cache would
    compile anew for each length. What is saved is not changed.

    Args:
        model: any model of transformers, with or without an adapter.
        options: of ``torch.compile``.

    Returns:
        The number of blocks.
    """
    import torch

    # torch stops compiling after eight sorts of shapes, and says so only in a log
    torch._dynamo.config.recompile_limit = max(SHAPES, torch._dynamo.config.recompile_limit)  # noqa: SLF001
    blocks = _blocks(model)
    for block in blocks:
        block.forward = _where_it_learns(block.forward, torch.compile(block.forward, **options))
    return len(blocks)


def _blocks(model: Any) -> list[Any]:
    """Return the modules that a model repeats."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    kinds = set(base._no_split_modules or ())  # noqa: SLF001  transformers' own name for them
    # FSDP2 puts a class of its own before a module's
    return [module for module in model.modules() if kinds & {each.__name__ for each in type(module).__mro__}]


@contextmanager
def gathered(trainer: Any) -> Iterator[None]:
    """Keep what FSDP2 shards whole while completions are written.

    Else every process gathers all weights again for each token. They are gathered in the dtype of the computation; for
    that time a GPU holds the whole model in it.
    """
    plugin = getattr(trainer.accelerator.state, "fsdp_plugin", None)
    if plugin is None or plugin.fsdp_version != 2 or plugin.reshard_after_forward is not True:
        yield
        return
    from torch.distributed.fsdp import FSDPModule

    # accelerate lets these be sharded again after their forward, and no others
    parts = _blocks(trainer.model)
    embeds, heads = trainer.model.get_input_embeddings(), trainer.model.get_output_embeddings()
    if heads is None or embeds.weight is not heads.weight:
        parts.append(embeds)
    parts = [part for part in parts if isinstance(part, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
    try:
        yield
    finally:
        for part in parts:
            part.set_reshard_after_forward(True, recurse=False)
            part.reshard()


def _where_it_learns(plain: Any, compiled: Any) -> Any:
    import torch

    def forward(*args: Any, **kwargs: Any) -> Any:
        return (compiled if torch.is_grad_enabled() else plain)(*args, **kwargs)

    return forward
