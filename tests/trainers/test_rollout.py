from contextlib import nullcontext

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")

from rewards.errors import ConfigError  # noqa: E402
from trainers.attention import attend_at_once  # noqa: E402
from trainers.processors import load_processor  # noqa: E402
from trainers.rollout import TRL, Decoder, FastRollout, choice_of  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def model(start):
    """A model whose random weights are large enough that it says different things and sometimes ends."""
    loaded = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(start).eval()
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in loaded.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.35)
    attend_at_once(loaded)
    return loaded


def prompts(start, texts, side=32):
    """A processor's batch: a text and one or two pictures a row."""
    import numpy as np

    processor = load_processor(str(start))
    draw = np.random.default_rng(3)
    rows = [
        [draw.integers(256, size=(side, side * (1 + (at + k) % 2), 3), dtype=np.uint8) for k in range(1 + at % 2)]
        for at in range(len(texts))
    ]
    written = [
        "<|im_start|>" + "<|vision_start|><|image_pad|><|vision_end|>" * len(row) + text + "<|im_end|><|im_start|>"
        for row, text in zip(rows, texts, strict=True)
    ]
    return dict(processor(images=rows, text=written, padding=True, padding_side="left", return_tensors="pt"))


def generated(model, inputs, config, owner):
    """What ``generate`` writes, cut behind the token that ends it."""
    per_picture = inputs["image_grid_thw"].prod(1)
    counts = (inputs["input_ids"] == model.config.vision_start_token_id).sum(1).tolist()
    patches, grids = inputs["pixel_values"].split(per_picture.tolist()), inputs["image_grid_thw"]
    first = [sum(counts[:at]) for at in range(len(counts))]
    chosen = [number for row in owner.tolist() for number in range(first[row], first[row] + counts[row])]
    given = {name: value[owner] for name, value in inputs.items() if name not in ("pixel_values", "image_grid_thw")}
    given |= {"pixel_values": torch.cat([patches[at] for at in chosen]), "image_grid_thw": grids[chosen]}
    out = model.generate(**given, generation_config=config)[:, given["input_ids"].shape[1] :].tolist()
    ends = config.eos_token_id
    cut = [next((at + 1 for at, token in enumerate(row) if token in ends), len(row)) for row in out]
    return [row[:length] for row, length in zip(out, cut, strict=True)]


def config(model, **options):
    ends = [model.config.text_config.eos_token_id, 20, 21, 22, 23, 24]
    given = {"max_new_tokens": 24, "eos_token_id": ends, "pad_token_id": 0, "do_sample": False}
    return transformers.GenerationConfig(
        **given | {"suppress_tokens": [model.config.image_token_id], "disable_compile": True} | options
    )


TEXTS = ["changed?", "0 red cube changed?", "red", "blue blue 1 2 3 same"]


@pytest.mark.parametrize("texts", [TEXTS, ["changed?"] * 2 + ["red"] * 2], ids=["padded", "mixed"])
@pytest.mark.parametrize("seed", range(3))
def test_greedy_tokens_are_those_of_generate(model, start, texts, seed):
    torch.manual_seed(seed)
    inputs = prompts(start, texts)
    owner = torch.arange(len(texts)).repeat_interleave(torch.tensor([1, 3, 2, 1]))
    found, likely = Decoder(model, choice_of(config(model), model.generation_config), nullcontext)(inputs, owner)
    want = generated(model, inputs, config(model), owner)
    assert found == want
    assert len({tuple(row) for row in want}) > 1
    assert [len(row) for row in likely] == [len(row) for row in want]
    assert any(len(row) < 24 for row in want)  # some end
    assert any(len(row) == 24 for row in want)  # and some do not


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0.7}, {"top_k": 5}, {"top_p": 0.8}, {"min_p": 0.1, "temperature": 1.3}],
    ids=["plain", "temperature", "top_k", "top_p", "min_p"],
)
def test_draws_are_those_of_generate(model, start, options):
    wanted = config(model, **{"do_sample": True, "top_k": 0, "top_p": 1.0, "temperature": 1.0} | options)
    inputs = prompts(start, TEXTS)
    owner = torch.arange(4).repeat_interleave(2)
    decoder = Decoder(model, choice_of(wanted, model.generation_config), nullcontext)
    torch.manual_seed(11)
    want = generated(model, inputs, wanted, owner)
    torch.manual_seed(11)
    found, _ = decoder(inputs, owner)
    assert found == want


def test_what_is_drawn_has_the_model_s_own_chances(model, start):
    """Many draws of one first token, against the scores of a plain forward: chi squared."""
    wanted = config(model, do_sample=True, top_k=0, temperature=1.5, max_new_tokens=2)
    inputs = prompts(start, ["changed?", "0 red cube changed?"])
    count = 3000
    torch.manual_seed(2)
    decoder = Decoder(model, choice_of(wanted, model.generation_config), nullcontext)
    found, likely = decoder(inputs, torch.arange(2).repeat_interleave(count))
    scores = model(**inputs).logits[:, -1].float()
    scores[:, model.config.image_token_id] = -torch.inf
    for row in range(2):
        chances = (scores[row] / 1.5).softmax(-1)
        drawn = torch.tensor([tokens[0] for tokens in found[row * count : (row + 1) * count]])
        expected = count * chances
        common = expected > 5
        seen = torch.bincount(drawn, minlength=len(chances)).float()
        parts = [*seen[common].tolist(), float(seen[~common].sum())]
        wanted_parts = [*expected[common].tolist(), float(expected[~common].sum()) + 1e-6]
        freedom = len(parts) - 1
        squared = sum((one - other) ** 2 / other for one, other in zip(parts, wanted_parts, strict=True))
        assert squared < freedom + 4 * (2 * freedom) ** 0.5
        logs = torch.tensor([values[0] for values in likely[row * count : (row + 1) * count]])
        torch.testing.assert_close(logs, chances.log()[drawn], rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"temperature": 0.7, "top_p": 0.9}], ids=["plain", "warped"])
def test_log_probabilities_are_those_of_the_model_that_reads_it_all(model, start, options):
    wanted = config(model, **{"do_sample": True, "top_k": 0} | options)
    inputs = prompts(start, TEXTS)
    torch.manual_seed(4)
    found, likely = Decoder(model, choice_of(wanted, model.generation_config), nullcontext)(inputs, torch.arange(4))
    warpers = choice_of(wanted, model.generation_config).warpers
    for row, (tokens, values) in enumerate(zip(found, likely, strict=True)):
        counts = (inputs["input_ids"] == model.config.vision_start_token_id).sum(1).tolist()
        first = sum(counts[:row])
        patches = inputs["pixel_values"].split(inputs["image_grid_thw"].prod(1).tolist())
        more = torch.tensor([tokens])
        zeros = torch.zeros_like(more)
        scores = model(
            input_ids=torch.cat([inputs["input_ids"][row : row + 1], more], 1),
            attention_mask=torch.cat([inputs["attention_mask"][row : row + 1], zeros + 1], 1),
            mm_token_type_ids=torch.cat([inputs["mm_token_type_ids"][row : row + 1], zeros], 1),
            pixel_values=torch.cat(patches[first : first + counts[row]]),
            image_grid_thw=inputs["image_grid_thw"][first : first + counts[row]],
        ).logits[0, -len(tokens) - 1 : -1]
        scores[:, model.config.image_token_id] = -torch.inf
        for warper in warpers:
            scores = warper(None, scores)
        want = scores.log_softmax(-1).gather(-1, more.view(-1, 1)).flatten().tolist()
        assert values == pytest.approx(want, abs=1e-4)


def test_one_decoder_serves_batches_of_any_size_and_new_weights(model, start):
    decoder = Decoder(model, choice_of(config(model), model.generation_config), nullcontext)
    for seed, texts in enumerate((TEXTS, TEXTS[:2], TEXTS[:2], TEXTS)):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
        inputs, owner = prompts(start, texts), torch.arange(len(texts))
        assert decoder(inputs, owner)[0] == generated(model, inputs, config(model), owner)


def test_an_adapter_writes_with_its_own_weights(model, start):
    peft = pytest.importorskip("peft")
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    inputs, owner = prompts(start, TEXTS), torch.arange(4)
    found, _ = Decoder(adapted, choice_of(config(model), model.generation_config), nullcontext)(inputs, owner)
    assert found == generated(adapted, inputs, config(model), owner)
    with adapted.disable_adapter():
        assert found != generated(adapted, inputs, config(model), owner)


@pytest.mark.parametrize(
    "options",
    [{"repetition_penalty": 1.2}, {"num_beams": 2}, {"no_repeat_ngram_size": 3}, {"cache_implementation": "static"}],
)
def test_what_only_generate_can_do_is_refused(model, options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        choice_of(config(model, **options), model.generation_config)
    defaults = transformers.GenerationConfig(**options)
    with pytest.raises(ConfigError, match=next(iter(options))):
        choice_of(transformers.GenerationConfig(max_new_tokens=4, eos_token_id=1, pad_token_id=0), defaults)


def test_another_trl_is_refused(monkeypatch):
    import trl

    assert trl.__version__.startswith(f"{TRL}."), "try the tests of rollouts, and set TRL to the version that passes"
    monkeypatch.setattr(trl, "__version__", "1.17.0")
    with pytest.raises(ConfigError, match=r"TRL 1\.16 calls experimental, and trl 1\.17\.0 is installed"):
        FastRollout(None)


def test_other_models_and_attentions_are_refused(model):
    other = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=8
        )
    )
    with pytest.raises(ConfigError, match="LlamaForCausalLM"):
        Decoder(other, choice_of(config(model), model.generation_config), nullcontext)
    model.config.text_config._attn_implementation = "flash_attention_2"
    with pytest.raises(ConfigError, match="flash_attention_2"):
        Decoder(model, choice_of(config(model), model.generation_config), nullcontext)
