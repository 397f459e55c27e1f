"""The study of recipes/evidence: its configurations, its predictions, its tests, and two arms trained in words."""

import json
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

from recipes.evidence import arm as arm_module
from recipes.evidence import run as run_module
from recipes.evidence.arm import Run, train_arm
from recipes.evidence.held_out import HeldOut, in_full, judge, knowledge, summary
from recipes.evidence.predict import write_predictions
from recipes.evidence.run import Call
from recipes.evidence.study import (
    HERE,
    config_hash,
    pack_model,
    read_result,
    read_study,
    unpack_model,
    write_result,
)
from rewards.errors import ConfigError
from trainers.processors import load_processor

# transformers 5.24 has another name for gradient_checkpointing, which older ones do not know
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
STUDIES = [HERE / f"{name}.yaml" for name in ("study", "cpu", "questions-clear", "questions", "questions-cpu")]


@pytest.mark.parametrize("tiny", [False, True])
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_arm_has_a_configuration_that_can_be_read(path, tiny, tmp_path):
    from trainers.config import read_config

    study = read_study(path, tiny=tiny)
    for name in study.values["arms"]:
        values = study.configuration(name, 0) | {"output_dir": str(tmp_path), "bf16": False, "use_cpu": True}
        settings = read_config(study.arm(name)["stage"], values)
        assert list(settings.star.dataset_arguments["views"]) == list(study.arm(name).get("views", study.views))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_calls_name_arms_and_what_these_begin_with(path):
    study = read_study(path)
    named = [name for call in study.values["calls"].values() for name in call["arms"]]
    assert set(named) <= set(study.values["arms"])
    for name in named:
        assert study.arm(name).get("from", "start") in study.values["arms"]
    for call in study.values["calls"].values():
        if call.get("together"):
            assert {study.arm(name)["stage"] for name in call["arms"]} == {"rl"}


def test_arms_of_one_seed_see_the_same_prompts_and_another_seed_others():
    study = read_study(HERE / "study.yaml")
    one, other = study.configuration("full", 0), study.configuration("ndiff", 0)
    assert one["dataset_arguments"] == other["dataset_arguments"]
    assert config_hash(one) != config_hash(other)
    assert study.configuration("full", 1)["dataset_arguments"]["seed"] != one["dataset_arguments"]["seed"]
    assert study.configuration("full", 1)["seed"] == 1
    different = {key for key in one if one[key] != other[key]}
    assert different == {"preset", "reward_overrides"}


def test_labels_alone_have_no_reasoning():
    study = read_study(HERE / "study.yaml")
    assert study.configuration("labels", 0)["dataset_arguments"]["reasoning"] is False
    assert study.configuration("center", 0)["dataset_arguments"]["reasoning"] is True


def test_unknown_names():
    study = read_study(HERE / "cpu.yaml")
    with pytest.raises(ConfigError, match="no arm 'fll'; there are start, full"):
        study.arm("fll")
    with pytest.raises(ConfigError, match="no call 'five'"):
        study.call("five")
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        read_study(HERE / "none.yaml")


def test_models_travel_in_small_files(tmp_path, monkeypatch):
    monkeypatch.setattr("recipes.evidence.study.PART", 30)
    folder = tmp_path / "model"
    folder.mkdir()
    content = {"config.json": b"{}" * 40, "weights": bytes(range(256)) * 3}
    for name, each in content.items():
        (folder / name).write_bytes(each)
    pack_model(folder, tmp_path / "parts", "start-0")
    parts = list((tmp_path / "parts").iterdir())
    assert len(parts) > 10  # more than nine: 10 is after 9, not after 1
    assert max(path.stat().st_size for path in parts) <= 30
    unpack_model(tmp_path / "parts", "start-0", tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == content
    with pytest.raises(ConfigError, match="no model other-0"):
        unpack_model(tmp_path / "parts", "other-0", tmp_path / "again")


@pytest.fixture(scope="module")
def in_words(tmp_path_factory):
    study = read_study(HERE / "cpu.yaml", tiny=True)
    folder = tmp_path_factory.mktemp("model")
    study.new_model(folder, 0)
    return HeldOut(study, load_processor(str(folder)), "cpu")


def test_a_scene_can_be_shown_other_images_or_none(tmp_path, in_words):
    import torch

    study = read_study(HERE / "study.yaml", tiny=True)
    study.new_model(tmp_path, 0)
    drawn = HeldOut(study, load_processor(str(tmp_path)), "cpu")
    assert drawn.other_images == ("swapped", "blank")
    own, later = drawn.batch(0, 2), drawn.batch(3, 5)
    assert not torch.equal(own["pixel_values"], later["pixel_values"])
    assert torch.equal(drawn.batch(0, 2, "swapped")["pixel_values"], later["pixel_values"])
    assert [drawn.views[at] for at in (0, 1)] == [drawn.views[at] for at in (3, 4)]
    blank = drawn.batch(0, 2, "blank")
    assert not blank["pixel_values"].any()
    assert torch.equal(blank["input_ids"], own["input_ids"])
    assert torch.equal(drawn.batch(0, 2)["pixel_values"], own["pixel_values"])
    last = len(drawn.scenes)
    assert torch.equal(drawn.batch(last - 3, last, "swapped")["pixel_values"], drawn.batch(0, 3)["pixel_values"])
    assert in_words.other_images == ("swapped",)
    assert torch.equal(in_words.batch(0, 2, "swapped")["input_ids"], in_words.batch(1, 3)["input_ids"])


def written(text):
    return f"<think> </think><answer> {text}</answer>"


def test_the_tokenizer_that_is_loaded_reads_what_the_world_says(in_words):
    batch = in_words.batch(0, 4)
    text = in_words.tokenizer.decode(batch["input_ids"][0])
    assert "changed?" in text
    assert "[UNK]" not in text


def test_true_answers_are_right_and_wrong_ones_cost_what_tvr_says(in_words):
    right = judge(in_words, [written(target) for target in in_words.targets])
    assert right.correct.all()
    assert not right.diff.any()
    assert (right.reward == 1 + 5 * right.true).all()
    empty = judge(in_words, [written("")] * 8)
    assert (empty.diff == empty.true).all()
    assert summary(empty)["ndiff"] == 1
    found = in_full(in_words, right)
    assert found["each"]["correct"] == "1" * len(in_words.scenes)
    assert sum(group["scenes"] for group in found["changes"].values()) == len(in_words.scenes)
    nothing = judge(in_words, [in_words.targets[0]])  # without tags
    assert not nothing.well_formed[0]
    assert not nothing.correct[0]


def test_knowledge_is_that_of_the_first_guesses(in_words):
    many = in_words.study.test["samples"]
    scenes = in_words.study.test["sampled"]
    sure = [written(target) for target in in_words.targets[:scenes] for _ in range(many)]
    known = knowledge(in_words, sure[::many], sure)
    assert (known.p, known.spread) == (1.0, 0.0)
    assert known.wrong == {"attribute": 0.0, "object": 0.0, "none": 1.0}
    silent = knowledge(in_words, [written("")] * scenes, [written("")] * scenes * many)
    assert silent.p == 0.0
    half = [written(target if at < scenes // 2 else "") for at, target in enumerate(in_words.targets[:scenes])]
    told = knowledge(in_words, half, [each for each in half for _ in range(many)])
    assert 0 < told.p < 1
    assert told.spread == 1.0  # what is known is known for certain


def test_wrong_guesses_are_told_by_what_is_right_of_them(in_words):
    first = in_words.targets[0].split(",")[0].split(".")
    other = {"color": ("red", "blue"), "shape": ("cube", "sphere"), "size": ("small", "large")}
    other |= {"material": ("glass", "metal")}
    value = next(value for value in other[first[1]] if value != first[2])
    wrong = written(f"{first[0]}.{first[1]}.{value}")
    assert knowledge(in_words, [wrong], [wrong] * in_words.study.test["samples"]).wrong["attribute"] == 1.0


def test_predictions_need_no_training(tmp_path):
    study = read_study(HERE / "study.yaml", tiny=True)
    with pytest.raises(ConfigError, match="no result of the start"):
        write_predictions(study, tmp_path)
    known = {"p": 0.5, "spread": 0.3, "wrong": {"attribute": 0.5, "object": 0.3, "none": 0.2}}
    told = {"arm": "start", "seed": 0, "commit": "c", "config_hash": "h", "knowledge": known}
    write_result(tmp_path, told)
    found = json.loads(write_predictions(study, tmp_path).read_text())
    assert set(found["arms"]) == set(study.call("two")["arms"])
    assert found["ranks"]["predictions"]["no_incorrect_penalty"] <= 2  # as many as can be told apart
    assert found["arms"]["naive_binary"]["predictions"] == pytest.approx(1.5)
    assert found["arms"]["ndiff"]["predictions"] <= found["arms"]["full"]["predictions"]
    assert sum(found["ranks"]["tacc"].values()) == pytest.approx(11 * 12 / 2)


def trained(name, out, **options):
    study = read_study(HERE / "cpu.yaml", tiny=True)
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    found = {"arm": name, "seed": 0, "study": "cpu.yaml", "commit": "c", "command": "", "complete": False, "tests": []}
    signs = {"step": work / f"{name}-0.step", "end": work / "end"}
    run = Run(study, name, 0, out, options.pop("until", time.time() + 600), found, signs=signs)
    start = unpack_model(out / "models", "start-0", work / name) if study.arm(name).get("from") else None
    train_arm(run, start)
    return read_result(out, name, 0)


def test_two_arms_one_from_the_other(tmp_path, capsys):
    start = trained("start", tmp_path)
    assert start["complete"]
    assert set(start["knowledge"]) == {"p", "spread", "wrong"}
    assert (start["steps"], start["config"]["seed"]) == (2, 0)
    (tmp_path / "work" / "end").write_text("1")  # all arms are to end after a step
    full = trained("full", tmp_path)
    assert full["steps"] == 1
    assert full["tests"][0]["step"] == 0
    # the model that arms begin with is the one that the start was tested as, rounded
    count = full["tests"][0]["scenes"]
    assert full["tests"][0]["predictions"] == pytest.approx(
        sum(int(digit, 36) for digit in start["final"]["each"]["predictions"][:count]) / count, abs=1e-4
    )
    assert {"reward", "tvr/predictions", "tvr/true_predictions", "entropy"} <= set(full["curve"][0])
    assert full["final"]["scenes"] == 16
    capsys.readouterr()


def test_an_arm_whose_last_test_failed_is_tested_and_not_trained_again(tmp_path, monkeypatch, capsys):
    undisturbed = trained("start", tmp_path / "one")
    with monkeypatch.context() as failing:
        failing.setattr(arm_module.changes, "in_full", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trained("start", tmp_path / "two")
    before = read_result(tmp_path / "two", "start", 0)
    assert not before["complete"]
    monkeypatch.setattr(arm_module, "watching_arm", lambda *_: 1 / 0)  # what trains would need it
    after = trained("start", tmp_path / "two")
    assert after["complete"]
    assert {name: after[name] for name in before} == before | {"complete": True}
    assert after["final"] == undisturbed["final"]
    capsys.readouterr()


def test_an_arm_ends_in_time_and_leaves_what_it_has(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(arm_module, "WITHIN", 1e9)
    found = trained("start", tmp_path)
    assert found["complete"]
    assert found["steps"] == 1
    capsys.readouterr()


def call_of(tmp_path, steps, left):
    study = read_study(HERE / "study.yaml")
    call = Call(study, tmp_path, 0, time.time() + left, together=True, most=9, gpus=1, options=[], waiting=[])
    call.running = dict.fromkeys(steps)
    call.work.mkdir(exist_ok=True)
    for name, step in steps.items():
        call.sign(name).write_text(f"{step} {time.time()}")
    return call


@pytest.mark.parametrize(("left", "end"), [(10_000, None), (run_module.RESERVE + 5, "60")])
def test_all_arms_end_at_a_step_that_the_slowest_still_reaches(tmp_path, capsys, left, end):
    call = call_of(tmp_path, {"full": 50, "ndiff": 44}, left)
    call.pace_from = (time.time() - 42, 2)  # a second a step
    call.agree()
    path = call.work / "end"
    assert (path.read_text() if path.exists() else None) == end
    capsys.readouterr()


def test_no_end_is_agreed_on_before_all_make_steps(tmp_path):
    call = call_of(tmp_path, {"full": 50, "ndiff": 0}, 1)
    call.agree()
    assert not (call.work / "end").exists()


def test_arms_with_a_result_are_not_trained_again(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Call, "run", lambda self: asked.extend(self.waiting))
    write_result(tmp_path, {"arm": "full", "seed": 0, "complete": True})
    write_result(tmp_path, {"arm": "no_incorrect_penalty", "seed": 0, "complete": False})
    given = SimpleNamespace(
        only=None, out=tmp_path, minutes=1, study=HERE / "cpu.yaml", start_seed=0, commit="c", tiny=True,
        start=None, most=1,
    )  # fmt: skip
    run_module.run_call(read_study(HERE / "cpu.yaml"), "two", 0, given)
    assert asked == ["no_incorrect_penalty"]


def test_seeds_follow_one_another_and_only_what_is_missing_is_trained(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Call, "run", lambda self: asked.append((self.seed, self.waiting)))
    for seed, arm in ((0, "full"), (0, "paper"), (1, "paper")):
        write_result(tmp_path, {"arm": arm, "seed": seed, "complete": True})
    line = ["run", "eleven", "--study", str(HERE / "cpu.yaml"), "--out", str(tmp_path), "--seed", "0", "1", "2"]
    monkeypatch.setattr("sys.argv", [*line, "--only", "full,paper"])
    run_module.main()
    assert asked == [(0, []), (1, ["full"]), (2, ["full", "paper"])]


def test_all_of_a_study_is_predicted_before_it_is_trained(tmp_path, monkeypatch, capsys):
    known = {"p": 0.5, "spread": 0.3, "wrong": {"attribute": 0.5, "object": 0.3, "none": 0.2}}
    told = {"arm": "start", "seed": 0, "commit": "c", "config_hash": "h", "knowledge": known, "complete": True}
    seen = []

    def run(self):
        seen.append((list(self.waiting), (tmp_path / "predictions-cpu.json").exists()))
        if "start" in self.waiting:
            write_result(tmp_path, told)

    monkeypatch.setattr(Call, "run", run)
    monkeypatch.setattr(
        "sys.argv", ["run", "all", "--study", str(HERE / "cpu.yaml"), "--out", str(tmp_path), "--tiny", "--most", "1"]
    )
    run_module.main()
    assert [there for _, there in seen] == [False, True, True]
    assert seen[0][0] == ["start"]
    capsys.readouterr()


@pytest.mark.parametrize(("name", "scenes_file"), [("study", "scenes.json"), ("cpu", "scenes-cpu.json")])
def test_the_committed_scenes_are_those_that_arms_were_tested_on(name, scenes_file):
    from itertools import islice

    from benchmarks.tvr.codec import decode_scene
    from recipes.evidence.held_out import SEED
    from recipes.tiny.world import scenes

    told = json.loads((HERE / scenes_file).read_text(encoding="utf-8"))
    some = list(islice(scenes(read_study(HERE / f"{name}.yaml").world, SEED, held_out=True), 96))
    assert told["true"][:96] == "".join(str(len(scene.changes)) for scene in some)
    assert told["objects"][:96] == "".join(str(len(decode_scene(scene.initial))) for scene in some)
