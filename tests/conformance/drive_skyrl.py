"""SkyRL: the environment as `skyrl_gym.make` makes it."""

from __future__ import annotations

import skyrl_gym

from results import QUESTIONS, ROWS, TVR, report, same_keys


def run(rows):
    found = []
    for row in rows:
        extras = {"reward_spec": {"ground_truth": row["gold"]}, "task": row["task"]}
        found.append(skyrl_gym.make("star", env_config=None, extras=extras).step(row["text"]))
    keys = (
        []
        if len({row["task"] for row in rows}) > 1
        else same_keys([each["metadata"] for each in found], ("total", "correct"))
    )
    return [each["reward"] for each in found], keys


def main():
    skyrl_gym.register("star", entry_point="star_r1.skyrl:StarEnv")
    report("make and step, tvr", TVR, *run(TVR))
    report("make and step, multiview", QUESTIONS, *run(QUESTIONS))
    report("make and step, both tasks", ROWS, *run(ROWS))


if __name__ == "__main__":
    main()
