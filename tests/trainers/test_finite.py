"""Gradients that are no numbers: no batch makes them, and where a kernel does, nothing is learned from them."""

import itertools
from math import isfinite, nan

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from recipes.evidence.study import HERE, read_study  # noqa: E402
from trainers.attention import attend_without_cudnn  # noqa: E402
from trainers.config import read_config  # noqa: E402
from trainers.fast import make_fast  # noqa: E402
from trainers.rollout import FastRollout  # noqa: E402
from trainers.stages import HOPELESS, TrainingFailed, build_trainer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
slow = pytest.mark.slow


def words(count):
    """Return tokens of words, behind the special ones."""
    return [15 + at % 20 for at in range(count)]


def extremes(prompts, trainer):
    """Return prompts of unequal lengths with completions that no model writes: the end alone, padding, the longest."""
    found = FastRollout(trainer)(prompts, trainer)
    longest, tokenizer = trainer.max_completion_length, trainer.processing_class.tokenizer
    begin = tokenizer.convert_tokens_to_ids("<|im_start|>")
    kinds = itertools.cycle(
        [
            [tokenizer.eos_token_id],
            [tokenizer.pad_token_id] * longest,
            [begin] * (longest - 1) + [tokenizer.eos_token_id],
            words(longest),
        ]
    )
    found["completion_ids"] = [next(kinds) for _ in prompts]
    found["logprobs"] = [[-1e4] * len(each) for each in found["completion_ids"]]
    return found


def one_long_rest_empty(prompts, trainer):
    found = FastRollout(trainer)(prompts, trainer)
    longest, end = trainer.max_completion_length, trainer.processing_class.tokenizer.eos_token_id
    found["completion_ids"] = [words(longest)] + [[end] for _ in prompts[1:]]
    found["logprobs"] = [[0.0] * len(each) for each in found["completion_ids"]]
    return found


def equal(completions, **columns):
    return [1.0] * len(completions)


def huge(completions, **columns):
    return [(-1.0) ** at * 1e30 for at in range(len(completions))]


def hardly_unequal(completions, **columns):
    return [1.0 + 1e-7 * (at % 2) for at in range(len(completions))]


def not_scored(completions, **columns):
    return [None] * (len(completions) - 1) + [1.0]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Settings of RL on questions, whose prompts differ in length; a model with random weights."""
    study = read_study(HERE / "questions.yaml", tiny=True)
    folder = tmp_path_factory.mktemp("model")
    study.new_model(folder, 0)
    settings = study.configuration("answers", 0) | {"model_name_or_path": str(folder), "learning_rate": 1e-3}
    return {name: value for name, value in settings.items() if name != "rollout"}


@slow
@pytest.mark.parametrize("reward", [equal, huge, hardly_unequal, not_scored])
@pytest.mark.parametrize("rollout", [extremes, one_long_rest_empty])
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
def test_no_batch_makes_a_gradient_that_is_not_finite(questions, tmp_path, reward, rollout, bf16):
    own = {"output_dir": str(tmp_path), "bf16": bf16, "max_steps": 3, "max_completion_length": 24}
    own |= {"rollout_func": f"{__file__}:{rollout.__name__}", "reward_funcs": [f"{__file__}:{reward.__name__}"]}
    settings = read_config("rl", questions | own)
    trainer = build_trainer(settings)
    make_fast(trainer, settings.star)
    trainer.train()
    steps = [logs for logs in trainer.state.log_history if "loss" in logs]
    assert len(steps) == 3
    assert all(isfinite(float(logs["grad_norm"])) for logs in steps)
    assert not any("updates_left_out" in logs for logs in steps)
    assert all(bool(each.isfinite().all()) for each in trainer.model.parameters())


def with_gradients(sft, bad):
    """Return a trainer, and its weights after each step; in some steps the gradient of one of them is NaN."""
    from transformers import TrainerCallback

    trainer = build_trainer(read_config("sft", sft | {"save_strategy": "no"}))
    step, seen = itertools.count(1), []
    trainer.model.lm_head.weight.register_hook(lambda gradient: gradient * nan if next(step) in bad else gradient)

    class Looking(TrainerCallback):
        def on_step_begin(self, *_, **__):
            seen.append([each.detach().clone() for each in trainer.model.parameters()])

    trainer.add_callback(Looking())
    return trainer, seen


def same(one, other):
    return all(map(torch.equal, one, other))


@slow
@pytest.mark.parametrize("most", [1.0, 0.0], ids=["clipped", "not clipped"])
def test_an_update_whose_gradient_is_not_finite_is_left_out_and_told(sft, most):
    trainer, seen = with_gradients(sft | {"max_grad_norm": most, "weight_decay": 0.1}, bad={3, 5})
    trainer.train()
    seen.append(list(trainer.model.parameters()))
    assert [same(one, other) for one, other in itertools.pairwise(seen)] == [False, False, True, False, True, False]
    assert all(bool(each.isfinite().all()) for each in seen[-1])
    told = {logs["step"]: logs["updates_left_out"] for logs in trainer.state.log_history if "updates_left_out" in logs}
    assert told == {3: 1, 5: 1}


@slow
def test_several_such_updates_in_a_row_end_the_run(sft):
    bad = range(2, 2 + HOPELESS)
    trainer, seen = with_gradients(sft, bad=bad)
    with pytest.raises(TrainingFailed, match=rf"step {bad[-1]}: the gradient is nan in {HOPELESS} steps in a row"):
        trainer.train()
    assert same(seen[1], list(trainer.model.parameters()))


def test_attention_is_not_left_to_cudnn():
    torch.backends.cuda.enable_cudnn_sdp(True)
    attend_without_cudnn()
    assert not torch.backends.cuda.cudnn_sdp_enabled()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("length", [64, 192, 200, 704])
@pytest.mark.parametrize("padded", [0, 7], ids=["whole", "padded on the left"])
def test_attention_has_finite_gradients_at_every_length(length, padded):
    """From pytorch/pytorch#196678: all scores about -120, a mask, and a length of 64 above a multiple of 128."""
    attend_without_cudnn()
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 4, length, 64, device="cuda", dtype=torch.bfloat16) * 0.1 for _ in range(3))
    query[..., 0], key[..., 0] = 1.0, -120 * 64**0.5
    parts = [each.requires_grad_() for each in (query, key, value)]
    mask = torch.ones(length, length, dtype=torch.bool, device="cuda").tril()[None, None].clone()
    mask[..., :padded] = False
    out = torch.nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask)
    out[:, :, padded:].square().sum().backward()
    assert all(bool(each.grad.isfinite().all()) for each in parts)
