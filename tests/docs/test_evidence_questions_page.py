"""What docs/evidence.md says of models trained on questions follows from their results, whichever these are."""

import json
from functools import cache

import numpy as np
import pytest

from recipes.evidence import questions_page
from recipes.evidence.questions_page import STUDIES, read_trained
from recipes.evidence.study import HERE, read_study
from rewards import ConfigError

KINDS = ("leftmost", "rightmost", "where")
MEASURES = ("accuracy", "precision", "recall", "f1", "informedness", "own", "other", "both", "same")
SCENES = 2000


@cache
def study():
    return read_study(HERE / "questions.yaml")


def run(arm, seed, accuracy, both):
    rng = np.random.default_rng([seed, int(1000 * accuracy), len(arm)])
    correct = rng.random(SCENES) < accuracy
    blind = rng.random(SCENES) < both
    final = dict.fromkeys(MEASURES, 0.5) | {"accuracy": float(correct.mean()), "both": float(blind.mean())}
    final |= {
        "accuracy_se": 0.01,
        "scenes": SCENES,
        "chance": 0.33,
        "floor": 0.37,
        "views": {kind: {"accuracy": 0.5} for kind in KINDS},
    }
    each = {"correct": "".join(str(int(right)) for right in correct), "both": [100 * int(one) for one in blind]}
    each |= dict.fromkeys(("f1", "informedness"), each["both"])
    config = study().configuration(arm, seed)
    text = "<think> View 1: [ red cube, red cube, left ] View 2: [ red cube, red cube, left ]</think><answer> left</answer>"
    told = {"curve": [{"reward": 0.5}, {"reward": 0.75}], "examples": [{"completion": text}] * 3}
    return told | {"arm": arm, "seed": seed, "steps": 260, "config": config, "final": final | {"each": each}}


def write(folder, seeds, start=0.5, **arms):
    (folder / "questions").mkdir(exist_ok=True)
    told = [run("start", 0, start, 0.07)]
    told += [run(arm, seed, *values) for arm, values in arms.items() for seed in seeds]
    for found in told:
        path = folder / "questions" / f"{found['arm']}-{found['seed']}.json"
        path.write_text(json.dumps(found), encoding="utf-8")
    return read_trained("questions", folder)


@pytest.mark.parametrize(
    ("plain", "default", "verdict"),
    [
        (0.75, 0.76, "reproduced with either R_ref"),
        (0.60, 0.61, "reproduced with either R_ref, though by less than 17.5 points"),
        (0.50, 0.65, "reproduced with the default R_ref alone, though by less than 17.5 points"),
        (0.65, 0.50, "reproduced with the plain sum alone, though by less than 17.5 points"),
        (0.50, 0.50, "not reproduced: level within the intervals"),
        (0.30, 0.50, "not reproduced: with R_ref fewer answers are right"),
    ],
)
def test_the_verdict_follows_from_the_results(tmp_path, plain, default, verdict):
    found = write(tmp_path, (0, 1, 2), answers=(0.5, 0.1), plain_sum=(plain, 0.1), references=(default, 0.1))
    assert found.seeds == (0, 1, 2)
    assert questions_page._verdict(found) == verdict
    text = questions_page._section("questions", "drawn", found)
    assert verdict in text
    assert "mean and (lowest to highest)" in text
    assert "**The blind references, the same names in every view:** not learned." in text


@pytest.mark.parametrize(
    ("plain", "default", "told"),
    [
        (0.8, 0.1, "learned under the plain sum."),
        (0.3, 0.1, "not learned, but the plain sum leads that way."),
        (0.8, 0.8, "not learned."),
    ],
)
def test_blind_references_are_told_by_how_many_are_named_in_both_views(tmp_path, plain, default, told):
    found = write(tmp_path, (0, 1), answers=(0.5, 0.1), plain_sum=(0.5, plain), references=(0.5, default))
    assert questions_page._blind(found).startswith(told)


def test_a_start_that_does_not_look_tests_nothing(tmp_path):
    found = write(tmp_path, (0, 1), start=0.37, answers=(0.4, 0.1), plain_sum=(0.7, 0.1), references=(0.7, 0.1))
    assert questions_page._verdict(found).startswith("not testable with this start")
    text = questions_page._section("questions", "drawn", found)
    assert "What the start sees: names" in text
    assert "`plain_sum` 0.62 → 0.62" in text


def test_what_is_nearly_always_right_and_what_is_unlearned_is_told(tmp_path):
    write(tmp_path, (0, 1), start=0.9, answers=(0.99, 0.1), plain_sum=(0.99, 0.1), references=(0.99, 0.1))
    path = tmp_path / "questions" / "answers-1.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    found["final"] |= {"f1": 0.4, "accuracy": 0.991}
    path.write_text(json.dumps(found), encoding="utf-8")
    text = questions_page._section("questions", "drawn", read_trained("questions", tmp_path))
    assert "is right: R_ref could not have added much" in text
    assert "an F1 of 0.50; R_ans alone unlearns it in 1 of 2 seeds (0.40), where 99.1% of the answers are right" in text
    other = write(tmp_path, (0, 1), start=0.9, answers=(0.9, 0.1), plain_sum=(0.99, 0.1), references=(0.99, 0.1))
    text = questions_page._section("questions", "drawn", other)
    assert "could not have added much" not in text
    assert "unlearns" not in text


def test_one_seed_is_said_to_be_one(tmp_path):
    found = write(tmp_path, (0,), answers=(0.5, 0.1), plain_sum=(0.7, 0.1), references=(0.7, 0.1))
    assert questions_page._verdict(found).endswith("(with one seed)")
    assert "one seed: the interval is over scenes" in questions_page._section("questions", "drawn", found)


def test_an_interval_that_holds_zero_and_the_papers_points_decides_nothing(tmp_path):
    write(tmp_path, (0, 1), answers=(0.5, 0.1), plain_sum=(0.5, 0.1), references=(0.5, 0.1))
    path = tmp_path / "questions" / "references-1.json"
    path.write_text(json.dumps(run("references", 1, 0.6, 0.1)), encoding="utf-8")
    assert questions_page._verdict(read_trained("questions", tmp_path)).startswith("not decided")


def test_intervals_widen_with_what_seeds_make(tmp_path):
    same = write(tmp_path, (0, 1, 2), answers=(0.5, 0.1), plain_sum=(0.7, 0.1), references=(0.7, 0.1))
    tight = same.difference("plain_sum", "answers")
    for seed, accuracy in enumerate((0.55, 0.7, 0.85)):
        path = tmp_path / "questions" / f"plain_sum-{seed}.json"
        path.write_text(json.dumps(run("plain_sum", seed, accuracy, 0.1)), encoding="utf-8")
    wide = read_trained("questions", tmp_path).difference("plain_sum", "answers")
    assert tight.value == pytest.approx(wide.value, abs=0.03)
    assert wide.high - wide.low > 3 * (tight.high - tight.low)
    assert tight.sign == 1
    assert wide.sign == 0


def test_seeds_that_an_arm_lacks_are_left_out(tmp_path):
    assert read_trained("questions", tmp_path) is None
    write(tmp_path, (0, 1), answers=(0.5, 0.1), plain_sum=(0.5, 0.1), references=(0.5, 0.1))
    (tmp_path / "questions" / "references-1.json").unlink()
    assert read_trained("questions", tmp_path).seeds == (0,)
    (tmp_path / "questions" / "references-0.json").unlink()
    assert read_trained("questions", tmp_path) is None
    assert "Not run yet" in questions_page._section("questions", "drawn", None)


@pytest.mark.parametrize("name", STUDIES)
def test_committed_results_are_read_or_there_are_none(name):
    assert (read_trained(name) is None) == (not list((questions_page.RESULTS / name).glob("*.json")))


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["dataset_arguments"]["world"].update(distance=0.45),
        lambda config: config["dataset_arguments"].update(own_colors=True),
        lambda config: config.update(learning_rate=1e-3),
    ],
    ids=["world", "scenes", "training"],
)
def test_results_of_another_configuration_are_not_mixed_in(tmp_path, change):
    write(tmp_path, (0, 1), answers=(0.5, 0.1), plain_sum=(0.5, 0.1), references=(0.5, 0.1))
    path = tmp_path / "questions" / "references-1.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found["config"])
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"references-1.json: not of the configuration in questions.yaml: run it again"
    ):
        read_trained("questions", tmp_path)
