"""Both stages with the options that make them fast: the same batches, losses and weights as without."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from rewards import ConfigError  # noqa: E402
from trainers.check import check_run  # noqa: E402
from trainers.config import read_config  # noqa: E402
from trainers.fast import compile_blocks, make_fast  # noqa: E402
from trainers.stages import build_trainer, train  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def fast(stage, settings, **options):
    settings = read_config(stage, settings | options)
    trainer = build_trainer(settings)
    make_fast(trainer, settings.star)
    return trainer


def losses(trained):
    return [float(logs["loss"]) for logs in trained.history if "loss" in logs]


def test_a_batch_is_that_of_the_stock_collator(sft):
    stock, quick = fast("sft", sft), fast("sft", sft, fast_collator=True)
    rows = [stock.train_dataset[at] for at in range(5)]
    want = stock.data_collator(copy.deepcopy(rows))
    found = quick._prepare_inputs(quick.data_collator(copy.deepcopy(rows)))
    assert set(found) == set(want)
    for name, value in want.items():
        assert torch.equal(found[name], value), name
        assert found[name].dtype == value.dtype, name


def test_stage_1_is_the_same_with_it(sft, tmp_path):
    one = train("sft", sft | {"save_strategy": "no"})
    other = train("sft", sft | {"save_strategy": "no", "fast_collator": True, "output_dir": str(tmp_path / "fast")})
    assert losses(one) == losses(other)


def test_stage_2_is_the_same_with_it(rl, tmp_path):
    settings = rl | {"save_strategy": "no", "learning_rate": 1e-2}
    one = train("rl", settings)
    other = train("rl", settings | {"fast_collator": True, "rollout": "fast", "output_dir": str(tmp_path / "fast")})
    assert [logs["reward"] for logs in one.history if "reward" in logs] == [
        logs["reward"] for logs in other.history if "reward" in logs
    ]
    assert losses(one) == losses(other)
    assert [logs["completions/mean_length"] for logs in one.history if "loss" in logs] == [
        logs["completions/mean_length"] for logs in other.history if "loss" in logs
    ]


def test_an_adapter_and_checkpointed_blocks_write_the_same(rl, tmp_path):
    settings = rl | {
        "save_strategy": "no",
        "learning_rate": 1e-2,
        "max_steps": 3,
        "use_peft": True,
        "lora_r": 4,
        "lora_dropout": 0.0,  # or draws would depend on how many rows a pass has
        "lora_target_modules": ["q_proj", "v_proj"],
        "gradient_checkpointing": True,
    }
    one = train("rl", settings)
    other = train("rl", settings | {"fast_collator": True, "rollout": "fast", "output_dir": str(tmp_path / "fast")})
    for name in ("loss", "reward", "completions/mean_length"):
        assert [logs[name] for logs in one.history if name in logs] == [
            logs[name] for logs in other.history if name in logs
        ]


def test_compiled_blocks_learn_the_same(sft):
    plain, compiled = fast("sft", sft), fast("sft", sft)
    assert compile_blocks(compiled.model, backend="aot_eager") == 2  # one of the language model, one of the tower
    batch = plain.data_collator([plain.train_dataset[at] for at in range(4)])
    for trainer in (plain, compiled):
        trainer.model.train()
        trainer.compute_loss(trainer.model, dict(batch)).backward()
    gradients = [dict(trainer.model.named_parameters()) for trainer in (plain, compiled)]
    for name, parameter in gradients[0].items():
        torch.testing.assert_close(gradients[1][name].grad, parameter.grad, rtol=1e-4, atol=1e-6)
    assert set(compiled.model.state_dict()) == set(plain.model.state_dict())


def test_blocks_run_as_they_are_where_nothing_learns(sft, monkeypatch):
    trainer = fast("sft", sft)
    ran = []
    monkeypatch.setattr(
        torch, "compile", lambda forward, **_: lambda *given, **named: ran.append(1) or forward(*given, **named)
    )
    compile_blocks(trainer.model)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    batch.pop("labels")
    with torch.no_grad():
        trainer.model(**batch)
    assert not ran
    trainer.model(**batch)
    assert len(ran) == 2


@pytest.mark.parametrize(
    ("stage", "options", "message"),
    [
        ("sft", {"rollout": "fast"}, "stage rl"),
        ("rl", {"rollout": "vllm"}, "generate or fast"),
        ("rl", {"rollout": "fast", "repetition_penalty": 1.1}, "repetition_penalty"),
        ("rl", {"rollout": "fast", "generation_kwargs": {"num_beams": 2}}, "num_beams"),
        ("rl", {"rollout": "fast", "rollout_func": "tests.trainers.test_fast_training:losses"}, "exclude each other"),
        ("sft", {"dataset_name": "recipes.tiny.world:stream", "dataset_arguments": {"drawn": False}}, "fast_collator"),
    ],
)
def test_options_that_do_not_fit_are_refused(stage, options, message, request):
    with pytest.raises(ConfigError, match=message):
        fast(stage, request.getfixturevalue(stage), **options)


def test_a_dry_run_sees_what_they_need(sft):
    stream = {"dataset_name": "recipes.tiny.world:stream", "dataset_arguments": {"drawn": False}, "fast_collator": True}
    found = {finding.what: finding for finding in check_run("sft", sft | stream)}
    assert all(finding.right for finding in found.values())
    assert found["images"].text == "2 a row, of 32 x 32 pixels"
    for options, message in (({"image_min_pixels": 64 * 64}, "resized"), ({"fast_collator": False}, "Undrawn")):
        refused = [finding for finding in check_run("sft", sft | stream | options) if not finding.right]
        assert [finding.what for finding in refused] == ["processor"]
        assert message in refused[0].text


def test_a_stream_that_is_drawn_while_training_learns(sft, rl, tmp_path):
    stream = {
        "dataset_name": "recipes.tiny.world:stream",
        "dataset_arguments": {"views": ["center", "left"], "block": 4, "drawn": False},
        "fast_collator": True,
        "save_strategy": "no",
    }
    one = train("sft", sft | stream)
    assert losses(one)
    other = train(
        "sft",
        sft
        | stream
        | {
            "dataset_arguments": stream["dataset_arguments"] | {"drawn": True},
            "fast_collator": False,
            "output_dir": str(tmp_path / "drawn"),
        },
    )
    assert losses(one) == losses(other)
    trained = train("rl", rl | stream | {"rollout": "fast", "dataset_arguments": {"block": 2, "drawn": False}})
    assert trained.step == 4
