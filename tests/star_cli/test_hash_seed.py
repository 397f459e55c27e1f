"""A reward that depends on the hash seed is caught in fresh processes."""

import pytest

from benchmarks.audit import POLICIES, draw_scenes
from benchmarks.audit.checks import probes
from rewards.errors import ConfigError
from rewards.tasks import load_task
from star_cli.hash_seed import check_hash_seed
from star_cli.reward_source import RewardSource, load_reward

ASKED = probes(draw_scenes(load_task("tvr"), 2), POLICIES)

SEEDED = '''
def seeded(completions, target, **columns):
    """Greedy pairing over sets: what is paired first depends on the hash seed."""
    print("a reward may print")
    totals = []
    for text, gold in zip(completions, target):
        said = list(set(text.split(".")))
        totals.append(float(said.index(sorted(said)[0])))
    return totals

def steady(completions, **columns):
    print("[1, 2]")
    return [None if not text else float(len(text)) for text in completions]

import os
def dying(completions, **columns):
    if os.environ.get("PYTHONHASHSEED"):
        raise SystemExit("no fresh processes, please")
    return [0.0] * len(completions)
'''


@pytest.fixture
def source(tmp_path):
    (tmp_path / "mine.py").write_text(SEEDED)
    return lambda name: RewardSource(f"{tmp_path / 'mine.py'}:{name}")


def _check(source):
    return check_hash_seed(source, load_reward(source), ASKED)


def test_a_reward_that_depends_on_it(source):
    (found,) = _check(source("seeded"))
    assert (found.kind, found.name) == ("check", "hash_seed")
    assert found.smallest.paid != found.smallest.against


def test_a_reward_that_does_not_whatever_it_prints(source):
    assert _check(source("steady")) == []


def test_ours():
    assert _check(RewardSource(overrides={"conflicts": "each"})) == []


def test_a_process_that_fails(source):
    with pytest.raises(ConfigError, match="no fresh processes, please"):
        _check(source("dying"))
