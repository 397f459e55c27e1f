"""docs/evidence.md and its figures are what the committed results say, and say what they must."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from recipes.evidence import claims, page
from recipes.evidence.analysis import Estimate, Results, estimate, read_results
from recipes.evidence.predict import predicted
from recipes.evidence.study import HERE, RESULTS, config_hash, read_study
from tests.docs.pages import HOME


@pytest.fixture(scope="module")
def written():
    return page.pages()


def test_the_page_and_its_figures_are_current(written):
    for path, text in written.items():
        assert path.read_text("utf-8") == text, "run: python -m recipes.evidence.page"


def test_results_of_scenes_are_those_that_were_measured():
    """Outcomes of scenes and what stands in the summaries come from one run."""
    results = read_results()
    for name, runs in results.seeds.items():
        for run in runs:
            alone = replace(results, seeds={name: [run]})
            for measure in ("tacc", "ndiff", "predictions"):
                assert alone.mean(name, measure).value == pytest.approx(run["final"][measure], abs=1e-4)
            for view, found in run["final"]["views"].items():
                assert alone.mean(name, "tacc", alone.views(view)).value == pytest.approx(found["tacc"], abs=1e-4)
            for count, found in run["final"]["objects"].items():
                some = alone.objects == int(count)
                assert alone.mean(name, "tacc", some).value == pytest.approx(found["tacc"], abs=1e-4)


def made(accuracies, scenes=400):
    """Results of arms whose runs have these shares of right scenes, exactly and otherwise at random."""
    rng, seeds = np.random.default_rng(0), {}
    for name, shares in accuracies.items():
        seeds[name] = []
        for seed, share in enumerate(shares):
            right = np.zeros(scenes, dtype=int)
            right[rng.permutation(scenes)[: round(share * scenes)]] = 1
            each = {"correct": "".join(map(str, right)), "diff": "0" * scenes, "predictions": "1" * scenes}
            seeds[name].append({"seed": seed, "from": "start-0", "final": {"each": each}})
    return Results(seeds, np.ones(scenes), np.ones(scenes), {})


def test_the_noise_of_seeds_is_what_arms_and_seeds_do_not_explain():
    shifted = made({"a": (0.3, 0.4, 0.5), "b": (0.4, 0.5, 0.6), "c": (0.2, 0.3, 0.4)})
    assert shifted.noise("tacc") == (pytest.approx(0, abs=1e-12), 4)
    crossed = made({"a": (0.3, 0.4, 0.5), "b": (0.5, 0.4, 0.3)})
    assert crossed.noise("tacc") == (pytest.approx(0.02), 2)  # half the variance of their differences
    assert made({"a": (0.3, 0.4), "b": (0.5, 0.4)}).noise("tacc") is None
    ruined = made({"a": (0.3, 0.4, 0.5), "b": (0.4, 0.5, 0.6), "paper": (0.1, 0.5, 0.2)})
    assert ruined.noise("tacc") == (pytest.approx(0, abs=1e-12), 2)


def test_intervals_hold_the_noise_of_seeds():
    quiet = made({"a": (0.3, 0.4, 0.5), "b": (0.4, 0.5, 0.6)})
    noisy = made({"a": (0.3, 0.4, 0.5), "b": (0.5, 0.5, 0.5)})
    one, other = (results.difference("b", "a", "tacc") for results in (quiet, noisy))
    assert one.value == pytest.approx(0.1)
    assert other.value == pytest.approx(0.1)
    assert other.high - other.low > 2 * (one.high - one.low)
    again = estimate(np.array([0.0, 1.0] * 50))
    assert again.wider(0).high == pytest.approx(again.high)
    assert again.wider(0.4).high == pytest.approx(0.5 + np.hypot(again.high - 0.5, 0.4))


def test_predictions_are_of_the_start_that_arms_began_with():
    results = read_results()
    assert results.predictions["from"]["config_hash"] == results.runs["start"]["config_hash"]
    assert results.predictions["from"]["knowledge"] == results.runs["start"]["knowledge"]
    for name in results.predicted:
        assert results.runs[name]["from"] == "start-0"


def test_the_committed_predictions_follow_from_the_start_alone():
    results = read_results()
    study = read_study(HERE / "study.yaml")
    for name, said in results.predicted.items():
        assert predicted(study, name, results.runs["start"]["knowledge"]) == pytest.approx(said, abs=2e-4)


@pytest.mark.parametrize("name", ["study", "cpu", "questions-clear", "questions", "questions-cpu"])
def test_results_are_of_the_configurations_that_there_are(name):
    study = read_study(HERE / f"{name}.yaml")
    for path in (RESULTS / name).glob("*.json"):
        found = json.loads(path.read_text("utf-8"))
        assert found["config_hash"] == config_hash(found["config"])
        last = {
            "max_steps": found["config"]["max_steps"]
        }  # an end that was not reached, or not sooner, changes nothing
        assert found["config"] == study.configuration(found["arm"], found["seed"]) | last
        assert found["steps"] <= last["max_steps"]
        assert found["complete"]


def test_every_arm_is_on_the_page_as_run_or_not_run(written):
    text = written[page.DOCS / "evidence.md"]
    for name in read_study(HERE / "study.yaml").values["arms"]:
        assert f"`{name}`" in text


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(5)
    held = [found.low < 0.3 < found.high for found in (estimate(rng.random(400) < 0.3) for _ in range(400))]
    assert 0.92 < np.mean(held) < 0.98
    assert (Estimate(1, 0.5, 1.5).sign, Estimate(-1, -2, -0.1).sign, Estimate(0, -1, 1).sign) == (1, -1, 0)


def test_figures_are_readable_in_light_and_dark(written):
    for path, text in written.items():
        if path.suffix == ".svg":
            assert re.search(r"prefers-color-scheme: *dark", text)
            assert not re.search(r'(?:fill|stroke)[:=]"?#', text.partition("</style>")[2])


def test_a_verdict_needs_more_than_what_scenes_and_seeds_make():
    told = dict(claims._sentences(read_results()))
    (verdict,) = [text for title, text in told.items() if title.startswith("W/o incorrect penalty")]
    assert verdict.startswith("reproduced")
    (verdict,) = [text for title, text in told.items() if title.startswith("W/o object")]
    assert verdict.startswith("not reproduced: level")


def test_the_page_needs_no_torch():
    code = "import sys, recipes.evidence.page as page; page.pages(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=HOME, capture_output=True, text=True)
    assert done.stdout == "False\n"
