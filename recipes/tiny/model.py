"""A tiny model of a real vision-language class, randomly initialized, with its tokenizer and processor.

Nothing is downloaded. The tokenizer knows whole words. A dot is read as a space, and the dots of an answer are written
again when tokens become text, so that ``0.shape.cube`` costs three tokens and is what `rewards` reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.tvr.world import ATTRIBUTES, N_OBJECTS, VALUES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SPECIAL: Final = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TAGS: Final = ("<think>", "</think>", "<answer>", "</answer>")
SAME, CHANGED = "same", "changed"
WORDS: Final = (
    "changed?",
    SAME,
    CHANGED,
    "[UNK]",
    ",",
    *map(str, range(N_OBJECTS)),
    *ATTRIBUTES,
    *(value for name in ATTRIBUTES for value in VALUES[name]),
)
TEMPLATE: Final = """\
{%- for message in messages -%}
<|im_start|>
{%- if message.content is string -%}{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'text' -%}{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_start|>{%- endif -%}
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the model is.

    Attributes:
        width: of the language model.
        layers: of the language model.
        heads: of both parts.
        feed_forward: inner width of the feed-forward parts, as a multiple of the width.
        vision_width: of the vision tower.
        vision_layers: of the vision tower.
        patch: side of a patch, pixels; two by two patches are one token.
    """

    width: int = 96
    layers: int = 3
    heads: int = 4
    feed_forward: int = 3
    vision_width: int = 64
    vision_layers: int = 2
    patch: int = 8


def tiny_tokenizer(words: Sequence[str] = WORDS) -> Any:
    """Return the tokenizer of whole words, by default those of TVR.

    Reading and writing again gives the same text.
    """
    from tokenizers import (  # type: ignore[import-not-found, unused-ignore]
        AddedToken,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
    )
    from transformers import PreTrainedTokenizerFast

    known = [*SPECIAL, *TAGS, *(f"▁{word}" for word in words)]
    tokenizer = Tokenizer(models.WordLevel({word: code for code, word in enumerate(known)}, unk_token="▁[UNK]"))  # noqa: S106  no password
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(".", " "), normalizers.Replace(",", " ,")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    rewritten = [decoders.Replace(f" {name} ", f".{name}.") for name in ATTRIBUTES]
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), *rewritten, decoders.Replace(" ,", ",")]
    )
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    tokenizer.add_tokens([AddedToken(word, special=False, normalized=False) for word in TAGS])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",  # noqa: S106
        pad_token="<|endoftext|>",  # noqa: S106
        unk_token="▁[UNK]",  # noqa: S106
        padding_side="left",
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast


def tiny_processor(patch: int, side: int, words: Sequence[str] = WORDS) -> Any:
    """Return the processor: images of ``side`` pixels in patches of ``patch``, values about -2 to 2."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from trainers.processors import qwen_processor_class

    tokenizer = tiny_tokenizer(words)
    images = Qwen2VLImageProcessorPil(
        size={"shortest_edge": side * side, "longest_edge": side * side},
        patch_size=patch,
        temporal_patch_size=1,
        merge_size=2,
        image_mean=[0.5] * 3,
        image_std=[0.25] * 3,
    )
    return qwen_processor_class()(image_processor=images, tokenizer=tokenizer, chat_template=TEMPLATE)


def tiny_model(tokenizer: Any, sizes: Sizes, side: int, seed: int) -> Any:
    """Return a ``Qwen2_5_VLForConditionalGeneration`` with random weights."""
    import torch
    from transformers import GenerationConfig, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    code = tokenizer.convert_tokens_to_ids
    ends = {
        "bos_token_id": code("<|im_start|>"),
        "eos_token_id": code("<|im_end|>"),
        "pad_token_id": code("<|endoftext|>"),
    }
    half = sizes.width // sizes.heads // 2  # of the dimensions of one head, as rotary embeddings pair them
    part = 3 * half // 8
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": sizes.width,
            "intermediate_size": sizes.feed_forward * sizes.width,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "num_key_value_heads": sizes.heads,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [half - 2 * part, part, part],
            },
            "tie_word_embeddings": False,
            **ends,
        },
        vision_config={
            "depth": sizes.vision_layers,
            "hidden_size": sizes.vision_width,
            "intermediate_size": sizes.feed_forward * sizes.vision_width,
            "num_heads": sizes.heads,
            "in_channels": 3,
            "patch_size": sizes.patch,
            "spatial_merge_size": 2,
            "temporal_patch_size": 1,
            "window_size": side,
            "out_hidden_size": sizes.width,
            "fullatt_block_indexes": list(range(sizes.vision_layers)),
        },
        image_token_id=code("<|image_pad|>"),
        video_token_id=code("<|video_pad|>"),
        vision_start_token_id=code("<|vision_start|>"),
        vision_end_token_id=code("<|vision_end|>"),
        tie_word_embeddings=False,
        **ends,
    )
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config = GenerationConfig(do_sample=True, **ends)
    return model


def build(folder: Path, sizes: Sizes, *, side: int, seed: int = 0, words: Sequence[str] = WORDS) -> int:
    """Write a new model and its processor, for `from_pretrained`, and return its number of parameters."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    processor = tiny_processor(sizes.patch, side, words)
    model = tiny_model(processor.tokenizer, sizes, side, seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return int(sum(parameter.numel() for parameter in model.parameters()))
