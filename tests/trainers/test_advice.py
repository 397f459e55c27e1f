import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from trainers.advice import CLIPPED, Launcher, Lengths, Progress, Stop, advice, watching
from trainers.alarm import STILL


def logs(count, **columns):
    return [{name: value(at) if callable(value) else value for name, value in columns.items()} for at in range(count)]


CASES = [
    ("nothing logged yet", [], set()),
    ("too short to judge", logs(STILL - 1, reward=1.0, **{"rewards/a/std": 0.0}), set()),
    ("supervised logs", logs(9, loss=1.0), set()),
    ("an update left out", [*logs(2, loss=1.0), {"loss": 1.0, "updates_left_out": 1}], {"left out"}),
    ("an update left out, and told", [{"loss": 1.0, "updates_left_out": 1}, *logs(2, loss=1.0)], set()),
    (
        "all is well",
        logs(30, reward=lambda at: at, **{"rewards/a/std": 1.0, "tvr/accuracy": lambda at: at / 30}),
        set(),
    ),
    (
        "one part stands still",
        logs(STILL, reward=1.0, **{"rewards/a/std": 0.0, "rewards/a/mean": 1.0, "rewards/b/std": 0.2}),
        {"saturated a"},
    ),
    ("a reward that is None", logs(STILL, reward=1.0, **{"rewards/a/std": None, "rewards/a/mean": None}), set()),
    (
        "None and NaN everywhere",
        logs(
            30,
            reward=lambda at: None if at % 2 else "nan",
            **{"tvr/accuracy": None, CLIPPED: None, "tvr/prefilled": None},
        ),
        set(),
    ),
    ("cut off", logs(STILL, reward=1.0, **{CLIPPED: 0.65}), {"clipped"}),
    ("hardly ever cut off", logs(STILL, reward=1.0, **{CLIPPED: 0.05}), set()),
    (
        "more is named while less is right",
        logs(
            30,
            reward=1.0,
            **{"tvr/predictions": 3.4, "tvr/true_predictions": 2.5, "tvr/accuracy": lambda at: 0.8 - at / 100},
        ),
        {"over-prediction"},
    ),
    (
        "as much is named as is true",
        logs(
            30,
            reward=1.0,
            **{"tvr/predictions": 2.6, "tvr/true_predictions": 2.5, "tvr/accuracy": lambda at: 0.8 - at / 100},
        ),
        set(),
    ),
    ("prefilled", logs(STILL, reward=1.0, **{"tvr/prefilled": 0.8}), {"prefilled"}),
    ("half prefilled", logs(STILL, reward=1.0, **{"tvr/prefilled": 0.5}), set()),
    ("equal groups", logs(STILL, reward=1.0, frac_reward_zero_std=0.9), {"equal groups"}),
    ("once unequal", [{"reward": 1.0, "frac_reward_zero_std": 0.9}] * 4 + [{"reward": 1.0}], set()),
    (
        "reward up, accuracy down",
        logs(30, reward=lambda at: at / 10, **{"tvr/accuracy": lambda at: 0.8 - at / 100}),
        {"hacking"},
    ),
    ("both up", logs(30, reward=lambda at: at / 10, **{"tvr/accuracy": lambda at: at / 100}), set()),
    ("accuracy down, reward too", logs(30, reward=lambda at: -at, **{"tvr/accuracy": lambda at: -at / 100}), set()),
    (
        "noise",
        logs(30, reward=lambda at: at % 2, **{"tvr/accuracy": lambda at: (at + 1) % 2}),
        set(),
    ),
]


@pytest.mark.parametrize(("history", "kinds"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_advice(history, kinds):
    assert set(advice(history)) == kinds


def test_advice_reads_numbers_that_trainers_wrote_as_text():
    history = logs(STILL, reward="1.0", **{"rewards/a/std": "0", "rewards/a/mean": "6"})
    assert "a is 6 for every completion" in advice(history)["saturated a"]


@pytest.mark.parametrize(
    ("means", "said", "unsaid"),
    [
        ([1.0] * STILL, "leave it out", "until"),
        ([0.0] * STILL, "until some completion scores more", "leave it out"),
        ([-1.0] * STILL, "until some completion scores more", "leave it out"),
        ([2.0, 3.0] + [0.5] * STILL, "until some completion scores more", "leave it out"),  # it was earned once
    ],
    ids=["ceiling", "zero", "below zero", "it fell"],
)
def test_a_reward_at_its_floor_is_not_to_be_left_out(means, said, unsaid):
    history = [{"reward": mean, "rewards/a/std": 0.0, "rewards/a/mean": mean} for mean in means]
    text = advice(history)["saturated a"]
    assert said in text
    assert unsaid not in text


def test_what_is_known_of_lengths_is_said():
    history = logs(STILL, reward=1.0, **{CLIPPED: 0.65})
    assert "65% of the completions are cut off" in advice(history)["clipped"]
    assert "the targets alone have up to 90: raise it" in advice(history, Lengths(most=64, answers=90))["clipped"]
    assert "where the targets have at most 20" in advice(history, Lengths(most=64, answers=20))["clipped"]


class State:
    is_world_process_zero, global_step, max_steps, log_history = True, 7, 9, ()


def test_what_only_watches_ends_no_run():
    """Neither what shows progress, nor what takes advice, nor logs that nobody can read."""
    pytest.importorskip("transformers")
    said = []

    def broken(done):
        raise OSError("the terminal is gone")

    def deaf(text):
        said.append(text)
        raise OSError("nobody listens")

    callback = watching(broken, deaf, stop=Stop())
    state = State()
    callback.on_step_end(None, state, None)
    state.log_history = [{"reward": 1.0, "rewards/a/std": 0.0}] * 4 + [{"reward": 1.0, 5: 0.0}]
    callback.on_log(None, state, None, logs={"reward": None})
    callback.on_log(None, state, None, logs={"reward": None})
    assert len(said) == 2
    assert "step 7: progress cannot be shown: OSError: the terminal is gone" in said
    assert any("the logs cannot be judged" in text for text in said)
    assert Progress(1, 2, {}).step == 1


def test_a_step_that_never_ends_after_sigterm_is_told(monkeypatch):
    """The main thread may be in C, waiting for a process that is gone: it sees no signal, and a thread tells."""
    monkeypatch.setattr("trainers.advice.PATIENCE", 0.05)
    told = Event()
    with Stop(told.set):
        os.kill(os.getpid(), signal.SIGTERM)
        assert told.wait(60)


def test_a_step_that_ends_after_sigterm_is_no_news(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr("trainers.advice.PATIENCE", 500)
    told, before = Event(), {*enumerate_threads()}
    with Stop(told.set) as stop:
        (waiting,) = {*enumerate_threads()} - before
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.agreed()
        waiting.join(60)
        assert not waiting.is_alive()
        assert not told.is_set()
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_sigterm_to_a_forked_child_ends_it_and_is_no_news(monkeypatch):
    """A pool that a reward function has forked is ended by SIGTERM; the run is not to stop, or to wait for it."""
    monkeypatch.setattr("trainers.advice.PATIENCE", 0.05)
    told, (ready, say) = Event(), os.pipe()
    with Stop(told.set) as stop:
        child = os.fork()
        if child == 0:
            os.write(say, b"1")
            while True:
                signal.pause()
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
        assert not told.wait(0.2)
        assert not stop.asked
    os.close(ready)
    os.close(say)


TRAINS = """
import sys, time
from trainers.advice import Launcher
with Launcher(None) as launcher:
    launcher.left = lambda: "checkpoint-2 is complete"
    print("trains", flush=True)
    sys.stdin.readline()  # as a process waits for another one
    raise ValueError("the other process is gone")
"""
LAUNCHES = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def launched(**environment):
    """Kill what has started a process; return its number, and what the process says from then on."""
    command = [sys.executable, "-c", LAUNCHES, TRAINS]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        assert process.stdout.readline() == "trains\n"
        process.kill()
        process.wait()
        if "TORCHELASTIC_RUN_ID" not in environment or environment.get("FAILS"):
            process.stdin.write("\n")
        return process.pid, process.communicate(timeout=60)[0]  # it ends with the last that holds the pipe


@pytest.mark.parametrize("fails", ["", "yes"])
def test_a_process_ends_with_its_launcher(fails):
    """The first of a machine says so, whether it hears of it from the system or from the others that have ended."""
    number, said = launched(TORCHELASTIC_RUN_ID="1", LOCAL_RANK="0", FAILS=fails)
    assert said == f"the launcher (process {number}) is gone, and so this run ends; checkpoint-2 is complete\n"
    assert launched(TORCHELASTIC_RUN_ID="1", LOCAL_RANK="1", FAILS=fails)[1] == ""


def test_a_process_without_a_launcher_outlives_who_started_it():
    assert launched()[1].endswith("ValueError: the other process is gone\n")


def test_what_goes_wrong_while_the_launcher_is_there_is_told(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with pytest.raises(ValueError, match="wrong"), Launcher(None):
        raise ValueError("wrong")
