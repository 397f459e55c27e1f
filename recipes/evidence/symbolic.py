"""Symbolic views: the scenes of `recipes.tiny.world` told in words, and a small language model that reads them.

A prompt lists the objects of both images from left to right, each by its attributes; no image is drawn. What is left of
the task is comparing and naming, which a model learns on two CPU cores in minutes.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.tvr.codec import decode_scene
from recipes.tiny.model import WORDS, Sizes, tiny_tokenizer
from recipes.tiny.world import QUESTION, World, scenes, target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trainers.scenes.tvr import Scene


def prompt(scene: Scene, world: World) -> str:
    """Return both images in words.

    >>> prompt(next(scenes(World(), 0)), World())
    '0 yellow sphere 1 yellow sphere changed? cyan sphere yellow sphere'
    """
    before, after = (
        [" ".join(each[name] for name in world.attributes) for each in decode_scene(state)]
        for state in (scene.initial, scene.final)
    )
    numbered = " ".join(f"{index} {words}" for index, words in enumerate(before))
    return f"{numbered} {QUESTION} {' '.join(after)}"


def messages(scene: Scene, world: World) -> list[dict[str, str]]:
    """Return the prompt as a conversation."""
    return [{"role": "user", "content": prompt(scene, world)}]


def row(scene: Scene, view: str, world: World) -> dict[str, Any]:
    """Return one row; its demonstration is the answer alone."""
    answer = f"<think> </think><answer> {target(scene)}</answer>"
    return {
        "view": view,
        "prompt": messages(scene, world),
        "completion": [{"role": "assistant", "content": answer}],
        "target": target(scene),
    }


def stream(*, world: dict[str, Any], views: list[str], seed: int = 0) -> Any:
    """Return an endless data set, for ``dataset_name: recipes.evidence.symbolic:stream``.

    Args:
        world: fields of `World`.
        views: names that scenes carry in turn.
        seed: of the draws.
    """
    from datasets import IterableDataset

    lists: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in world.items()}
    return IterableDataset.from_generator(_rows, gen_kwargs={"world": World(**lists), "views": views, "seed": seed})


def _rows(world: World, views: list[str], seed: int) -> Iterator[dict[str, Any]]:
    for scene in islice(scenes(world, seed), None):
        yield row(scene, views[scene.idx % len(views)], world)


def build(folder: Path, sizes: Sizes, *, seed: int = 0, words: Sequence[str] = WORDS) -> int:
    """Write a new language model with its tokenizer, and return its number of parameters.

    Qwen3, not Qwen2: for that transformers puts a tokenizer of its own in place of the one that was saved.
    """
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    tokenizer = tiny_tokenizer(words)
    code = tokenizer.convert_tokens_to_ids
    ends = {
        "bos_token_id": code("<|im_start|>"),
        "eos_token_id": code("<|im_end|>"),
        "pad_token_id": code("<|endoftext|>"),
    }
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=sizes.width,
        intermediate_size=sizes.feed_forward * sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        head_dim=sizes.width // sizes.heads,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        **ends,
    )
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(config)
    model.generation_config = GenerationConfig(do_sample=True, **ends)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return int(sum(parameter.numel() for parameter in model.parameters()))
