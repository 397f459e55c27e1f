"""OpenEnv: the rubric, called as an environment's server calls it."""

from __future__ import annotations

from types import SimpleNamespace

from star_r1.openenv import StarRubric
from results import both, same_keys


def run(rows, task):
    rubric, totals, logged = StarRubric(task), [], []
    for at, row in enumerate(rows):
        gold = (
            {"target": row["gold"]} if at % 2 else {name: row.get(name) for name in ("target", "references", "options")}
        )
        totals.append(rubric(SimpleNamespace(message=row["text"]), SimpleNamespace(**gold)))
        logged.append(rubric.last)
    same_keys(logged, ("total", "correct", "format"))
    return totals


def main():
    both("rubric", run)


if __name__ == "__main__":
    main()
