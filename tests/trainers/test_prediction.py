import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.run.rewards import score_rewards
from rewards import score_batch
from rewards.errors import ConfigError
from star_cli.main import star
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


def test_other_settings_do_not_go_on(start, rows, tmp_path):
    output = tmp_path / "out.jsonl"
    predict(str(start), str(rows), output, sampling=Sampling(max_new_tokens=2), limit=2)
    with pytest.raises(ConfigError, match="is there already"):
        predict(str(start), str(rows), output, sampling=Sampling(max_new_tokens=2), limit=2)
    output.rename(tmp_path / "out.jsonl.part")
    (tmp_path / "out.jsonl.settings.json").write_text("{}")
    with pytest.raises(ConfigError, match="begun with other settings"):
        predict(str(start), str(rows), output, sampling=Sampling(max_new_tokens=2), limit=2)


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
