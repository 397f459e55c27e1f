import pytest

from trainers.watch import STILL, advice


def logs(count, **columns):
    return [{name: value(at) if callable(value) else value for name, value in columns.items()} for at in range(count)]


CASES = [
    ("nothing logged yet", [], set()),
    ("too short to judge", logs(STILL - 1, reward=1.0, **{"rewards/a/std": 0.0}), set()),
    ("supervised logs", logs(9, loss=1.0), set()),
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
