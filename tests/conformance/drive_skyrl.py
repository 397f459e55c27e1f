"""SkyRL: the environment as `skyrl_gym.make` makes it."""

from __future__ import annotations

import skyrl_gym

from results import QUESTIONS, ROWS, TVR, report, same_keys


def run(rows):
    found, logged = [], []
    for row in rows:
        extras = {"reward_spec": {"ground_truth": row["gold"]}, "task": row["task"]}
        env = skyrl_gym.make("star", env_config=None, extras=extras)
        found.append(env.step(row["text"]))
        logged.append(env.get_metrics())
    means = env.aggregate_metrics(logged)
    assert abs(means["total"] - sum(each["reward"] for each in found) / len(found)) < 1e-9
    assert abs(sum(share for name, share in means.items() if name.startswith("fault/")) + means["parsed"] - 1) < 1e-9
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
