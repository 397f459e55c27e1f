"""``credit: spans`` in a real run: the loss uses one advantage a token, and without it nothing changes."""

import json
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from rewards.errors import ConfigError  # noqa: E402
from trainers.config import read_config  # noqa: E402
from trainers.credit import SpanCredit, check_credit, token_offsets  # noqa: E402
from trainers.processors import load_processor  # noqa: E402
from trainers.stages import build_trainer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

ROLLOUT = """\
ANSWERS = ["0.shape.cube", "0.shape.sphere, 1.size.small", "0.shape.cube, 1.size.small", "0.color.red"]

def rollout(prompts, trainer):
    tokenizer = trainer.processing_class.tokenizer
    prompt = tokenizer("changed?")["input_ids"]
    ids = [tokenizer(f"<think> 0</think><answer> {answer}</answer><|im_end|>")["input_ids"] for answer in ANSWERS]
    count = len(prompts)
    return {"prompt_ids": [prompt] * count, "completion_ids": ids * (count // 4), "logprobs": None}
"""


@pytest.fixture
def told(rl, tmp_path):
    """A run whose completions are given: of each four, all earn something else."""
    (tmp_path / "mine.py").write_text(ROLLOUT)
    (tmp_path / "rows.jsonl").write_text((json.dumps({"prompt": "changed?", "target": "0.shape.cube"}) + "\n") * 8)
    rollout = f"{tmp_path / 'mine.py'}:rollout"
    return rl | {
        "rollout_func": rollout,
        "dataset_name": str(tmp_path / "rows.jsonl"),
        "max_steps": 1,
        "save_strategy": "no",
    }


def run(settings, name):
    """Train one step; return the inputs of the loss and the weights."""
    trainer = build_trainer(read_config("rl", settings | {"output_dir": settings["output_dir"] + name}))
    seen = []
    inner = trainer.compute_loss
    trainer.compute_loss = lambda model, inputs, **more: (seen.append(inputs), inner(model, inputs, **more))[1]
    trainer.train()
    return seen, dict(trainer.model.state_dict()), trainer


def test_the_loss_uses_an_advantage_for_each_token(told):
    (plain,), usual, _ = run(told, "-a")
    (inputs,), weights, trainer = run(told | {"credit": "spans"}, "-b")
    assert plain["advantages"].shape == (8,)
    spread, mask = inputs["advantages"], inputs["completion_mask"]
    assert spread.shape == mask.shape
    means = (spread * mask).sum(1) / mask.sum(1)
    order = {tuple(row): at for at, row in enumerate(plain["completion_ids"].tolist())}
    same = torch.stack([plain["advantages"][order[tuple(row)]] for row in inputs["completion_ids"].tolist()])
    torch.testing.assert_close(means, same, atol=1e-5, rtol=1e-5)
    assert (spread.std(1) > 0.05).all()
    assert not (spread * (1 - mask)).any()
    assert any(not torch.equal(usual[name], weights[name]) for name in usual), "the gradient differs"
    assert "credit/placed" in trainer.state.log_history[0]
    assert float(trainer.state.log_history[0]["credit/placed"]) == 1.0
    # the wrong record of the third answer is discouraged beside its right one
    tokenizer = trainer.processing_class.tokenizer
    row = next(at for at, ids in enumerate(inputs["completion_ids"].tolist()) if "cube, 1" in tokenizer.decode(ids))
    words = tokenizer.convert_ids_to_tokens(inputs["completion_ids"][row].tolist())
    assert spread[row, words.index("▁small")] < spread[row, 0] < spread[row, words.index("▁cube")]


def test_off_changes_nothing(told):
    (one,), weights, _ = run(told, "-a")
    (other,), others, _ = run(told | {"credit": "sequence"}, "-b")
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert torch.equal(one["advantages"], other["advantages"])
    assert one.keys() == other.keys()


def test_equal_groups_may_be_dropped_besides(told):
    (inputs,), _, _ = run(told | {"credit": "spans", "drop_equal_groups": True}, "-a")
    assert inputs["advantages"].dim() == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward_funcs": ["tvr_accuracy_reward", "format_reward"]}, "needs one reward function"),
        ({"reward_funcs": ["mine.py:reward"]}, "needs one reward function"),
        ({"keep_varied": 2}, "keep_varied exclude each other"),
        ({"multi_objective_aggregation": "normalize_then_sum"}, "sum_then_normalize"),
        ({"off_policy_mask_threshold": 0.5}, "off_policy_mask_threshold exclude"),
    ],
)
def test_what_cannot_be_spread_is_refused(rl, changes, message):
    settings = read_config("rl", rl | {"credit": "spans"} | changes)
    with pytest.raises(ConfigError, match=message):
        check_credit(settings.star, settings.training)


@pytest.mark.parametrize(
    ("stage", "value", "message"),
    [("rl", "cells", "it is sequence or spans"), ("sft", "spans", "stage sft makes no use of it")],
)
def test_configurations_that_are_wrong(rl, sft, stage, value, message):
    with pytest.raises(ConfigError, match=message):
        read_config(stage, {"rl": rl, "sft": sft}[stage] | {"credit": value})


def test_characters_of_tokens(start):
    processor = load_processor(str(start))
    tokenizer = processor.tokenizer
    ids = tokenizer("<think> 0</think><answer> 0.shape.cube, 1.size.small</answer>")["input_ids"]
    text = tokenizer.decode(ids)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    offsets = token_offsets(processor, [*ids, end, end], text).tolist()
    pieces = [text[begin:stop] for begin, stop in offsets]
    assert "".join(pieces) == text
    assert [piece.strip(" .,") for piece in pieces[-9:-3]] == ["shape", "cube", "", "1", "size", "small"]
    assert pieces[-2:] == ["", ""]
    assert token_offsets(processor, ids, text + "x") is None


def test_tokens_that_no_tokenizer_would_write():
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: at for at, letter in enumerate(letters)} | {"ab": len(letters)}
    raw = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("a", "b")]))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw)
    ids = [vocabulary["a"], vocabulary["b"], *tokenizer("é!")["input_ids"]]
    assert tokenizer("abé!")["input_ids"] != ids
    offsets = token_offsets(tokenizer, ids, "abé!").tolist()
    assert offsets == [[0, 1], [1, 2], [2, 2], [2, 3], [3, 4]]


def test_a_text_that_is_not_that_of_the_tokens_ends_the_run(rl):
    credit = SpanCredit(read_config("rl", rl | {"credit": "spans"}).star)
    credit.spans, credit.credit = [(object(),)], [torch.ones(1).numpy()]
    credit.texts = [None]
    output = {"advantages": torch.ones(1), "completion_mask": torch.ones(1, 2), "completion_ids": torch.ones(1, 2)}
    with pytest.raises(ConfigError, match="use credit: sequence"):
        credit.spread(SimpleNamespace(), output)
