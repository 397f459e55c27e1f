"""Nothing in `trainers` is of one family of models: two others, tiny and random, run both stages."""

import json
from importlib.resources import files

import pytest

from trainers.prediction import Sampling, predict
from trainers.stages import train

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")
Image = pytest.importorskip("PIL.Image")


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
DEMONSTRATION = "<think> a</think><answer> 0.shape.cube</answer>"


def byte_tokenizer(specials, end):
    """Bytes and special tokens: nothing is trained, so that it is the same in every process."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: code for code, token in enumerate([*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token=specials[0], padding_side="left"
    )


def qwen3_vl(folder):
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from trainers.processors import qwen_processor_class

    marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = byte_tokenizer(["<|endoftext|>", "<|im_start|>", "<|im_end|>", *marks], "<|im_end|>")
    tokenizer.chat_template = (files("trl") / "chat_templates" / "qwen3_vl.jinja").read_text()
    images = Qwen2VLImageProcessorPil(
        size={"shortest_edge": 32 * 32, "longest_edge": 32 * 32}, patch_size=8, temporal_patch_size=2, merge_size=2
    )
    processor = qwen_processor_class("Qwen3VLProcessor")(
        image_processor=images, tokenizer=tokenizer, chat_template=tokenizer.chat_template
    )
    code = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2]},
            "bos_token_id": code("<|endoftext|>"),
            "eos_token_id": code("<|im_end|>"),
            "pad_token_id": code("<|endoftext|>"),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_heads": 2,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 32,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=code("<|image_pad|>"),
        video_token_id=code("<|video_pad|>"),
        vision_start_token_id=code("<|vision_start|>"),
        vision_end_token_id=code("<|vision_end|>"),
    )
    model = Qwen3VLForConditionalGeneration(config)
    ends = {"eos_token_id": code("<|im_end|>"), "pad_token_id": code("<|endoftext|>")}
    model.generation_config = transformers.GenerationConfig(do_sample=True, **ends)
    return model, processor


def gemma3(folder):
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3Processor

    try:
        from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil as Images
    except ImportError:
        from transformers import Gemma3ImageProcessor as Images

    marks = ["<start_of_image>", "<end_of_image>", "<image_soft_token>"]
    tokenizer = byte_tokenizer(["<pad>", "<bos>", "<start_of_turn>", "<end_of_turn>", *marks], "<end_of_turn>")
    tokenizer.add_special_tokens({"bos_token": "<bos>"})
    for name, token in zip(("boi_token", "eoi_token", "image_token"), marks, strict=True):
        setattr(tokenizer, name, token)
        setattr(tokenizer, f"{name}_id", tokenizer.convert_tokens_to_ids(token))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        eos_token="<end_of_turn>",
        pad_token="<pad>",
        bos_token="<bos>",
        padding_side="left",
        extra_special_tokens={"boi_token": marks[0], "eoi_token": marks[1], "image_token": marks[2]},
    )
    tokenizer.chat_template = (files("trl") / "chat_templates" / "gemma3.jinja").read_text()
    processor = Gemma3Processor(
        Images(size={"height": 32, "width": 32}), tokenizer, chat_template=tokenizer.chat_template, image_seq_length=4
    )
    code = tokenizer.convert_tokens_to_ids
    config = Gemma3Config(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "sliding_window": 64,
        },
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        },
        mm_tokens_per_image=4,
        boi_token_index=code(marks[0]),
        eoi_token_index=code(marks[1]),
        image_token_index=code(marks[2]),
        image_token_id=code(marks[2]),
        eos_token_id=code("<end_of_turn>"),
        bos_token_id=code("<bos>"),
        pad_token_id=code("<pad>"),
    )
    model = Gemma3ForConditionalGeneration(config)
    ends = {"eos_token_id": code("<end_of_turn>"), "pad_token_id": code("<pad>")}
    model.generation_config = transformers.GenerationConfig(do_sample=True, **ends)
    return model, processor


@pytest.mark.parametrize("family", [qwen3_vl, gemma3], ids=["qwen3-vl", "gemma3"])
def test_both_stages_and_predictions(family, sft, rl, tmp_path):
    torch.manual_seed(0)
    model, processor = family(tmp_path)
    model.save_pretrained(tmp_path / "start")
    processor.save_pretrained(tmp_path / "start")
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    row = {
        "prompt": "What changed?",
        "completion": DEMONSTRATION,
        "images": ["a.png", "a.png"],
        "target": "0.shape.cube",
    }
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row | {"id": str(at)}) + "\n" for at in range(8)))
    common = {"dataset_name": str(data), "max_steps": 2, "save_strategy": "no"}
    one = train("sft", sft | common | {"model_name_or_path": str(tmp_path / "start")})
    two = train("rl", rl | common | {"model_name_or_path": str(one.folder)})
    assert (one.step, two.step) == (2, 2)
    sampling = Sampling(max_new_tokens=4, batch_size=2)
    found = predict(str(two.folder), str(data), tmp_path / "out.jsonl", sampling=sampling, limit=2)
    assert len(found.read_text().splitlines()) == 2
