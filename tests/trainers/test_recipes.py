"""Every recipe passes its dry run, with a stand-in of its model's architecture where the model is on the hub."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from benchmarks.tvr.world import ATTRIBUTES
from recipes.tiny.study import read_recipe
from star_cli.main import star
from trainers.check import check_run
from trainers.config import read_config

pytest.importorskip("torch")
pytest.importorskip("trl")
Image = pytest.importorskip("PIL.Image")


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
RECIPES = Path(__file__).parents[2] / "recipes"
FILES = sorted(
    path
    for path in RECIPES.glob("*/*.yaml")
    if path.name != "world.yaml" and path.parent.name not in ("accelerate", "evidence")  # studies are other files
)
ELSEWHERE = ("--report_to", "none")  # trackers need not be installed; a GPU need not be there


def stage_of(path):
    return "sft" if path.stem.startswith("sft") else "rl"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Rows as `star data` writes them, of both tasks."""
    folder = tmp_path_factory.mktemp("data")
    Image.new("RGB", (32, 32), "red").save(folder / "a.png")
    row = {
        "prompt": "What?",
        "images_file_names": ["a.png", "a.png"],
        "completion": "<think>a</think><answer>A</answer>",
    }
    tasks = {"tvr": {"target": "0.shape.cube"}, "route": {"target": "left 1 to zoo"}}
    tasks["multiview"] = {"target": "A", "references": [["sofa"]]}
    for task, gold in tasks.items():
        (folder / f"{task}.jsonl").write_text(
            "".join(json.dumps(row | gold | {"id": str(at)}) + "\n" for at in range(8))
        )
    return folder


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_dry_run(path, data, start):
    stage = stage_of(path)
    arguments = ["--model_name_or_path", str(start), *ELSEWHERE]
    star_arguments = read_config(stage, path, [*arguments, "--use_cpu", "true"]).star
    if star_arguments.image_max_pixels:
        arguments += ["--image_max_pixels", "1024"]
    if not str(star_arguments.dataset_name).startswith("trainers."):
        task = star_arguments.task if stage == "rl" else "tvr"
        arguments += ["--dataset_name", str(data / f"{task}.jsonl")]
    result = CliRunner().invoke(star, ["train", "--stage", stage, "--config", str(path), "--dry-run", *arguments])
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output
    assert result.output.count("ok  ") == (8 if stage == "rl" else 5)


@pytest.mark.parametrize("name", ["tiny", "small-gpu"])
def test_worlds_of_recipes(name):
    recipe = read_recipe(RECIPES / name)
    assert set(recipe.world.attributes) <= set(ATTRIBUTES)
    for stage in ("sft", "rl"):
        values = yaml.safe_load((RECIPES / name / f"{stage}.yaml").read_text())
        if "dataset_arguments" in values:  # scenes drawn while training are those of world.yaml
            given = values["dataset_arguments"]
            whole = yaml.safe_load((RECIPES / name / "world.yaml").read_text())
            assert given["world"] == whole["world"]
            assert tuple(given["views"]) == recipe.views[stage]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"dataset_name": "missing.jsonl"}, "data"),
        ({"model_name_or_path": "no/such-model"}, "processor"),
        ({"model_name_or_path": "no/such-model"}, "memory"),
        ({"reward_weights": [1.0, 2.0]}, "reward"),
        ({"reward_funcs": ["tvr_reward"], "reward_weights": [-1.0]}, "reward"),
        ({"rollout_func": "no.such.thing"}, "reward"),
        ({"task": "multiview", "reward_funcs": ["answer_reward"], "train_rows": 2}, None),
    ],
)
def test_what_is_wrong_is_found(changes, what, rl):
    findings = check_run("rl", rl | changes)
    wrong = {finding.what for finding in findings if not finding.right}
    assert (what in wrong) if what else True
    assert findings[0].what == "configuration"


@pytest.mark.parametrize("missing", ["torch", "trl"])
def test_a_dry_run_without_the_extra_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    arguments = ["train", "--stage", "rl", "--config", str(RECIPES / "tvr-7b" / "rl.yaml"), "--dry-run"]
    result = CliRunner().invoke(star, arguments)
    assert isinstance(result.exception, SystemExit)  # a line, not a traceback
    assert result.exit_code == 2
    assert "training needs more packages: pip install 'star-r1[train]'" in result.output


def test_lengths_of_answers_are_held_against_the_longest_completion(rl):
    findings = {finding.what: finding for finding in check_run("rl", rl | {"max_completion_length": 64})}
    assert findings["lengths"].right
    assert "completions of at most 64 tokens" in findings["lengths"].text
    assert not {finding.what: finding for finding in check_run("rl", rl)}["lengths"].right  # 12 tokens are too few
