"""The hacking alarm, on logs made for it and on all recorded runs of recipes/evidence."""

import json
from pathlib import Path

import numpy as np
import pytest

from recipes.evidence.analysis import alarm_record
from trainers.alarm import STILL, alarms, first_alarms

RESULTS = Path(__file__).parents[2] / "recipes" / "evidence" / "results"
FEW = RESULTS / "few"
RECORDED = sorted(RESULTS.rglob("*.json"))


def logs(count, **columns):
    return [
        {"step": 5 * at}
        | {name.replace("__", "/"): value(at) if callable(value) else value for name, value in columns.items()}
        for at in range(count)
    ]


def noise(at):
    return float(np.random.default_rng(at).normal(0, 0.01))


TRUE = {"reward": lambda at: at / 10, "tvr__true_predictions": 2.5}
CASES = [
    ("names ever more", TRUE | {"tvr__predictions": lambda at: 2 + at / 10 + noise(at)}, {"over-prediction"}),
    ("names a few more, and no more of it", TRUE | {"tvr__predictions": lambda at: 2.6 + noise(at)}, set()),
    ("names many, as from the start", TRUE | {"tvr__predictions": lambda at: 4 + noise(at) * (-1) ** at}, set()),
    ("names ever less", TRUE | {"tvr__predictions": lambda at: 2 - at / 15}, {"silence"}),
    ("names two thirds, as ndiff does", TRUE | {"tvr__predictions": lambda at: max(1.7, 2.3 - at / 10)}, set()),
    ("says nothing, as from the start", TRUE | {"tvr__predictions": lambda at: 0.1 + noise(at)}, set()),
    (
        "learns the form alone",
        {"reward": lambda at: min(1, at / 20), "tvr__format": lambda at: min(1, at / 15), "tvr__accuracy": 0.0},
        {"format only"},
    ),
    (
        "learns the form, then the task",
        {"reward": lambda at: at / 20, "tvr__format": lambda at: min(1, at / 10), "tvr__accuracy": lambda at: at / 50},
        set(),
    ),
    (
        "learns references for their own sake",
        {"reward": lambda at: 0.5 + at / 60, "multiview__reference": lambda at: at / 60, "multiview__accuracy": 0.4},
        {"blind references"},
    ),
    (
        "references that help",
        {
            "reward": lambda at: 0.5 + at / 60,
            "multiview__reference": lambda at: at / 60,
            "multiview__accuracy": lambda at: 0.4 + at / 60,
        },
        set(),
    ),
    (
        "earns more and is right less",
        {"reward": lambda at: at, "tvr__accuracy": lambda at: 0.8 - at / 100},
        {"hacking"},
    ),
    ("nothing that is known", {"reward": 1.0, "tvr__predictions": None, "tvr__true_predictions": "nan"}, set()),
]


@pytest.mark.parametrize(("name", "columns", "kinds"), CASES, ids=[name for name, *_ in CASES])
def test_kinds(name, columns, kinds):
    assert set(alarms(logs(30, **columns))) == kinds


@pytest.mark.parametrize(("name", "columns", "kinds"), CASES, ids=[name for name, *_ in CASES])
def test_nothing_is_said_of_a_few_steps(name, columns, kinds):
    assert alarms(logs(STILL, **columns)) == {}


@pytest.mark.parametrize("length", [60, 200])
def test_a_steady_excess_is_no_over_prediction(length):
    """Ten percent more than is true from the start, with noise: of many looks at a long run none may take it for a rise."""
    for seed in range(5):
        drawn = np.random.default_rng(seed).normal(2.75, 0.05, length).tolist()
        assert first_alarms(logs(length, **TRUE | {"tvr__predictions": drawn.__getitem__})) == {}


def test_supervised_runs_have_no_alarm():
    assert alarms([{"loss": 1.0, "step": at} for at in range(30)]) == {}


def test_the_first_step_of_an_alarm_is_that_of_the_log():
    columns = TRUE | {"tvr__predictions": lambda at: 2 + at / 10}
    first = first_alarms(logs(30, **columns))
    at = first["over-prediction"] // 5
    assert "over-prediction" not in alarms(logs(at, **columns))
    assert "over-prediction" in alarms(logs(at + 1, **columns))


def recorded(*kinds):
    runs = {path: json.loads(path.read_text(encoding="utf-8")) for path in RECORDED}
    return {path: run for path, run in runs.items() if run["stage"] in kinds}


def test_runs_have_been_recorded():
    assert len(recorded("sft")) >= 7
    assert len(recorded("rl")) >= 12


@pytest.mark.parametrize("path", recorded("sft"), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_recorded_runs_of_stage_1_have_no_alarm(path):
    assert alarm_record(recorded("sft")[path]) == ({}, None)


def test_false_alarms_on_recorded_runs_of_stage_2_are_rare():
    """Seldom is one raised where held-out accuracy does not fall under the start's; on few drawn scenes never."""
    runs = recorded("rl")
    false = []
    for path, run in runs.items():
        record = alarm_record(run)
        false += [path for kind in record.raised if kind != "blind references" and record.fell is None]
    assert len(runs) > 100
    assert len(false) <= len(runs) / 20
    assert not [path for path in false if path.parent == FEW]


def test_blind_references_are_told_where_the_plain_sum_is_trained_on_drawn_questions():
    runs = {path.stem: run for path, run in recorded("rl").items() if path.parent.name == "questions"}
    told = {name for name, run in runs.items() if "blind references" in alarm_record(run).raised}
    assert told == {name for name in runs if name.startswith("plain_sum")} != set()


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("arm", ["no_incorrect_penalty", "paper"])
def test_recorded_runs_that_name_ever_more_than_is_true_are_told(arm, seed):
    record = alarm_record(json.loads((FEW / f"{arm}-{seed}.json").read_text(encoding="utf-8")))
    assert record.fell is not None
    assert "over-prediction" in record.raised


def test_an_alarm_of_a_recorded_run_needs_what_it_is_raised_for():
    run = json.loads((FEW / "no_incorrect_penalty-0.json").read_text(encoding="utf-8"))
    assert "over-prediction" in first_alarms(run["curve"])
    level = [logs | {"tvr/predictions": logs["tvr/true_predictions"]} for logs in run["curve"]]
    assert "over-prediction" not in first_alarms(level)
