import json
import os
import signal
import time
from pathlib import Path

import pytest

from rewards import ConfigError, score_completion
from rewards.errors import DataError
from trainers.check import check_run
from trainers.checkpoints import save_model
from trainers.config import read_config
from trainers.stages import TrainingFailed, build_trainer, train, training_rows

torch = pytest.importorskip("torch")
pytest.importorskip("trl")


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def wrong_length(completions, **columns):
    return [0.0]


def length(completions, log_metric=None, **columns):
    return [float(len(completion[0]["content"])) for completion in completions]


def weights(folder):
    from safetensors.torch import load_file

    return load_file(Path(folder) / "model.safetensors")


def test_sft_learns_from_completions_only(sft):
    trainer = build_trainer(read_config("sft", sft))
    batch = trainer.data_collator([trainer.train_dataset[at] for at in range(2)])
    labels = batch["labels"][0]
    supervised = trainer.processing_class.tokenizer.decode(labels[labels != -100])
    row = training_rows(read_config("sft", sft))[0]
    assert supervised == row["completion"][0]["content"] + "<|im_end|>"


def test_sft_lowers_the_loss_and_is_deterministic(sft, tmp_path):
    steps = []
    settings = sft | {"max_steps": 12, "save_strategy": "no", "learning_rate": 1e-2}
    one = train("sft", settings, on_progress=lambda done: steps.append(done.step))
    other = train("sft", settings | {"output_dir": str(tmp_path / "again")})
    losses = [[float(logs["loss"]) for logs in trained.history if "loss" in logs] for trained in (one, other)]
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0] - 0.3
    first, second = weights(one.folder), weights(other.folder)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert max(steps) == one.step == 12
    assert not one.stopped


def test_rl_pays_what_score_says(rl):
    """The rewards that GRPO weighs and adds are the totals of the same completions' scores."""
    settings = rl | {
        "reward_funcs": ["format_reward", "tvr_accuracy_reward"],
        "reward_weights": [1.0, 1.0],
        "log_completions": True,
        "max_steps": 2,
        "save_strategy": "no",
    }
    trained = train("rl", settings)
    import pyarrow.parquet

    checked = 0
    for file in sorted((trained.folder / "completions").glob("*.parquet")):
        for row in pyarrow.parquet.read_table(file).to_pylist():
            text = row["completion"] if isinstance(row["completion"], str) else row["completion"][0]["content"]
            total = score_completion(text, row["target"]).total
            assert row["format_reward"] + row["tvr_accuracy_reward"] == total
            checked += 1
    assert checked == 16
    logs = trained.history[0]
    assert {"frac_reward_zero_std", "completions/mean_length", "tvr/accuracy", "tvr/parsed", "tvr/predictions"} <= set(
        logs
    )
    assert {"rewards/format_reward/mean", "rewards/format_reward/std", "reward_seconds"} <= set(logs)
    assert any(name.startswith("accuracy/") for name in logs)


def slow(completions, **_):
    time.sleep(0.05)
    return [float(len(each)) for each in completions]


def slow_too(completions, **_):
    return slow(completions)


def test_the_seconds_of_a_step_are_those_of_completions_of_all_rewards_and_of_the_rest(rl):
    functions = [f"{__file__}:slow", f"{__file__}:slow_too"]
    logs = train("rl", rl | {"reward_funcs": functions, "max_steps": 1, "save_strategy": "no"}).history[0]
    assert logs["reward_seconds"] >= 0.1
    assert 0 < logs["generation_seconds"] < logs["step_time"] - logs["reward_seconds"]


def test_rl_trains_on_a_task_that_is_declared_at_run_time(rl, rows, tmp_path):
    from datasets import load_from_disk

    task = tmp_path / "wiring.yaml"
    task.write_text(
        "name: wiring\nkind: records\nfields: [{name: chip, kind: open}, {name: pin, kind: integer}]\n"
        'forms: ["{chip}/{pin}"]\nreward: {tiers: [{fields: [chip, pin], pays: 2}]}\n',
        encoding="utf-8",
    )
    wired = load_from_disk(str(rows)).map(lambda row: {"target": "U1/3"})
    wired.save_to_disk(tmp_path / "wired")
    settings = rl | {"task": str(task), "dataset_name": str(tmp_path / "wired"), "reward_funcs": None}
    history = train("rl", settings | {"max_steps": 1, "save_strategy": "no"}).history
    assert any("rewards/wiring_reward/mean" in logs for logs in history)
    assert any("wiring/exact" in logs for logs in history)


def test_rl_moves_the_policy_towards_its_reward(rl):
    settings = rl | {
        "reward_funcs": [f"{__file__}:length"],
        "max_steps": 12,
        "save_strategy": "no",
        "learning_rate": 3e-3,
        "num_generations": 8,
        "per_device_train_batch_size": 16,
    }
    history = [logs for logs in train("rl", settings).history if "reward" in logs]
    rewards = [float(logs["reward"]) for logs in history]
    assert sum(rewards[-4:]) > sum(rewards[:4])


@pytest.mark.parametrize(
    "changes",
    [
        {"beta": 0.04, "loss_type": "grpo", "use_bias_correction_kl": False},
        {"loss_type": "dapo", "epsilon_high": 0.28, "drop_equal_groups": True},
        {"loss_type": "dr_grpo", "scale_rewards": "none"},
        {"importance_sampling_level": "sequence", "loss_type": "grpo", "num_iterations": 2},
        {"use_peft": True, "lora_r": 2, "lora_alpha": 4, "lora_target_modules": ["q_proj", "v_proj"], "beta": 0.04},
    ],
    ids=["paper-style", "dapo", "dr-grpo", "gspo", "lora"],
)
def test_kinds_of_grpo(rl, changes):
    trained = train(
        "rl", rl | {"max_steps": 1, "save_strategy": "no", "reward_funcs": [f"{__file__}:length"]} | changes
    )
    assert trained.step == 1


def test_a_wrong_reward_is_named(rl):
    with pytest.raises(ConfigError, match="step 0: reward function 'wrong_length' returned 1 values for 8"):
        train("rl", rl | {"reward_funcs": [f"{__file__}:wrong_length"]})


def test_a_loss_that_is_no_number_is_named(sft):
    with pytest.raises(TrainingFailed, match="the loss is nan.*checkpoint"):
        train(
            "sft", sft | {"learning_rate": 1e30, "max_grad_norm": 0.0, "max_steps": 20, "lr_scheduler_type": "constant"}
        )


def test_a_picture_that_does_not_open_is_named(sft, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    row = {"id": "r7", "prompt": "changed?", "completion": "<think> 0</think>", "images": ["bad.png"], "target": "x"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=r"rows.jsonl: row 'r7': image bad.png does not open"):
        train("sft", sft | {"dataset_name": str(tmp_path / "rows.jsonl")})


def test_a_full_disk_is_named_and_the_last_checkpoint_is_left(sft):
    """The checkpoint after next lies on a device that is always full."""
    broken = Path(sft["output_dir"]) / "checkpoint-4"
    broken.mkdir(parents=True)
    (broken / "optimizer.pt").symlink_to("/dev/full")
    with pytest.raises(TrainingFailed, match=r"step 4: the disk is full.*checkpoint-2 is complete"):
        train("sft", sft)
    assert not broken.exists()


@pytest.mark.parametrize("what", ["model", "completions"])
def test_a_full_disk_elsewhere_is_named(what, sft, rl):
    """What is written beside checkpoints lies on a device that is always full."""
    settings = {"model": sft, "completions": rl}[what]
    output = Path(settings["output_dir"])
    file = {"model": output / "config.json", "completions": output / "completions" / "completions_00002.parquet"}[what]
    file.parent.mkdir(parents=True)
    file.symlink_to("/dev/full")
    settings |= {"max_steps": 2, "save_steps": 1} | ({"log_completions": True} if what == "completions" else {})
    with pytest.raises(TrainingFailed, match=r"step 2: the disk is full: .*checkpoint-. is complete"):
        train("sft" if what == "model" else "rl", settings)


def test_sigterm_saves_and_the_run_can_go_on(sft):
    def terminate(done):
        if done.step == 3 and not done.logs:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    trained = train("sft", sft | {"save_strategy": "steps", "save_steps": 100}, on_progress=terminate)
    assert trained.stopped
    assert trained.step < 6
    assert (trained.folder / f"checkpoint-{trained.step}" / "trainer_state.json").exists()
    assert signal.getsignal(signal.SIGTERM) == before
    again = train("sft", sft | {"resume_from_checkpoint": "true"})
    assert again.step == 6
    assert not again.stopped
    whole = train("sft", sft | {"output_dir": sft["output_dir"] + "-whole"})
    one, other = weights(again.folder), weights(whole.folder)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_fewer_rows_than_a_step_takes(rl, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "changed?", "target": "0.shape.cube"}) + "\n")
    with pytest.raises(ConfigError, match="no step was made"):
        train("rl", rl | {"dataset_name": str(tmp_path / "rows.jsonl")})


def test_a_rollout_function_of_the_users_own(rl, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "def rollout(prompts, trainer):\n"
        "    tokenizer = trainer.processing_class.tokenizer\n"
        "    prompt = tokenizer('changed?')['input_ids']\n"
        "    answer = tokenizer('<think> 0</think><answer> 0.shape.cube</answer><|im_end|>')['input_ids']\n"
        "    count = len(prompts)\n"
        "    return {'prompt_ids': [prompt] * count, 'completion_ids': [answer] * count, 'logprobs': None}\n"
    )
    (tmp_path / "rows.jsonl").write_text((json.dumps({"prompt": "changed?", "target": "0.shape.cube"}) + "\n") * 8)
    settings = rl | {"rollout_func": f"{file}:rollout", "dataset_name": str(tmp_path / "rows.jsonl")}
    history = train("rl", settings | {"max_steps": 1, "save_strategy": "no"}).history
    assert float(history[0]["reward"]) == 6.0


def test_a_wrong_target_is_named_before_a_model_is_loaded(rl, tmp_path):
    rows = [{"id": f"r{at}", "prompt": "changed?", "target": "0.shape.cube"} for at in range(8)]
    rows[5]["target"] = "0.shape.cub"
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = rl | {"dataset_name": str(tmp_path / "rows.jsonl")}
    with pytest.raises(DataError, match=r"rows.jsonl:6: id 'r5': .*cub"):
        train("rl", settings)
    found = {finding.what: finding for finding in check_run("rl", settings)}
    assert not found["reward"].right
    assert "rows.jsonl:6: id 'r5'" in found["reward"].text


def test_a_row_of_a_task_that_is_not_rewarded_is_named_before_a_model_is_loaded(rl, tmp_path):
    rows = [{"id": f"r{at}", "prompt": "changed?", "target": "0.shape.cube", "task": "tvr"} for at in range(8)]
    rows[5] |= {"target": json.dumps({"target": "B", "options": ["left", "right"]}), "task": "mindcube"}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = rl | {"dataset_name": str(tmp_path / "rows.jsonl"), "max_completion_length": 64}
    for names in (["tvr_reward"], ["format_reward", "tvr_accuracy_reward"], ["star_r1.tvr.default"]):
        (found,) = [each for each in check_run("rl", settings | {"reward_funcs": names}) if not each.right]
        assert "rows.jsonl:6: id 'r5': its task is 'mindcube'" in found.text
    with pytest.raises(DataError, match="its task is 'mindcube', which tvr_reward cannot reward"):
        train("rl", settings)
    both = settings | {"reward_funcs": ["tvr_reward", "multiview_reward"]}
    assert all(each.right for each in check_run("rl", both)), check_run("rl", both)


def test_a_dry_run_without_a_model_says_so(rl):
    found = {finding.what: finding.text for finding in check_run("rl", rl | {"model_name_or_path": None})}
    for what in ("processor", "lengths", "memory"):
        assert found[what].startswith("model_name_or_path names no model: pass --model_name_or_path")


def test_a_dry_run_reads_packed_targets(rl, tmp_path):
    packed = json.dumps({"target": "0.shape.cube", "references": [["a" * 50]] * 4})
    (tmp_path / "rows.jsonl").write_text((json.dumps({"prompt": "changed?", "solution": packed}) + "\n") * 8)
    found = check_run("rl", rl | {"dataset_name": str(tmp_path / "rows.jsonl"), "max_completion_length": 64})
    assert all(each.right for each in found), found


def test_a_reward_that_raises_ends_the_run_with_step_row_and_checkpoint(rl, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "def late(completions, trainer_state=None, **columns):\n"
        "    if trainer_state.global_step == 3:\n"
        "        raise ValueError('cannot')\n"
        "    return [1.0] * len(completions)\n"
    )
    with pytest.raises(
        ConfigError, match=r"step 3: row '.*': .*'late' raised ValueError: cannot .mine.py:3.; .*checkpoint-2"
    ):
        train("rl", rl | {"reward_funcs": [f"{file}:late"]})


def test_a_reward_that_is_none_for_a_whole_step_ends_nothing(rl):
    """The recipe's own pair of rewards, where half the rows have no references."""
    said = []
    settings = rl | {"reward_funcs": ["tvr_reward", f"{__file__}:never"], "max_steps": 8, "save_steps": 6}
    trained = train("rl", settings, on_advice=said.append)
    assert trained.step == 8
    assert all(logs["rewards/never/mean"] is None for logs in trained.history if "reward" in logs)
    again = train("rl", settings | {"resume_from_checkpoint": f"{trained.folder}/checkpoint-6"}, on_advice=said.append)
    assert again.step == 8
    assert not [text for text in said if "cannot be judged" in text]


def never(completions, **columns):
    return [None] * len(completions)


def test_tables_show_ids_images_and_faults(rl, tmp_path):
    from PIL import Image
    from pyarrow.parquet import read_table

    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    row = {"prompt": "changed?", "target": "0.shape.cube", "images_file_names": ["a.png", "a.png"]}
    lines = [json.dumps(row | {"id": f"r{at}"}) + "\n" for at in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    settings = {"dataset_name": str(tmp_path / "rows.jsonl"), "log_completions": True, "max_steps": 1}
    trained = train("rl", rl | settings)
    table = read_table(trained.folder / "completions" / "completions_00001.parquet").to_pylist()
    assert {row["id"] for row in table} <= {"r0", "r1", "r2", "r3"}
    assert all(row["images_file_names"] == [str(tmp_path / "a.png")] * 2 for row in table)
    shares = {name: value for name, value in trained.history[0].items() if name.startswith("faults/")}
    codes = [row["fault"] for row in table]
    assert shares == {f"faults/{code}": pytest.approx(codes.count(code) / len(codes)) for code in set(codes) - {None}}


def test_lost_updates_of_bfloat16_are_told(sft):
    """And the weights do stay: what is said is what happens."""
    said = []
    settings = sft | {
        "max_steps": 2,
        "save_strategy": "no",
        "dtype": "bfloat16",
        "learning_rate": 1e-6,
        "weight_decay": 0.0,
    }
    trained = train("sft", settings, on_advice=said.append)
    (text,) = [each for each in said if "without float32 masters" in each]
    share = int(text.split(": ")[1].split("%")[0]) / 100
    before, after = weights(sft["model_name_or_path"]), weights(trained.folder)
    still = sum(int((after[name] == before[name].bfloat16()).sum()) for name in after)
    assert share > 0.9
    assert still / sum(tensor.numel() for tensor in after.values()) > 0.9
    train("sft", settings | {"dtype": "float32", "output_dir": settings["output_dir"] + "-32"}, on_advice=said.append)
    assert len([each for each in said if "without float32 masters" in each]) == 1


def test_a_model_that_is_not_what_was_trained_fails_loudly(sft):
    """A weight that changes on its way to the disk, and a file that nobody can read."""
    trainer = build_trainer(read_config("sft", sft))
    folder = Path(sft["output_dir"])
    save_model(trainer, folder, sft["model_name_or_path"])
    inner = trainer.model.save_pretrained

    def changes_one(*given, state_dict, **more):
        name = "model.language_model.norm.weight"
        inner(*given, state_dict=state_dict | {name: state_dict[name] + 1}, **more)

    trainer.model.save_pretrained = changes_one
    with pytest.raises(TrainingFailed, match="not the model that was trained: 1 of .*language_model.norm.weight"):
        save_model(trainer, folder, sft["model_name_or_path"])

    def unreadable(*given, **more):
        inner(*given, **more)
        (folder / "model.safetensors").write_bytes(b"nothing")

    trainer.model.save_pretrained = unreadable
    with pytest.raises(TrainingFailed, match="what was saved cannot be read"):
        save_model(trainer, folder, sft["model_name_or_path"])
