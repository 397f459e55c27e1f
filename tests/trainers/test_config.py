import os
from pathlib import Path

import pytest

from rewards.errors import ConfigError
from trainers.config import read_config

pytest.importorskip("trl")


pytestmark = pytest.mark.filterwarnings("ignore")
CPU = {"use_cpu": True, "bf16": False}


def test_the_file_gives_defaults_and_the_command_line_wins(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("learning_rate: 1e-5\nmax_steps: 3\nreward_weights: [0.3, 1]\nuse_cpu: true\nbf16: false\n")
    settings = read_config("rl", file, ["--max_steps", "7", "--lora-r=4"])
    assert settings.training.learning_rate == 1e-5
    assert settings.training.max_steps == 7
    assert settings.training.reward_weights == [0.3, 1]
    assert settings.model.lora_r == 4


def test_a_file_can_stand_on_another(tmp_path):
    (tmp_path / "base.yaml").write_text("max_steps: 3\nseed: 5\nuse_cpu: true\nbf16: false\n")
    (tmp_path / "b").mkdir()
    file = tmp_path / "b" / "top.yaml"
    file.write_text("extends: ../base.yaml\nseed: 6\n")
    training = read_config("sft", file).training
    assert (training.max_steps, training.seed) == (3, 6)
    (tmp_path / "base.yaml").write_text("extends: b/top.yaml\n")
    with pytest.raises(ConfigError, match="extends itself"):
        read_config("sft", file)


def test_what_sft_needs_for_pictures_is_the_default():
    training = read_config("sft", CPU).training
    assert training.max_length is None
    assert read_config("sft", CPU | {"max_length": 64}).training.max_length == 64


def test_environment_variables(monkeypatch):
    monkeypatch.delenv("STAR_TEST_VALUE", raising=False)
    read_config("sft", CPU | {"env": {"STAR_TEST_VALUE": 3}})
    assert os.environ.pop("STAR_TEST_VALUE") == "3"


def test_mappings_come_from_yaml_and_from_the_command_line():
    settings = read_config("rl", CPU | {"reward_overrides": {"matching": "literal"}})
    assert settings.star.reward_overrides == {"matching": "literal"}
    settings = read_config("rl", CPU, ["--reward_overrides", '{"matching": "literal"}'])
    assert settings.star.reward_overrides == {"matching": "literal"}


@pytest.mark.parametrize(
    ("stage", "config", "arguments", "message"),
    [
        ("ppo", {}, [], "stage 'ppo' is not one of sft, rl"),
        ("rl", {"num_generation": 4}, [], "unknown key 'num_generation' .did you mean 'num_generations'"),
        ("rl", CPU, ["--learning_rat", "1"], "unknown option '--learning_rat' .did you mean 'learning_rate'"),
        ("sft", CPU | {"num_generations": 4}, [], "unknown key 'num_generations', which is of stage rl: --stage rl$"),
        (
            "sft",
            CPU,
            ["--num_generations", "4"],
            "unknown option '--num_generations', which is of stage rl: --stage rl$",
        ),
        ("rl", CPU, ["--packing", "true"], "unknown option '--packing', which is of stage sft: --stage sft$"),
        ("sft", CPU | {"stage": "rl"}, [], "the configuration: it is of stage rl, not of sft: --stage rl$"),
        ("rl", CPU | {"stage": "sft"}, [], "the configuration: it is of stage sft, not of rl: --stage sft$"),
        ("rl", CPU | {"stage": "grpo"}, [], "the configuration: stage is 'grpo'; it is sft or rl$"),
        *(
            ("sft", CPU | {name: value}, [], f"{name} is of stage rl, and stage sft makes no use of it: --stage rl$")
            for name, value in {
                "preset": "paper",
                "reward_overrides": {"matching": "literal"},
                "reward_funcs": ["tvr_reward"],
                "mode": "lenient",
                "think_prefilled": True,
                "rollout_func": "a.b",
                "rollout": "fast",
                "drop_equal_groups": True,
                "keep_varied": 2,
                "credit": "spans",
            }.items()
        ),
        ("rl", CPU, ["--max_steps", "many"], "max_steps"),
        ("rl", CPU | {"env": [1]}, [], "env must be a mapping"),
        ("rl", CPU | {"think_prefilled": "perhaps"}, [], "think_prefilled"),
        ("rl", CPU | {"mode": "kind"}, [], "mode is 'kind'; it is strict or lenient"),
        ("rl", CPU, ["--reward_overrides", "{"], "reward_overrides is no JSON object"),
        ("rl", CPU | {"per_device_train_batch_size": 6, "num_generations": 4}, [], "divisible"),
        ("rl", "missing.yaml", [], "No such file"),
    ],
)
def test_wrong_configurations(stage, config, arguments, message):
    with pytest.raises(ConfigError, match=message):
        read_config(stage, config, arguments)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"num_generations": 4.5}, "num_generations is 4.5; it is a whole number"),
        ({"num_generations": True}, "num_generations is True; it is a whole number"),
        ({"num_generations": "four"}, "num_generations is 'four'; it is a whole number"),
        ({"learning_rate": [1e-6]}, r"learning_rate is \[1e-06\]; it is a number"),
        ({"learning_rate": False}, "learning_rate is False; it is a number"),
        ({"learning_rate": "1,5"}, "learning_rate is '1,5'; it is a number"),
        ({"reward_weights": [1, "half"]}, r"reward_weights is \[1, 'half'\]; it is a number"),
        ({"drop_equal_groups": 3}, "drop_equal_groups is 3; it is true or false"),
        ({"drop_equal_groups": "perhaps"}, "drop_equal_groups is 'perhaps'; it is true or false"),
        ({"save_strategy": False}, "save_strategy is False; it is one of no, .*write them in quotes"),
        ({"task": ["tvr"]}, r"task is \['tvr'\]; it is a word"),
        ({"save_strategy": "sometimes"}, "save_strategy is 'sometimes'; it is one of no, "),
        ({"dataset_name": "${DATA}/rows.jsonl"}, "dataset_name is '.*'; variables are not filled in"),
        ({"reward_funcs": ["$HOME/mine.py:reward"]}, "reward_funcs is .*; variables are not filled in"),
    ],
    ids=str,
)
def test_values_of_another_kind_are_refused(value, message):
    """argparse looks only at text: what YAML has read otherwise reached the trainer as it was."""
    with pytest.raises(ConfigError, match=f"^the configuration: {message}"):
        read_config("rl", CPU | value)


def test_values_as_people_write_them(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(
        "use_cpu: true\nbf16: false\nlearning_rate: 1e-6\nreward_weights: [1, 1e-1]\nreward_funcs: tvr_reward\n"
        "num_generations: '8'\ndrop_equal_groups: 'no'\nwarmup_steps: 3\nsystem_prompt: pay $x and ${y}\nbeta: 0\n"
    )
    star, training, _ = read_config("rl", file)[1:]
    assert (training.learning_rate, training.reward_weights, star.reward_funcs) == (1e-6, [1, 0.1], ["tvr_reward"])
    assert (training.num_generations, star.drop_equal_groups, training.beta) == (8, False, 0)


def test_a_reporter_that_is_not_installed_is_named(monkeypatch):
    from trainers import config

    monkeypatch.setattr(config, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="report_to: trackio is not installed: pip install trackio"):
        read_config("rl", CPU | {"report_to": ["trackio"]})
    for none in ("none", None):  # as YAML writes it
        assert read_config("rl", CPU | {"report_to": none}).training.report_to == []


@pytest.mark.parametrize("text", ["a: [1", "- 1\n", "just words"])
def test_files_that_are_no_mapping(tmp_path, text):
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        read_config("rl", file)


RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in RECIPES.iterdir()
        if folder.name not in ("accelerate", "evidence")  # other files
        for path in folder.glob("*.yaml")
        if path.name != "world.yaml"
    ],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_recipe_of_the_other_stage_is_refused(path):
    """Also one whose keys are of both stages."""
    of, other = ("sft", "rl") if path.stem.startswith("sft") else ("rl", "sft")
    assert read_config(of, path, ["--use_cpu", "true", "--report_to", "none"]).stage == of
    with pytest.raises(ConfigError, match=f"^{path}: it is of stage {of}, not of {other}: --stage {of}$"):
        read_config(other, path)
