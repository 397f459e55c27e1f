import json

import numpy as np
import pytest
import yaml

from recipes.tiny.study import gain, judge, read_recipe, star, with_steps
from rewards.errors import ConfigError


def test_another_number_of_steps_keeps_the_shape_of_the_schedule(tmp_path):
    config = tmp_path / "sft.yaml"
    config.write_text(yaml.safe_dump({"max_steps": 500, "warmup_steps": 100}))
    assert with_steps(config, 50) == ["--max_steps", "50", "--warmup_steps", "10"]
    config.write_text(yaml.safe_dump({"max_steps": 500, "lr_scheduler_kwargs": {"num_decay_steps": 150}}))
    assert with_steps(config, 1000)[-2:] == ["--lr_scheduler_kwargs", '{"num_decay_steps": 300}']


def test_predictions_are_judged_by_view_and_case(tmp_path):
    texts = ["0.shape.cube", "0.shape.cube", "1.color.red", "0.shape.sphere"]
    targets = ["0.shape.cube", "1.color.red", "1.color.red", "0.shape.cube"]
    path = tmp_path / "out.jsonl"
    path.write_text(
        "".join(
            json.dumps({"completion": f"<think> </think><answer>{text}</answer>", "target": target, "view": view})
            + "\n"
            for text, target, view in zip(texts, targets, ("center", "center", "left", "left"), strict=True)
        )
    )
    judged = judge(path)
    assert judged.correct.tolist() == [True, False, True, False]
    assert judged.accuracy("center") == 0.5
    assert judged.by_case("left") == {"0.shape": 0.0, "1.color": 1.0}
    assert judged.rewards.tolist() == [6.0, 0.0, 6.0, 1.5]  # a wrong change eats up the format's point


def test_the_gain_is_paired():
    before, after = np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.5, 3.5])
    assert gain(before, after) == (0.5, 0.5, 0.5)
    found = gain(before, np.array([2.0, 1.0, 6.0]))
    assert found.mean == pytest.approx(1.0)
    assert found.high - found.mean == pytest.approx(1.96 * 2 / 3**0.5)


def test_commands_tell_their_progress_and_their_failures(tmp_path):
    log = tmp_path / "out.log"
    with pytest.raises(ConfigError, match=r"star score failed .*no\.jsonl"):
        list(star("score", str(tmp_path / "no.jsonl"), log=log))
    assert "no.jsonl" in log.read_text()


@pytest.mark.parametrize("text", ["", "world: {objects: [2, 1]}", "world: {mood: 1}", "a: ["])
def test_wrong_recipes(tmp_path, text):
    with pytest.raises(ConfigError):
        read_recipe(tmp_path)
    (tmp_path / "world.yaml").write_text(text)
    with pytest.raises(ConfigError):
        read_recipe(tmp_path)


def test_a_stage_shorter_than_a_logged_step_logs_each(tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text("max_steps: 500\nlogging_steps: 10\n")
    assert with_steps(config, 4)[-2:] == ["--logging_steps", "1"]
    assert "--logging_steps" not in with_steps(config, 10)
