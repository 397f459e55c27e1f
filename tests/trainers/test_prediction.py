import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.run.rewards import score_rewards
from rewards import score_batch
from rewards.errors import ConfigError
from star_cli.main import star
from trainers.made_with import revision_of
from trainers.prediction import Sampling, predict

pytest.importorskip("torch")
pytest.importorskip("trl")


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
DRAWN = Sampling(temperature=1.0, max_new_tokens=8, seed=5, batch_size=4, samples=2)


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_draws_are_the_same_with_the_same_seed(start, rows, tmp_path):
    one = predict(str(start), str(rows), tmp_path / "one.jsonl", sampling=DRAWN, limit=5)
    other = predict(str(start), str(rows), tmp_path / "other.jsonl", sampling=DRAWN, limit=5)
    assert one.read_bytes() == other.read_bytes()
    from dataclasses import replace

    third = predict(str(start), str(rows), tmp_path / "third.jsonl", sampling=replace(DRAWN, seed=6), limit=5)
    assert [row["completion"] for row in lines(one)] != [row["completion"] for row in lines(third)]
    found = lines(one)
    assert len(found) == len({row["id"] for row in found}) == 10
    assert len({row["prompt_id"] for row in found}) == 5
    assert {"completion", "target", "view"} <= set(found[0])


@pytest.mark.parametrize("cut", [0, 1, 300, 700])
def test_a_run_that_was_stopped_goes_on(start, rows, tmp_path, cut):
    whole = predict(str(start), str(rows), tmp_path / "whole.jsonl", sampling=DRAWN, limit=5)

    class StoppedError(Exception):
        pass

    def stop(done, total):
        assert total == 10
        if done >= 8:
            raise StoppedError

    output = tmp_path / "cut.jsonl"
    with pytest.raises(StoppedError):
        predict(str(start), str(rows), output, sampling=DRAWN, limit=5, on_progress=stop)
    assert not output.exists()
    part = output.with_name("cut.jsonl.part")
    part.write_bytes(part.read_bytes()[: -cut or None])  # a kill can end a line anywhere
    made = []
    predict(str(start), str(rows), output, sampling=DRAWN, limit=5, on_progress=lambda done, _: made.append(done))
    assert output.read_bytes() == whole.read_bytes()
    assert not part.exists()
    assert made[-1] == 10
    assert made[0] > 4 or cut > 1


SHORT = Sampling(max_new_tokens=2, batch_size=2)


@pytest.fixture
def stopped(start, tmp_path):
    """A run that was stopped after the first of three batches: model, data and output, all of the test's own."""
    model, data, output = tmp_path / "model", tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    shutil.copytree(start, model)
    asked = [{"id": f"q{n}", "prompt": f"question {n}", "target": "0.color.red"} for n in range(6)]
    data.write_text("".join(json.dumps(row) + "\n" for row in asked))

    class StoppedError(Exception):
        pass

    def stop(*_):
        raise StoppedError

    with pytest.raises(StoppedError):
        predict(str(model), str(data), output, sampling=SHORT, on_progress=stop)
    assert len(lines(tmp_path / "out.jsonl.part")) == 2
    return model, data, output


def test_a_finished_file_is_not_replaced(start, rows, tmp_path):
    output = predict(str(start), str(rows), tmp_path / "out.jsonl", sampling=SHORT, limit=2)
    with pytest.raises(ConfigError, match="already exists"):
        predict(str(start), str(rows), output, sampling=SHORT, limit=2)
    predict(str(start), str(rows), output, sampling=SHORT, limit=2, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def _train(model, _data):
    from safetensors.torch import load_file, save_file

    (file,) = model.glob("*.safetensors")
    weights = load_file(file)
    save_file({name: tensor + 1 for name, tensor in weights.items()}, file, metadata={"format": "pt"})


def _touch_weights(model, _data):
    (file,) = model.glob("*.safetensors")
    os.utime(file, (1, 1))


def _other_template(model, _data):
    (model / "chat_template.jinja").write_text((model / "chat_template.jinja").read_text() + " ")


def _other_prompt(_model, data):
    data.write_text(data.read_text().replace("question 3", "riddle 3 "))  # as many bytes


def _one_more_row(_model, data):
    data.write_text(data.read_text() + json.dumps({"id": "q6", "prompt": "?", "target": "x"}) + "\n")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_train, "model_files"),
        (_touch_weights, "model_files"),
        (_other_template, "model_files"),
        (_other_prompt, "data_files"),
        (_one_more_row, "data_files, questions"),
    ],
)
def test_another_model_or_other_data_at_the_same_path_do_not_go_on(stopped, change, what):
    model, data, output = stopped
    change(model, data)
    with pytest.raises(ConfigError, match=rf"out.jsonl.part was begun with other {what}; --overwrite begins anew"):
        predict(str(model), str(data), output, sampling=SHORT)
    assert len(lines(predict(str(model), str(data), output, sampling=SHORT, overwrite=True))) >= 6


def test_what_training_and_other_programs_leave_beside_does_not_count(stopped):
    model, data, output = stopped
    (model / "optimizer.pt").write_bytes(b"x")
    (model / "results.json").write_text("{}")
    (model / "checkpoint-1").mkdir()
    predict(str(model), str(data), output, sampling=SHORT)
    assert len(lines(output)) == 6


def test_an_output_in_the_folder_of_its_data_goes_on(start, tmp_path):
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    asked = [{"id": f"q{n}", "prompt": f"question {n}", "target": "0.color.red"} for n in range(4)]
    (scenes / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(str(start), str(scenes), scenes / "p.jsonl", sampling=SHORT, on_progress=stop)
    assert len(lines(predict(str(start), str(scenes), scenes / "p.jsonl", sampling=SHORT))) == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"model": "a', r"out.jsonl.settings.json is damaged or half written; --overwrite begins anew"),
        (b"[]", "is damaged or half written"),
        (b"\xff", "is damaged or half written"),
        (b"", "is damaged or half written"),
        (None, r"out.jsonl.part is there without .*settings.json, which says of what; --overwrite begins anew"),
        (b"{}", "was begun with other model, data,"),
    ],
)
def test_settings_that_do_not_tell_are_named_and_nothing_is_lost(stopped, content, said):
    model, data, output = stopped
    file = output.with_name("out.jsonl.settings.json")
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        predict(str(model), str(data), output, sampling=SHORT)
    assert len(lines(output.with_name("out.jsonl.part"))) == 2


def test_each_batch_is_on_the_disk_before_the_next(start, rows, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("trainers.prediction.os.fsync", synced.append)
    predict(str(start), str(rows), tmp_path / "out.jsonl", sampling=SHORT, limit=6)
    assert len(synced) >= 3


def test_one_process_writes_and_is_named(stopped):
    from benchmarks.files.lock import locked

    model, data, output = stopped
    with (
        locked(output, str(output)),
        pytest.raises(ConfigError, match=rf"out.jsonl is being written by process {os.getpid()} on "),
    ):
        predict(str(model), str(data), output, sampling=SHORT)
    lock = output.with_name(".out.jsonl.lock")
    lock.write_text("process 1 on here: of a process that is dead\n")  # it holds nothing
    predict(str(model), str(data), output, sampling=SHORT)
    assert not lock.exists()
    assert sorted(file.name for file in output.parent.iterdir()) == ["model", "out.jsonl", "rows.jsonl"]


def test_an_adapter_is_followed_by_its_base(start, tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(start)}))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    assert revision_of(str(tmp_path)).endswith(f" on {start} {revision_of(str(start))}")
    before = revision_of(str(tmp_path))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"others!")
    assert revision_of(str(tmp_path)) != before


@pytest.mark.parametrize(
    "options",
    [{"temperature": -1}, {"top_p": 0}, {"samples": 2}, {"batch_size": 0}, {"max_new_tokens": 0}],
)
def test_wrong_sampling(options):
    with pytest.raises(ConfigError):
        Sampling(**options)


def test_train_predict_score_through_the_command_line(sft, rl, tmp_path):
    """`star train --stage sft`, `star train --stage rl`, `star predict`, `star score`: each reads what the last one wrote."""
    import yaml

    def run(*arguments):
        result = CliRunner().invoke(star, arguments)
        assert result.exit_code == 0, result.output
        return result

    for stage, settings in (("sft", sft), ("rl", rl | {"model_name_or_path": sft["output_dir"]})):
        file = tmp_path / f"{stage}.yaml"
        file.write_text(yaml.safe_dump(settings | {"save_strategy": "no"}))
        run("train", "--stage", stage, "--config", str(file), "--dry-run") if stage == "sft" else None
        run("train", "--stage", stage, "--config", str(file), "--max_steps", "2")
    output = tmp_path / "predictions.jsonl"
    options = ("--max-new-tokens", "12", "--limit", "6")
    run("predict", "--model", rl["output_dir"], "--data", rl["dataset_name"], "-o", str(output), *options)
    scored = json.loads(run("score", str(output), "--json").stdout)
    found = lines(output)
    batch = score_batch([row["completion"] for row in found], [row["target"] for row in found])
    assert scored["rows"] == len(found) == 6
    assert scored["total"]["value"] == pytest.approx(float(batch.total.mean()))


def test_predictions_of_generated_rows_are_clustered_by_scene(start, tmp_path):
    """Three views of a scene are three prompts and one cluster, from `star data generate` to `star score --out`."""
    from trainers.data.generate import GenerationSettings, generate

    generate(tmp_path / "scenes", GenerationSettings(count=4, images="raycast", size=(32, 32)))
    output = predict(str(start), str(tmp_path / "scenes"), tmp_path / "p.jsonl", sampling=Sampling(max_new_tokens=2))
    scenes = [row["scene"] for row in lines(tmp_path / "scenes" / "metadata.jsonl")]
    assert len(scenes) == 12
    assert [row["scene"] for row in lines(output)] == scenes
    summary = score_rewards([str(output)], out=str(tmp_path / "scores.jsonl"))
    assert summary.scenes == len(set(scenes)) == 4
    assert "|clusters:scene=4|n:12" in summary.signature
    assert [row["scene"] for row in lines(tmp_path / "scores.jsonl")] == scenes
