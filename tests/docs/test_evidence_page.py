"""docs/evidence.md and its figures are what the committed results say, and say what they must."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from recipes.evidence import claims, page
from recipes.evidence.analysis import FEW, Estimate, Results, estimate, headline, on_few_scenes, read_drawn
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
    results = read_drawn()
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
    results = read_drawn()
    assert results.predictions["from"]["config_hash"] == results.runs["start"]["config_hash"]
    assert results.predictions["from"]["knowledge"] == results.runs["start"]["knowledge"]
    for name in results.predicted:
        for kind in ("", FEW):
            assert {run["from"] for run in results.seeds.get(kind + name, ())} <= {"start-0"}


def test_the_committed_predictions_follow_from_the_start_alone():
    results = read_drawn()
    study = read_study(HERE / "study.yaml")
    for name, said in results.predicted.items():
        assert predicted(study, name, results.runs["start"]["knowledge"]) == pytest.approx(said, abs=2e-4)


@pytest.mark.parametrize("name", ["study", "few", "cpu", "questions-clear", "questions", "questions-cpu"])
def test_results_are_of_the_configurations_that_there_are(name):
    study = read_study(HERE / f"{'study' if name == 'few' else name}.yaml")
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
    told = dict(claims.sentences(on_few_scenes(read_drawn()), read_drawn()))
    (verdict,) = [text for title, text in told.items() if title.startswith("W/o incorrect penalty")]
    assert verdict.startswith("reproduced")
    (verdict,) = [text for title, text in told.items() if title.startswith("W/o object")]
    assert verdict.startswith("not reproduced: level")


def test_the_page_needs_no_torch():
    code = "import sys, recipes.evidence.page as page; page.pages(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=HOME, capture_output=True, text=True)
    assert done.stdout == "False\n"


ELEVEN = tuple(read_drawn().predicted)


def as_once(folder, seeds, *, missing=(), cut=(), others=None):
    """Copy the results to a folder, with those on few scenes as if each scene had come once, where there is no such run.

    ``cut`` ended early; ``others`` tells whose outcomes an arm has in place of its own.
    """
    for part in ("study", "few"):
        (folder / part).mkdir()
        for path in (RESULTS / part).glob("*.json"):
            (folder / part / path.name).symlink_to(path)
    for name in ELEVEN:
        for seed in seeds:
            path = folder / "study" / f"{name}-{seed}.json"
            if (name, seed) in missing:
                path.unlink(missing_ok=True)
                continue
            if path.exists() and others is None and (name, seed) not in cut:
                continue
            run = json.loads((RESULTS / "few" / path.name).read_text("utf-8"))
            if others is not None:
                other = json.loads((RESULTS / "few" / f"{others[name]}-{seed}.json").read_text("utf-8"))
                run |= {key: other[key] for key in ("final", "tests")}
            if (name, seed) in cut:
                run = {key: run[key] for key in ("arm", "seed", "tests")} | {"complete": False}
            path.unlink(missing_ok=True)
            path.write_text(json.dumps(run), encoding="utf-8")
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """The page of a folder, without the sections that do not depend on it."""
    monkeypatch.setattr(page.words, "in_words", lambda: "## On two CPU cores")
    monkeypatch.setattr(page.words, "questions", lambda: "## Questions: which references are learned")

    def text_of(folder):
        text = page.pages(folder)[page.DOCS / "evidence.md"]
        assert not re.search(r"\bnan\b", text)
        links = set(re.findall(r"\(#([a-z-]+)\)", text))
        heads = re.findall(r"(?m)^#+ (.*)$", text)
        assert links <= {re.sub(r"[^a-z -]", "", head.lower()).replace(" ", "-") for head in heads}
        return " ".join(text.split())

    return text_of


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_the_headline_is_of_scenes_that_come_once_as_soon_as_a_seed_is_whole(tmp_path, drawn, seeds):
    text = drawn(as_once(tmp_path, seeds))
    told = "of seeds 0, 1, 2." if len(seeds) > 1 else "of seed 0 (of seed 1, 2 of 11 have run, which are left out"
    assert f"the eleven rewards are {told}" in text
    assert "**Few scenes.**" not in text
    assert ("Fewer than 3 seeds have run" in text) == (len(seeds) < 3)
    assert ("from the arms of three seeds on few scenes" in text) == (len(seeds) < 3)
    assert "| few scenes: TAcc, % |" in text
    assert "| few scenes | 3 seeds |" in text
    assert f"| each scene once | {len(seeds)} seed{'s' if len(seeds) > 1 else ''} |" in text
    assert ("run two --seed 2 --out runs/evidence`" in text) == (len(seeds) < 3)


def test_a_seed_that_is_not_whole_is_left_out_and_told(tmp_path, drawn):
    text = drawn(as_once(tmp_path, (0, 1, 2), missing=[("paper", 2)], cut=[("calibrated", 2)]))
    assert "the eleven rewards are of seeds 0, 1 (of seed 2, 9 of 11 have run, which are left out" in text
    assert "run two --seed 2 --only paper,calibrated --out" in text


def test_few_scenes_stay_the_headline_while_an_arm_has_no_run(tmp_path, drawn):
    text = drawn(as_once(tmp_path, (0, 1, 2), missing=[("paper", seed) for seed in range(3)]))
    assert "**Few scenes.**" in text
    assert "| few scenes: TAcc, % |" not in text
    assert "Of 11 rewards 10 have been trained so" in text
    assert "run two --seed 0 1 2 --only paper --out" in text


def test_words_follow_other_results(tmp_path, drawn):
    """Arms have the outcomes of those that come in the opposite order of what was said."""
    said = read_drawn().predictions["arms"]
    by_number = sorted(ELEVEN, key=lambda name: said[name]["predictions"])
    text = drawn(as_once(tmp_path, (0, 1, 2), others=dict(zip(by_number, reversed(by_number), strict=True))))
    assert "So the audit foresees" not in text
    assert "So the audit is not shown to foresee which rewards make a policy name too much" in text
    assert "**Without the incorrect penalty the model enumerates:** not reproduced. It names" in text
    assert ", is optimized at the cost of answers" not in text


def test_an_arm_is_held_against_one_that_saw_as_many_scenes(tmp_path):
    few = read_drawn()
    assert few.beside("full_rate", "full") == ("few/full_rate", "few/full")
    as_once(tmp_path, (0,))
    for name in ("full_rate", "rl_center"):
        (tmp_path / "study" / f"{name}-0.json").symlink_to(RESULTS / "few" / f"{name}-0.json")
    long = json.loads((RESULTS / "study" / "full_long-0.json").read_text("utf-8")) | {"steps": 1300}
    (tmp_path / "study" / "full_long-0.json").unlink()
    (tmp_path / "study" / "full_long-0.json").write_text(json.dumps(long), encoding="utf-8")
    once = read_drawn(tmp_path)
    assert once.beside("full_rate", "full") == ("full_rate", "full")
    assert once.beside("ndiff_rate", "ndiff") == ("few/ndiff_rate", "few/ndiff")
    assert once.beside("half_long", "full_long") is None  # it took a third of the steps
    told = headline(once)
    assert (told.few, told.either("rl_center"), [run["seed"] for run in told.seeds["full"]]) == (
        False,
        "rl_center",
        [0],
    )
    assert "`half_long`" not in page.optimized.on_the_way(told, once)
    assert "RL (`rl_center`)" in dict(claims.sentences(told, once))["SFT is better on the trained view, RL on others:"]
