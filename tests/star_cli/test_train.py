import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from star_cli.main import star
from star_cli.train import numbers, training_bar
from trainers.advice import Progress
from trainers.check import Finding

LOGS = {"loss": 0.5, "reward": 1.25, "tvr/accuracy": 0.5, "epoch": 1.0}
PROGRAM = f"""
from star_cli.train import training_bar
from trainers.advice import Progress
with training_bar("rl", hidden=False) as (advance, say):
    advance(Progress(3, 10, {{}}))
    advance(Progress(4, 10, {LOGS}))
    say("step 4: [something] stands still")
"""


@pytest.mark.parametrize(
    ("logs", "text"),
    [
        ({}, ""),
        ({"epoch": 1.0}, ""),
        (LOGS, "reward 1.25, accuracy 0.50, loss 0.50"),
        ({"mean_token_accuracy": "0.333", "completions/mean_length": 12.0}, "tokens right 0.33, length 12.00"),
    ],
)
def test_the_numbers_that_matter(logs, text):
    assert numbers(logs) == text


def test_without_a_terminal_each_logged_step_is_a_line(capsys):
    with training_bar("rl", hidden=False) as (advance, say):
        advance(Progress(3, 10, {}))
        advance(Progress(4, 10, LOGS))
        say("a word of advice")
    assert capsys.readouterr().err == "step 4/10: reward 1.25, accuracy 0.50, loss 0.50\na word of advice\n"


def test_quiet_still_gives_advice(capsys):
    with training_bar("rl", hidden=True) as (advance, say):
        assert advance is None
        say("a word of advice")
    assert capsys.readouterr().err == "a word of advice\n"


def test_a_narrow_terminal_shows_the_bar_and_the_numbers():
    leader, follower = os.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=follower, env=environment) as run:
        os.close(follower)
        shown = b""
        while True:
            try:
                shown += os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
    os.close(leader)
    assert run.returncode == 0
    text = shown.decode()
    last = text[text.rindex("rl ") :]
    assert "4/10" in last
    assert "reward 1.25, accuracy 0.50, loss 0.50" in last
    assert "step 4: [something] stands still" in text


@pytest.mark.parametrize(("rank", "lines"), [(None, 1), ("0", 1), ("1", 0)])
def test_an_interrupt_is_told_once_by_a_run_of_several_processes(monkeypatch, rank, lines):
    def interrupted(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("trainers.stages.train", interrupted)
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    run = CliRunner().invoke(star, ["train", "--stage", "sft"])
    assert run.exit_code == 130
    assert run.stderr.count("--resume_from_checkpoint true goes on") == lines


def test_what_a_dry_run_finds_is_a_line_each_and_said_once(monkeypatch):
    found = [
        Finding("processor", right=False, text="no model\nat all"),
        Finding("lengths", right=False, text="no model\nat all"),
    ]
    monkeypatch.setattr("trainers.check.check_run", lambda *_args, **_options: found)
    done = CliRunner().invoke(star, ["train", "--stage", "rl", "--dry-run"])
    assert (done.exit_code, done.stdout) == (1, "FAIL  processor  no model at all\nFAIL  lengths    see processor\n")
